//! What the laws say of the place that is tried: a line for each loss, and what to beware of.

use super::{WhatIf, current, recommendation};
use crate::tui::fmt;
use crate::tui::shared::{Shared, label};
use crate::tui::text::bullet;
use crate::vocab::text::printable;
use crate::vocab::{BeyondRuns, Forecast, Mixture, Snapshot};
use ratatui::text::{Line, Span};
use std::collections::BTreeMap;

impl WhatIf {
    /// One line per loss: now, advised, here, its interval, its limit.
    pub(super) fn losses(
        shared: &Shared,
        snapshot: &Snapshot,
        forecasts: &[Forecast],
        width: u16,
    ) -> Vec<Line<'static>> {
        let theme = &shared.theme;
        let advice = recommendation(snapshot);
        let expected = advice.map(|advice| &advice.expected);
        let none = BTreeMap::new();
        let expected = expected.unwrap_or(&none);
        let current = current(snapshot);
        let chosen: Vec<&Forecast> = forecasts.iter().filter(|forecast| forecast.chosen).collect();
        let name = |key: &str| fmt::head(&label(snapshot, key), 16);
        let names = chosen.iter().map(|f| fmt::width(&name(&f.metric))).max().unwrap_or(0).max(4);
        let with_limit = usize::from(width) >= names + 44;
        let limit_head = if with_limit { "  limit" } else { "" };
        let head = format!(
            "  {} {:>6} {:>7} {:>6}  {:<13}{limit_head}",
            fmt::left("loss", names),
            "now",
            "advised",
            "here",
            "90% range"
        );
        let mut out = vec![Line::from(Span::styled(head, theme.dim))];
        for forecast in chosen {
            let advised = expected.get(&forecast.metric);
            // By what forecasts this place too, where that is known: numbers side by side are to be of one kind.
            let alike = |mixture: Option<&Mixture>| {
                let is_it = |f: &&Forecast| f.chosen && f.metric == forecast.metric && Some(&f.mixture) == mixture;
                snapshot.forecasts.iter().find(is_it).map(|f| f.interval.value)
            };
            let now = alike(current).or_else(|| advised.map(|e| e.now));
            let best = alike(advice.map(|advice| &advice.mixture)).or_else(|| advised.map(|e| e.value));
            let (value, low, high) = (forecast.interval.value, forecast.interval.low, forecast.interval.high);
            // Good and bad by the metric's direction, beside what there is now.
            let style = match now {
                Some(now) if (value - now).abs() > 5e-4 * now.abs() => {
                    if forecast.measure.is_better(value, now) {
                        theme.good
                    } else {
                        theme.warn
                    }
                }
                _ => theme.text,
            };
            let shown = |value: Option<f64>| value.map_or_else(|| "—".to_owned(), fmt::loss);
            let ranks_only = !forecast.unseen.is_empty();
            let range =
                if ranks_only { "ranks only".to_owned() } else { format!("{}–{}", fmt::loss(low), fmt::loss(high)) };
            let mut spans = vec![
                Span::styled(format!("  {}", fmt::left(&name(&forecast.metric), names)), theme.text),
                Span::styled(format!(" {:>6}", shown(now)), theme.now),
                Span::styled(format!(" {:>7}", shown(best)), theme.advised),
                Span::styled(format!(" {:>6}", fmt::loss(value)), style),
                Span::styled(format!("  {range:<13}"), theme.text),
            ];
            if let Some(limit) = advised.and_then(|e| e.limit).filter(|_| with_limit) {
                let kept = forecast.measure.keeps(value, limit);
                let (sign, style) = if kept { ("✓", theme.good) } else { ("✗", theme.bad) };
                spans.push(Span::styled(
                    format!("  {} {} ", forecast.measure.limit_sign(), fmt::loss(limit)),
                    theme.text,
                ));
                spans.push(Span::styled(sign, style));
            }
            out.push(Line::from(spans));
        }
        out
    }

    /// What to beware of at this place.
    pub(super) fn warnings(shared: &Shared, forecasts: &[Forecast], width: u16) -> Vec<Line<'static>> {
        let theme = &shared.theme;
        let mut out = Vec::new();
        let Some(first) = forecasts.iter().find(|forecast| forecast.chosen) else { return out };
        let mut say = |text: String| out.extend(bullet("!", theme.warn, &text, theme.text, width));
        let reach = &first.extrapolation;
        for (factor, what) in [(reach.params, "the largest run"), (reach.tokens, "the most tokens of a run")] {
            if factor > 1.05 {
                say(format!("{} × {what}", fmt::significant(factor, 2)));
            }
        }
        let beyond = forecasts.iter().filter(|forecast| forecast.chosen).filter_map(|f| f.beyond_runs.as_ref());
        match BeyondRuns::said(beyond) {
            Some(said) => say(said),
            None if !reach.mixture_inside => say("no run has a mixture near this one".to_owned()),
            None => {}
        }
        let measured = first.measured.as_ref();
        if let Some(measured) = measured {
            let text = format!("measured near here: {}", printable(shared.runs.short(&measured.run)));
            out.extend(bullet("·", theme.dim, &text, theme.text, width));
        }
        out
    }
}
