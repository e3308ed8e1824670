//! The views, one file each.
//!
//! A new view is a file here and its line in [`all`] (with the `mod` that Rust asks for). Its file says everything about
//! it: where it may stand, when it is there, its title and badge, its keys and what they do, its state, how it is drawn.
//! From that come its tab and digit, its part of the help and of the hints, the mouse, and `watch --once --view ID`.
//!
//! A view that is lines of text needs no more than [`View::spec`] and [`View::lines`]; scrolling and the wheel come with
//! it. Nothing here knows a clock, a file, a thread or a terminal: [`View::draw`] reads, the others change the view, what
//! views share ([`Shared`]), or ask for something ([`Ask`]).

pub mod advice;
pub mod alerts;
pub mod chart;
pub mod compare;
pub mod curves;
pub mod front;
mod input;
pub mod laws;
pub mod ledger;
pub mod logs;
pub mod map;
pub mod one;
pub mod router;
pub mod run;
pub mod runs;
pub mod setup;
pub mod shape;
pub mod slices;
pub mod what_if;

pub use input::{Input, Motion, Mouse, MouseKind, Prompt, Typed};

use super::action::{Action, Chord, Info};
use super::question::Question;
use super::shared::Shared;
use super::text;
use super::update::Effect;
use crate::ipc::protocol::PredictQuery;
use crate::ipc::series::SeriesQuery;
use crate::vocab::Severity;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use serde_json::Value;
use std::any::Any;
use std::fmt::Debug;

/// Every view, in the order of Tab and of the digits.
#[must_use]
pub fn all() -> Vec<Box<dyn View>> {
    vec![
        Box::<runs::Runs>::default(),
        Box::<chart::Chart>::default(),
        Box::<advice::Advice>::default(),
        Box::<laws::Laws>::default(),
        Box::<setup::Setup>::default(),
        Box::<alerts::Alerts>::default(),
        Box::<ledger::Ledger>::default(),
        Box::<curves::Curves>::default(),
        Box::<compare::Compare>::default(),
        Box::<logs::Logs>::default(),
        Box::<what_if::WhatIf>::default(),
        Box::<shape::Shape>::default(),
        Box::<map::Map>::default(),
        Box::<slices::Slices>::default(),
        Box::<front::Front>::default(),
        Box::<router::Router>::default(),
        Box::<one::One>::default(),
        Box::<run::Run>::default(),
    ]
}

/// Name of a view, as typed after `--view`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ViewId(pub &'static str);

/// What a view is good for. [Layouts](super::layouts::LAYOUTS) name roles, never views.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The list that the selection is in.
    List,
    /// More about what is listed: stands where the list stands, and is printed only where it is asked for.
    Detail,
    /// The only thing there is: stands before other charts.
    Lead,
    /// A large chart.
    Chart,
    /// What to do, in a few lines.
    Answer,
    /// What the answer rests on.
    Evidence,
    /// What wants attention.
    Alert,
    /// What to know about the setup.
    Note,
    /// What is looked up now and then.
    Record,
    /// Everything about what is selected: lies over all others while it is open, and has no digit.
    Cover,
}

/// What never changes of a view.
#[derive(Debug)]
pub struct Spec {
    /// Its name for the command line; also the first part of the names of its actions.
    pub id: ViewId,
    /// Its name on screen, for tabs and the help.
    pub name: &'static str,
    /// What it shows, for the help: lower case, no full stop.
    pub about: &'static str,
    /// Roles it can take, the best first.
    pub roles: &'static [Role],
    /// Signs that it draws, and what each means, for the help.
    pub signs: &'static [(&'static str, &'static str)],
}

/// Whether a view can be looked at now. Before the first snapshot none can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It has something to show.
    There,
    /// It has nothing to show, and says so where it is chosen; it takes no room of its own.
    Quiet,
    /// It is not to be seen.
    Gone,
}

/// What a tab says beside its name while the view is not seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Badge {
    /// How many wait.
    pub count: usize,
    /// The loudest of them.
    pub severity: Severity,
}

/// Where a view is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pane {
    /// The cells inside the frame. The lower border below them may be written on too.
    pub inner: Rect,
    /// First line, or row, that is seen.
    pub scroll: usize,
}

/// What a view asks of the dashboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// Keys go to this view, and it is shown.
    Focus(ViewId),
    /// This view lies over all others.
    Open(ViewId),
    /// This is said until the next key.
    Say(String),
    /// Something is done outside the dashboard.
    Effect(Effect),
}

/// What a view may look at and change while it is told of something.
#[derive(Debug)]
pub struct Cx<'a> {
    /// What all views share.
    pub shared: &'a mut Shared,
    /// First line of this view that is seen; brought back to where there is something to see by [`View::settle`].
    pub scroll: &'a mut usize,
    /// The cells inside this view's frame; empty where it is not on screen.
    pub inner: Rect,
    /// What it asks of the dashboard.
    pub asks: Vec<Ask>,
}

impl Cx<'_> {
    /// Scrolls.
    pub fn scroll(&mut self, motion: Motion) {
        *self.scroll = self.scroll.saturating_add_signed(motion.lines(self.inner.height));
    }

    /// Keeps the end of so many lines at the foot of the view.
    pub fn end_at(&mut self, lines: usize) {
        *self.scroll = (*self.scroll).min(lines.saturating_sub(self.inner.height.into()));
    }
}

