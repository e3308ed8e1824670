//! Advice view: the recommended mixture, its expected effect and reasons, or why there is none.

mod outlook;
mod shape;

use super::{Actions, Presence, Role, Spec, View, ViewId};
use crate::tui::fmt;
use crate::tui::shared::{Shared, label, losses};
use crate::tui::text::{bullet, prose};
use crate::tui::theme::Theme;
use crate::vocab::number::show_amount;
use crate::vocab::text::printable;
use crate::vocab::{
    self, Abstention, AutoView, EXTRAPOLATES, Expected, Forecast, Mixture, Ordered, Recommendation, STACK, Snapshot,
};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use std::collections::BTreeMap;

static SPEC: Spec = Spec {
    id: ViewId("advice"),
    name: "Advice",
    about: "advice",
    roles: &[Role::Answer],
    signs: &[("━ ╍ ┄", "weight that stays, is added, is removed"), ("◇ ◆", "current mixture, recommended mixture")],
};

/// The advice. Has no state of its own.
#[derive(Debug, Clone, Default)]
pub struct Advice;

impl Actions for Advice {}

impl View for Advice {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    /// Where there is one run and nothing to mix, its own view says all there is to say.
    fn presence(&self, shared: &Shared) -> Presence {
        let nothing = shared.snapshot.as_ref().is_some_and(|snapshot| match &snapshot.advice {
            Some(vocab::Advice::Abstained(abstention)) => {
                abstention.nothing_to_mix.is_some() && !shape::leads(snapshot) && snapshot.forecasts.is_empty()
            }
            _ => false,
        });
        if nothing && super::one::One.presence(shared) == Presence::There { Presence::Quiet } else { Presence::There }
    }

    fn title(&self, shared: &Shared, _room: usize) -> String {
        shared.snapshot.as_ref().map_or(SPEC.name, |snapshot| title(snapshot)).to_owned()
    }

    fn headline(&self, shared: &Shared) -> Option<String> {
        shared.snapshot.as_ref().map(|snapshot| headline(snapshot))
    }

    /// The recommended mixture as YAML, for a project file.
    fn copy(&self, shared: &Shared) -> Option<String> {
        match &shared.snapshot.as_ref()?.advice {
            Some(vocab::Advice::Recommendation(advice)) => Some(super::what_if::as_yaml(&advice.mixture)),
            _ => None,
        }
    }

    fn lines(&self, shared: &Shared, width: u16) -> Vec<Line<'static>> {
        shared.snapshot.as_ref().map_or_else(Vec::new, |snapshot| lines(shared, snapshot, width))
    }
}

fn title(snapshot: &Snapshot) -> &'static str {
    match &snapshot.advice {
        Some(vocab::Advice::Recommendation(_)) => "Recommendation",
        _ if shape::leads(snapshot) => "Recommendation",
        Some(vocab::Advice::Abstained(abstention)) if abstention.nothing_to_mix.is_some() => "Forecasts",
        Some(vocab::Advice::Abstained(_)) => "No recommendation",
        None => "Advice",
    }
}

/// The answer in one sentence.
fn headline(snapshot: &Snapshot) -> String {
    match &snapshot.advice {
        None => "No fit yet".to_owned(),
        Some(vocab::Advice::Abstained(Abstention { nothing_to_mix: Some(_), .. })) => outlook::headline(snapshot),
        Some(vocab::Advice::Abstained(_)) => "Not enough evidence to recommend a change".to_owned(),
        Some(vocab::Advice::Recommendation(r)) => {
            let mut moves = changes(snapshot, r);
            moves.sort_by_cached_key(|each| std::cmp::Reverse(Ordered(each.delta())));
            let say =
                |m: &Change| format!("{} from {} to {}", m.name, fmt::percent_short(m.from), fmt::percent_short(m.to));
            match (moves.first(), moves.last()) {
                (Some(up), _) if up.delta() < 0.005 => "Keep the current mixture".to_owned(),
                (Some(up), Some(down)) if moves.len() > 2 => format!("Raise {}, lower {}", say(up), say(down)),
                (Some(up), _) => format!("Raise {}", say(up)),
                _ => "Keep the current mixture".to_owned(),
            }
        }
    }
}

