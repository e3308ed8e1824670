//! The table of runs. Only the rows that can be seen are made, so that thousands of runs cost what thirty do.

mod table;
mod typed;

use super::{
    Actions, Ask, Cx, Input, Motion, Mouse, MouseKind, Pane, Presence, Prompt, Role, Spec, Typed, View, ViewAction,
    ViewId, act, run,
};
use crate::tui::action::{Reach, k, key};
use crate::tui::fmt;
use crate::tui::order::Sort;
use crate::tui::shared::{Shared, losses};
use crate::tui::text::{corner, text_area};
use crate::tui::update::Effect;
use crate::vocab::text::printable;
use crossterm::event::{KeyCode, KeyEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::collections::BTreeSet;
use typed::What;

static SPEC: Spec = Spec {
    id: ViewId("runs"),
    name: "Runs",
    about: "runs",
    roles: &[Role::List],
    signs: &[
        ("▸ ✓ ! ✗ ·", "run: running, finished, stalled, diverged, waiting"),
        ("• -", "a run whose curves are pinned, hidden"),
        ("1.724 → 1.486", "current loss → forecast at the end of the run, or with the recommended mixture"),
    ],
};

/// More runs than this are not printed; `mixlaw runs` lists them all.
const MOST_PRINTED: usize = 200;

/// The table.
#[derive(Debug, Clone, Default)]
pub struct Runs {
    /// Whether keys go into the filter.
    pub editing: bool,
    /// What else keys go into, and what has been typed.
    typed: Option<(What, String)>,
}

impl Actions for Runs {
    const ACTIONS: &'static [ViewAction<Self>] = &[
        act("runs.open", &[key(KeyCode::Enter)], "open the selected run", Self::open)
            .hint("open")
            .reach(Reach::Instead),
        act("runs.filter", &[k('/')], "filter: words, lr>=1e-3, state!=diverged, tag:base, /re/", Self::filter)
            .hint("filter")
            .reach(Reach::Everywhere),
        act("runs.show", &[k(' ')], "show or hide the curves of the selected run", |_: &mut Self, cx| {
            cx.shared.toggle(|list| &mut list.hidden);
        })
        .hint("show")
        .reach(Reach::Everywhere),
        act(
            "runs.pin",
            &[k('p')],
            "pin the selected run: its curves are drawn whatever is listed",
            |_: &mut Self, cx| {
                cx.shared.toggle(|list| &mut list.pinned);
            },
        )
        .reach(Reach::Everywhere),
        act(
            "runs.only",
            &[k('i')],
            "only the selected and the pinned runs, or all that are listed",
            |_: &mut Self, cx| {
                let selected = cx.shared.selected_run().map(|run| run.id);
                let list = &mut cx.shared.runs;
                // With another run selected it moves on to that one.
                list.only = if selected.is_some_and(|id| list.only.contains(&id)) {
                    BTreeSet::new()
                } else {
                    selected.into_iter().collect()
                };
                if let Some(id) = selected.filter(|_| !list.only.is_empty()) {
                    list.hidden.remove(&id);
                }
            },
        )
        .hint("only")
        .reach(Reach::Everywhere),
        act("runs.all", &[k('P')], "show all runs, pin none", |_: &mut Self, cx| {
            (cx.shared.runs.hidden, cx.shared.runs.pinned, cx.shared.runs.only) = Default::default();
        })
        .reach(Reach::Everywhere),
        act("runs.sort", &[k('s')], "sort by the next column", Self::sort).hint("sort").reach(Reach::Everywhere),
        act(
            "runs.columns",
            &[k(',')],
            "columns by name: facts, settings, losses, metrics, tags",
            |view: &mut Self, cx| {
                view.begin(What::Columns, cx);
            },
        )
        .hint("columns")
        .reach(Reach::Everywhere),
        act("runs.sort-by", &[k('>')], "sort by a name, which becomes a column", |view: &mut Self, cx| {
            view.begin(What::Sort, cx);
        })
        .reach(Reach::Everywhere),
        act("runs.tags", &[k('T')], "tags of the selected run", |view: &mut Self, cx| view.begin(What::Tags, cx))
            .reach(Reach::Everywhere),
        act("runs.note", &[k('n')], "note on the selected run", |view: &mut Self, cx| view.begin(What::Note, cx))
            .reach(Reach::Everywhere),
        act("runs.reverse", &[k('S')], "reverse the order", Self::reverse).reach(Reach::Everywhere),
        act("runs.dismiss", &[k('a')], "dismiss the alerts of the selected run", Self::dismiss)
            .reach(Reach::Everywhere),
    ];
}

