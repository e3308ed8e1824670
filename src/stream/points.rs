//! Points of one file as bytes. Lines of a log mostly have the same metrics in the same order: that order, a *shape*, is said
//! once, steps and times once a line, and values by metric where there are enough lines for a pattern, else line by line.

use super::refused::Refused;
use crate::store::bytes::{Reader, put, put_signed};
use crate::store::column::{
    floats, from_millis, integers, put_floats, put_integers, put_times, put_unlike_floats, times, to_millis,
};
use crate::vocab::RawPoint;
use std::collections::HashMap;

/// From so many lines on, values are packed by metric.
const BY_METRIC: usize = 8;
/// Most points in one message.
pub const MOST: usize = 8 << 20;

/// Appends points, in their order.
pub fn put_points(out: &mut Vec<u8>, points: &[RawPoint]) {
    let mut shapes: Vec<Vec<u32>> = Vec::new();
    let mut known: HashMap<Vec<u32>, i64> = HashMap::new();
    let (mut steps, mut walls, mut which) = (Vec::new(), Vec::new(), Vec::new());
    let same = |a: &RawPoint, b: &RawPoint| a.step == b.step && to_millis(a.wall) == to_millis(b.wall);
    for line in points.chunk_by(same) {
        let shape: Vec<u32> = line.iter().map(|point| point.metric).collect();
        let id = *known.entry(shape).or_insert_with_key(|shape| {
            shapes.push(shape.clone());
            shapes.len() as i64 - 1
        });
        steps.push(line[0].step);
        walls.push(to_millis(line[0].wall));
        which.push(id);
    }
    put(out, points.len() as u64);
    put(out, steps.len() as u64);
    put(out, shapes.len() as u64);
    for shape in &shapes {
        put(out, shape.len() as u64);
        let mut before = 0;
        for metric in shape {
            put_signed(out, i64::from(*metric) - before);
            before = i64::from(*metric) + 1;
        }
    }
    put_integers(out, &steps);
    put_times(out, &walls);
    put_integers(out, &which);
    if steps.len() < BY_METRIC {
        let values: Vec<f64> = points.iter().map(|point| point.value).collect();
        put_unlike_floats(out, &values);
        return;
    }
    let metrics = points.iter().map(|point| point.metric as usize + 1).max().unwrap_or(0);
    let mut columns: Vec<Vec<f64>> = vec![Vec::new(); metrics];
    points.iter().for_each(|point| columns[point.metric as usize].push(point.value));
    columns.iter().filter(|column| !column.is_empty()).for_each(|column| put_floats(out, column));
}

/// Reads points that refer to `metrics` metrics, `most` at most.
pub fn points(reader: &mut Reader, metrics: usize, most: usize) -> Result<Vec<RawPoint>, Refused> {
    let count = number(reader, most, "points")?;
    let lines = number(reader, count, "lines")?;
    let kinds = number(reader, lines, "kinds of lines")?;
    let mut shapes: Vec<Vec<u32>> = Vec::new();
    for _ in 0..kinds {
        let length = number(reader, count, "metrics of a line")?;
        let mut shape = Vec::new();
        let mut before = 0i64;
        for _ in 0..length {
            let metric = before.wrapping_add(reader.signed()?);
            let known = u32::try_from(metric).ok().filter(|metric| (*metric as usize) < metrics);
            shape.push(known.ok_or_else(|| Refused("a point of a metric without a name".to_owned()))?);
            before = metric + 1;
        }
        shapes.push(shape);
    }
    let (steps, walls) = (integers(reader, lines)?, times(reader, lines)?);
    let which = integers(reader, lines)?;
    let mut seen = 0;
    let mut heights = vec![0usize; metrics];
    for kind in &which {
        let shape = usize::try_from(*kind).ok().and_then(|kind| shapes.get(kind));
        let shape = shape.ok_or_else(|| Refused("a line of an unknown kind".to_owned()))?;
        seen += shape.len();
        if seen > count {
            return Err(Refused("more points than were announced".to_owned()));
        }
        shape.iter().for_each(|metric| heights[*metric as usize] += 1);
    }
    if seen != count {
        return Err(Refused("fewer points than were announced".to_owned()));
    }
    // Values one after another, and where those of each metric begin.
    let by_metric = lines >= BY_METRIC;
    let (mut values, mut next) = (Vec::new(), vec![0usize; metrics]);
    if by_metric {
        for (metric, height) in heights.iter().enumerate().filter(|(_, height)| **height > 0) {
            next[metric] = values.len();
            values.extend(floats(reader, *height)?);
        }
    } else {
        values = floats(reader, count)?;
    }
    let mut points = Vec::with_capacity(count);
    for (line, kind) in which.iter().enumerate() {
        for metric in &shapes[*kind as usize] {
            let at = if by_metric { next[*metric as usize] } else { points.len() };
            next[*metric as usize] += 1;
            let value = *values.get(at).ok_or_else(|| Refused("a point without a value".to_owned()))?;
            points.push(RawPoint { metric: *metric, step: steps[line], value, wall: from_millis(walls[line]) });
        }
    }
    Ok(points)
}

/// A number, refused before memory is asked for it.
pub fn number(reader: &mut Reader, most: usize, what: &str) -> Result<usize, Refused> {
    let n = reader.number()?;
    let fits = usize::try_from(n).ok().filter(|n| *n <= most);
    fits.ok_or_else(|| Refused(format!("{n} {what} where {most} are the most")))
}
