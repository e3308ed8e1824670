//! Which metric counts a run's steps, as the run says: `opt/steps`, or `*: opt/steps, val/*: epoch` with a pattern for the
//! metrics over which each is drawn (W&B's `define_metric`).

/// The entries: which metrics (a name, or its beginning and `*`), over which metric.
pub fn entries(stated: &str) -> impl Iterator<Item = (&str, &str)> {
    stated.split(", ").filter_map(|entry| match entry.rsplit_once(": ") {
        Some((metrics, over)) => Some((metrics.trim(), over.trim())),
        None => Some(("*", entry.trim())).filter(|(_, over)| !over.is_empty()),
    })
}

/// The metric over which one is drawn: of its own entry, else of the longest pattern that it has.
#[must_use]
pub fn of<'a>(stated: &'a str, key: &str) -> Option<&'a str> {
    let has = |pattern: &str| match pattern.strip_suffix('*') {
        Some(beginning) => key.starts_with(beginning),
        None => key == pattern,
    };
    let fits = entries(stated).filter(|(pattern, over)| has(pattern) && *over != key);
    fits.max_by_key(|(pattern, _)| (!pattern.ends_with('*'), pattern.len())).map(|(_, over)| over)
}

/// Whether a metric of this name counts steps, and not epochs, tokens or seconds.
#[must_use]
pub fn counts_steps(name: &str) -> bool {
    let last = name.rsplit(['/', '.']).next().unwrap_or(name).to_lowercase();
    ["step", "iter", "update"].iter().any(|word| last.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_entry_says_what_a_metric_is_drawn_over() {
        let stated = "*: opt/steps, val/*: epoch, val/hours: system/hours";
        for (key, over) in [
            ("train/loss", Some("opt/steps")),
            ("val/loss", Some("epoch")),
            ("val/hours", Some("system/hours")),
            // Nothing is drawn over itself.
            ("opt/steps", None),
            ("epoch", Some("opt/steps")),
        ] {
            assert_eq!(of(stated, key), over, "{key}");
        }
        assert_eq!(of("opt/steps", "train/loss"), Some("opt/steps"));
        assert_eq!(of("val/*: epoch", "train/loss"), None);
        assert_eq!((of("", "loss"), entries("").count()), (None, 0));
    }

    #[test]
    fn counts_of_steps_are_told_by_their_names() {
        for name in ["opt/steps", "train/global_step", "iter_num", "trainer.Iterations", "num_updates"] {
            assert!(counts_steps(name), "{name}");
        }
        for name in ["epoch", "steps/epoch", "tokens_seen", "hours"] {
            assert!(!counts_steps(name), "{name}");
        }
    }
}