impl Runs {
    fn open(&mut self, cx: &mut Cx<'_>) {
        if cx.shared.selected_run().is_some() {
            cx.asks.push(Ask::Open(run::ID));
        }
    }

    fn filter(&mut self, cx: &mut Cx<'_>) {
        self.editing = true;
        cx.asks.push(Ask::Focus(SPEC.id));
    }

    fn sort(&mut self, cx: &mut Cx<'_>) {
        let losses = cx.shared.snapshot.as_ref().map_or(0, |s| losses(s).len());
        cx.shared.runs.sort = cx.shared.runs.sort.next(losses, cx.shared.runs.columns.len());
        cx.shared.reorder();
    }

    /// Sorts by the column whose heading is there; the other way round where that is so already.
    fn sort_at(&mut self, at: u16, cx: &mut Cx<'_>) -> bool {
        let Some(snapshot) = cx.shared.snapshot.clone() else { return false };
        let area = text_area(cx.inner);
        let Some(column) = table::sorts_by(cx.shared, &snapshot, *cx.scroll, area, at) else { return false };
        let sort = cx.shared.runs.sort;
        cx.shared.runs.sort = Sort { column, descending: sort.column == column && !sort.descending };
        cx.shared.reorder();
        true
    }

    fn reverse(&mut self, cx: &mut Cx<'_>) {
        let sort = cx.shared.runs.sort;
        cx.shared.runs.sort = Sort { descending: !sort.descending, ..sort };
        cx.shared.reorder();
    }

    fn dismiss(&mut self, cx: &mut Cx<'_>) {
        let run = cx.shared.selected_run();
        let ids: Vec<u64> = run.into_iter().flat_map(|run| run.unacknowledged().map(|event| event.id)).collect();
        if !ids.is_empty() {
            cx.asks.push(Ask::Effect(Effect::Dismiss(ids)));
        }
    }

    /// Takes a key into the filter; `false` for keys that mean the same there as elsewhere (arrows, Ctrl).
    fn edit(&mut self, key: &KeyEvent, filter: &mut String) -> bool {
        match Typed::into_line(filter, key) {
            Typed::Text => {}
            Typed::Empty | Typed::Enter => self.editing = false,
            Typed::Escape => {
                filter.clear();
                self.editing = false;
            }
            Typed::Other => return false,
        }
        true
    }
}

impl View for Runs {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    /// A list of one is no list: the run has a view of its own.
    fn presence(&self, shared: &Shared) -> Presence {
        let shown = super::one::One.presence(shared);
        if shown == Presence::There { Presence::Quiet } else { Presence::There }
    }

    /// How many, and how many of them pass the filter.
    fn tab(&self, shared: &Shared, shown: bool) -> String {
        let total = shared.snapshot.as_ref().map_or(0, |s| s.runs.len());
        if !shown {
            SPEC.name.to_owned()
        } else if shared.runs.filter.trim().is_empty() {
            format!("Runs {}", fmt::count(total as u64))
        } else {
            let passing = fmt::count(shared.runs.order.len() as u64);
            let filter = fmt::head(&shared.runs.filter, 20);
            format!("Runs {passing} of {}, filter: {filter}", fmt::count(total as u64))
        }
    }

    fn height(&self, shared: &Shared, _width: u16) -> usize {
        shared.snapshot.as_ref().map_or(0, |s| s.runs.len()).clamp(1, MOST_PRINTED) + 1
    }

