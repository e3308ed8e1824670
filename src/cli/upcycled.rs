//! Text of what upcycled runs were worth.

use super::output::table;
use crate::vocab::number::{show_amount, significant};
use crate::vocab::text::printable;
use crate::vocab::{Beside, Upcycled, UpcycledRun};

/// The mean first, then each run.
pub(super) fn show(upcycled: &Upcycled) -> String {
    let mut out = format!("{} · upcycled runs, at equal compute from where they begin\n", printable(&upcycled.metric));
    out.push_str(&format!("  {}\n\n", conclusion(upcycled)));
    let header = [
        "  run",
        "from",
        ">its D",
        ">N",
        ">E",
        ">D",
        ">loss",
        ">× compute",
        ">with its",
        "training from scratch",
        "continuing the dense model",
    ];
    let mut rows: Vec<Vec<String>> = vec![header.map(str::to_owned).to_vec()];
    let two = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |v| format!("{v:.2}"));
    for run in &upcycled.each {
        rows.push(vec![
            format!("  {}", run.run),
            run.base.clone(),
            run.base_tokens.map_or_else(|| "–".to_owned(), show_amount),
            show_amount(run.params),
            show_amount(run.experts),
            show_amount(run.tokens),
            format!("{:.4}", run.loss),
            two(run.factor),
            two(run.factor_with_base),
            run.scratch.as_ref().map_or_else(|| "no run of this shape".to_owned(), |beside| scratch(run, beside)),
            run.continued.as_ref().map_or_else(|| "not measured".to_owned(), continued),
        ]);
    }
    out.push_str(&table(&rows));
    out.push_str(
        "  × compute: of training from scratch to the run's loss, over the run's own; then with the dense model's counted to it\n",
    );
    out
}

fn conclusion(upcycled: &Upcycled) -> String {
    match &upcycled.ratio {
        Some(ratio) => {
            let range = match (ratio.range.low.is_finite(), ratio.range.high.is_finite()) {
                (true, true) => format!(" ({:.2}–{:.2})", ratio.range.low, ratio.range.high),
                _ => String::new(),
            };
            format!(
                "training from scratch catches up after {:.2} × the dense model's tokens{range}, mean of {} of {} runs: continue for \
                 fewer tokens than that, start from scratch for more",
                ratio.value,
                upcycled.compared,
                upcycled.each.len()
            )
        }
        None => "no run shows when training from scratch catches up: train one of the same shape from scratch, as long"
            .to_owned(),
    }
}

/// When training from scratch catches up.
fn scratch(run: &UpcycledRun, beside: &Beside) -> String {
    let tokens = |compute: f64| show_amount(compute / (6.0 * run.params));
    match (beside.gain < 0.0, beside.crossing) {
        (true, Some(crossing)) => format!("catches up at {} tokens", tokens(crossing)),
        (true, None) => format!("ahead from {} tokens on", tokens(beside.from)),
        (false, _) => format!("behind up to {} tokens (loss {:+.4})", tokens(beside.until), beside.gain),
    }
}

/// From which compute the upcycled run is the better use of it.
fn continued(beside: &Beside) -> String {
    let flops = |compute: f64| significant(compute, 3);
    match (beside.gain > 0.0, beside.crossing) {
        (true, Some(crossing)) => format!("behind from {} FLOPs on", flops(crossing)),
        (true, None) => format!("behind from {} FLOPs on, the first measured", flops(beside.from)),
        (false, _) => format!("ahead up to {} FLOPs (loss {:+.4})", flops(beside.until), beside.gain),
    }
}
