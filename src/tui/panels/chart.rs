//! Loss against ratio at the target, one chart or as many as fit side by side.

use crate::tui::fmt;
use crate::tui::model::Model;
use crate::tui::plot::Plot;
use crate::tui::scale::{Scale, read};
use crate::vocab::RatioChart;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;

/// Charts that are side by side in that inside, of `count`.
#[must_use]
pub fn together(count: usize, inner: Rect) -> usize {
    (usize::from(inner.width) / 40).min(count).clamp(1, 3)
}

/// The title.
#[must_use]
pub fn title(model: &Model) -> String {
    match model.main_chart() {
        None => "Loss by ratio".to_owned(),
        Some((_, chart)) => format!("Loss at the target, by share of {}", chart.domain),
    }
}

/// Draws it.
pub fn draw(model: &Model, inner: Rect, buf: &mut Buffer) {
    let theme = &model.theme;
    let Some(snapshot) = &model.snapshot else { return };
    let Some((main, _)) = model.main_chart() else {
        let text = super::text_area(inner);
        for (row, line) in super::prose("The chart comes with the first fit.", theme.dim, text.width).iter().enumerate()
        {
            if (row as u16) < text.height {
                buf.set_line(text.x, text.y + row as u16, line, text.width);
            }
        }
        return;
    };
    let n = if model.chart.is_some() { 1 } else { together(snapshot.charts.len(), inner) };
    let first = std::iter::once(main);
    let others = (0..snapshot.charts.len()).filter(|i| *i != main);
    let width = inner.width / n as u16;
    for (place, index) in first.chain(others).take(n).enumerate() {
        let x = inner.x + place as u16 * width;
        let width = if place + 1 == n { inner.right() - x } else { width };
        one(model, &snapshot.charts[index], Rect { x, width, ..inner }, buf);
    }
}

fn one(model: &Model, chart: &RatioChart, area: Rect, buf: &mut Buffer) {
    let theme = &model.theme;
    let Some(snapshot) = &model.snapshot else { return };
    let label = super::label(snapshot, &chart.metric);
    let name = if label == chart.metric { label } else { format!("{label} loss") };
    let name = fmt::head(&name, usize::from(area.width).saturating_sub(12));
    let Some(scale) = Scale::of(chart, model.whole_range) else { return };
    let run = model.selected_run().map(|r| r.name.as_str());
    let plot = Plot { chart, scale, reading: model.reading, run, theme };
    plot.draw(area, buf);
    let inside = plot.inside(area);
    let mut corner = vec![(name, theme.title)];
    if snapshot.fits.iter().any(|f| f.chosen && f.metric == chart.metric && f.skill.is_some_and(|s| s <= 0.0)) {
        corner.push((" NO SKILL ".to_owned(), theme.loud));
    }
    for (row, (text, style)) in corner.iter().enumerate() {
        let wide = fmt::width(text) as u16;
        if inside.width > wide + 2 && inside.height > row as u16 + 2 {
            // On the side that the curve leaves free.
            let rises = chart.loss.first() < chart.loss.last();
            let x = if rises { inside.x + 1 } else { inside.right() - wide - 1 };
            buf.set_string(x, inside.y + row as u16, text, *style);
        }
    }
    legend(model, chart, area, buf);
}

/// In the lower border: what the two mixtures give, or what the reading line reads.
fn legend(model: &Model, chart: &RatioChart, area: Rect, buf: &mut Buffer) {
    let theme = &model.theme;
    let mut items: Vec<Vec<Span<'static>>> = Vec::new();
    let mut item = |sign: &str, style: Style, text: String| {
        items.push(vec![Span::styled(format!(" {sign} "), style), Span::styled(format!("{text} "), theme.dim)]);
    };
    let reading = model.reading.and_then(|i| chart.shares.get(i.min(chart.shares.len().saturating_sub(1))));
    if let Some(share) = reading
        && let Some((loss, low, high)) = read(chart, *share)
    {
        let text =
            format!("{}: {} ({} – {})", fmt::percent_short(*share), fmt::loss(loss), fmt::loss(low), fmt::loss(high));
        item("▸", theme.accent, text);
    } else {
        for (share, sign, style) in [(chart.current, "◇", theme.now), (chart.advised, "◆", theme.advised)] {
            if let Some(share) = share
                && let Some((loss, _, _)) = read(chart, share)
            {
                item(sign, style, format!("{} {}", fmt::percent_short(share), fmt::loss(loss)));
            }
        }
        if let Some(limit) = chart.limit {
            item("╌", theme.bad, format!("≤ {}", fmt::loss(limit)));
        }
    }
    let y = area.bottom();
    if y >= buf.area.bottom() {
        return;
    }
    let mut x = area.x + 1;
    for item in items {
        let wide: usize = item.iter().map(Span::width).sum();
        if usize::from(x) + wide > usize::from(area.right()).saturating_sub(1) {
            break;
        }
        for span in item {
            (x, _) = buf.set_span(x, y, &span, area.right().saturating_sub(x));
        }
        x += 1;
    }
}