fn lines(shared: &Shared, snapshot: &Snapshot, width: u16) -> Vec<Line<'static>> {
    let mut out = match &snapshot.advice {
        None => not_yet(&shared.theme, snapshot, width),
        Some(vocab::Advice::Abstained(abstention)) if shape::leads(snapshot) => {
            // The paragraph begins with the space that parts it from one above.
            let mut out: Vec<Line<'static>> = shape::lines(&shared.theme, snapshot, width).split_off(1);
            out.push(Line::default());
            if let Some(missing) = &abstention.nothing_to_mix {
                out.extend(prose(&printable(missing), shared.theme.dim, width));
                return out;
            }
            out.push(Line::from(Span::styled("No recommended mixture", shared.theme.title)));
            for reason in &abstention.reasons {
                out.extend(bullet("·", shared.theme.dim, reason, shared.theme.text, width));
            }
            out
        }
        Some(vocab::Advice::Abstained(Abstention { nothing_to_mix: Some(missing), .. })) => {
            let mut out = outlook::lines(shared, snapshot, width);
            out.push(Line::default());
            out.extend(prose(&printable(missing), shared.theme.dim, width));
            out
        }
        Some(vocab::Advice::Abstained(abstention)) => abstained(&shared.theme, abstention, width),
        Some(vocab::Advice::Recommendation(r)) => recommended(&shared.theme, snapshot, r, width),
    };
    // Where the shape leads, its lines stand above already.
    let below = match snapshot.advice {
        None => false,
        Some(vocab::Advice::Recommendation(_)) => true,
        Some(vocab::Advice::Abstained(_)) => !shape::leads(snapshot),
    };
    if below {
        out.extend(shape::lines(&shared.theme, snapshot, width));
    }
    if let Some(forecast) = snapshot.forecasts.iter().find(|f| f.chosen)
        && !matches!(
            snapshot.advice,
            Some(
                vocab::Advice::Recommendation(_) | vocab::Advice::Abstained(Abstention { nothing_to_mix: Some(_), .. })
            )
        )
    {
        out.push(Line::default());
        out.extend(as_is(&shared.theme, snapshot, forecast, width));
        out.extend(reach(&shared.theme, snapshot, width));
    }
    if !shared.is_roomy() {
        out.retain(|line| line.width() > 0);
    }
    out
}

/// More domains than this are counted, those that change most first.
const MOST_BARS: usize = 8;
/// Seconds for which advice must stand before that is said: in a picture of this moment it has always just begun.
const STANDS: f64 = 10.0;

struct Change {
    name: String,
    from: f64,
    to: f64,
    /// Least and most weight at which the objective is within 0.1 % of the lowest.
    flat: Option<[f64; 2]>,
}

impl Change {
    fn delta(&self) -> f64 {
        self.to - self.from
    }
}

/// Every domain either mixture names, in the order of the project.
fn changes(snapshot: &Snapshot, r: &Recommendation) -> Vec<Change> {
    let others = r.mixture.0.keys().chain(r.current.0.keys()).filter(|d| !snapshot.domains.contains(d));
    let mut names: Vec<&String> = snapshot.domains.iter().chain(others).collect();
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|d| seen.insert(*d));
    names
        .into_iter()
        .map(|d| Change {
            name: fmt::head(d, 14),
            from: r.current.weight(d),
            to: r.mixture.weight(d),
            flat: r.flat.get(d).copied(),
        })
        .collect()
}

