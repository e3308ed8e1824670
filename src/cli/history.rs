//! Text output of earlier fits.

use super::output::table;
use super::time;
use crate::vocab::KeptFit;
use crate::vocab::number::significant;

/// Table with one line per fit.
pub(super) fn list(history: &[KeptFit]) -> String {
    let percent = |value: Option<f64>| value.map_or_else(|| "—".to_owned(), |v| format!("{:.2} %", v * 100.0));
    let mut rows: Vec<Vec<String>> = vec![
        ["made", "loss", "law", "", ">skill", ">held out", ">objective", ">rows", ">runs", "fingerprint", "ended"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for kept in history {
        rows.push(vec![
            time::show(kept.at),
            kept.fit.metric.clone(),
            kept.fit.law.clone(),
            if kept.fit.chosen { "in use" } else { "" }.to_owned(),
            kept.fit.skill.map_or_else(|| "—".to_owned(), |s| format!("{s:.3}")),
            percent(kept.fit.mre_heldout),
            format!("{:.6e}", kept.fit.objective),
            kept.fit.observations.to_string(),
            kept.fit.runs.to_string(),
            kept.inputs.clone(),
            kept.fit.stopped.clone(),
        ]);
    }
    table(&rows)
}

/// Changes from one set of fits to another: one table per law and loss.
pub(super) fn changes(before: &[KeptFit], now: &[KeptFit]) -> String {
    let mut out = String::new();
    for new in now {
        let same = |old: &&KeptFit| old.fit.metric == new.fit.metric && old.fit.law == new.fit.law;
        let Some(old) = before.iter().find(same) else {
            out.push_str(&format!("{} · {}: not fitted at that time\n\n", new.fit.metric, new.fit.law));
            continue;
        };
        if old.inputs == new.inputs && old.theta == new.theta {
            out.push_str(&format!("{} · {}: unchanged since {}\n\n", new.fit.metric, new.fit.law, time::show(old.at)));
            continue;
        }
        out.push_str(&format!("{} · {}\n", new.fit.metric, new.fit.law));
        let mut rows =
            vec![vec![String::new(), format!(">{}", time::show(old.at)), format!(">{}", time::show(new.at))]];
        let mut row = |name: &str, a: String, b: String| rows.push(vec![format!("  {name}"), a, b]);
        let number = |v: Option<f64>| v.map_or_else(|| "—".to_owned(), |v| significant(v, 5));
        let of_target = |kept: &KeptFit| {
            let interval = kept.target.as_ref().map(|t| t.interval);
            interval.map_or_else(|| "—".to_owned(), |i| format!("{:.4} ({:.4}–{:.4})", i.value, i.low, i.high))
        };
        row("target, nats", of_target(old), of_target(new));
        row("objective", format!("{:.6e}", old.fit.objective), format!("{:.6e}", new.fit.objective));
        row("rows", old.fit.observations.to_string(), new.fit.observations.to_string());
        row("runs", old.fit.runs.to_string(), new.fit.runs.to_string());
        row("skill", number(old.fit.skill), number(new.fit.skill));
        row("held-out error", number(old.fit.mre_heldout), number(new.fit.mre_heldout));
        for parameter in &new.fit.parameters {
            let then = old.fit.parameters.iter().find(|p| p.name == parameter.name).map(|p| p.value);
            row(&parameter.name, number(then), number(Some(parameter.value)));
        }
        out.push_str(&table(&rows));
        // Fits of earlier versions were kept without the names of their runs.
        if !old.runs.is_empty() {
            out.push_str(&came_and_went("came in", &new.runs, &old.runs));
            out.push_str(&came_and_went("went", &old.runs, &new.runs));
        }
        out.push('\n');
    }
    out
}

/// `  came in: 2 runs: a, b`, of those in `there` and not in `here`; nothing where there are none.
fn came_and_went(what: &str, there: &[String], here: &[String]) -> String {
    const NAMED: usize = 8;
    let runs: Vec<&str> = there.iter().filter(|run| !here.contains(run)).map(String::as_str).collect();
    if runs.is_empty() {
        return String::new();
    }
    let more = if runs.len() > NAMED { format!(" and {} more", runs.len() - NAMED) } else { String::new() };
    let named = crate::vocab::text::printable(&runs[..runs.len().min(NAMED)].join(", "));
    format!("  {what}: {} run{}: {named}{more}\n", runs.len(), if runs.len() == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_that_came_in_are_named_and_many_are_counted() {
        let names = |n: usize| (0..n).map(|i| format!("run-{i}")).collect::<Vec<_>>();
        assert_eq!(came_and_went("came in", &names(2), &names(1)), "  came in: 1 run: run-1\n");
        assert_eq!(came_and_went("went", &names(1), &names(2)), "");
        assert!(came_and_went("came in", &names(12), &names(2)).ends_with("run-9 and 2 more\n"));
    }
}
