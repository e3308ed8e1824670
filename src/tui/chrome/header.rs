//! Header, two lines: project and target; connection, daemon and refits.

use crate::tui::shared::{Link, Shared};
use crate::tui::signs::state_word;
use crate::tui::{Model, STOPPED, fmt, signs};
use crate::vocab::number::show_amount;
use crate::vocab::text::printable;
use crate::vocab::{DaemonView, RunState, Snapshot};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;

/// Draws it.
pub fn draw(model: &Model, area: Rect, buf: &mut Buffer) {
    let shared = &model.shared;
    let theme = &shared.theme;
    let first = Rect { height: 1, ..area };
    let mut left = vec![vec![Span::styled(" mixlaw ", theme.focus)]];
    if let Some(snapshot) = &shared.snapshot {
        left[0].push(Span::styled(printable(&snapshot.project), theme.title));
        left.extend(about(shared, snapshot));
    }
    spread(&left, status(shared), first, theme.faint, buf);
    if let Some(snapshot) = &shared.snapshot
        && area.height > 1
    {
        let second = Rect { y: area.y + 1, height: 1, ..area };
        spread(&plumbing(shared, snapshot, area.width < 110), Vec::new(), second, theme.faint, buf);
    }
}

type Piece = Vec<Span<'static>>;

/// The target and the objective.
fn about(shared: &Shared, snapshot: &Snapshot) -> Vec<Piece> {
    let theme = &shared.theme;
    let Some(target) = &snapshot.target else { return Vec::new() };
    let mut size = vec![
        Span::styled("target ", theme.dim),
        Span::styled(show_amount(target.params), theme.text),
        Span::styled(" params, ", theme.dim),
        Span::styled(show_amount(target.tokens), theme.text),
        Span::styled(" tokens", theme.dim),
    ];
    size.extend(target.moe.map(|moe| Span::styled(format!(", {moe}"), theme.dim)));
    // Without a loss to mix for, there is nothing to minimise.
    let objective = printable(&target.objective);
    std::iter::once(size).chain((!objective.is_empty()).then(|| vec![Span::styled(objective, theme.text)])).collect()
}

/// At the right: whether what is on screen is what is the case.
fn status(shared: &Shared) -> Piece {
    let theme = &shared.theme;
    match &shared.link {
        Link::Lost(why) => {
            let what = if why.starts_with(STOPPED) { "daemon stopped" } else { "connection lost" };
            vec![Span::styled(format!(" ✗ {what}, last seen {} ", fmt::ago(shared.age)), theme.loud)]
        }
        Link::Waiting => vec![Span::styled("◌ waiting ", theme.dim)],
        Link::Live if shared.frozen => {
            let newer = if shared.pending.is_some() { ", newer data available" } else { "" };
            vec![Span::styled(format!(" ‖ frozen {}{newer} ", fmt::ago(shared.age)), theme.loud)]
        }
        Link::Live => vec![Span::styled("● live ", theme.good)],
    }
}

/// The daemon, the watch, the counts, the last refit; while a backlog is read, how far it is.
fn plumbing(shared: &Shared, snapshot: &Snapshot, short: bool) -> Vec<Piece> {
    let theme = &shared.theme;
    let daemon = &snapshot.daemon;
    let mut pieces = vec![vec![Span::styled(process(daemon, short), theme.dim)]];
    if let Some(progress) = ingest(shared, daemon) {
        pieces.push(progress);
    }
    pieces.push(states(shared, snapshot, short));
    pieces.extend(flags(shared, snapshot));
    pieces.push(vec![
        Span::styled(fmt::count(daemon.points), theme.text),
        Span::styled(if short { " pts, " } else { " points, " }, theme.dim),
        Span::styled(fmt::count(daemon.files), theme.text),
        Span::styled(if daemon.files == 1 { " file" } else { " files" }, theme.dim),
    ]);
    pieces.push(refit(shared, daemon, short));
    let up = fmt::ago(daemon.uptime + shared.age).replace(" ago", "");
    pieces.push(vec![Span::styled(format!("up {up}"), theme.dim)]);
    pieces
}

