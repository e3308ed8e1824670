//! Detection of divergence, spikes and plateaus in a series.

use crate::forecast::spread::median;

type Points = [(i64, f64)];

/// Points looked at where it is not known which were before.
const FRESH: usize = 3;
/// Pieces that the past of a long series is sampled in.
const PIECES: usize = 400;

/// Index of the first point that has not been looked at.
fn fresh(series: &Points, since: Option<i64>) -> usize {
    match since {
        Some(step) => series.partition_point(|p| p.0 <= step),
        None => series.len().saturating_sub(FRESH),
    }
}

/// (step, value): since when the newest points are not finite; or one since the last look that was not.
pub(super) fn not_a_number(series: &Points, since: Option<i64>) -> Option<(i64, f64)> {
    let sound = series.iter().rposition(|p| p.1.is_finite()).map_or(0, |i| i + 1);
    let one = || series[fresh(series, since)..].iter().find(|p| !p.1.is_finite());
    series.get(sound).or_else(one).copied()
}

/// (step, level now, least level): the last five are all above nine tenths of the way back from the least median of five
/// to that of the first five, and 15 % above the least.
pub(in crate::forecast) fn divergence(series: &Points) -> Option<(i64, f64, f64)> {
    const WINDOW: usize = 5;
    if series.len() < 4 * WINDOW {
        return None;
    }
    let level = |part: &Points| median(part.iter().map(|p| p.1).filter(|v| v.is_finite()).collect());
    let stride = series.len() / (WINDOW * PIECES) + 1;
    let levels: Vec<f64> = series.chunks(WINDOW).step_by(stride).map(level).collect();
    let least = levels.iter().copied().fold(f64::INFINITY, f64::min);
    let tail = &series[series.len() - WINDOW..];
    let (first, now) = (levels[0], level(tail));
    let bar = (least + 0.9 * (first - least)).max(1.15 * least);
    tail.iter().all(|p| p.1 > bar).then(|| (series[series.len() - 1].0, now, least))
}

/// Points before one that say what is usual there.
const BEFORE: usize = 20;
/// Points at most whose jumps say how far this loss jumps by itself.
const PAST: usize = 20_000;
/// Losses below this, in nats, are those of objectives that hover about nothing, where a quarter more is not much.
const LEAST_LOSS: f64 = 0.02;

/// (step, value, usual): the newest point since the last look that is ten robust deviations and a quarter above the
/// median of those before it, twice as far as this loss has jumped before (the loss of one small batch has a long tail),
/// and got there in one step.
pub(super) fn spike(series: &Points, since: Option<i64>) -> Option<(i64, f64, f64)> {
    let from = fresh(series, since).max(BEFORE);
    (from..series.len()).rev().find_map(|i| {
        let (step, value) = series[i];
        if value <= series[i - 1].1 {
            return None;
        }
        let before: Vec<f64> = series[i - BEFORE..i].iter().map(|p| p.1).filter(|v| v.is_finite()).collect();
        let usual = median(before.clone());
        let deviation = 1.4826 * median(before.iter().map(|v| (v - usual).abs()).collect());
        let sudden = value - series[i - 1].1 > 0.7 * (value - usual);
        let far = value > usual + (10.0 * deviation).max(0.25 * usual);
        let alarming = value.is_finite() && far && sudden && usual > LEAST_LOSS;
        (alarming && value - usual > 2.0 * tail(&series[..i])).then_some((step, value, usual))
    })
}

/// How far the loss rises above what was usual just before without anything being wrong: the second highest rise, since
/// one may have been a spike. 0 where there is little to go by.
fn tail(past: &Points) -> f64 {
    let past = &past[past.len().saturating_sub(PAST)..];
    let (mut first, mut second) = (0.0_f64, 0.0_f64);
    let stretches: Vec<&Points> = past.chunks_exact(BEFORE).collect();
    for pair in stretches.windows(2) {
        let usual = median(pair[0].iter().map(|p| p.1).filter(|v| v.is_finite()).collect());
        for rise in pair[1].iter().map(|p| p.1 - usual).filter(|r| r.is_finite()) {
            second = second.max(rise.min(first));
            first = first.max(rise);
        }
    }
    second
}

/// (step, change): over the last third of at least twelve evaluations ln loss moves by less than a thousandth, and its
/// scatter is small enough to know.
pub(super) fn plateau(series: &Points) -> Option<(i64, f64)> {
    let points: Vec<(f64, f64)> =
        series.iter().filter(|(s, v)| *s > 0 && v.is_finite() && *v > 0.0).map(|(s, v)| (*s as f64, v.ln())).collect();
    if points.len() < 12 {
        return None;
    }
    let tail = &points[points.len() - points.len() / 3..];
    let stride = tail.len().div_ceil(PIECES);
    let tail: Vec<(f64, f64)> = tail.iter().rev().step_by(stride).rev().copied().collect();
    // Theil–Sen: one odd evaluation does not make or hide a plateau.
    let pairs = tail.iter().enumerate().flat_map(|(i, a)| tail[i + 1..].iter().map(move |b| (b.1 - a.1) / (b.0 - a.0)));
    let slope = median(pairs.collect());
    let (first, last) = (tail.first()?, tail.last()?);
    let change = slope * (last.0 - first.0);
    let middle = median(tail.iter().map(|p| p.1).collect());
    let scatter = 1.4826 * median(tail.iter().map(|p| (p.1 - middle).abs()).collect());
    // Twice the error of a line's rise over its length, √12 × scatter / √n.
    let unsure = 2.0 * 3.46 * scatter / (tail.len() as f64).sqrt();
    let fell = points[0].1 - last.1;
    (change.abs() < 1e-3 && unsure < 2.5e-3 && fell > 0.01).then_some((last.0 as i64, change))
}

/// (step, now, before): the median of the last twenty is below six tenths of the median of all before, and so is nearly
/// every one of them.
pub(super) fn slower(series: &Points) -> Option<(i64, f64, f64)> {
    const WINDOW: usize = 20;
    if series.len() < 3 * WINDOW {
        return None;
    }
    let (before, tail) = series.split_at(series.len() - WINDOW);
    let stride = before.len().div_ceil(4 * PIECES);
    let of = |part: &Points, stride: usize| {
        median(part.iter().step_by(stride).map(|p| p.1).filter(|v| v.is_finite() && *v > 0.0).collect())
    };
    let (before, now) = (of(before, stride), of(tail, 1));
    let low = tail.iter().filter(|p| p.1 < 0.7 * before).count();
    (now < 0.6 * before && low * 10 >= WINDOW * 9).then_some((tail[WINDOW - 1].0, now, before))
}
