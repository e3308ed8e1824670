//! A loss against size, active size, tokens, experts or granularity: a line for the runs that differ in nothing else that is
//! known of their shape.

use super::fitted;
use crate::tui::fmt;
use crate::tui::lines::{Curve, Lines};
use crate::tui::shared::{Shared, label, losses};
use crate::tui::signs;
use crate::vocab::number::show_amount;
use crate::vocab::text::printable;
use crate::vocab::{FactName, Ordered, RunState, RunView, ShapeAdvice, Snapshot};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use std::collections::BTreeMap;

/// Lines that are drawn: more are a carpet.
const MOST: usize = 12;
/// Their signs: diamonds are the target's and the advice's.
const SIGNS: [&str; 8] = ["●", "○", "■", "□", "▲", "△", "▼", "▽"];

/// What is on the x axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// N.
    Params,
    /// Parameters used for one token.
    Active,
    /// D so far.
    Tokens,
    /// E.
    Experts,
    /// G.
    Granularity,
}

impl By {
    const ALL: [Self; 5] = [Self::Active, Self::Params, Self::Tokens, Self::Experts, Self::Granularity];

    /// What it is called on screen.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Params => "parameters",
            Self::Active => "active parameters",
            Self::Tokens => "tokens",
            Self::Experts => "experts",
            Self::Granularity => "granularity",
        }
    }

    /// Where a run is on it.
    fn of(self, run: &RunView) -> Option<f64> {
        match self {
            Self::Params => run.params(),
            Self::Active => run.number(FactName::ActiveParams),
            Self::Tokens => run.tokens_seen(),
            Self::Experts => run.number(FactName::Experts),
            Self::Granularity => run.number(FactName::Granularity),
        }
        .filter(|value| *value > 0.0 && value.is_finite())
    }
}

/// Whether two sizes are about the same, as those of a family of models are.
fn alike(value: f64) -> String {
    fmt::significant(value, 2)
}

/// The axes on which runs differ, the first being what to begin with.
pub(super) fn axes(shared: &Shared) -> Vec<By> {
    let Some(snapshot) = &shared.snapshot else { return Vec::new() };
    let measured = |run: &&RunView| losses(snapshot).iter().any(|loss| at(run, loss.key).is_some());
    let runs: Vec<&RunView> = snapshot.runs.iter().map(AsRef::as_ref).filter(measured).collect();
    let several = |by: &By| {
        let mut seen = runs.iter().filter_map(|run| by.of(run)).map(alike);
        let differ = seen.next().is_some_and(|first| seen.any(|other| other != first));
        // Every run of a sweep has another number of tokens while it goes on: that is no shape.
        let ended = *by != By::Tokens || runs.iter().all(|run| run.state == RunState::Finished);
        // Points with nothing beside them say nothing of what is on the axis.
        let compared = || {
            let lines = losses(snapshot).into_iter().flat_map(|loss| families(snapshot, *by, loss.key));
            lines.into_iter().any(|line| line.runs.windows(2).any(|two| alike(two[0].0) != alike(two[1].0)))
        };
        differ && ended && (matches!(by, By::Active | By::Params) || compared())
    };
    By::ALL.into_iter().filter(several).collect()
}

fn at(run: &RunView, key: &str) -> Option<f64> {
    run.metrics.get(key).map(|metric| metric.last).filter(|value| value.is_finite())
}

/// What a run has in common with those on its line.
fn group(snapshot: &Snapshot, run: &RunView, by: By) -> String {
    let mut parts = Vec::new();
    let number = |name| run.number(name).filter(|value| *value > 0.0);
    let of_size = matches!(by, By::Params | By::Active);
    if by != By::Experts
        && let Some(experts) = number(FactName::Experts)
    {
        parts.push(format!("E {}", show_amount(experts)));
        if let Some(chosen) = number(FactName::ExpertsPerToken) {
            parts.push(format!("K {}", show_amount(chosen)));
        }
        if let Some(fine) = number(FactName::Granularity).filter(|g| *g > 1.0 && by != By::Granularity) {
            parts.push(format!("G {}", show_amount(fine)));
        }
    }
    if !of_size {
        match number(FactName::ActiveParams) {
            Some(active) => parts.push(format!("{} active", nearest(snapshot, FactName::ActiveParams, active))),
            None => parts.extend(run.params().map(|params| nearest(snapshot, FactName::Params, params))),
        }
    }
    if snapshot.domains.len() > 1
        && let Some(mixture) = run.mixture()
    {
        let shares = snapshot.domains.iter().map(|domain| format!("{:.0}", 100.0 * mixture.weight(domain)));
        parts.push(shares.collect::<Vec<_>>().join("/"));
    }
    if parts.is_empty() { "dense".to_owned() } else { parts.join(" ") }
}

