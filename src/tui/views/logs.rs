//! The log of the selected run as it is in the file: its end as it grows, or any part of it; found lines alone, or in place.

mod lines;

use super::{
    Actions, Ask, Cx, Input, Motion, Mouse, MouseKind, Pane, Presence, Prompt, Role, Spec, Typed, View, ViewAction,
};
use super::{ViewId, act};
use crate::ipc::log::{LogAnswer, LogQuery};
use crate::tui::action::{Reach, k, key};
use crate::tui::fmt;
use crate::tui::question::{Answer, Answered, Question};
use crate::tui::shared::Shared;
use crate::tui::text::{corner, prose, text_area};
use crate::vocab::text::printable;
use crossterm::event::{KeyCode, KeyEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use serde_json::Value;

/// Its name, for whoever opens it.
pub const ID: ViewId = ViewId("logs");

static SPEC: Spec = Spec {
    id: ID,
    name: "Logs",
    about: "the log of the selected run, as it is in the file",
    roles: &[Role::Detail],
    signs: &[],
};

/// Lines that are asked for at a time; the screen moves among them.
const LINES: u32 = 600;
/// Lines from the end of those that have come, at which more are asked for.
const NEAR: usize = 100;

/// The log.
#[derive(Debug, Clone, Default)]
pub struct Logs {
    /// The run that all of this is of.
    run: Option<u32>,
    /// Which of its files.
    file: usize,
    /// The byte at which the first line on screen begins; `None` while the end is followed.
    top: Option<u64>,
    /// The byte around which lines are asked for.
    around: Option<u64>,
    /// The step of the run whose line is the first on screen, until the lines move.
    step: Option<i64>,
    /// What is looked for.
    find: String,
    /// Whether lines without it are left out.
    is_filtered: bool,
    /// Whether keys go into it.
    editing: bool,
    /// Whether long lines are continued below, rather than cut.
    wraps: bool,
}

impl Actions for Logs {
    const ACTIONS: &'static [ViewAction<Self>] = &[
        act("logs.find", &[k('/')], "find: only lines with this text", |view: &mut Self, _| {
            (view.editing, view.is_filtered) = (true, true);
        })
        .hint("find"),
        act("logs.around", &[k('&')], "found lines alone, or among the others", |view: &mut Self, _| {
            view.is_filtered = !view.is_filtered && !view.find.is_empty();
            view.around = view.top;
        })
        .hint("around"),
        act("logs.file", &[k('n')], "next file of the run", |view: &mut Self, cx| {
            let files = view.arrived(cx.shared).map_or(1, |answer| answer.files.len().max(1));
            (view.file, view.top, view.around) = ((view.file + 1) % files, None, None);
        })
        .hint("file"),
        act("logs.wrap", &[k('v')], "continue long lines below, or cut them", |view: &mut Self, _| {
            view.wraps = !view.wraps;
        })
        .hint("wrap"),
        act("logs.previous", &[key(KeyCode::Left), k('h')], "previous run", |_: &mut Self, cx| cx.shared.step_run(-1)),
        act("logs.next", &[key(KeyCode::Right), k('l')], "next run", |_: &mut Self, cx| cx.shared.step_run(1))
            .hint("run"),
        act("logs.open", &[k('O')], "log of the selected run", |_: &mut Self, cx| {
            cx.asks.push(Ask::Focus(SPEC.id));
        })
        .reach(Reach::Everywhere),
    ];
}

impl Logs {
    /// The question, where a run is selected. That of another run begins at its end.
    fn query(&self, shared: &Shared) -> Option<LogQuery> {
        let run = shared.selected_run()?.id;
        let same = self.run == Some(run);
        let find = Some(self.find.clone()).filter(|find| self.is_filtered && !find.is_empty());
        let (file, around, step) = if same { (self.file, self.around, self.step) } else { (0, None, None) };
        Some(LogQuery { run, file, around, step, find, lines: LINES })
    }

    /// The lines that have come, be they around another place of the same log.
    fn arrived<'a>(&self, shared: &'a Shared) -> Option<&'a LogAnswer> {
        let wanted = self.query(shared)?;
        let here = |answered: &&Answered| {
            matches!(&answered.question, Question::Log(query)
                if (query.run, query.file, query.step, &query.find) == (wanted.run, wanted.file, wanted.step, &wanted.find))
        };
        match &shared.answers.iter().find(here)?.answer {
            Answer::Log(answer) => Some(answer),
            _ => None,
        }
    }

    /// Which of the lines is the first on screen; `None` where the last one is the last.
    fn first(&self, answer: &LogAnswer) -> Option<usize> {
        let top = self.top.or(answer.found.filter(|_| self.step.is_some()))?;
        Some(answer.lines.partition_point(|line| line.at < top))
    }

    /// Moves by so many lines.
    fn go(&mut self, by: isize, cx: &Cx<'_>) {
        let rows = usize::from(cx.inner.height).max(1);
        let Some(answer) = self.arrived(cx.shared) else { return };
        let last = answer.lines.len().saturating_sub(rows);
        let to = self.first(answer).unwrap_or(last).saturating_add_signed(by);
        if to >= last && answer.is_last {
            (self.top, self.around, self.step) = (None, None, None);
            return;
        }
        let Some(line) = answer.lines.get(to.min(last)) else { return };
        let (is_first, is_last, near_end) = (answer.is_first, answer.is_last, to + NEAR > last);
        self.top = Some(line.at);
        if to < NEAR && !is_first || near_end && !is_last {
            self.around = self.top;
        }
    }

    fn edit(&mut self, key: &KeyEvent) -> bool {
        match Typed::into_line(&mut self.find, key) {
            Typed::Text => {}
            Typed::Empty | Typed::Enter => self.editing = false,
            Typed::Escape => {
                self.find.clear();
                self.editing = false;
            }
            Typed::Other => return false,
        }
        self.is_filtered &= self.editing || !self.find.is_empty();
        true
    }
}

