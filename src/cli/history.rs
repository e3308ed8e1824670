//! Fits of the past, as text.

use super::output::table;
use super::time;
use crate::vocab::KeptFit;

/// One line a fit.
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

/// What has changed from one set of fits to another: a table a law and loss.
pub(super) fn changes(before: &[KeptFit], now: &[KeptFit]) -> String {
    let mut out = String::new();
    for new in now {
        let same = |old: &&KeptFit| old.fit.metric == new.fit.metric && old.fit.law == new.fit.law;
        let Some(old) = before.iter().find(same) else {
            out.push_str(&format!("{} · {}: not fitted then\n\n", new.fit.metric, new.fit.law));
            continue;
        };
        if old.inputs == new.inputs && old.theta == new.theta {
            out.push_str(&format!("{} · {}: the same since {}\n\n", new.fit.metric, new.fit.law, time::show(old.at)));
            continue;
        }
        out.push_str(&format!("{} · {}\n", new.fit.metric, new.fit.law));
        let mut rows =
            vec![vec![String::new(), format!(">{}", time::show(old.at)), format!(">{}", time::show(new.at))]];
        let mut row = |name: &str, a: String, b: String| rows.push(vec![format!("  {name}"), a, b]);
        let number = |v: Option<f64>| v.map_or_else(|| "—".to_owned(), |v| format!("{v:.5}"));
        row("rows", old.fit.observations.to_string(), new.fit.observations.to_string());
        row("runs", old.fit.runs.to_string(), new.fit.runs.to_string());
        row("skill", number(old.fit.skill), number(new.fit.skill));
        row("held-out error", number(old.fit.mre_heldout), number(new.fit.mre_heldout));
        for parameter in &new.fit.parameters {
            let then = old.fit.parameters.iter().find(|p| p.name == parameter.name).map(|p| p.value);
            row(&parameter.name, number(then), number(Some(parameter.value)));
        }
        out.push_str(&table(&rows));
        out.push('\n');
    }
    out
}
