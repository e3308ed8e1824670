//! From shares and losses to places on a chart: ranges, round ticks, reading between fitted values. Knows no cells, so
//! that the picture in the terminal and the one in a file agree.

use crate::vocab::RatioChart;

/// The ranges of the two axes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// Least and most weight.
    pub x: (f64, f64),
    /// Least and most loss.
    pub y: (f64, f64),
}

impl Scale {
    /// The ranges of a chart. A law's curve climbs steeply where a domain is nearly absent; unless the `whole` range
    /// is wanted, the top of the loss axis leaves the steepest seventh of the curve out, so that the part where
    /// mixtures are chosen has room. Whatever is marked (limit, current, advised) is always inside.
    ///
    /// `None` where there is nothing to draw.
    #[must_use]
    pub fn of(chart: &RatioChart, whole: bool) -> Option<Self> {
        let x = (*chart.shares.first()?, *chart.shares.last()?);
        let observed = || chart.points.iter().map(|p| p.at_target);
        let mut losses: Vec<f64> = chart.loss.iter().copied().filter(|v| v.is_finite()).collect();
        losses.sort_by(f64::total_cmp);
        let low = chart.low.iter().copied().chain(observed()).chain(losses.first().copied());
        let bottom = low.chain(chart.limit).filter(|v| v.is_finite()).fold(f64::INFINITY, f64::min);
        let top = if whole {
            let all = chart.high.iter().copied().chain(observed()).chain(losses.last().copied());
            all.chain(chart.limit).filter(|v| v.is_finite()).fold(f64::NEG_INFINITY, f64::max)
        } else {
            let quantile = *losses.get(losses.len().saturating_sub(1) * 6 / 7)?;
            let marked = [chart.current, chart.advised].into_iter().flatten().filter_map(|s| Some(read(chart, s)?.2));
            marked.chain(chart.limit).filter(|v| v.is_finite()).fold(quantile, f64::max)
        };
        let air = if top > bottom { 0.05 * (top - bottom) } else { 0.05 * top.abs().max(1e-3) };
        let y = (bottom - air, top + air);
        (x.0.is_finite() && x.1.is_finite() && y.0.is_finite() && y.1.is_finite() && x.0 < x.1).then_some(Self { x, y })
    }

    /// Where a weight is between the left end (0) and the right end (1).
    #[must_use]
    pub fn across(&self, share: f64) -> f64 {
        (share - self.x.0) / (self.x.1 - self.x.0)
    }

    /// Where a loss is between the upper end (0) and the lower end (1).
    #[must_use]
    pub fn down(&self, loss: f64) -> f64 {
        (self.y.1 - loss) / (self.y.1 - self.y.0)
    }
}

/// Fitted loss, low and high at a weight, read between the neighbouring ones; `None` outside.
#[must_use]
pub fn read(chart: &RatioChart, share: f64) -> Option<(f64, f64, f64)> {
    let shares = &chart.shares;
    if !(*shares.first()? - 1e-9..=*shares.last()? + 1e-9).contains(&share) {
        return None;
    }
    let right = shares.partition_point(|s| *s < share).min(shares.len() - 1);
    let left = right.saturating_sub(1);
    let span = shares[right] - shares[left];
    let t = if span > 0.0 { (share - shares[left]) / span } else { 0.0 };
    let mix = |values: &[f64]| Some(values.get(left)? * (1.0 - t) + values.get(right)? * t);
    Some((mix(&chart.loss)?, mix(&chart.low)?, mix(&chart.high)?))
}

/// At most `most` round numbers inside a range, and the decimals they need.
#[must_use]
pub fn ticks(range: (f64, f64), most: usize) -> (Vec<f64>, usize) {
    let span = range.1 - range.0;
    if most == 0 || !span.is_finite() || span <= 0.0 {
        return (Vec::new(), 0);
    }
    let rough = span / most as f64;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].map(|m| m * power).into_iter().find(|s| span / s < most as f64 + 1.0);
    let step = step.unwrap_or(10.0 * power);
    let whole = |scaled: f64| scaled >= 0.5 && (scaled.round() - scaled).abs() < 1e-6;
    let decimals = (0..18).find(|d| whole(step * 10f64.powi(*d))).unwrap_or(18);
    let first = (range.0 / step - 1e-9).ceil() as i64;
    let last = (range.1 / step + 1e-9).floor() as i64;
    ((first..=last).take(most + 1).map(|i| i as f64 * step).collect(), decimals as usize)
}

/// Most decimals of a number on an axis; one with more is shown as a power of ten.
const DECIMALS: usize = 4;

/// What stands beside a round number on an axis whose numbers need so many decimals: `0.25`, `2.5e-6`.
#[must_use]
pub fn tick(value: f64, decimals: usize) -> String {
    if decimals <= DECIMALS {
        return format!("{value:.decimals$}");
    }
    // The last of its decimals are noise of the sums that made it.
    let exact: f64 = format!("{value:.decimals$}").parse().unwrap_or(value);
    if exact == 0.0 { "0".to_owned() } else { format!("{exact:e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_numbers_on_an_axis_differ() {
        for range in [(0.0, 1e-6), (1e-7, 6e-4), (2.0e-9, 3.1e-9), (-4e-5, 4e-5), (0.0, 0.3), (0.0, 3e9)] {
            let (values, decimals) = ticks(range, 5);
            let shown: std::collections::BTreeSet<String> = values.iter().map(|v| tick(*v, decimals)).collect();
            assert!(values.len() > 2 && shown.len() == values.len(), "{range:?} {shown:?}");
            assert!(shown.iter().all(|text| text.len() <= 10), "{shown:?}");
        }
        assert_eq!([tick(2.5e-6, 7), tick(0.0, 7), tick(0.25, 2), tick(3e-4, 4)], ["2.5e-6", "0", "0.25", "0.0003"]);
    }

    #[test]
    fn ticks_are_round_inside_and_few() {
        assert_eq!(ticks((0.0, 1.0), 5), (vec![0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0], 1));
        for (range, most) in [((1.43, 1.87), 4), ((0.031, 0.0312), 3), ((-5.0, 1e6), 7), ((2.0, 2.5), 1)] {
            let (values, _) = ticks(range, most);
            assert!(values.len() <= most + 1, "{range:?}");
            assert!(values.iter().all(|v| *v >= range.0 - 1e-6 && *v <= range.1 + 1e-6), "{range:?} {values:?}");
        }
        assert_eq!(ticks((1.0, 1.0), 4).0.len(), 0);
    }

    #[test]
    fn reading_between_values_is_linear() {
        let chart = crate::tui::fixture::sweep().charts[0].clone();
        let (a, b) = (chart.shares[10], chart.shares[11]);
        let middle = read(&chart, 0.5 * (a + b)).unwrap().0;
        assert!((middle - 0.5 * (chart.loss[10] + chart.loss[11])).abs() < 1e-12);
        assert_eq!(read(&chart, 1.5), None);
    }

    #[test]
    fn what_is_marked_is_in_range() {
        for chart in &crate::tui::fixture::sweep().charts {
            let scale = Scale::of(chart, false).unwrap();
            for share in [chart.current, chart.advised].into_iter().flatten() {
                let down = scale.down(read(chart, share).unwrap().0);
                assert!((0.0..=1.0).contains(&down));
            }
            assert!(chart.limit.is_none_or(|l| (0.0..=1.0).contains(&scale.down(l))));
        }
    }
}
