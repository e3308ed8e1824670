//! The ratio chart as a vector picture, for papers and reports: the ranges, ticks and readings of the dashboard's chart
//! ([`crate::tui::scale`]) with lines instead of cells.

use super::glyph::num;
use super::svg::escape;
use crate::tui::fmt;
use crate::tui::scale::{Scale, read, ticks};
use crate::vocab::RatioChart;
use std::fmt::Write;

/// Width and height, in pixels.
const SIZE: (f64, f64) = (720.0, 420.0);
/// Left, top, right and bottom of the plot in it.
const PLOT: (f64, f64, f64, f64) = (64.0, 40.0, 700.0, 366.0);

const INK: &str = "#1f252e";
const DIM: &str = "#5f6875";
const FAINT: &str = "#dfe4ea";
const CURVE: &str = "#0b62c4";
const NOW: &str = "#a05a00";
const ADVISED: &str = "#137a4b";
const LIMIT: &str = "#c21f2c";

/// The chart of a loss called `name`, on white; `whole` as in [`Scale::of`]. `None` where there is nothing to draw.
/// The same chart gives the same bytes.
#[must_use]
pub fn ratio(chart: &RatioChart, name: &str, whole: bool) -> Option<String> {
    let scale = Scale::of(chart, whole)?;
    let place = Node { chart, scale };
    let mut out = String::new();
    let (w, h) = (num(SIZE.0), num(SIZE.1));
    let title = format!("{} loss at the target, by share of {}", escape(name), escape(&chart.domain));
    let (l, t, r, b) = PLOT;
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" role=\"img\" \
         font-family=\"system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif\" font-size=\"13\">\n\
         <title>{title}</title>\n<rect width=\"{w}\" height=\"{h}\" fill=\"#fff\"/>\n\
         <clipPath id=\"plot\"><rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/></clipPath>\n\
         <text x=\"{}\" y=\"24\" font-weight=\"600\" fill=\"{INK}\">{title}</text>",
        num(l),
        num(t),
        num(r - l),
        num(b - t),
        num(l)
    );
    place.axes(&mut out);
    out.push_str("<g clip-path=\"url(#plot)\">\n");
    place.band_and_curve(&mut out);
    place.limit(&mut out);
    out.push_str("</g>\n");
    // Not clipped: those of the outermost ratios are centred on the edge.
    place.points(&mut out);
    place.mixtures(&mut out);
    out.push_str("</svg>\n");
    Some(out)
}

struct Node<'a> {
    chart: &'a RatioChart,
    scale: Scale,
}