/// An action of a view.
pub type ViewAction<V> = Action<fn(&mut V, &mut Cx<'_>)>;

/// An action of a view: its name, its keys, what it does, and what it runs.
const fn act<V: 'static>(
    name: &'static str,
    keys: &'static [Chord],
    does: &'static str,
    run: fn(&mut V, &mut Cx<'_>),
) -> ViewAction<V> {
    Action::new(name, keys, does, run)
}

/// The actions of a view.
pub trait Actions: Sized + 'static {
    /// In the order of the help and of the hints.
    const ACTIONS: &'static [ViewAction<Self>] = &[];
}

/// One thing that can be looked at. Every view reads [`Shared::snapshot`]; one that draws curves says which
/// ([`View::needs`]), and finds them in [`Shared::curves`].
pub trait View: Erased + Debug + Any {
    /// What never changes of it.
    fn spec(&self) -> &'static Spec;

    /// Whether it can be looked at. Asked only once there is a snapshot.
    fn presence(&self, _shared: &Shared) -> Presence {
        Presence::There
    }

    /// The title where it has a place of its own, in `room` columns; longer ones are cut.
    fn title(&self, shared: &Shared, _room: usize) -> String {
        self.tab(shared, true)
    }

    /// What stands after the title in a style of its own.
    fn state(&self, _shared: &Shared) -> Option<(String, Style)> {
        None
    }

    /// The title where it shares a place, while it is `shown` and while it is not.
    fn tab(&self, shared: &Shared, _shown: bool) -> String {
        let name = self.spec().name;
        match self.badge(shared) {
            Some(badge) => format!("{name} {}", badge.count),
            None => name.to_owned(),
        }
    }

    /// What its tab says beside its name.
    fn badge(&self, _shared: &Shared) -> Option<Badge> {
        None
    }

    /// The project in one sentence, where this view has it.
    fn headline(&self, _shared: &Shared) -> Option<String> {
        None
    }

    /// Its lines in so many columns, where it is text.
    fn lines(&self, _shared: &Shared, _width: u16) -> Vec<Line<'static>> {
        Vec::new()
    }

    /// The curves that it needs while it is on screen in these cells.
    fn needs(&self, _shared: &Shared, _inner: Rect) -> Option<SeriesQuery> {
        None
    }

    /// The place whose losses it shows while it is on screen.
    fn place(&self, _shared: &Shared) -> Option<PredictQuery> {
        None
    }

    /// What it asks the daemon while it is on screen in these cells; the answers are in [`Shared::answer`].
    fn asks(&self, _shared: &Shared, _inner: Rect) -> Vec<Question> {
        Vec::new()
    }

    /// What is remembered of it from one time to the next; `None` where nothing is.
    fn keep(&self) -> Option<Value> {
        None
    }

    /// Takes up what [`View::keep`] gave, or what somebody wrote in its place: what makes no sense is left as it was.
    fn take_up(&mut self, _kept: &Value) {}

    /// What is worth copying of it, as text that another program reads; `None` where its picture is.
    fn copy(&self, _shared: &Shared) -> Option<String> {
        None
    }

    /// Rows that show all of it in so many columns.
    fn height(&self, shared: &Shared, width: u16) -> usize {
        self.lines(shared, width).len()
    }

    /// Draws it.
    fn draw(&self, shared: &Shared, pane: &Pane, buf: &mut Buffer) {
        let lines = self.lines(shared, text::text_area(pane.inner).width);
        text::scrolled(&shared.theme, &lines, pane.scroll, pane.inner, buf);
    }

    /// Goes up or down in it.
    fn step(&mut self, motion: Motion, cx: &mut Cx<'_>) {
        cx.scroll(motion);
    }

    /// Takes back the last thing that Esc takes back here; `false` where there is none.
    fn back(&mut self, _cx: &mut Cx<'_>) -> bool {
        false
    }

    /// Takes the mouse; `false` where it does nothing here. A press has given the view the focus before.
    fn mouse(&mut self, mouse: Mouse, cx: &mut Cx<'_>) -> bool {
        let MouseKind::Wheel(by) = mouse.kind else { return false };
        cx.scroll(Motion::Lines(3 * by));
        true
    }

    /// The line that is being typed here, if any: keys and pasted text go into it first.
    fn prompt(&self, _shared: &Shared) -> Option<Prompt> {
        None
    }

    /// Takes text into that line; `false` for keys that mean the same there as elsewhere.
    fn type_in(&mut self, _input: Input<'_>, _cx: &mut Cx<'_>) -> bool {
        false
    }

    /// Brings its state back to what there is. Called while it is on screen, after whatever may have changed that.
    fn settle(&mut self, cx: &mut Cx<'_>) {
        let lines = self.height(cx.shared, text::text_area(cx.inner).width);
        cx.end_at(lines);
    }
}

/// What every view has by being [`View`], [`Actions`] and [`Clone`].
pub trait Erased {
    /// What is said of its actions.
    fn actions(&self) -> Vec<&'static Info>;
    /// Runs the action of that name; `false` where there is none.
    fn run(&mut self, name: &str, cx: &mut Cx<'_>) -> bool;
    /// A copy.
    fn boxed(&self) -> Box<dyn View>;
}

impl<V: View + Actions + Clone> Erased for V {
    fn actions(&self) -> Vec<&'static Info> {
        V::ACTIONS.iter().map(|action| &action.info).collect()
    }

    fn run(&mut self, name: &str, cx: &mut Cx<'_>) -> bool {
        let action = V::ACTIONS.iter().find(|action| action.info.name == name);
        action.map(|action| (action.run)(self, cx)).is_some()
    }

    fn boxed(&self) -> Box<dyn View> {
        Box::new(self.clone())
    }
}
