//! The state of the dashboard: what views share, the views with the state of each, and where the user is.

use super::action::{Info, Reach};
use super::global;
use super::keymap::Keymap;
use super::layout::{Arrangement, inside, plan};
use super::palette::Palette;
use super::shared::{Link, Shared};
use super::splits::{Edge, Splits};
use super::theme::{Theme, ThemeName};
use super::undo::Undo;
use super::update::Effect;
use super::views::{self, Ask, Cx, Pane, Presence, Role, View, ViewId};
use crate::vocab::Snapshot;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::sync::Arc;

/// What lies over the views.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overlay {
    /// Nothing.
    #[default]
    None,
    /// The keys.
    Help,
    /// A view whose role is [`Role::Cover`].
    View(ViewId),
    /// The palette.
    Palette,
    /// "Stop the daemon?"
    ConfirmStop,
}

/// A view and what the dashboard keeps for it.
#[derive(Debug)]
pub struct Slot {
    /// The view with its own state.
    pub view: Box<dyn View>,
    /// Its first line, or row, that is seen.
    pub scroll: usize,
}

impl Clone for Slot {
    fn clone(&self) -> Self {
        Self { view: self.view.boxed(), scroll: self.scroll }
    }
}

impl Slot {
    /// Name of the view.
    #[must_use]
    pub fn id(&self) -> ViewId {
        self.view.spec().id
    }

    /// Whether the view lies over the others while it is open, rather than among them.
    #[must_use]
    pub fn covers(&self) -> bool {
        self.view.spec().roles.contains(&Role::Cover)
    }
}

/// The state of the dashboard.
#[derive(Debug, Clone)]
pub struct Model {
    /// What all views see.
    pub shared: Shared,
    /// The views, in the order of Tab and of the digits.
    pub views: Vec<Slot>,
    /// The view that keys go to.
    pub focus: ViewId,
    /// Whether the user, or what is remembered of the user, has chosen where keys go.
    pub is_chosen: bool,
    /// Views that have had the focus, the last one first: where views share a place, the first of these is seen.
    pub recent: Vec<ViewId>,
    /// The view in which the left button went down.
    pub held: Option<ViewId>,
    /// Edges between views that the user has dragged.
    pub splits: Splits,
    /// The edge on which the left button went down.
    pub dragged: Option<Edge>,
    /// What lies over the views.
    pub overlay: Overlay,
    /// First line of the help.
    pub help_scroll: usize,
    /// What is typed into the palette.
    pub palette: Palette,
    /// The theme, where the user chose one.
    pub chosen_theme: Option<ThemeName>,
    /// Whether clicks and the wheel are taken.
    pub mouse: bool,
    /// What has just been done, until the next key.
    pub said: Option<String>,
    /// The user's keys.
    pub keymap: Keymap,
    /// What can be taken back.
    pub undo: Undo,
}

impl Model {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(theme: Theme, size: (u16, u16)) -> Self {
        let views: Vec<Slot> = views::all().into_iter().map(|view| Slot { view, scroll: 0 }).collect();
        let focus = views.first().map_or(ViewId(""), Slot::id);
        Self {
            shared: Shared::new(theme, size),
            views,
            focus,
            is_chosen: false,
            recent: vec![focus],
            held: None,
            splits: Splits::new(),
            dragged: None,
            overlay: Overlay::None,
            help_scroll: 0,
            palette: Palette::default(),
            chosen_theme: None,
            mouse: true,
            said: None,
            keymap: Keymap::default(),
            undo: Undo::default(),
        }
    }

    /// A model that shows one snapshot: what pictures and text are made from.
    #[must_use]
    pub fn showing(snapshot: Arc<Snapshot>, theme: Theme, size: (u16, u16)) -> Self {
        let mut model = Self::new(theme, size);
        model.shared.link = Link::Live;
        model.shared.show(snapshot);
        model.list_metrics();
        model
    }

    /// A view and what is kept for it.
    #[must_use]
    pub fn slot(&self, id: ViewId) -> Option<&Slot> {
        self.views.iter().find(|slot| slot.id() == id)
    }