impl Node<'_> {
    fn x(&self, share: f64) -> f64 {
        PLOT.0 + self.scale.across(share) * (PLOT.2 - PLOT.0)
    }

    fn y(&self, loss: f64) -> f64 {
        PLOT.1 + self.scale.down(loss) * (PLOT.3 - PLOT.1)
    }

    fn axes(&self, out: &mut String) {
        let (l, _, r, b) = PLOT;
        let (losses, decimals) = ticks(self.scale.y, 6);
        for value in losses {
            let y = num(self.y(value));
            let _ = writeln!(
                out,
                "<path d=\"M{} {y}H{}\" stroke=\"{FAINT}\"/><text x=\"{}\" y=\"{y}\" dy=\".35em\" text-anchor=\"end\" fill=\"{DIM}\">{value:.decimals$}</text>",
                num(l),
                num(r),
                num(l - 8.0)
            );
        }
        let (shares, decimals) = ticks((100.0 * self.scale.x.0, 100.0 * self.scale.x.1), 10);
        for value in shares {
            let x = num(self.x(value / 100.0));
            let _ = writeln!(
                out,
                "<path d=\"M{x} {}v5\" stroke=\"{DIM}\"/><text x=\"{x}\" y=\"{}\" text-anchor=\"middle\" fill=\"{DIM}\">{value:.decimals$}%</text>",
                num(b),
                num(b + 20.0)
            );
        }
        let _ = writeln!(out, "<path d=\"M{} {}H{}\" stroke=\"{DIM}\"/>", num(l), num(b), num(r));
        let _ = writeln!(
            out,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\" fill=\"{DIM}\">share of {}</text>",
            num((l + r) / 2.0),
            num(b + 40.0),
            escape(&self.chart.domain)
        );
    }

    /// `M x y L x y …` through the finite ones of so many losses.
    fn path(&self, losses: &[f64], reverse: bool) -> String {
        let mut ends: Vec<(f64, f64)> = self.chart.shares.iter().copied().zip(losses.iter().copied()).collect();
        ends.retain(|(share, loss)| share.is_finite() && loss.is_finite());
        if reverse {
            ends.reverse();
        }
        let mut d = String::new();
        for (share, loss) in ends {
            let _ = write!(
                d,
                "{}{} {}",
                if d.is_empty() && !reverse { "M" } else { "L" },
                num(self.x(share)),
                num(self.y(loss))
            );
        }
        d
    }

    fn band_and_curve(&self, out: &mut String) {
        let (high, low) = (self.path(&self.chart.high, false), self.path(&self.chart.low, true));
        let _ = writeln!(out, "<path d=\"{high}{low}z\" fill=\"{CURVE}\" fill-opacity=\".14\"/>");
        let curve = self.path(&self.chart.loss, false);
        let _ = writeln!(out, "<path d=\"{curve}\" fill=\"none\" stroke=\"{CURVE}\" stroke-width=\"2\"/>");
    }

    fn limit(&self, out: &mut String) {
        let Some(limit) = self.chart.limit.filter(|v| v.is_finite()) else { return };
        let y = self.y(limit);
        let _ = writeln!(
            out,
            "<path d=\"M{} {y}H{}\" stroke=\"{LIMIT}\" stroke-width=\"1.5\" stroke-dasharray=\"7 5\"/>\
             <text x=\"{}\" y=\"{}\" fill=\"{LIMIT}\">limit {}</text>",
            num(PLOT.0),
            num(PLOT.2),
            num(PLOT.0 + 6.0),
            num(y - 6.0),
            fmt::loss(limit),
            y = num(y)
        );
    }

    /// A circle a run, larger for larger runs; its name and what it logged on hovering. Off the axis: an arrow.
    fn points(&self, out: &mut String) {
        let sizes = || self.chart.points.iter().map(|p| p.params.ln()).filter(|v| v.is_finite());
        let (small, large) = (sizes().fold(f64::INFINITY, f64::min), sizes().fold(f64::NEG_INFINITY, f64::max));
        for p in self.chart.points.iter().filter(|p| p.at_target.is_finite() && p.share.is_finite()) {
            let (x, y) = (self.x(p.share), self.y(p.at_target));
            let told =
                format!("{}: {} logged, {} at the target", escape(&p.run), fmt::loss(p.loss), fmt::loss(p.at_target));
            if y < PLOT.1 {
                let d = format!("M{} {}l4 7h-8z", num(x), num(PLOT.1 + 1.0));
                let _ = writeln!(out, "<path d=\"{d}\" fill=\"{DIM}\"><title>{told}</title></path>");
                continue;
            }
            let t = (p.params.ln() - small) / (large - small);
            let radius = 2.5 + 2.5 * if t.is_finite() { t } else { 1.0 };
            let _ = writeln!(
                out,
                "<circle cx=\"{}\" cy=\"{}\" r=\"{}\" fill=\"#fff\" fill-opacity=\".6\" stroke=\"{INK}\"><title>{told}</title></circle>",
                num(x),
                num(y),
                num(radius)
            );
        }
    }

    /// The mixture in use and the one advised: from the axis to the curve, with what each gives.
    fn mixtures(&self, out: &mut String) {
        for (share, word, colour) in [(self.chart.current, "now", NOW), (self.chart.advised, "advised", ADVISED)] {
            let Some(share) = share else { continue };
            let Some((loss, _, _)) = read(self.chart, share).filter(|(v, _, _)| v.is_finite()) else { continue };
            let (x, y) = (self.x(share), self.y(loss).max(PLOT.1));
            let (x_text, anchor) = if x > 0.8 * SIZE.0 { (x - 8.0, "end") } else { (x + 8.0, "start") };
            let _ = writeln!(
                out,
                "<path d=\"M{x} {}V{y}\" stroke=\"{colour}\" stroke-dasharray=\"2 4\"/>\
                 <path d=\"M{x} {}l6 6l-6 6l-6 -6z\" fill=\"{colour}\"/>\
                 <text x=\"{}\" y=\"{}\" text-anchor=\"{anchor}\" font-weight=\"600\" fill=\"{colour}\">{word} {}: {}</text>",
                num(PLOT.3),
                num(y - 6.0),
                num(x_text),
                num(PLOT.3 - if word == "now" { 26.0 } else { 8.0 }),
                fmt::percent_short(share),
                fmt::loss(loss),
                x = num(x),
                y = num(y)
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::fixture;

    #[test]
    fn a_plot_says_what_the_chart_says() {
        for chart in &fixture::sweep().charts {
            let svg = ratio(chart, "rust", false).unwrap();
            let place = Node { chart, scale: Scale::of(chart, false).unwrap() };
            let (loss, _, _) = read(chart, 0.74).unwrap();
            assert!(svg.contains(&format!("M{} {}l6 6", num(place.x(0.74)), num(place.y(loss) - 6.0))));
            assert_eq!(svg.matches("<circle").count() + svg.matches("l4 7h-8z").count(), chart.points.len());
            assert!(svg.contains("advised 74%"));
            assert_eq!(svg.contains("limit 1.790"), chart.limit.is_some());
        }
    }

    #[test]
    fn a_plot_is_safe_to_open() {
        let mut snapshot = fixture::hostile();
        snapshot.charts[0].domain.push_str("<script>");
        snapshot.charts[0].loss[3] = f64::NAN;
        let svg = ratio(&snapshot.charts[0], "\"<b>&", false).unwrap();
        assert!(!svg.contains("<script") && !svg.contains("<b>") && !svg.contains("NaN"));
        assert!(svg.chars().all(|c| c == '\n' || !c.is_control()));
        snapshot.charts[0].shares.clear();
        assert_eq!(ratio(&snapshot.charts[0], "rust", false), None);
    }

    /// To look at: `MIXLAW_LOOK=/tmp/look cargo test --lib plot`.
    #[test]
    fn look() {
        let Ok(folder) = std::env::var("MIXLAW_LOOK") else { return };
        for (chart, name) in fixture::sweep().charts.iter().zip(["prose", "rust"]) {
            std::fs::write(format!("{folder}/plot-{name}.svg"), ratio(chart, name, false).unwrap()).unwrap();
        }
    }
}
