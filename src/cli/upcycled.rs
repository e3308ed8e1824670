//! Text of what upcycled runs were worth.

use super::output::table;
use crate::vocab::Upcycled;
use crate::vocab::number::show_amount;
use crate::vocab::text::printable;

/// The mean first, then each run.
pub(super) fn show(upcycled: &Upcycled) -> String {
    let mut out = format!("{} · upcycled runs, at equal compute from where they begin\n", printable(&upcycled.metric));
    out.push_str(&format!("  {}\n\n", upcycled.conclusion()));
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
            run.beside_scratch().unwrap_or_else(|| "no run of this shape".to_owned()),
            run.beside_dense().unwrap_or_else(|| "not measured".to_owned()),
        ]);
    }
    out.push_str(&table(&rows));
    out.push_str(
        "  × compute: of training from scratch to the run's loss, over the run's own; then with the dense model's counted to it\n",
    );
    out
}