/// A size as that of its family: the least of those that follow each other within a twentieth.
fn nearest(snapshot: &Snapshot, name: FactName, value: f64) -> String {
    let mut all: Vec<f64> = snapshot.runs.iter().filter_map(|run| run.number(name)).filter(|v| *v <= value).collect();
    all.sort_by(f64::total_cmp);
    let family = all.iter().rev().fold(value, |least, next| if least / next <= 1.05 { *next } else { least });
    let unit = 10f64.powf(family.log10().floor() - 1.0);
    show_amount((family / unit).round() * unit)
}

/// A line of the chart.
struct Family<'a> {
    name: String,
    runs: Vec<(f64, f64, &'a RunView)>,
}

/// The lines, those of most runs first.
fn families<'a>(snapshot: &'a Snapshot, by: By, key: &str) -> Vec<Family<'a>> {
    let mut groups: BTreeMap<String, Vec<(f64, f64, &RunView)>> = BTreeMap::new();
    for run in snapshot.runs.iter().map(AsRef::as_ref) {
        if let (Some(x), Some(y)) = (by.of(run), at(run, key)) {
            groups.entry(group(snapshot, run, by)).or_default().push((x, y, run));
        }
    }
    let mut all: Vec<Family<'a>> = groups.into_iter().map(|(name, runs)| Family { name, runs }).collect();
    all.iter_mut().for_each(|family| family.runs.sort_by_cached_key(|pair| Ordered(pair.0)));
    all.sort_by_cached_key(|family| std::cmp::Reverse(family.runs.len()));
    all
}

/// Where the target and the recommended shape are, with what is expected there: x, value, least and greatest value.
fn marked(snapshot: &Snapshot, by: By, key: &str) -> Vec<(&'static str, &'static str, [f64; 4])> {
    let of = |params: f64, tokens: f64, moe: Option<crate::vocab::Moe>| match by {
        By::Params => Some(params),
        By::Active => moe.map(|moe| moe.active_params),
        By::Tokens => Some(tokens),
        By::Experts => moe.map(|moe| moe.experts),
        By::Granularity => moe.map(|moe| moe.granularity),
    };
    let mut out = Vec::new();
    let current = snapshot.target.as_ref().and_then(|target| target.mixture.as_ref());
    let of_target = |forecast: &&crate::vocab::Forecast| {
        forecast.chosen
            && forecast.metric == key
            && forecast.unseen.is_empty()
            && current.is_none_or(|mixture| *mixture == forecast.mixture)
    };
    if let Some(forecast) = snapshot.forecasts.iter().find(of_target)
        && let Some(x) = of(forecast.params, forecast.tokens, forecast.moe)
    {
        let interval = &forecast.interval;
        out.push(("◇", "target", [x, interval.value, interval.low, interval.high]));
    }
    if let Some(ShapeAdvice::Recommendation(advice)) = &snapshot.shape
        && let Some(expected) = advice.expected.get(key)
        && let Some(x) = of(advice.advised.params, advice.advised.tokens, advice.advised.moe)
    {
        out.push(("◆", "advised", [x, expected.value, expected.low, expected.high]));
    }
    out
}

/// Draws the lines into an area, their names below them.
pub(super) fn chart(shared: &Shared, by: By, key: &str, area: Rect, buf: &mut Buffer) {
    let Some(snapshot) = &shared.snapshot else { return };
    let theme = &shared.theme;
    let families = families(snapshot, by, key);
    let hidden = families.len().saturating_sub(MOST);
    let law = fitted::answer(shared, key);
    let said = fitted::by_run(law);
    let mut names = Vec::new();
    let mut curves = Vec::new();
    for (place, family) in families.iter().take(MOST).enumerate() {
        let (sign, style) = (SIGNS[place % SIGNS.len()], signs::series(theme, place as u32).1);
        let points = family.runs.iter().map(|(x, y, _)| (*x, *y)).collect();
        let said = |(x, _, run): &(f64, f64, &RunView)| Some((*x, said.get(run.name.as_str())?.fitted));
        let law: Vec<(f64, f64)> = family.runs.iter().filter_map(said).collect();
        let apart = law.len() > 1;
        if apart {
            curves.push(Curve { points: law, style, sign: "", ..Curve::default() });
        }
        curves.push(Curve { points, style, sign, dots: true, apart, ..Curve::default() });
        names.push((sign, style, family.name.clone()));
    }
    for (sign, name, [x, value, low, high]) in marked(snapshot, by, key) {
        let style = if name == "target" { theme.now } else { theme.advised };
        let points = vec![(x, value)];
        curves.push(Curve { points, spread: vec![(x, low, high)], style, sign, dots: true, ..Curve::default() });
        let text = format!("{name} {} ({}–{})", fmt::loss(value), fmt::loss(low), fmt::loss(high));
        names.push((sign, style, text));
    }
    if let Some(law) = law {
        let text = format!("fitted by {}, {} off on average", law.law, fmt::percent(fitted::error(law)));
        names.push(("⠤", theme.dim, text));
    }
    let mut lines: Vec<Line<'static>> = vec![Line::default()];
    for (sign, style, name) in names {
        let item =
            vec![Span::styled(format!("{sign} "), style), Span::styled(format!("{}  ", printable(&name)), theme.text)];
        let wide: usize = item.iter().map(Span::width).sum();
        let full = lines.last().is_some_and(|line| line.width() + wide > usize::from(area.width));
        if full {
            lines.push(Line::default());
        }
        if let Some(line) = lines.last_mut() {
            line.spans.extend(item);
        }
    }
    if hidden > 0 {
        lines.push(Line::from(Span::styled(format!("… and {hidden} more lines: filter or see the table"), theme.dim)));
    }
    let most = usize::from(area.height / 3).max(1);
    if lines.len() > most {
        lines.truncate(most);
        if let Some(line) = lines.last_mut() {
            line.spans.push(Span::styled("…", theme.dim));
        }
    }
    let below = lines.len() as u16;
    let plot = Rect { height: area.height.saturating_sub(below), ..area };
    Lines { log_x: true, ..Lines::of(&curves, theme) }.draw(plot, buf);
    for (y, line) in (plot.bottom()..area.bottom()).zip(&lines) {
        let text = crate::tui::text::text_area(area);
        buf.set_line(text.x, y, line, text.width);
    }
}

