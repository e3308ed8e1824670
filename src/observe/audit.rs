//! Audit: declared against realised mixtures, from the tokens of each domain that a run's logs count.

use crate::vocab::{DomainAudit, Mixture, RunAudit};
use std::collections::BTreeMap;

/// (step, value), ascending.
pub type Points = Vec<(i64, f64)>;

/// Parts of a run whose shares are told apart.
const PARTS: usize = 4;

/// The counters of the domains among a run's metric keys, by domain: keys that name a domain and tokens (or samples), and are
/// alike for all domains but for that name (`tokens/web`, `data/web/num_tokens`, `web_tokens_seen`). Empty where two domains
/// or more have none.
#[must_use]
pub fn counters<'k>(domains: &[String], keys: impl Iterator<Item = &'k str>) -> BTreeMap<String, String> {
    let counts = |key: &&str| {
        let lower = key.to_lowercase();
        let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        let counts = words.iter().any(|word| matches!(*word, "tokens" | "samples" | "sequences" | "documents"));
        let other = ["per", "second", "sec", "loss", "eval", "val", "valid", "test", "throughput", "expert"];
        counts && !words.iter().any(|word| other.contains(word))
    };
    // Tokens are surer than samples; then, whichever has more domains.
    let rank = |(pattern, of): &(String, BTreeMap<String, String>)| (of.len(), pattern.contains("token"));
    families(domains, keys.filter(counts))
        .into_iter()
        .filter(|(_, of)| of.len() >= 2.min(domains.len()))
        .max_by_key(rank)
        .map_or_else(BTreeMap::new, |f| f.1)
}

/// Keys that name a domain, by what they are without that name: of each family, the key by domain.
pub(super) fn families<'k>(
    domains: &[String],
    keys: impl Iterator<Item = &'k str>,
) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut families: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for key in keys {
        let lower = key.to_lowercase();
        // The longest name that the key holds as a whole: `web_pro`, not `web`.
        let named = domains.iter().filter_map(|domain| Some((domain, place(&lower, &domain.to_lowercase())?)));
        if let Some((domain, at)) = named.max_by_key(|(domain, _)| domain.len()) {
            let pattern = format!("{}\u{0}{}", &lower[..at], &lower[at + domain.to_lowercase().len()..]);
            families.entry(pattern).or_default().insert(domain.clone(), key.to_owned());
        }
    }
    families
}

/// Where a name stands in a key, between signs that part words.
fn place(key: &str, name: &str) -> Option<usize> {
    let parts = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    let whole = |at: &usize| parts(key[..*at].chars().next_back()) && parts(key[at + name.len()..].chars().next());
    key.match_indices(name).map(|(at, _)| at).find(whole).filter(|_| !name.is_empty())
}

/// Compares what a run declares with what its counters say. `counted`: by domain, the counter's key and its points.
#[must_use]
pub fn audit(
    run: &str,
    declared: Option<&Mixture>,
    supply: &BTreeMap<String, f64>,
    counted: &BTreeMap<String, (String, Points)>,
) -> RunAudit {
    let used = so_far(counted);
    let last = used.values().filter_map(|points| points.last()).map(|p| p.0).max();
    let first = used.values().filter_map(|points| points.first()).map(|p| p.0).min();
    let mut domains = BTreeMap::new();
    if let (Some(first), Some(last)) = (first, last) {
        let edge = |part: usize| first + ((last - first) as f64 * part as f64 / PARTS as f64).round() as i64;
        let in_part = |points: &Points, part: usize| {
            let before = if part == 0 { 0.0 } else { at(points, edge(part)) };
            (at(points, edge(part + 1)) - before).max(0.0)
        };
        let total: f64 = used.values().filter_map(|points| points.last()).map(|p| p.1).sum();
        // Counters that have counted nothing say nothing.
        let used = if total > 0.0 { used } else { BTreeMap::new() };
        let parts: Vec<f64> = (0..PARTS).map(|part| used.values().map(|points| in_part(points, part)).sum()).collect();
        for (domain, points) in &used {
            let tokens = points.last().map_or(0.0, |p| p.1);
            let share = |of: f64, all: f64| if all > 0.0 { of / all } else { 0.0 };
            let quarters = (0..PARTS).filter(|part| parts[*part] > 0.0);
            let audit = DomainAudit {
                declared: declared.map(|mixture| mixture.weight(domain)),
                realised: share(tokens, total),
                quarters: quarters.map(|part| share(in_part(points, part), parts[part])).collect(),
                tokens,
                epochs: supply.get(*domain).filter(|supply| **supply > 0.0).map(|supply| tokens / supply),
                counter: counted[*domain].0.clone(),
            };
            domains.insert((*domain).clone(), audit);
        }
    }
    let missing: f64 = declared
        .iter()
        .flat_map(|mixture| mixture.0.iter())
        .filter(|(domain, _)| !domains.contains_key(*domain))
        .map(|(_, weight)| weight)
        .sum();
    let moved: f64 = domains.values().filter_map(|d| Some((d.declared? - d.realised).abs())).sum();
    let change = |d: &DomainAudit| Some((d.quarters.last()? - d.quarters.first()?).abs());
    RunAudit {
        run: run.to_owned(),
        declared: declared.cloned(),
        apart: declared.filter(|_| !domains.is_empty()).map(|_| (moved + missing) / 2.0),
        estimated: None,
        drift: domains.values().filter_map(change).reduce(f64::max),
        domains,
    }
}