fn recommended(theme: &Theme, snapshot: &Snapshot, r: &Recommendation, width: u16) -> Vec<Line<'static>> {
    let mut out = prose(&headline(snapshot), theme.advised, width);
    out.push(Line::default());
    let mut moves = changes(snapshot, r);
    let rest = moves.len().saturating_sub(MOST_BARS);
    if rest > 0 {
        moves.sort_by_cached_key(|each| std::cmp::Reverse(Ordered(each.delta().abs())));
        moves.truncate(MOST_BARS);
    }
    let names = moves.iter().map(|m| fmt::width(&m.name)).max().unwrap_or(0);
    let largest = moves.iter().map(|m| m.from.max(m.to)).fold(0.0, f64::max);
    // A bar of the whole width is all of the mixture, unless that would leave every bar short.
    let whole = if largest > 0.4 { 1.0 } else { largest.max(1e-6) };
    out.extend(moves.iter().map(|m| bars(theme, m, whole, names, width)));
    if rest > 0 {
        out.push(Line::from(Span::styled(format!("… and {rest} that change less"), theme.dim)));
    }
    out.push(Line::default());
    out.extend(expected(theme, snapshot, &r.expected, width));
    out.extend(stacked(theme, snapshot, &r.mixture, width));
    out.push(Line::default());
    out.push(probability(theme, r.p_better, "better than now", width));
    if r.expected.values().any(|e| e.limit.is_some()) {
        out.push(probability(theme, r.p_within_limits, "every limit holds", width));
    }
    out.extend(flat(theme, &moves, width));
    if let Some(since) = r.since.filter(|since| r.decided.is_some() || snapshot.at - since >= STANDS) {
        let decided = r.decided.map(|state| format!(", {}", state.word())).unwrap_or_default();
        let stands = format!("stands for {}{decided}", fmt::duration((snapshot.at - since).max(0.0)));
        out.push(Line::from(Span::styled(stands, theme.dim)));
    }
    if let Some(auto) = &r.auto {
        out.extend(prose(&automatic(auto, r.decided.is_some(), snapshot.at), theme.dim, width));
    }
    // Before the reasons: it qualifies every number above, and must not be scrolled out of sight.
    out.extend(reach(theme, snapshot, width));
    // How far the target lies beyond the data has just been said.
    for reason in r.reasons.iter().filter(|reason| !reason.ends_with(EXTRAPOLATES)) {
        out.extend(bullet("·", theme.dim, reason, theme.text, width));
    }
    out
}

/// `applied by itself · last 3 h 10 min ago · not now: it changes rust by …`; of advice that was decided, that says why.
fn automatic(auto: &AutoView, decided: bool, now: f64) -> String {
    let mut out = "applied by itself".to_owned();
    if let Some(last) = auto.last {
        out.push_str(&format!(" · last {} ago", fmt::duration((now - last).max(0.0))));
    }
    match (&auto.held, auto.until) {
        (_, Some(until)) => out.push_str(&format!(" · cooldown for {} more", fmt::duration((until - now).max(0.0)))),
        (Some(_), None) if decided => {}
        (Some(held), None) => out.push_str(&format!(" · not now: {held}")),
        (None, None) => out.push_str(" · next"),
    }
    out
}

/// How flat the optimum is: `within 0.1 % of this loss: rust 62–79%`; of two domains, the one that gains says it all.
fn flat(theme: &Theme, moves: &[Change], width: u16) -> Vec<Line<'static>> {
    let only = moves.iter().max_by(|a, b| a.delta().total_cmp(&b.delta())).filter(|_| moves.len() == 2);
    let told = moves.iter().filter(|m| only.is_none_or(|only| only.name == m.name));
    let one = |m: &Change| {
        let [low, high] = m.flat?;
        Some(format!("{} {:.0}–{:.0}%", m.name, 100.0 * low, 100.0 * high))
    };
    let ranges: Vec<String> = told.filter_map(one).collect();
    match ranges.is_empty() {
        true => Vec::new(),
        false => prose(&format!("within 0.1 % of this loss: {}", ranges.join(", ")), theme.dim, width),
    }
}

/// `rust   20.0% →  74.0%  ━━━━━━━╍╍╍╍╍╍╍╍╍╍╍╍`: solid is what stays, heavy dashes what is added, light ones what goes.
fn bars(theme: &Theme, m: &Change, whole: f64, names: usize, width: u16) -> Line<'static> {
    let from = fmt::right(&fmt::percent(m.from), 6);
    let to = fmt::right(&fmt::percent(m.to), 6);
    let room = usize::from(width).saturating_sub(names + 18);
    let columns = |part: f64| ((part / whole).clamp(0.0, 1.0) * room as f64).round() as usize;
    let (low, high) = (columns(m.from.min(m.to)), columns(m.from.max(m.to)));
    let (fill, style) = if m.delta() >= 0.0 { ("╍", theme.advised) } else { ("┄", theme.now) };
    Line::from(vec![
        Span::styled(fmt::left(&m.name, names), theme.text),
        Span::styled(format!(" {from}"), theme.now),
        Span::styled(" → ", theme.dim),
        Span::styled(to, theme.advised),
        Span::raw("  "),
        Span::styled("━".repeat(low), theme.accent),
        Span::styled(fill.repeat(high - low), style),
    ])
}

