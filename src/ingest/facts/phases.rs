//! Phases of a run whose jobs are resumed on another mixture: each log states its own, and the step it goes on from.

use super::{Found, in_force};
use crate::vocab::{FactName, FactValue, Mixture, Ordered, Phase, PhaseEnd};

/// Says that what a log stated last before this holds from after `step` on: a phase of a mixture that nobody names, and one
/// after it.
#[must_use]
pub fn goes_on(step: i64) -> FactValue {
    #[allow(clippy::cast_precision_loss)]
    let until = Some(PhaseEnd::Steps(step as f64));
    FactValue::Phases(vec![Phase { until, mixture: Mixture::default() }])
}

/// The step in what [`goes_on`] says; `None` for phases that are stated as such.
#[must_use]
pub fn goes_on_from(value: &FactValue) -> Option<f64> {
    match value {
        FactValue::Phases(phases) => match phases.as_slice() {
            [Phase { until: Some(PhaseEnd::Steps(step)), mixture }] if mixture.0.is_empty() => Some(*step),
            _ => None,
        },
        _ => None,
    }
}

/// The phases of a run by what its logs state, in order of their steps. `blend`: the mixture in a file that a log names.
/// `None` where all jobs had one mixture. Ends are right to within what lies between two lines of the log.
#[must_use]
pub fn of_logs<'a>(
    logs: impl Iterator<Item = &'a [Found]>,
    blend: impl Fn(&str) -> Option<Mixture>,
) -> Option<Vec<Phase>> {
    let mut starts: Vec<(f64, Mixture)> = Vec::new();
    for found in logs {
        // The mixture stated last, and whether the step it holds from has been said.
        let mut last: Option<Mixture> = None;
        let mut all: Vec<(f64, Mixture)> = Vec::new();
        for (name, value, _) in in_force(found) {
            let stated = match (name, value) {
                (FactName::Mixture, FactValue::Mixture(mixture)) => Some(mixture.clone()),
                (FactName::Mixture, FactValue::Text(path)) => blend(path),
                _ => None,
            };
            if let Some(mixture) = stated {
                all.extend(last.replace(mixture).map(|before| (0.0, before)));
            } else if let Some(step) = goes_on_from(value) {
                all.extend(last.take().map(|mixture| (step, mixture)));
            }
        }
        all.extend(last.map(|mixture| (0.0, mixture)));
        starts.append(&mut all);
    }
    // Of two that begin at one step, the later log's holds.
    starts.sort_by_cached_key(|pair| Ordered(pair.0));
    let mut phases: Vec<(f64, Mixture)> = Vec::new();
    for (start, mixture) in starts {
        match phases.last_mut() {
            Some((_, before)) if alike(before, &mixture) => {}
            Some((at, before)) if *at == start => *before = mixture,
            _ => phases.push((start, mixture)),
        }
    }
    phases.dedup_by(|b, a| alike(&a.1, &b.1));
    let ends: Vec<f64> = phases.iter().skip(1).map(|(start, _)| *start).collect();
    let phase = |(index, (_, mixture)): (usize, (f64, Mixture))| Phase {
        until: ends.get(index).map(|end| PhaseEnd::Steps(*end)),
        mixture,
    };
    (phases.len() > 1).then(|| phases.into_iter().enumerate().map(phase).collect())
}

fn alike(a: &Mixture, b: &Mixture) -> bool {
    a.0.keys().chain(b.0.keys()).all(|domain| (a.weight(domain) - b.weight(domain)).abs() < 1e-3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stated(code: f64, from: i64) -> Vec<Found> {
        let mixture = Mixture([("code".to_owned(), code), ("web".to_owned(), 1.0 - code)].into());
        let mut found = vec![(FactName::Mixture, FactValue::Mixture(mixture), "line 5 (data_path)".to_owned())];
        if from > 0 {
            found.push((FactName::Phases, goes_on(from), "line 9".to_owned()));
        }
        found
    }

    #[test]
    fn jobs_on_other_mixtures_are_phases_whatever_the_order_of_their_logs() {
        let phases = |jobs: &[(f64, i64)]| {
            let logs: Vec<Vec<Found>> = jobs.iter().map(|(code, from)| stated(*code, *from)).collect();
            let found = of_logs(logs.iter().map(Vec::as_slice), |_| None)?;
            let end = |phase: &Phase| match phase.until {
                Some(PhaseEnd::Steps(step)) => step,
                _ => f64::INFINITY,
            };
            Some(found.iter().map(|phase| (phase.mixture.weight("code"), end(phase))).collect::<Vec<_>>())
        };
        assert_eq!(phases(&[(0.1, 0)]), None);
        assert_eq!(phases(&[(0.1, 0), (0.1, 800)]), None, "a restart is no phase");
        let two = Some(vec![(0.1, 800.0), (0.5, f64::INFINITY)]);
        assert_eq!(phases(&[(0.1, 0), (0.5, 800)]), two);
        assert_eq!(phases(&[(0.5, 800), (0.1, 0)]), two);
        assert_eq!(phases(&[(0.1, 0), (0.1, 400), (0.5, 800), (0.5, 900)]), two);
        let three = Some(vec![(0.1, 400.0), (0.5, 800.0), (0.1, f64::INFINITY)]);
        assert_eq!(phases(&[(0.1, 0), (0.5, 400), (0.1, 800)]), three);
        assert_eq!(phases(&[(0.1, 0), (0.5, 0)]), None, "the later of two logs of the same steps holds");
        assert_eq!(phases(&[(0.1, 800)]), None, "what was before is not known");
    }
}