/// Who watches, and how: `daemon 4711, native (ext4)`.
fn process(daemon: &DaemonView, short: bool) -> String {
    let who = match daemon.embedded {
        true => " embedded".to_owned(),
        false if short => " daemon".to_owned(),
        false => format!(" daemon {}", daemon.pid),
    };
    let Some(root) = daemon.watching.first() else { return who };
    if short {
        return format!("{who}, {}", fmt::head(&root.mode, 8));
    }
    let others = match daemon.watching.len() - 1 {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    format!("{who}, {} ({}){others}", fmt::head(&root.mode, 8), fmt::head(&root.why, 40))
}

fn ingest(shared: &Shared, daemon: &DaemonView) -> Option<Piece> {
    let theme = &shared.theme;
    let progress = daemon.ingest.as_ref()?;
    let (done, total) = (progress.bytes_done as f64, progress.bytes_total as f64);
    let (full, empty) = fmt::bar(done / total.max(1.0), 12);
    let left = (total - done).max(0.0) / progress.bytes_per_second;
    let left = if left.is_finite() {
        format!(", {} left", fmt::duration(left.ceil()).replace(".0 s", " s"))
    } else {
        String::new()
    };
    Some(vec![
        Span::styled("reading ", theme.dim),
        Span::styled(full, theme.accent),
        Span::styled(empty, theme.faint),
        Span::styled(format!(" {} of {}", fmt::bytes(done), fmt::bytes(total)), theme.text),
        Span::styled(format!(", {}/s{left}", fmt::bytes(progress.bytes_per_second)), theme.dim),
    ])
}

fn states(shared: &Shared, snapshot: &Snapshot, short: bool) -> Piece {
    let theme = &shared.theme;
    let n = snapshot.runs.len();
    let mut piece = vec![
        Span::styled(fmt::count(n as u64), theme.text),
        Span::styled(if n == 1 { " run" } else { " runs" }, theme.dim),
    ];
    for state in [RunState::Running, RunState::Stalled, RunState::Diverged, RunState::Failed] {
        let n = snapshot.runs.iter().filter(|r| r.state == state).count();
        if n > 0 {
            let (sign, style) = signs::state(theme, state);
            let word = if short { String::new() } else { format!(" {}", state_word(state)) };
            piece.push(Span::styled(format!(" {sign} {n}{word}"), style));
        }
    }
    piece
}

/// Alerts that wait to be dismissed.
fn flags(shared: &Shared, snapshot: &Snapshot) -> Option<Piece> {
    let (count, loudest) = signs::alerts_waiting(snapshot);
    let style = signs::severity(&shared.theme, loudest?).1;
    let word = if count == 1 { "alert" } else { "alerts" };
    Some(vec![Span::styled(format!("⚑ {count} {word}"), style)])
}

fn refit(shared: &Shared, daemon: &DaemonView, short: bool) -> Piece {
    let theme = &shared.theme;
    if daemon.refitting {
        return vec![Span::styled("refitting …", theme.accent)];
    }
    match daemon.last_refit {
        None => vec![Span::styled("no fit yet", theme.dim)],
        Some(seconds) => {
            let took =
                daemon.refit_seconds.filter(|_| !short).map_or(String::new(), |s| format!(" in {}", fmt::duration(s)));
            vec![
                Span::styled("refit ", theme.dim),
                Span::styled(fmt::ago(seconds + shared.age), theme.text),
                Span::styled(took, theme.dim),
            ]
        }
    }
}

/// Sets pieces from the left with rules between them, as many as fit, and one piece at the right.
fn spread(pieces: &[Piece], right: Piece, area: Rect, rule: Style, buf: &mut Buffer) {
    let wide = |piece: &Piece| piece.iter().map(Span::width).sum::<usize>() as u16;
    let reserved = wide(&right).min(area.width);
    let end = area.right() - reserved;
    let mut x = area.x;
    for (i, piece) in pieces.iter().enumerate() {
        let lead = if i == 0 { 0 } else { 3 };
        if x + lead + wide(piece) > end && i > 0 {
            continue;
        }
        if i > 0 {
            (x, _) = buf.set_stringn(x, area.y, " │ ", usize::from(end - x), rule);
        }
        for span in piece {
            (x, _) = buf.set_span(x, area.y, span, end.saturating_sub(x));
        }
    }
    let mut x = end;
    for span in &right {
        (x, _) = buf.set_span(x, area.y, span, area.right() - x);
    }
}