/// One line per loss: now, advised, its interval, its limit.
fn expected(
    theme: &Theme,
    snapshot: &Snapshot,
    by_loss: &BTreeMap<String, Expected>,
    width: u16,
) -> Vec<Line<'static>> {
    let order = losses(snapshot);
    let mut rows: Vec<(&String, &Expected)> = by_loss.iter().collect();
    // What is minimised before what is only limited.
    rows.sort_by_cached_key(|(key, e)| (e.limit.is_some(), order.iter().position(|l| l.key == *key)));
    let range = |e: &Expected| format!("{}–{}", fmt::loss(e.low), fmt::loss(e.high));
    // Columns are as wide as the longest number in them, and what is left is the names'.
    let now = fmt::widest(5, rows.iter().map(|(_, e)| fmt::loss(e.now)));
    let new = fmt::widest(5, rows.iter().map(|(_, e)| fmt::loss(e.value)));
    let ranges = fmt::widest(11, rows.iter().map(|(_, e)| range(e)));
    let numbers = now + new + ranges + 5;
    let room = usize::from(width).saturating_sub(numbers).clamp(4, 14);
    let name = |key: &str| fmt::head(&label(snapshot, key), room);
    let names = fmt::widest(4, rows.iter().map(|(key, _)| name(key)));
    // Name, now, arrow, advised, interval; the limit where there is room.
    let with_limit = usize::from(width) >= names + numbers + 11 && rows.iter().any(|(_, e)| e.limit.is_some());
    let mut head = vec![Span::styled(
        format!("{} {:>now$} → {:<new$} {:<ranges$}", fmt::left("loss", names), "now", "new", "90% range"),
        theme.dim,
    )];
    if with_limit {
        head.push(Span::styled("  limit", theme.dim));
    }
    let mut out = vec![Line::from(head)];
    for (key, e) in rows {
        let mut spans = vec![
            Span::styled(fmt::left(&name(key), names), theme.text),
            Span::styled(format!(" {:>now$}", fmt::loss(e.now)), theme.now),
            Span::styled(" → ", theme.dim),
            Span::styled(format!("{:<new$}", fmt::loss(e.value)), theme.advised),
            Span::styled(format!(" {:<ranges$}", range(e)), theme.text),
        ];
        if let Some(limit) = e.limit {
            let kept = e.measure.keeps(e.value, limit);
            let (sign, style) = if kept { ("✓", theme.good) } else { ("✗", theme.bad) };
            let text = format!("{} {} ", e.measure.limit_sign(), fmt::loss(limit));
            if with_limit {
                spans.push(Span::styled(format!("  {text}"), theme.text));
                spans.push(Span::styled(sign, style));
            } else {
                out.push(Line::from(spans));
                spans = vec![
                    Span::styled(format!("{} ", " ".repeat(names + now + 2)), theme.text),
                    Span::styled(text, theme.dim),
                    Span::styled(sign, style),
                ];
            }
        }
        out.push(Line::from(spans));
    }
    out
}

fn probability(theme: &Theme, p: f64, what: &str, width: u16) -> Line<'static> {
    let style = probability_style(theme, p);
    // No resampling makes anything certain.
    let shown = if p > 0.995 { ">99%".to_owned() } else { format!("{:.0}%", 100.0 * p) };
    let room = usize::from(width).saturating_sub(26).min(24);
    let (full, empty) = if room < 8 { (String::new(), String::new()) } else { fmt::bar(p, room) };
    Line::from(vec![
        Span::styled(format!("{shown:>4} "), style),
        Span::styled(fmt::left(what, 18), theme.text),
        Span::raw("  "),
        Span::styled(full, style),
        Span::styled(empty, theme.faint),
    ])
}

fn probability_style(theme: &Theme, p: f64) -> Style {
    match p {
        p if p >= 0.9 => theme.good,
        p if p >= 0.7 => theme.warn,
        _ => theme.bad,
    }
}