impl View for Logs {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn keep(&self) -> Option<Value> {
        Some(Value::from(self.wraps))
    }

    fn take_up(&mut self, kept: &Value) {
        self.wraps = kept.as_bool().unwrap_or(self.wraps);
    }

    fn presence(&self, shared: &Shared) -> Presence {
        let any = shared.snapshot.as_ref().is_some_and(|snapshot| !snapshot.runs.is_empty());
        if any { Presence::There } else { Presence::Quiet }
    }

    fn title(&self, shared: &Shared, room: usize) -> String {
        let Some(run) = shared.selected_run() else { return SPEC.name.to_owned() };
        let run = shared.runs.short(&run.name);
        let mut name = if run == "." { SPEC.name.to_owned() } else { format!("Logs {run}") };
        let mut about = String::new();
        if let Some(answer) = self.arrived(shared) {
            if let Some(file) = answer.files.get(answer.file) {
                name.push_str(if run == "." { " " } else { ": " });
                name.push_str(file);
            }
            if answer.files.len() > 1 {
                about = format!(" {} of {} files", answer.file + 1, answer.files.len());
            }
            if !self.find.is_empty() {
                about.push_str(&format!(", /{}", fmt::head(&self.find, 20)));
            }
        }
        format!("{}{about}", fmt::head(&name, room.saturating_sub(about.len())))
    }

    fn tab(&self, _: &Shared, _: bool) -> String {
        SPEC.name.to_owned()
    }

    fn asks(&self, shared: &Shared, _: Rect) -> Vec<Question> {
        self.query(shared).map(Question::Log).into_iter().collect()
    }

    fn height(&self, shared: &Shared, _: u16) -> usize {
        self.arrived(shared).map_or(1, |answer| answer.lines.len().clamp(1, 40))
    }

    fn draw(&self, shared: &Shared, pane: &Pane, buf: &mut Buffer) {
        let (theme, area) = (&shared.theme, text_area(pane.inner));
        let say = |text: &str, buf: &mut Buffer| {
            for (y, line) in (area.y..area.bottom()).zip(&prose(text, theme.dim, area.width)) {
                buf.set_line(area.x, y, line, area.width);
            }
        };
        let Some(answer) = self.arrived(shared) else {
            let asked = self.query(shared).map(Question::Log);
            let text = match asked.map(|question| shared.answer(&question)) {
                None => "No run is selected.".to_owned(),
                Some(Some(Answer::Failed(why))) => format!("The log cannot be shown: {}.", printable(why)),
                Some(_) => shared.asking("Reading the log …").to_owned(),
            };
            return say(&text, buf);
        };
        if let Some(note) = answer.note.as_deref().or(answer.lines.is_empty().then_some("")) {
            let text = match (note, self.is_filtered) {
                ("", true) => "No line has this text. Esc clears it, & shows all lines.",
                ("", false) => "The file is empty.",
                (note, _) => note,
            };
            return say(text, buf);
        }
        let shown = lines::draw(self, theme, answer, area, buf);
        let bytes = |at: u64| fmt::bytes(at as f64);
        let end = answer.lines.get(shown).map_or(answer.size, |line| line.at);
        let place = if self.first(answer).is_none() && answer.is_last {
            format!(" end of {}, following ", bytes(answer.size))
        } else {
            format!(" {} of {} ", bytes(end), bytes(answer.size))
        };
        corner(&place, theme.dim, pane.inner, buf);
    }

    fn step(&mut self, motion: Motion, cx: &mut Cx<'_>) {
        match motion {
            Motion::Start => (self.top, self.around, self.step) = (Some(0), Some(0), None),
            Motion::End => (self.top, self.around, self.step) = (None, None, None),
            Motion::Lines(_) | Motion::Pages(_) => self.go(motion.lines(cx.inner.height), cx),
        }
    }

    /// Clears what is looked for, then goes back to the end.
    fn back(&mut self, _: &mut Cx<'_>) -> bool {
        if self.find.is_empty() {
            self.around = None;
            return self.step.take().is_some() | self.top.take().is_some();
        }
        (self.find, self.is_filtered) = (String::new(), false);
        true
    }

    fn mouse(&mut self, mouse: Mouse, cx: &mut Cx<'_>) -> bool {
        let MouseKind::Wheel(by) = mouse.kind else { return false };
        self.go(3 * by, cx);
        true
    }

    fn prompt(&self, _: &Shared) -> Option<Prompt> {
        let text = self.find.clone();
        self.editing.then_some(Prompt { sign: "/", text, help: "Enter keep  Esc clear" })
    }

    fn type_in(&mut self, input: Input<'_>, _: &mut Cx<'_>) -> bool {
        match input {
            Input::Key(key) => self.edit(key),
            Input::Paste(text) => {
                self.find.push_str(&printable(text));
                true
            }
        }
    }

    /// Another run's log is read from its end, or from the step that was read in a curve.
    fn settle(&mut self, cx: &mut Cx<'_>) {
        let run = cx.shared.selected_run().map(|run| run.id);
        if run != self.run {
            (self.run, self.file, self.top, self.around, self.step) = (run, 0, None, None, None);
        }
        if let Some(step) = cx.shared.reading.take() {
            (self.top, self.around, self.step) = (None, None, Some(step));
            (self.find, self.is_filtered) = (String::new(), false);
        }
    }
}
