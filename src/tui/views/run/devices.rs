//! A metric that every device of a machine has, as one chart: a row a device, a column some steps, darker being more.

use crate::ipc::series::Envelope;
use crate::tui::fmt;
use crate::tui::theme::Theme;
use crate::vocab::RunView;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Devices of one chart.
const MOST: usize = 64;
/// What the number of a device follows in the name of a metric.
const DEVICES: [&str; 9] = ["gpu", "gpus", "cuda", "tpu", "npu", "trn", "device", "core", "cpu"];
/// Signs of nothing, and of up to each quarter of the range.
const SHADES: [&str; 5] = ["·", "░", "▒", "▓", "█"];

/// A key around the number of a device: before it, the number, behind it.
fn split(key: &str) -> Option<(&str, u64, &str)> {
    // Asked of every metric at every frame: most have no number.
    if !key.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let is_end = |c: char| matches!(c, '.' | '/' | '_' | ':' | '-');
    let (mut from, mut device) = (0, false);
    for (end, _) in key.match_indices(is_end).chain([(key.len(), "")]) {
        let word = &key[from..end];
        if device && let Ok(number) = word.parse() {
            return Some((&key[..from], number, &key[end..]));
        }
        device = DEVICES.iter().any(|name| name.eq_ignore_ascii_case(word));
        from = end + 1;
    }
    None
}

/// The keys of the same metric of each device, in order of their numbers; empty where it is of one alone.
pub(super) fn of<'a>(run: &'a RunView, key: &str) -> Vec<&'a str> {
    let Some((before, _, behind)) = split(key) else { return Vec::new() };
    let like = run.metrics.iter().filter(|(_, metric)| metric.points > 1).filter_map(|(key, _)| {
        let (start, number, end) = split(key)?;
        (start == before && end == behind).then_some((number, &**key))
    });
    let mut all: Vec<(u64, &str)> = like.collect();
    all.sort_unstable();
    all.truncate(MOST);
    if all.len() < 2 { Vec::new() } else { all.into_iter().map(|(_, key)| key).collect() }
}

/// Leaves the first device of each metric in a list of keys, where other devices have it, too; and `chosen`.
pub(super) fn fold(run: &RunView, keys: &mut Vec<&str>, chosen: Option<&str>) {
    let mut least = std::collections::BTreeMap::new();
    for (key, _) in run.metrics.iter().filter(|(_, metric)| metric.points > 1) {
        if let Some((before, number, behind)) = split(key) {
            let first = least.entry((before, behind)).or_insert(number);
            *first = number.min(*first);
        }
    }
    keys.retain(|key| {
        let other = split(key).is_some_and(|(before, number, behind)| least.get(&(before, behind)) != Some(&number));
        !other || chosen == Some(*key)
    });
}

/// What all of them are called: `*` for the number.
pub(super) fn name(key: &str) -> String {
    split(key).map_or_else(|| key.to_owned(), |(before, _, behind)| format!("{before}*{behind}"))
}

/// The range that shades stand for: from nothing, or the least value below it, to 100 where no value is above, or the greatest.
pub(super) fn range(curves: &[&Envelope]) -> (f64, f64) {
    let all = || curves.iter().flat_map(|curve| &curve.mean).copied().filter(|value| value.is_finite());
    let (low, high) = (all().fold(0.0, f64::min), all().fold(f64::MIN, f64::max));
    (low, if (1.0..=100.0).contains(&high) { 100.0 } else { high })
}

fn shade(value: f64, (low, high): (f64, f64)) -> &'static str {
    let part = (value - low) / (high - low);
    match part {
        part if !part.is_finite() => " ",
        part if part < 0.02 => SHADES[0],
        part => SHADES[1 + ((part * 4.0) as usize).min(3)],
    }
}

/// Of several devices that share a row the value that is furthest from the middle of all, so that an idle one is not lost.
fn furthest(values: &[f64], middle: f64) -> f64 {
    let far = |value: &f64| (value - middle).abs();
    let known = values.iter().copied().filter(|value| value.is_finite());
    known.max_by(|a, b| far(a).total_cmp(&far(b))).unwrap_or(f64::NAN)
}

