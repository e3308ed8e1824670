//! What became of rows that stand in for runs: whether fits use them, and why not.

use super::count::counted;
use super::{Notice, ProxyKind, Severity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Rows of a table that stand in for runs, and what their calibration on the runs found for one loss.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProxyView {
    /// The table, as the project names it.
    pub table: String,
    /// What its rows are of.
    pub kind: ProxyKind,
    /// Key of the loss.
    pub metric: String,
    /// Different mixtures that the rows are of.
    pub models: usize,
    /// Mixtures of runs that they were calibrated on.
    pub mixtures: usize,
    /// How much a row counts beside a run's, 0 to 1; absent where the rows are not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
    /// R² of calibrated losses on mixtures that were left out of the calibration, one at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r2: Option<f64>,
    /// The best predictor that needs no proxies: `mean`, `nearest run` or `straight line`, and its R² on the same mixtures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rival: Option<(String, f64)>,
    /// Why the rows are not used, as part of a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

impl ProxyKind {
    /// What rows are called: "18 merged models".
    fn counted(self, count: usize) -> String {
        match self {
            Self::Merged => counted(count, "merged model"),
            Self::Earlier => format!("{} of an earlier project", counted(count, "mixture")),
        }
    }
}

/// One sentence a table: what is used at which weight, and what is not, with the reason.
#[must_use]
pub fn sentences(views: &[ProxyView]) -> Vec<Notice> {
    let mut tables: Vec<(&str, ProxyKind)> = Vec::new();
    for view in views {
        if !tables.contains(&(&view.table, view.kind)) {
            tables.push((&view.table, view.kind));
        }
    }
    tables.into_iter().flat_map(|(table, kind)| of_table(views, table, kind)).collect()
}

fn of_table(views: &[ProxyView], table: &str, kind: ProxyKind) -> Vec<Notice> {
    let own: Vec<&ProxyView> = views.iter().filter(|v| v.table == table && v.kind == kind).collect();
    let models = own.iter().map(|v| v.models).max().unwrap_or(0);
    let what = kind.counted(models);
    let (used, not): (Vec<&ProxyView>, Vec<&ProxyView>) = own.iter().partition(|view| view.weight.is_some());
    let mut notices = Vec::new();
    if !used.is_empty() {
        let each = |view: &&ProxyView| {
            let weight = short(view.weight.unwrap_or_default());
            format!(
                "{} at weight {weight}, calibration R² {} held out",
                view.metric,
                short(view.r2.unwrap_or_default())
            )
        };
        let text = format!("{table}: {what} used: {}", used.iter().map(each).collect::<Vec<_>>().join("; "));
        notices.push(Notice { severity: Severity::Info, text, help: None });
    }
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for view in not {
        let reason = view.refused.as_deref().unwrap_or_default();
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, metrics)) => metrics.push(&view.metric),
            None => reasons.push((reason, vec![&view.metric])),
        }
    }
    for (reason, metrics) in reasons {
        let text = format!("{table}: {what} not used for {}: {reason}", metrics.join(", "));
        notices.push(Notice { severity: Severity::Warning, text, help: None });
    }
    notices
}

/// `.98`, `1.00`, `−.40`.
fn short(value: f64) -> String {
    shortened(value, 2)
}

/// The same with so many digits.
#[must_use]
pub fn shortened(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}").replace('-', "−");
    text.strip_prefix('0').map(str::to_owned).or_else(|| Some(format!("−{}", text.strip_prefix("−0")?))).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_a_table_says_what_is_used_and_what_is_not() {
        assert_eq!([short(0.978), short(1.0), short(-0.4), short(-2.0)], [".98", "1.00", "−.40", "−2.00"]);
        let view = |metric: &str, weight: Option<f64>| ProxyView {
            table: "merged.csv".to_owned(),
            kind: ProxyKind::Merged,
            metric: metric.to_owned(),
            models: 18,
            mixtures: 9,
            weight,
            r2: Some(0.98),
            rival: None,
            refused: weight.is_none().then(|| "too few".to_owned()),
        };
        let said = sentences(&[view("a", Some(0.4)), view("b", None), view("c", None)]);
        assert_eq!(said[0].text, "merged.csv: 18 merged models used: a at weight .40, calibration R² .98 held out");
        assert_eq!(said[1].text, "merged.csv: 18 merged models not used for b, c: too few");
    }
}
