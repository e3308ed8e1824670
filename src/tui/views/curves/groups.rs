//! Groups of runs: the mean of each with its least and greatest value.

use super::{Drawn, choice};
use crate::ipc::series::{Envelope, MOST_CURVES};
use crate::tui::filter::{Value, value_of};
use crate::tui::fmt;
use crate::tui::lines::Curve;
use crate::tui::shared::Shared;
use crate::tui::signs;
use crate::vocab::number::show_amount;
use crate::vocab::{FactName, FactValue, RunView, Snapshot};
use std::collections::BTreeMap;

/// Groups that are drawn: more are a carpet.
const MOST: usize = 20;
/// What stands for "all but the seed".
const SEED: &str = "seed";

/// The name that is offered: the seed, where runs differ in it; else the first fact that has few values.
pub(super) fn likely(shared: &Shared) -> String {
    let Some(snapshot) = &shared.snapshot else { return SEED.to_owned() };
    let values = |name: FactName| -> BTreeMap<String, usize> {
        let mut counted = BTreeMap::new();
        for fact in snapshot.runs.iter().filter_map(|run| run.facts.get(&name)) {
            *counted.entry(said(&fact.value)).or_insert(0) += 1;
        }
        counted
    };
    if values(FactName::Seed).len() > 1 {
        return SEED.to_owned();
    }
    let few = |name: &FactName| (2..=MOST).contains(&values(*name).len());
    FactName::ALL.into_iter().find(few).map_or_else(|| SEED.to_owned(), |name| name.as_str().to_owned())
}

fn said(value: &FactValue) -> String {
    match value {
        FactValue::Number(number) => show_amount(*number),
        FactValue::Text(text) => text.clone(),
        FactValue::Mixture(mixture) => {
            mixture.0.iter().map(|(d, w)| format!("{d} {w:.3}")).collect::<Vec<_>>().join(" ")
        }
        FactValue::Phases(phases) => phases.iter().map(ToString::to_string).collect::<Vec<_>>().join("; then "),
    }
}

/// What a run is grouped under, and what the group is called.
fn key(snapshot: &Snapshot, shared: &Shared, run: &RunView, by: &str) -> (String, String) {
    let short = shared.runs.short(&run.name);
    if by == SEED {
        let others = run.facts.iter().filter(|(name, _)| **name != FactName::Seed);
        let facts: Vec<String> =
            others.map(|(name, fact)| format!("{} {}", name.as_str(), said(&fact.value))).collect();
        let name = without_seed(short);
        return (format!("{name}\n{}", facts.join("\n")), name);
    }
    if by == "mixture" {
        let text = run.mixture().map_or_else(|| "–".to_owned(), |mixture| said(&FactValue::Mixture(mixture.clone())));
        return (text.clone(), text);
    }
    let text = match value_of(snapshot, run, short, by) {
        Some(Value::Number(number)) if number.abs() >= 1e4 => show_amount(number),
        Some(Value::Number(number)) => fmt::significant(number, 4),
        Some(Value::Text(text)) => text.into_owned(),
        None => "–".to_owned(),
    };
    (text.clone(), format!("{by} {text}"))
}

/// A name without the seed in it: `a-seed3`, `a_s3` and `a/seed=3` are `a`.
fn without_seed(name: &str) -> String {
    let digits = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let cut = |mark: &str| digits.trim_end_matches(['=', '-', '_']).strip_suffix(mark);
    let apart = |rest: &str| rest.is_empty() || rest.ends_with(['-', '_', '/', '.', ' ']);
    match cut("seed").or_else(|| cut("s")).filter(|rest| digits.len() < name.len() && apart(rest)) {
        Some(rest) => rest.trim_end_matches(['-', '_', '/', '.', ' ']).to_owned(),
        None => name.to_owned(),
    }
}