/// Sums so far fall at one of so many points at most: where a run was started again.
const SELDOM: usize = 20;

/// Counters as sums so far, whether they count from the beginning or what each line adds: asked of all at once, as a part of
/// what is added may happen to grow.
fn so_far(counted: &BTreeMap<String, (String, Points)>) -> BTreeMap<&String, Points> {
    let usable = |points: &Points| -> Points {
        points.iter().copied().filter(|(_, value)| value.is_finite() && *value >= 0.0).collect()
    };
    let all: BTreeMap<&String, Points> = counted.iter().map(|(domain, (_, points))| (domain, usable(points))).collect();
    let never_falls = |points: &Points| points.windows(2).all(|pair| pair[1].1 >= pair[0].1);
    let grows = |points: &Points| points.len() < 2 || points.first().map(|p| p.1) < points.last().map(|p| p.1);
    if all.values().all(never_falls) && all.values().any(grows) {
        return all;
    }
    // A run that was started again counts from zero again.
    let falls = |points: &Points| points.windows(2).filter(|pair| pair[1].1 < pair[0].1).count();
    let rises = |points: &Points| points.windows(2).filter(|pair| pair[1].1 > pair[0].1).count();
    if all.values().all(|points| SELDOM * falls(points) <= points.len() && 2 * rises(points) > points.len()) {
        return all.into_iter().map(|(domain, points)| (domain, over_restarts(points))).collect();
    }
    let sums = |points: Points| -> Points {
        let add = |sum: &mut f64, (step, value): (i64, f64)| {
            *sum += value;
            Some((step, *sum))
        };
        points.into_iter().scan(0.0, add).collect()
    };
    all.into_iter().map(|(domain, points)| (domain, sums(points))).collect()
}

/// Sums so far that begin at zero where they fall, added up.
fn over_restarts(mut points: Points) -> Points {
    let (mut before, mut last) = (0.0, 0.0);
    for (_, value) in &mut points {
        if *value < last {
            before += last;
        }
        last = *value;
        *value += before;
    }
    points
}