fn abstained(theme: &Theme, a: &Abstention, width: u16) -> Vec<Line<'static>> {
    // What is missing, and no alarm: nothing is broken.
    let mut out = prose("Not enough evidence to recommend a change", theme.title, width);
    out.push(Line::default());
    for reason in &a.reasons {
        out.extend(bullet("·", theme.dim, reason, theme.text, width));
    }
    if !a.would_help.is_empty() {
        out.push(Line::default());
        out.push(Line::from(Span::styled("What would help", theme.title)));
        for help in &a.would_help {
            out.extend(bullet("→", theme.accent, help, theme.text, width));
        }
    }
    out
}

fn not_yet(theme: &Theme, snapshot: &Snapshot, width: u16) -> Vec<Line<'static>> {
    let (head, body) = if snapshot.runs.is_empty() {
        ("No runs yet", "Runs appear here as soon as they write logs.")
    } else if snapshot.daemon.ingest.is_some() {
        ("Reading logs", "The first fit starts when all logs are read.")
    } else if snapshot.daemon.refitting {
        ("Fitting laws", "Advice appears after the first fit.")
    } else {
        ("No fit yet", "A law needs validation losses of runs at three or more ratios.")
    };
    let mut out = prose(head, theme.title, width);
    out.push(Line::default());
    out.extend(prose(body, theme.dim, width));
    out
}

/// What the target would reach as things are.
fn as_is(theme: &Theme, snapshot: &Snapshot, any: &Forecast, width: u16) -> Vec<Line<'static>> {
    let size = format!("At {} params and {} tokens", show_amount(any.params), show_amount(any.tokens));
    let mixed = if any.mixture.0.len() > 1 { ", with the current mixture" } else { "" };
    let mut out = prose(&format!("{size}{mixed}:"), theme.dim, width);
    for f in snapshot.forecasts.iter().filter(|f| f.chosen && f.mixture == any.mixture) {
        let i = f.interval;
        out.push(Line::from(vec![
            Span::styled(fmt::left(&fmt::head(&label(snapshot, &f.metric), 14), 8), theme.text),
            Span::styled(format!(" {:>6}", fmt::loss(i.value)), theme.now),
            Span::styled(format!("  {} – {}", fmt::loss(i.low), fmt::loss(i.high)), theme.text),
        ]));
    }
    out
}

/// What the laws weighted together say of the same mixture: a second opinion on what the chosen laws say.
fn stacked(theme: &Theme, snapshot: &Snapshot, mixture: &Mixture, width: u16) -> Vec<Line<'static>> {
    let of_stack = snapshot.forecasts.iter().filter(|f| f.law == STACK && f.mixture == *mixture);
    let said: Vec<String> = of_stack
        .map(|f| {
            let (low, high) = (fmt::loss(f.interval.low), fmt::loss(f.interval.high));
            format!("{} {} ({low}–{high})", label(snapshot, &f.metric), fmt::loss(f.interval.value))
        })
        .collect();
    if said.is_empty() {
        return Vec::new();
    }
    prose(&format!("weighted mean of all laws: {}", said.join(", ")), theme.dim, width)
}

/// How far outside the data the target is.
fn reach(theme: &Theme, snapshot: &Snapshot, width: u16) -> Vec<Line<'static>> {
    let mut out = Vec::new();
    let Some(first) = snapshot.forecasts.first() else { return out };
    let mut beyond = Vec::new();
    for (factor, what) in
        [(first.extrapolation.params, "the largest run"), (first.extrapolation.tokens, "the most tokens")]
    {
        if factor > 1.05 {
            beyond.push(format!("{} × {what}", fmt::significant(factor, 2)));
        }
    }
    if !beyond.is_empty() {
        let text = format!("extrapolates: {}", beyond.join(", "));
        out.extend(bullet("!", theme.warn, &text, theme.text, width));
    }
    if snapshot.forecasts.iter().any(|f| !f.extrapolation.mixture_inside || f.beyond_runs.is_some()) {
        out.extend(bullet("!", theme.warn, "the runs do not cover a mixture shown here", theme.text, width));
    }
    out
}
