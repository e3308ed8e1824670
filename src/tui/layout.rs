//! Placement of the views on the screen.
//!
//! The [arrangements](super::layouts) name roles; the views that take one of the roles of a place stand there, as tabs
//! where there are several. A view whose roles no place names joins the last place, so that a new view is seen in every
//! arrangement.

use super::layouts::{LAYOUTS, LED, Layout, Node};
use super::model::{Model, Slot};
use super::splits::{self, Edge};
use super::text;
use super::views::{Presence, Role, ViewId};
use ratatui::layout::Rect;

/// Below this there is room for an answer, not for a dashboard.
pub const LEAST: (u16, u16) = (40, 10);

/// A place on screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// Where, borders and all.
    pub area: Rect,
    /// The view that is seen.
    pub shown: ViewId,
    /// The views that stand here, in the order of their tabs.
    pub tabs: Vec<ViewId>,
}

/// Where everything is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Arrangement {
    /// Project, daemon, counts. Empty on tiny screens, where nothing but essentials is drawn.
    pub header: Rect,
    /// Everything between header and footer.
    pub body: Rect,
    /// Keys.
    pub footer: Rect,
    /// The places that have something to show.
    pub places: Vec<Placed>,
    /// The edges between them, the outermost first.
    pub edges: Vec<Edge>,
}

impl Arrangement {
    /// Whether only essentials fit.
    #[must_use]
    pub fn is_tiny(&self) -> bool {
        self.header.is_empty()
    }

    /// Where a view is seen, borders and all.
    #[must_use]
    pub fn area(&self, id: ViewId) -> Option<Rect> {
        self.places.iter().find(|place| place.shown == id).map(|place| place.area)
    }

    /// The place at a cell.
    #[must_use]
    pub fn at(&self, column: u16, row: u16) -> Option<&Placed> {
        self.places.iter().find(|place| place.area.contains((column, row).into()))
    }
}

/// The inside of a frame.
#[must_use]
pub fn inside(area: Rect) -> Rect {
    Rect {
        x: area.x + 1.min(area.width),
        y: area.y + 1.min(area.height),
        width: area.width.saturating_sub(2),
        height: area.height.saturating_sub(2),
    }
}

fn leads(slot: &Slot) -> bool {
    slot.view.spec().roles.contains(&Role::Lead)
}

/// Lays out a screen of that size.
#[must_use]
pub fn plan(model: &Model, area: Rect) -> Arrangement {
    let (w, h) = (area.width, area.height);
    let mut leaders = model.views.iter().filter(|slot| leads(slot)).map(Slot::id);
    let is_led = leaders.any(|id| model.presence(id) == Presence::There);
    let layouts: &[Layout] = if is_led { &LED } else { &LAYOUTS };
    let Some(layout) = layouts.iter().find(|layout| w >= layout.least.0 && h >= layout.least.1) else {
        return Arrangement::default();
    };
    let header_rows = if h >= 16 { 2 } else { 1 };
    let (header, rest) = cut(area, true, header_rows);
    let (body, footer) = cut(rest, true, rest.height - 1);
    let (places, edges) = if model.shared.zoomed {
        (vec![Placed { area: body, shown: model.focus, tabs: Vec::new() }], Vec::new())
    } else {
        let standing = standing(model, &layout.root);
        let mut lay = Lay { model, places: Vec::new(), edges: Vec::new(), standing };
        let led = if is_led { "led " } else { "" };
        lay.node(&layout.root, body, format!("{led}{}x{}", layout.least.0, layout.least.1));
        (lay.places, lay.edges)
    };
    Arrangement { header, body, footer, places, edges }
}

/// The views that stand in each place of an arrangement, in the order of the places.
fn standing<'a>(model: &Model, root: &'a Node) -> Vec<(&'a Node, Vec<ViewId>)> {
    let mut places: Vec<(&Node, Vec<(usize, ViewId)>)> = Vec::new();
    collect(root, &mut places);
    for slot in model.views.iter().filter(|slot| !slot.covers() && model.presence(slot.id()) != Presence::Gone) {
        let rank = |node: &Node, role: &Role| match node {
            Node::Place(roles) => roles.iter().position(|r| r == role),
            Node::Split { .. } => None,
        };
        // The place that names the role it takes best.
        let found = slot
            .view
            .spec()
            .roles
            .iter()
            .find_map(|role| places.iter().enumerate().find_map(|(at, (node, _))| Some((at, rank(node, role)?))));
        let (at, rank) = found.unwrap_or((places.len() - 1, usize::MAX));
        places[at].1.push((rank, slot.id()));
    }
    let sorted = places.into_iter().map(|(node, mut views)| {
        views.sort_by_cached_key(|(rank, _)| *rank);
        (node, views.into_iter().map(|(_, id)| id).collect())
    });
    sorted.collect()
}