/// The newest sum at a step.
fn at(points: &Points, step: i64) -> f64 {
    let after = points.partition_point(|(s, _)| *s <= step);
    after.checked_sub(1).map_or(0.0, |last| points[last].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(all: &[&str]) -> Vec<String> {
        all.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn counters_are_alike_but_for_the_domain() {
        let domains = names(&["web", "web_pro", "code"]);
        let found = |keys: &[&str]| counters(&domains, keys.iter().copied());
        for (keys, of_web) in [
            (&["tokens/web", "tokens/web_pro", "tokens/code", "train/loss"][..], "tokens/web"),
            (&["data/web/num_tokens", "data/web_pro/num_tokens", "data/code/num_tokens"], "data/web/num_tokens"),
            (&["web_tokens_seen", "code_tokens_seen", "web_pro_tokens_seen", "tokens"], "web_tokens_seen"),
            (&["samples/web", "samples/code", "tokens/web", "tokens/code"], "tokens/web"),
        ] {
            let found = found(keys);
            assert_eq!(found.get("web").map(String::as_str), Some(of_web), "{keys:?}: {found:?}");
        }
        for keys in [
            &["tokens/web", "train/loss"][..],
            &["tokens_per_second/web", "tokens_per_second/code"],
            &["eval/web/tokens", "eval/code/tokens"],
            &["train/web/loss", "train/code/loss"],
            &["tokens/website", "tokens/codes"],
        ] {
            assert!(found(keys).is_empty(), "{keys:?}");
        }
    }

    #[test]
    fn counters_that_begin_again_are_added_up_and_counters_of_nothing_say_nothing() {
        let counter =
            |of: &dyn Fn(i64) -> f64| -> (String, Points) { ("c".to_owned(), (1..=100).map(|s| (s, of(s))).collect()) };
        let restarted = |each: f64| counter(&|s| each * if s < 50 { s } else { s - 49 } as f64);
        let counted = BTreeMap::from([("web".to_owned(), restarted(6.0)), ("code".to_owned(), restarted(4.0))]);
        let found = audit("r", None, &BTreeMap::new(), &counted);
        assert!(
            (found.domains["web"].tokens - 600.0).abs() < 1e-9 && (found.domains["web"].realised - 0.6).abs() < 1e-12
        );
        let none = BTreeMap::from([("web".to_owned(), counter(&|_| 0.0)), ("code".to_owned(), counter(&|_| 0.0))]);
        let found = audit("r", Some(&Mixture(BTreeMap::from([("web".to_owned(), 1.0)]))), &BTreeMap::new(), &none);
        assert!(found.domains.is_empty() && found.apart.is_none(), "{found:?}");
        // What each line adds falls as often as it rises.
        let each = |part: f64| counter(&|s| part * (100.0 + 10.0 * (s as f64 * 2.4).sin()));
        let counted = BTreeMap::from([("web".to_owned(), each(0.5)), ("code".to_owned(), each(0.5))]);
        let found = audit("r", None, &BTreeMap::new(), &counted);
        assert!((found.domains["web"].tokens / 5000.0 - 1.0).abs() < 0.01, "{found:?}");
    }

    #[test]
    fn shares_epochs_and_drift_are_those_of_the_counts() {
        let declared = Mixture(BTreeMap::from([("web".to_owned(), 0.75), ("code".to_owned(), 0.25)]));
        let supply = BTreeMap::from([("code".to_owned(), 200.0)]);
        // Half and half in the first half of the run, then three to one.
        let web: Points =
            (0..=100).map(|s| (s, if s <= 50 { 5.0 * s as f64 } else { 250.0 + 7.5 * (s - 50) as f64 })).collect();
        let code: Points =
            (0..=100).map(|s| (s, if s <= 50 { 5.0 * s as f64 } else { 250.0 + 2.5 * (s - 50) as f64 })).collect();
        let steps =
            |points: &Points| -> Points { points.windows(2).map(|pair| (pair[1].0, pair[1].1 - pair[0].1)).collect() };
        let of = |web: Points, code: Points| {
            let counted = BTreeMap::from([
                ("web".to_owned(), ("tokens/web".to_owned(), web)),
                ("code".to_owned(), ("tokens/code".to_owned(), code)),
            ]);
            audit("r", Some(&declared), &supply, &counted)
        };
        for told in [of(web.clone(), code.clone()), of(steps(&web), steps(&code))] {
            let code = &told.domains["code"];
            assert!((code.realised - 0.375).abs() < 1e-12 && (code.tokens - 375.0).abs() < 1e-9, "{told:?}");
            assert!((code.epochs.unwrap() - 1.875).abs() < 1e-9 && told.domains["web"].epochs.is_none());
            assert!((code.quarters[0] - 0.5).abs() < 0.02 && (code.quarters[3] - 0.25).abs() < 0.02, "{code:?}");
            assert!((told.apart.unwrap() - 0.125).abs() < 1e-12 && (told.drift.unwrap() - 0.25).abs() < 0.03);
        }
        let none = audit("r", Some(&declared), &supply, &BTreeMap::new());
        assert!(none.domains.is_empty() && none.apart.is_none() && none.drift.is_none());
        let one = BTreeMap::from([("web".to_owned(), ("tokens/web".to_owned(), vec![(1, f64::NAN), (2, 8.0)]))]);
        assert!((audit("r", Some(&declared), &supply, &one).apart.unwrap() - 0.25).abs() < 1e-12);
    }
}