/// The runs in a table, the best first.
pub(super) fn table(shared: &Shared, key: &str, width: u16) -> Vec<Line<'static>> {
    let Some(snapshot) = &shared.snapshot else { return Vec::new() };
    let theme = &shared.theme;
    let mut runs: Vec<(&RunView, f64)> =
        snapshot.runs.iter().filter_map(|run| Some((run.as_ref(), at(run, key)?))).collect();
    let more = shared.unit(key).higher_is_better();
    runs.sort_by(|a, b| if more { b.1.total_cmp(&a.1) } else { a.1.total_cmp(&b.1) });
    let named = [
        ("E", FactName::Experts),
        ("K", FactName::ExpertsPerToken),
        ("G", FactName::Granularity),
        ("active", FactName::ActiveParams),
    ];
    let known = |name: &FactName| runs.iter().any(|(run, _)| run.number(*name).is_some());
    let shown: Vec<(&str, FactName)> = named.into_iter().filter(|(_, name)| known(name)).collect();
    let law = fitted::answer(shared, key);
    let said = fitted::by_run(law);
    let fixed = 9 * shown.len() + 9 * 3 + if law.is_some() { 18 } else { 0 };
    let longest = runs.iter().map(|(run, _)| fmt::width(shared.runs.short(&run.name))).max().unwrap_or(4);
    let name = longest.clamp(4, usize::from(width).saturating_sub(fixed).clamp(8, 40));
    let mut head = format!("{}  ", fmt::left("run", name));
    shown.iter().for_each(|(word, _)| head.push_str(&format!("{word:>7}  ")));
    let heading = fmt::head(&label(snapshot, key), 14);
    let of_loss = fmt::width(&heading).max(7);
    head.push_str(&format!("{:>7}  {:>7}  {}", "N", "D", fmt::right(&heading, of_loss)));
    if law.is_some() {
        head.push_str(&format!("  {:>7}  {:>7}", "fitted", "off"));
    }
    let mut out = vec![Line::default(), Line::from(Span::styled(fmt::head(&head, width.into()), theme.dim))];
    for (run, value) in runs {
        let amount = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), show_amount);
        let mut row = format!("{}  ", fmt::left(&fmt::tail(&printable(shared.runs.short(&run.name)), name), name));
        shown.iter().for_each(|(_, fact)| row.push_str(&format!("{:>7}  ", amount(run.number(*fact)))));
        row.push_str(&format!("{:>7}  {:>7}  ", amount(run.params()), amount(run.tokens_seen())));
        row.push_str(&fmt::right(&fmt::loss(value), of_loss));
        if law.is_some() {
            let said = said.get(run.name.as_str());
            let off = said.map(|said| 100.0 * (said.measured / said.fitted - 1.0)).filter(|off| off.is_finite());
            let value = said.map_or_else(|| "–".to_owned(), |said| fmt::loss(said.fitted));
            let off = off.map_or_else(|| "–".to_owned(), |off| format!("{off:+.1} %"));
            row.push_str(&format!("  {value:>7}  {off:>7}"));
        }
        let style = if run.state == RunState::Finished { theme.text } else { theme.dim };
        let goes_on = if run.state == RunState::Running { " so far" } else { "" };
        let row = fmt::head(&format!("{row}{goes_on}"), width.into());
        out.push(Line::from(Span::styled(row, style)));
    }
    out
}