    /// Whether a view can be looked at. One that is quiet is there while it has the focus.
    #[must_use]
    pub fn presence(&self, id: ViewId) -> Presence {
        match (&self.shared.snapshot, self.slot(id)) {
            (Some(_), Some(slot)) => match slot.view.presence(&self.shared) {
                Presence::Quiet if id == self.focus => Presence::There,
                presence => presence,
            },
            _ => Presence::Gone,
        }
    }

    /// The views that Tab goes through.
    #[must_use]
    pub fn stops(&self) -> Vec<ViewId> {
        let among = self.views.iter().filter(|slot| !slot.covers()).map(Slot::id);
        among.filter(|id| self.presence(*id) == Presence::There).collect()
    }

    /// The views that a digit leads to, in the order of the digits: those that have something to show.
    pub fn digits(&self) -> impl Iterator<Item = (char, &Slot)> {
        let there = |slot: &&Slot| {
            let is_seen = self.shared.snapshot.is_some() && !slot.covers();
            is_seen && slot.view.presence(&self.shared) == Presence::There
        };
        ('1'..='9').zip(self.views.iter().filter(there))
    }

    /// The view that keys go to now; none while something lies over the views that is none itself.
    #[must_use]
    pub fn active(&self) -> Option<ViewId> {
        match self.overlay {
            Overlay::None => Some(self.focus),
            Overlay::View(id) => Some(id),
            Overlay::Help | Overlay::Palette | Overlay::ConfirmStop => None,
        }
    }

    /// The view that is being typed into.
    #[must_use]
    pub fn typing(&self) -> Option<&Slot> {
        self.views.iter().find(|slot| slot.view.prompt(&self.shared).is_some())
    }

    /// The project in one sentence.
    #[must_use]
    pub fn headline(&self) -> Option<String> {
        self.views.iter().find_map(|slot| slot.view.headline(&self.shared))
    }

    /// Where everything is on the screen.
    #[must_use]
    pub fn plan(&self) -> Arrangement {
        plan(self, Rect::new(0, 0, self.shared.size.0, self.shared.size.1))
    }

    /// The views that can be seen, with the cells inside their frames.
    pub(super) fn on_screen(&self) -> Vec<(ViewId, Rect)> {
        let plan = self.plan();
        let mut seen: Vec<_> = plan.places.iter().map(|place| (place.shown, inside(place.area))).collect();
        if let Overlay::View(id) = self.overlay {
            seen.push((id, inside(plan.body)));
        }
        seen
    }

    /// What is copied from where the user is: what the view has for it, else its picture.
    #[must_use]
    pub fn copied(&self, picture: bool) -> Option<String> {
        let id = self.active()?;
        let slot = self.slot(id)?;
        let own = || slot.view.copy(&self.shared).filter(|_| !picture);
        own().or_else(|| {
            let (_, inner) = self.on_screen().into_iter().find(|(seen, _)| *seen == id)?;
            let mut buf = Buffer::empty(inner);
            slot.view.draw(&self.shared, &Pane { inner, scroll: slot.scroll }, &mut buf);
            Some(super::plain::text(&buf))
        })
    }

    /// Gives a view the focus, and shows it where views share a place.
    pub fn focus_on(&mut self, id: ViewId) {
        self.is_chosen = true;
        self.focus = id;
        self.recent.retain(|other| *other != id);
        self.recent.insert(0, id);
    }

