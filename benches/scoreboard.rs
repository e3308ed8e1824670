//! The scoreboard: `cargo bench --bench scoreboard [-- LAW…]`. Every line of the published numbers, theirs and ours, whether
//! it is reached, and why not. Needs the published tables beside the repository.

#[path = "../tests/published/mod.rs"]
mod published;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    println!("{:<31} {:<14} {:<25} {:>10} {:>10}  {:>6}", "data", "law", "what", "theirs", "ours", "s");
    for row in published::board::ALL {
        if !wanted.is_empty() && !wanted.iter().any(|w| row.law == w) {
            continue;
        }
        let began = std::time::Instant::now();
        let Some(ours) = (row.ours)() else { continue };
        let seconds = began.elapsed().as_secs_f64();
        let verdict = match (row.reached(ours), row.short, row.flattered) {
            (true, _, None) => "reached".to_owned(),
            (true, _, Some(by)) => format!("reached; settled after the number was seen: {by}"),
            (false, Some((_, why)), _) => why.to_owned(),
            (false, None, _) => "NOT REACHED".to_owned(),
        };
        println!(
            "{:<31} {:<14} {:<25} {:>10.4e} {ours:>10.4e}  {seconds:>6.2}  {verdict}",
            row.data, row.law, row.what, row.theirs
        );
    }
}
