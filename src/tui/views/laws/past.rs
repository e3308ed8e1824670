//! The fits as they were: those that stood after an earlier refit, beside what is said now.

use super::lines_of;
use crate::tui::fmt;
use crate::tui::question::{Answer, Question};
use crate::tui::shared::{Shared, label};
use crate::tui::text::prose;
use crate::vocab::text::printable;
use crate::vocab::{KeptFit, STACK, Snapshot};
use ratatui::text::{Line, Span};

/// When fits were made, ascending, where that is known.
pub(super) fn moments(shared: &Shared) -> Option<&[f64]> {
    match shared.answer(&Question::Moments)? {
        Answer::Moments(all) => Some(all),
        _ => None,
    }
}

/// The time of the round so many before the newest one.
fn moment(shared: &Shared, back: usize) -> Option<f64> {
    let all = moments(shared)?;
    all.get(all.len().checked_sub(back + 1)?).copied()
}

pub(super) fn asks(shared: &Shared, back: usize) -> Vec<Question> {
    if back == 0 {
        return Vec::new();
    }
    let fits = moment(shared, back).map(Question::FitsAt);
    std::iter::once(Question::Moments).chain(fits).collect()
}

/// The fits that stood then, and what they said of the target beside what is said now.
pub(super) fn text(shared: &Shared, back: usize, width: u16) -> Vec<Line<'static>> {
    let theme = &shared.theme;
    let Some(snapshot) = &shared.snapshot else { return Vec::new() };
    let Some(all) = moments(shared) else {
        let failed = match shared.answer(&Question::Moments) {
            Some(Answer::Failed(why)) => format!("Earlier fits cannot be shown: {}.", printable(why)),
            _ => "Looking for earlier fits …".to_owned(),
        };
        return prose(&failed, theme.dim, width);
    };
    let Some(at) = moment(shared, back) else {
        return prose("No earlier fits are kept. Esc goes back to now.", theme.dim, width);
    };
    let ago = fmt::ago(snapshot.at + shared.age - at);
    let head = format!("As it was {ago}: refit {} of {}. [ earlier, ] later, Esc now.", all.len() - back, all.len());
    let mut out = prose(&head, theme.warn, width);
    let kept = match shared.answer(&Question::FitsAt(at)) {
        Some(Answer::Fits(kept)) => kept,
        Some(Answer::Failed(why)) => {
            out.extend(prose(&format!("These fits cannot be shown: {}.", printable(why)), theme.dim, width));
            return out;
        }
        _ => {
            out.extend(prose("Reading these fits …", theme.dim, width));
            return out;
        }
    };
    for kept in kept.iter().filter(|kept| kept.fit.chosen) {
        out.extend(then_and_now(shared, snapshot, kept));
    }
    let mut fits: Vec<_> = kept.iter().map(|kept| kept.fit.clone()).collect();
    fits.sort_by_cached_key(|fit| !fit.chosen);
    let wanted = shared.main_fit().map(|(_, fit)| (fit.metric.clone(), fit.law.clone()));
    let same = |fit: &crate::vocab::FitView| {
        wanted.as_ref().is_some_and(|(metric, law)| fit.metric == *metric && fit.law == *law)
    };
    let of_metric = |fit: &crate::vocab::FitView| wanted.as_ref().is_some_and(|(metric, _)| fit.metric == *metric);
    let shown = fits.iter().position(same).or_else(|| fits.iter().position(of_metric)).unwrap_or(0);
    let past = Snapshot { fits, choices: Vec::new(), ..(**snapshot).clone() };
    out.extend(lines_of(shared, &past, shown, width));
    out
}

/// `rust  target 1.483 (1.461–1.504) from 12 runs, now 1.471`
fn then_and_now(shared: &Shared, snapshot: &Snapshot, kept: &KeptFit) -> Option<Line<'static>> {
    let theme = &shared.theme;
    let then = kept.target.as_ref()?;
    let there = || snapshot.forecasts.iter().filter(|f| f.metric == kept.fit.metric && f.mixture == then.mixture);
    // By the law in use, as then: it comes first, or after the stack.
    let now = there().any(|forecast| forecast.chosen).then(|| there().find(|forecast| forecast.law != STACK)).flatten();
    let runs = crate::vocab::count::counted(kept.runs.len(), "run");
    let interval = then.interval;
    let mut spans = vec![
        Span::styled(fmt::head(&label(snapshot, &kept.fit.metric), 14), theme.title),
        Span::styled("  target ", theme.dim),
        Span::styled(fmt::loss(interval.value), theme.text),
        Span::styled(format!(" ({}–{})", fmt::loss(interval.low), fmt::loss(interval.high)), theme.text),
        Span::styled(format!(" from {runs}"), theme.dim),
    ];
    if let Some(now) = now {
        spans.push(Span::styled(", now ", theme.dim));
        spans.push(Span::styled(fmt::loss(now.interval.value), theme.accent));
    }
    Some(Line::from(spans))
}
