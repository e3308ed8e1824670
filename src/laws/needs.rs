//! Checks of the data that laws require, with a sentence for each that fails.

use crate::vocab::Observations;

/// The sentences for what is lacking.
pub(super) fn all<const N: usize>(needs: [Option<String>; N]) -> Vec<String> {
    needs.into_iter().flatten().collect()
}

/// How many different values there are among rows, those that agree to one part in a thousand counted once.
pub(super) fn different(data: &Observations, value: impl Fn(&crate::vocab::Observation) -> f64) -> usize {
    let mut values: Vec<f64> = data.rows.iter().map(value).filter(|v| v.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    let mut count = 0;
    let mut last = f64::NAN;
    for v in values {
        if last.is_nan() || (v - last).abs() > 1e-3 * v.abs().max(last.abs()) {
            count += 1;
            last = v;
        }
    }
    count
}

/// A sentence unless N takes at least `least` values.
pub(super) fn sizes(data: &Observations, least: usize) -> Option<String> {
    let have = different(data, |row| row.params);
    match have {
        0 => Some("no run has a parameter count (set facts.params)".to_owned()),
        _ if have < least => Some(format!("needs runs of at least {least} sizes N; there {} {have}", verb(have))),
        _ => None,
    }
}

/// A sentence unless all runs are of one size, as far as sizes are known.
pub(super) fn one_size(data: &Observations) -> Option<String> {
    let have = different(data, |row| row.params);
    (have > 1).then(|| format!("needs runs of exactly one size N; there are {have}"))
}

/// A sentence where there are exactly two sizes, which do not determine an exponent and a floor.
pub(super) fn not_two_sizes(data: &Observations) -> Option<String> {
    let have = different(data, |row| row.params);
    (have == 2).then(|| "needs runs of one size N, or of at least three; there are 2".to_owned())
}

/// A sentence unless D takes at least `least` values.
pub(super) fn amounts(data: &Observations, least: usize) -> Option<String> {
    let have = different(data, |row| row.tokens);
    (have < least).then(|| format!("needs losses at {least} or more token counts D; there {} {have}", verb(have)))
}

/// The same for a law with a term in N beside that in D: where runs of several sizes have one token count, its term in D is a
/// constant, which the law does without; [`crate::fit::Fit::unseen`] says that it does not see D then.
pub(super) fn amounts_or_sizes(data: &Observations, least: usize) -> Option<String> {
    // None, where no row knows D: the runs are taken to be as long as each other.
    let one = different(data, |row| row.tokens) <= 1 && different(data, |row| row.params) > 1;
    if one { None } else { amounts(data, least) }
}

/// The same the other way round: where runs of one size have several token counts, the term in N is a constant.
pub(super) fn sizes_or_amounts(data: &Observations, least: usize) -> Option<String> {
    let one = different(data, |row| row.params) == 1 && different(data, |row| row.tokens) >= LEAST_AMOUNTS;
    if one { None } else { sizes(data, least) }
}

/// Token counts that say something about a power of D.
const LEAST_AMOUNTS: usize = 3;

/// A sentence unless the own domain's weight is known and takes at least `least` values.
pub(super) fn own_shares(data: &Observations, least: usize) -> Option<String> {
    let Some(own) = data.own else {
        return Some("this loss belongs to none of the domains, so it has no mixture weight".to_owned());
    };
    let have = different(data, |row| row.mixture.get(own).copied().unwrap_or(f64::NAN));
    let name = data.domains.get(own).map_or("its domain", String::as_str);
    (have < least).then(|| format!("needs runs at {least} or more ratios of {name}; there {} {have}", verb(have)))
}

/// A sentence unless there are at least `least` different mixtures.
pub(super) fn mixtures(data: &Observations, least: usize) -> Option<String> {
    #[allow(clippy::cast_possible_truncation)]
    let key = |row: &crate::vocab::Observation| row.mixture.iter().map(|w| (w * 1e4).round() as i64).collect();
    let have = data.rows.iter().map(key).collect::<std::collections::BTreeSet<Vec<i64>>>().len();
    (have < least).then(|| {
        let domains = data.domains.len();
        format!("needs at least {least} different mixtures of {domains} domains; there {} {have}", verb(have))
    })
}

/// A sentence unless the number of experts takes at least `least` values.
pub(super) fn experts(data: &Observations, least: usize) -> Option<String> {
    let have = different(data, |row| row.experts);
    (have < least).then(|| format!("needs runs with {least} or more expert counts; there {} {have}", verb(have)))
}

/// A sentence unless the granularity of experts takes at least `least` values.
pub(super) fn granularities(data: &Observations, least: usize) -> Option<String> {
    let have = different(data, |row| row.granularity);
    (have < least).then(|| format!("needs runs with {least} or more granularities; there {} {have}", verb(have)))
}

/// A sentence unless K/E takes at least `least` values.
pub(super) fn sparsities(data: &Observations, least: usize) -> Option<String> {
    let have = different(data, |row| row.experts_per_token / row.experts);
    (have < least).then(|| format!("needs runs with {least} or more sparsities; there {} {have}", verb(have)))
}

/// A sentence unless every run, and the target, says how it began, and runs begin in at least `least` ways.
pub(super) fn probes(data: &Observations, least: usize) -> Option<String> {
    let domain = data.own.and_then(|own| data.domains.get(own)).map_or("DOMAIN", String::as_str);
    let silent = data.rows.iter().filter(|row| row.probe.is_none()).count();
    let mut lacking = Vec::new();
    if silent > 0 {
        lacking.push(format!(
            "{silent} checkpoint{} of runs without losses in their first steps (those that fit.skip leaves out; in a table: \
             first_loss and decline)",
            if silent == 1 { " is" } else { "s are" }
        ));
    }
    if data.probe.is_none() {
        lacking.push(format!(
            "how a short run on the target's domain begins is not stated (target: {{ probe: {{ {domain}: {{ loss: 3.1, \
             decline: 0.05 }} }} }})"
        ));
    }
    let have = different(data, |row| row.probe.map_or(f64::NAN, |p| p.loss));
    if lacking.is_empty() && have < least {
        lacking.push(format!("needs runs with {least} or more different first losses; there {} {have}", verb(have)));
    }
    (!lacking.is_empty()).then(|| lacking.join("; "))
}

/// A sentence unless there are more rows than parameters.
pub(super) fn rows(data: &Observations, parameters: usize) -> Option<String> {
    let have = data.rows.len();
    (have <= parameters).then(|| {
        format!("needs more than {parameters} checkpoints to fit {parameters} parameters; there {} {have}", verb(have))
    })
}

fn verb(count: usize) -> &'static str {
    if count == 1 { "is" } else { "are" }
}