    fn draw(&self, shared: &Shared, pane: &Pane, buf: &mut Buffer) {
        let Some(snapshot) = &shared.snapshot else { return };
        let (theme, order) = (&shared.theme, &shared.runs.order);
        let area = text_area(pane.inner);
        let first = pane.scroll.min(order.len().saturating_sub(1));
        let columns = table::columns(shared, snapshot, first, area.width.into());
        table::head(shared, snapshot, &columns, Rect { height: 1, ..area }, buf);
        let rows = usize::from(area.height.saturating_sub(1));
        if order.is_empty() {
            let text =
                if snapshot.runs.is_empty() { "No runs yet." } else { "No run matches the filter; Esc clears it." };
            if rows > 0 {
                buf.set_stringn(area.x, area.y + 1, text, area.width.into(), theme.dim);
            }
            return;
        }
        for (line, index) in order.iter().skip(first).take(rows).enumerate() {
            let run = &snapshot.runs[*index];
            let y = area.y + 1 + line as u16;
            if shared.runs.selected == Some(run.id) {
                buf.set_style(Rect { y, height: 1, ..pane.inner }, theme.selected);
            }
            let mut x = area.x;
            for column in &columns {
                let mut at = x;
                for span in table::cell(shared, snapshot, run, column) {
                    (at, _) = buf.set_span(at, y, &span, area.right().saturating_sub(at));
                }
                x = x.saturating_add(column.width as u16 + 1);
            }
        }
        let shown = (first + rows).min(order.len());
        if first > 0 || shown < order.len() {
            corner(&format!(" {}–{shown} of {} ", first + 1, order.len()), theme.dim, pane.inner, buf);
        }
    }

    fn step(&mut self, motion: Motion, cx: &mut Cx<'_>) {
        cx.shared.step_run(motion.lines(cx.inner.height));
    }

    /// Clears the filter.
    fn back(&mut self, cx: &mut Cx<'_>) -> bool {
        if cx.shared.runs.filter.is_empty() {
            return false;
        }
        cx.shared.runs.filter.clear();
        cx.shared.reorder();
        true
    }

    /// A press selects a run, the wheel goes from run to run.
    fn mouse(&mut self, mouse: Mouse, cx: &mut Cx<'_>) -> bool {
        let shared = &mut *cx.shared;
        match mouse.kind {
            MouseKind::Wheel(by) => shared.step_run(3 * by),
            MouseKind::Press if mouse.row == cx.inner.y => return self.sort_at(mouse.column, cx),
            MouseKind::Press if mouse.row > cx.inner.y => {
                let line = usize::from(mouse.row - cx.inner.y) - 1;
                if let Some(snapshot) = &shared.snapshot
                    && let Some(index) = shared.runs.order.get(*cx.scroll + line)
                {
                    shared.runs.selected = Some(snapshot.runs[*index].id);
                }
            }
            MouseKind::Press | MouseKind::Drag => return false,
        }
        true
    }

    /// The name of the selected run.
    fn copy(&self, shared: &Shared) -> Option<String> {
        shared.selected_run().map(|run| printable(&run.name))
    }

    fn prompt(&self, shared: &Shared) -> Option<Prompt> {
        if let Some((what, text)) = &self.typed {
            return Some(Prompt { sign: what.sign(), text: text.clone(), help: "Enter keep  Esc leave as it was" });
        }
        let text = shared.runs.filter.clone();
        self.editing.then_some(Prompt { sign: "/", text, help: "Enter keep  Esc clear" })
    }

    fn type_in(&mut self, input: Input<'_>, cx: &mut Cx<'_>) -> bool {
        if self.typed.is_some() {
            return self.type_more(input, cx);
        }
        let filter = &mut cx.shared.runs.filter;
        let taken = match input {
            Input::Key(key) => self.edit(key, filter),
            Input::Paste(text) => {
                filter.push_str(&printable(text));
                true
            }
        };
        if taken {
            cx.shared.reorder();
        }
        taken
    }

    /// Keeps the selected run in sight.
    fn settle(&mut self, cx: &mut Cx<'_>) {
        let Some(snapshot) = &cx.shared.snapshot else { return };
        let seen = usize::from(cx.inner.height).saturating_sub(1).max(1);
        let cursor = cx.shared.runs.cursor(snapshot).unwrap_or(0);
        let last = cx.shared.runs.order.len().saturating_sub(seen);
        *cx.scroll = (*cx.scroll).clamp(cursor.saturating_sub(seen - 1), cursor).min(last);
    }
}