/// Draws the curves of the devices, each with its number at the left.
pub(super) fn draw(theme: &Theme, curves: &[&Envelope], area: Rect, buf: &mut Buffer) {
    let columns = |curve: &&&Envelope| curve.points(&curve.mean);
    let points: Vec<Vec<(f64, f64)>> = curves.iter().map(|curve| columns(&curve)).collect();
    let xs = || points.iter().flatten().map(|point| point.0);
    let (first, last) = (xs().fold(f64::INFINITY, f64::min), xs().fold(f64::NEG_INFINITY, f64::max));
    let numbers: Vec<u64> = curves.iter().filter_map(|curve| Some(split(&curve.metric)?.1)).collect();
    let rows = usize::from(area.height.max(1));
    let together = curves.len().div_ceil(rows).max(1);
    let label = |at: usize| match numbers.get(at..(at + together).min(numbers.len())) {
        Some([one]) => one.to_string(),
        Some([first, .., last]) => format!("{first}–{last}"),
        _ => String::new(),
    };
    let labels: Vec<String> = (0..curves.len()).step_by(together).map(label).collect();
    let left = labels.iter().map(|label| fmt::width(label)).max().unwrap_or(0) as u16 + 1;
    let wide = area.width.saturating_sub(left + 1);
    if first > last || wide == 0 || area.height == 0 {
        return;
    }
    let range = range(curves);
    // Few devices have rows of several lines.
    let tall = (rows / labels.len().max(1)).clamp(1, 3) as u16;
    for column in 0..wide {
        let x = first + (last - first) * f64::from(column) / f64::from(wide.max(2) - 1);
        // A value stands until the next one.
        let at = |points: &Vec<(f64, f64)>| {
            let next = points.partition_point(|point| point.0 <= x);
            points.get(next.saturating_sub(1)).filter(|_| next > 0).map_or(f64::NAN, |point| point.1)
        };
        let values: Vec<f64> = points.iter().map(at).collect();
        let mut known: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
        known.sort_by(f64::total_cmp);
        let middle = known.get(known.len() / 2).copied().unwrap_or(f64::NAN);
        for (row, devices) in values.chunks(together).enumerate() {
            let y = area.y + row as u16 * tall;
            for y in (y..y + tall).filter(|y| *y < area.bottom()) {
                let sign = shade(furthest(devices, middle), range);
                buf.set_stringn(area.x + left + column, y, sign, 1, theme.curve);
            }
        }
    }
    for (row, label) in labels.iter().enumerate() {
        let y = area.y + row as u16 * tall;
        if y < area.bottom() {
            buf.set_stringn(area.x, y, fmt::right(label, usize::from(left) - 1), usize::from(left), theme.dim);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::theme::{Depth, ThemeName};

    #[test]
    fn the_number_of_a_device_is_told_from_others() {
        let cases = [
            ("system.gpu.0.gpu", Some(("system.gpu.", 0, ".gpu"))),
            ("gpu_12/memory", Some(("gpu_", 12, "/memory"))),
            ("CUDA:3", Some(("CUDA:", 3, ""))),
            ("train/layer.3.norm", None),
            ("eval/mmlu_5", None),
            ("gpu.memory.7", None),
            ("rank_0/loss", None),
            ("gpu", None),
            ("", None),
            ("gpu.99999999999999999999999.x", None),
        ];
        for (key, expected) in cases {
            assert_eq!(split(key), expected, "{key}");
        }
        assert_eq!(name("system.gpu.0.gpu"), "system.gpu.*.gpu");
    }

    #[test]
    fn an_idle_device_is_seen_however_many_share_its_row() {
        let curve = |device: u32| Envelope {
            metric: format!("gpu.{device}.gpu"),
            width: 1.0,
            at: (0..50).collect(),
            mean: vec![if device == 13 { 0.0 } else { 90.0 }; 50],
            ..Envelope::default()
        };
        let curves: Vec<Envelope> = (0..16).map(curve).collect();
        let curves: Vec<&Envelope> = curves.iter().collect();
        let theme = Theme::new(ThemeName::Mono, Depth::True);
        for rows in [1, 3, 5, 16, 40] {
            let area = Rect::new(0, 0, 30, rows);
            let mut buf = Buffer::empty(area);
            draw(&theme, &curves, area, &mut buf);
            let text = crate::tui::plain::text(&buf);
            let idle = text.lines().filter(|line| line.contains('·')).count();
            assert!((1..=3).contains(&idle), "{rows} rows\n{text}");
            assert!(rows == 1 || text.contains('█'), "{rows} rows\n{text}");
        }
    }
}
