//! Text of the mixture at a recommended shape.

use super::output::table;
use super::recommend::{show_abstention, unit};
use crate::vocab::number::{show_amount, show_probability};
use crate::vocab::text::printable;
use crate::vocab::{Advice, ShapeMixture};

/// The mixture in use, the best one at the target's size and the one at the shape, side by side.
pub(super) fn show(there: &ShapeMixture) -> String {
    let advised = match &there.advice {
        Advice::Recommendation(advised) => advised,
        Advice::Abstained(why) => return show_abstention("change of the mixture at this shape", why),
    };
    let at = format!(">at {} × {}", show_amount(there.scale.params), show_amount(there.scale.tokens));
    let mut header = vec!["weight".to_owned(), ">current".to_owned()];
    header.extend(there.at_target.as_ref().map(|_| ">best at the target".to_owned()));
    header.extend([at, ">change".to_owned()]);
    let mut rows = vec![header];
    let percent = |weight: f64| format!("{:.1} %", 100.0 * weight);
    for (domain, weight) in &advised.mixture.0 {
        let mut row = vec![domain.clone(), percent(advised.current.weight(domain))];
        row.extend(there.at_target.as_ref().map(|best| percent(best.weight(domain))));
        row.extend([percent(*weight), format!("{:+.1} %", 100.0 * (weight - advised.current.weight(domain)))]);
        rows.push(row);
    }
    let mut out = format!(
        "{}\nat this shape beside the current mixture: probability of improvement {} · probability that every limit holds {} · gain \
         {:.4}{}\n(in what follows, the target is this shape)\n",
        table(&rows),
        show_probability(advised.p_better),
        show_probability(advised.p_within_limits),
        advised.gain,
        unit(&advised.expected),
    );
    for reason in &advised.reasons {
        out.push_str(&format!("- {}\n", printable(reason)));
    }
    out
}