    /// Lets a view do something and grants what it asks for; `None` where there is no such view.
    pub fn with<R>(
        &mut self,
        id: ViewId,
        work: impl FnOnce(&mut dyn View, &mut Cx<'_>) -> R,
    ) -> Option<(R, Vec<Effect>)> {
        let inner = self.on_screen().into_iter().find(|(seen, _)| *seen == id).map_or(Rect::ZERO, |(_, inner)| inner);
        let slot = self.views.iter_mut().find(|slot| slot.id() == id)?;
        let mut cx = Cx { shared: &mut self.shared, scroll: &mut slot.scroll, inner, asks: Vec::new() };
        let result = work(slot.view.as_mut(), &mut cx);
        let asks = cx.asks;
        Some((result, asks.into_iter().filter_map(|ask| self.grant(ask)).collect()))
    }

    pub(super) fn grant(&mut self, ask: Ask) -> Option<Effect> {
        match ask {
            Ask::Focus(id) => {
                self.overlay = Overlay::None;
                self.focus_on(id);
            }
            Ask::Open(id) => {
                self.overlay = Overlay::View(id);
                if let Some(slot) = self.views.iter_mut().find(|slot| slot.id() == id) {
                    slot.scroll = 0;
                }
            }
            Ask::Say(text) => self.said = Some(text),
            Ask::Effect(effect) => return Some(effect),
        }
        None
    }

    /// Does the action of that name, of the dashboard or of a view; `None` where there is none. Whatever leads to an
    /// action (a key, the mouse, the palette) comes through here.
    pub fn perform(&mut self, name: &str) -> Option<Vec<Effect>> {
        let effects = if let Some(action) = global::all().find(|action| action.info.name == name) {
            (action.run)(self)
        } else {
            let has = |slot: &&Slot| slot.view.actions().iter().any(|info| info.name == name);
            let id = self.views.iter().find(has)?.id();
            self.with(id, |view, cx| view.run(name, cx))?.1
        };
        Some(self.changed(effects))
    }

    /// Goes to a view, where it can be looked at.
    pub fn go(&mut self, id: ViewId) -> Vec<Effect> {
        self.overlay = Overlay::None;
        if self.presence(id) != Presence::Gone {
            self.focus_on(id);
        }
        self.changed(Vec::new())
    }

    /// After a change: everything is brought back to what there is, and drawn.
    pub fn changed(&mut self, mut effects: Vec<Effect>) -> Vec<Effect> {
        self.settle();
        if effects.is_empty() {
            effects.push(Effect::Render);
        }
        effects
    }

    /// Makes the lists of metrics that this screen asks for again and again.
    fn list_metrics(&mut self) {
        views::curves::look(&mut self.shared);
        let is_one = self.shared.snapshot.as_ref().is_some_and(|snapshot| snapshot.runs.len() == 1);
        if is_one || self.overlay == Overlay::View(views::run::ID) {
            views::run::charts::look(&mut self.shared);
        }
    }

    /// Brings focus, overlay and scroll positions back to where there is something to see.
    pub fn settle(&mut self) {
        self.list_metrics();
        if self.shared.snapshot.is_some() {
            let quiet = |slot: &Slot| slot.view.presence(&self.shared) == Presence::Quiet;
            if self.presence(self.focus) == Presence::Gone
                && let Some(first) = self.stops().first()
            {
                self.focus_on(*first);
            } else if !self.is_chosen && self.slot(self.focus).is_some_and(quiet) {
                // Nobody has looked anywhere yet: what stands first has the keys, among all views where one fills the screen.
                let zoomed = std::mem::take(&mut self.shared.zoomed);
                self.focus = ViewId("");
                self.recent = Vec::new();
                self.focus = self.plan().places.first().map_or(self.views[0].id(), |place| place.shown);
                self.recent = vec![self.focus];
                self.shared.zoomed = zoomed;
            }
            if let Overlay::View(id) = self.overlay
                && self.presence(id) == Presence::Gone
            {
                self.overlay = Overlay::None;
            }
        }
        for (id, _) in self.on_screen() {
            self.with(id, |view, cx| view.settle(cx));
        }
        let body = self.plan().body;
        let rows = usize::from(inside(super::chrome::help::area(body)).height);
        let lines = if self.overlay == Overlay::Help { super::chrome::help::height(self, body) } else { 0 };
        self.help_scroll = self.help_scroll.min(lines.saturating_sub(rows));
    }

    /// The actions that a key can reach from where the user is, with the view of each: those of the view that keys go
    /// to, those of the dashboard, then those of other views that are reached from everywhere.
    #[must_use]
    pub fn reachable(&self) -> Vec<(Option<ViewId>, &'static Info)> {
        let active = self.active();
        let of = |slot: &Slot| slot.view.actions().into_iter().map(|info| (Some(slot.id()), info)).collect::<Vec<_>>();
        let mut out: Vec<_> = active.and_then(|id| self.slot(id)).map(of).unwrap_or_default();
        out.extend(global::all().map(|action| (None, &action.info)));
        let others = self.views.iter().filter(|slot| Some(slot.id()) != active);
        let there = others.filter(|slot| self.presence(slot.id()) != Presence::Gone);
        out.extend(there.flat_map(of).filter(|(_, info)| info.reach == Reach::Everywhere));
        out
    }
}