/// One curve a group, in the order in which runs are listed.
pub(super) fn drawn(shared: &Shared, arrived: &[Envelope], metric: &str, by: &str, only: bool) -> Vec<Drawn> {
    let Some(snapshot) = &shared.snapshot else { return Vec::new() };
    let selected = shared.selected_run().map(|run| run.id);
    let mut groups: Vec<(String, String, bool, Vec<&Envelope>)> = Vec::new();
    for run in choice::runs(shared, only, MOST_CURVES) {
        let Some(envelope) = arrived.iter().find(|one| one.run == run.id && one.metric == metric) else { continue };
        let (key, name) = key(snapshot, shared, run, by);
        match groups.iter_mut().find(|group| group.0 == key) {
            Some(group) => {
                group.2 |= Some(run.id) == selected;
                group.3.push(envelope);
            }
            None => groups.push((key, name, Some(run.id) == selected, vec![envelope])),
        }
    }
    let one = |(place, (_, name, is_selected, of)): (usize, (String, String, bool, Vec<&Envelope>))| {
        let (sign, style) = signs::series(&shared.theme, place as u32);
        let (points, band) = mean(&of);
        let name = format!("{} ({})", if name.is_empty() { "–" } else { &name }, of.len());
        Drawn { name, is_selected, curve: Curve { points, band, style, sign, ..Curve::default() } }
    };
    groups.into_iter().take(MOST).enumerate().map(one).collect()
}

/// (x, mean), and (x, least, greatest).
type Mean = Vec<(f64, f64)>;
type Band = Vec<(f64, f64, f64)>;

/// The mean of some curves at every place where one of them has a point, and the least and greatest of them there. Between its
/// points a curve is as the line between them; before its first and after its last point it counts for nothing.
fn mean(of: &[&Envelope]) -> (Mean, Band) {
    let line = |envelope: &&Envelope| {
        let values = if envelope.smooth.is_empty() { &envelope.last } else { &envelope.smooth };
        let mut points = envelope.points(values);
        points.retain(|(_, y)| y.is_finite());
        points
    };
    let lines: Vec<Vec<(f64, f64)>> = of.iter().map(line).collect();
    let mut places: Vec<f64> = lines.iter().flatten().map(|point| point.0).collect();
    places.sort_by(f64::total_cmp);
    places.dedup();
    let (mut points, mut spread) = (Vec::new(), Vec::new());
    let mut at = vec![0; lines.len()];
    for x in places {
        let (mut sum, mut count, mut low, mut high) = (0.0, 0u32, f64::INFINITY, f64::NEG_INFINITY);
        for (line, at) in lines.iter().zip(&mut at) {
            while line.get(*at).is_some_and(|point| point.0 < x) {
                *at += 1;
            }
            let y = match (at.checked_sub(1).and_then(|before| line.get(before)), line.get(*at)) {
                (_, Some(here)) if here.0 == x => here.1,
                (Some(a), Some(b)) => a.1 + (b.1 - a.1) * (x - a.0) / (b.0 - a.0),
                _ => continue,
            };
            (sum, count, low, high) = (sum + y, count + 1, low.min(y), high.max(y));
        }
        if count > 0 {
            points.push((x, sum / f64::from(count)));
            spread.push((x, low, high));
        }
    }
    (points, spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(points: &[(u32, f64)]) -> Envelope {
        let values: Vec<f64> = points.iter().map(|point| point.1).collect();
        Envelope { width: 1.0, at: points.iter().map(|point| point.0).collect(), last: values, ..Envelope::default() }
    }

    #[test]
    fn a_mean_is_of_those_that_are_there_and_lines_go_between_points() {
        let (a, b) = (curve(&[(0, 4.0), (10, 2.0)]), curve(&[(0, 2.0), (5, 2.0), (20, 1.0)]));
        let (points, spread) = mean(&[&a, &b]);
        assert_eq!(points.iter().map(|point| point.0).collect::<Vec<_>>(), [0.0, 5.0, 10.0, 20.0]);
        assert_eq!((points[0].1, points[1].1, points[3].1), (3.0, 2.5, 1.0));
        assert_eq!((spread[0], spread[1]), ((0.0, 2.0, 4.0), (5.0, 2.0, 3.0)));
        let broken = curve(&[(0, f64::NAN), (1, f64::NAN)]);
        assert!(mean(&[&broken]).0.is_empty() && mean(&[]).0.is_empty());
    }

    #[test]
    fn seeds_are_taken_out_of_names() {
        for (name, rest) in [
            ("a-seed3", "a"),
            ("b_s12", "b"),
            ("x/seed=0", "x"),
            ("loss3", "loss3"),
            ("runs12", "runs12"),
            ("seed1", ""),
        ] {
            assert_eq!(without_seed(name), rest, "{name}");
        }
    }
}