fn collect<'a, T>(node: &'a Node, into: &mut Vec<(&'a Node, Vec<T>)>) {
    match node {
        Node::Place(_) => into.push((node, Vec::new())),
        Node::Split { first, second, .. } => {
            collect(first, into);
            collect(second, into);
        }
    }
}

struct Lay<'a> {
    model: &'a Model,
    places: Vec<Placed>,
    edges: Vec<Edge>,
    standing: Vec<(&'a Node, Vec<ViewId>)>,
}

impl<'a> Lay<'a> {
    fn views(&self, node: &Node) -> &[ViewId] {
        self.standing.iter().find(|(place, _)| std::ptr::eq(*place, node)).map_or(&[], |(_, views)| views)
    }

    /// Whether nothing in it has something to show.
    fn vacant(&self, node: &Node) -> bool {
        match node {
            Node::Place(_) => !self.views(node).iter().any(|id| self.model.presence(*id) == Presence::There),
            Node::Split { first, second, .. } => self.vacant(first) && self.vacant(second),
        }
    }

    /// Lays out a node; `name` is the way to it.
    fn node(&mut self, node: &'a Node, area: Rect, name: String) {
        match node {
            Node::Place(_) => self.place(node, area),
            Node::Split { rows, cut: sizes, first, second } => match (self.vacant(first), self.vacant(second)) {
                (true, true) => {}
                (true, false) => self.node(second, area, name + " 2"),
                (false, true) => self.node(first, area, name + " 1"),
                (false, false) => {
                    let whole = if *rows { area.height } else { area.width };
                    let dragged = splits::at(&self.model.splits, &name, whole);
                    let at = dragged.unwrap_or_else(|| sizes.at(whole, |roles| self.content(node, area.width, roles)));
                    let (upper, lower) = cut(area, *rows, at);
                    self.edges.push(Edge { name: name.clone(), area, rows: *rows, at });
                    self.node(first, upper, format!("{name} 1"));
                    self.node(second, lower, name + " 2");
                }
            },
        }
    }

    fn place(&mut self, node: &Node, area: Rect) {
        // What has nothing to show has no tab; its digit leads to it.
        let mut tabs = self.views(node).to_vec();
        tabs.retain(|id| self.model.presence(*id) == Presence::There);
        let recent = self.model.recent.iter().find(|id| tabs.contains(id));
        let calls = |id: &&ViewId| self.model.slot(**id).is_some_and(|s| s.view.badge(&self.model.shared).is_some());
        let leads = |id: &&ViewId| self.model.slot(**id).is_some_and(leads);
        let first = super::first::chart(&self.model.shared);
        let begins = |id: &&ViewId| Some(**id) == first;
        // The one the user was at last; else the one that leads; else the first that says something waits; else, of
        // charts, the one that tells most.
        let shown = recent.or_else(|| tabs.iter().find(leads)).or_else(|| tabs.iter().find(calls));
        let shown = shown.or_else(|| tabs.iter().find(begins)).or(tabs.first());
        if let Some(shown) = shown.copied() {
            self.places.push(Placed { area, shown, tabs });
        }
    }

    /// Rows of the largest view of these roles under a node of so many columns, with its frame.
    fn content(&self, node: &Node, width: u16, roles: &[Role]) -> u16 {
        match node {
            Node::Split { rows: true, first, second, .. } => {
                self.content(first, width, roles).max(self.content(second, width, roles))
            }
            Node::Split { rows: false, cut, first, second } => {
                let left = cut.at(width, |_| 0);
                self.content(first, left, roles).max(self.content(second, width - left, roles))
            }
            Node::Place(_) => {
                let inner = inside(Rect { width, height: 2, ..Rect::ZERO });
                let shared = &self.model.shared;
                let slots = self.views(node).iter().filter_map(|id| self.model.slot(*id));
                let of_role = slots.filter(|slot| slot.view.spec().roles.iter().any(|role| roles.contains(role)));
                let heights = of_role.map(|slot| slot.view.height(shared, text::text_area(inner).width));
                heights.max().map_or(0, |rows| rows.min(400) as u16 + 2)
            }
        }
    }
}

/// Cuts an area after so many rows or columns.
fn cut(area: Rect, rows: bool, at: u16) -> (Rect, Rect) {
    if rows {
        let at = at.min(area.height);
        return (Rect { height: at, ..area }, Rect { y: area.y + at, height: area.height - at, ..area });
    }
    let at = at.min(area.width);
    (Rect { width: at, ..area }, Rect { x: area.x + at, width: area.width - at, ..area })
}
