//! What holds of every view there is, and will be.

use super::*;
use crate::tui::action::{Chord, Info, Reach};
use crate::tui::layout::inside;
use crate::tui::layouts::LAYOUTS;
use crate::tui::model::Overlay;
use crate::tui::text::text_area;
use crate::tui::views::{self, Pane};
use crate::tui::{ViewId, global};
use std::collections::BTreeSet;

/// The snapshots of all tests, and what they leave out: no run but one.
fn snapshots() -> Vec<Snapshot> {
    let mut one = fixture::sweep();
    one.runs.truncate(1);
    (one.charts, one.fits, one.advice, one.forecasts) = (Vec::new(), Vec::new(), None, Vec::new());
    let mut all = all();
    all.push(one);
    all
}

#[test]
fn every_view_draws_inside_its_area_at_every_size_in_every_state() {
    let theme = Theme::new(ThemeName::Dark, Depth::True);
    let mut models = vec![Model::new(theme, (80, 24))];
    models.extend(snapshots().into_iter().map(|snapshot| model(snapshot, (80, 24))));
    for m in models {
        for (w, h) in [(1, 1), (5, 2), (20, 5), (40, 10), (60, 20), (80, 24), (120, 35), (200, 60)] {
            for slot in &m.views {
                let area = Rect::new(3, 2, w, h);
                let inner = inside(area);
                for scroll in [0, 7, usize::MAX] {
                    let mut buf = Buffer::filled(Rect::new(0, 0, w + 6, h + 4), ratatui::buffer::Cell::new("~"));
                    slot.view.draw(&m.shared, &Pane { inner, scroll }, &mut buf);
                    for y in 0..h + 4 {
                        for x in 0..w + 6 {
                            let at = (x, y);
                            // The lower border is the view's to write on.
                            let own =
                                inner.contains(at.into()) || y == inner.bottom() && x >= inner.x && x < inner.right();
                            assert!(own || buf[at].symbol() == "~", "{:?} at {at:?} of {area:?}", slot.id());
                        }
                    }
                    let _ = slot.view.height(&m.shared, text_area(inner).width);
                }
            }
        }
    }
}

#[test]
fn every_view_is_reached_and_seen_in_every_layout() {
    for layout in &LAYOUTS {
        // Three corpora are a map, four and more are slices.
        let mut seen = BTreeSet::new();
        for snapshot in [fixture::wide(), fixture::routed()] {
            let mut m = model(snapshot, layout.least);
            for id in m.stops() {
                m.go(id);
                assert_eq!(m.focus, id);
                let area = m.plan().area(id).unwrap_or_else(|| panic!("{id:?} is not seen at {:?}", layout.least));
                assert!(inside(area).height > 0, "{id:?} has no row at {:?}", layout.least);
                seen.insert(id.0);
            }
        }
        let mut m = model(fixture::routed(), layout.least);
        // The view of an only run is not.
        let all = m.views.iter().filter(|slot| !slot.covers() && slot.id().0 != "one").map(|slot| slot.id().0);
        assert_eq!(seen, all.collect(), "all are there in a sweep");
        for id in m.views.iter().filter(|slot| slot.covers()).map(|slot| slot.id()).collect::<Vec<_>>() {
            m.overlay = Overlay::View(id);
            let room = usize::from(layout.least.0) - 5;
            let title = m.slot(id).unwrap().view.title(&m.shared, room);
            assert!(screen(&m).contains(&title), "{id:?} is not seen at {:?}", layout.least);
        }
    }
}

#[test]
fn places_do_not_overlap_and_fill_the_body() {
    for snapshot in snapshots() {
        for (w, h) in [(40, 10), (45, 17), (60, 20), (72, 20), (80, 24), (119, 40), (120, 35), (200, 60)] {
            let m = model(snapshot.clone(), (w, h));
            let plan = m.plan();
            let cells: u32 = plan.places.iter().map(|place| place.area.area()).sum();
            assert_eq!(cells, plan.body.area(), "{w}x{h}");
            for (i, place) in plan.places.iter().enumerate() {
                assert_eq!(place.area.intersection(plan.body), place.area);
                assert!(plan.places[..i].iter().all(|other| !other.area.intersects(place.area)));
                assert!(place.tabs.contains(&place.shown));
            }
        }
    }
}

#[test]
fn a_view_that_goes_hands_the_focus_on_and_one_that_is_quiet_takes_room_only_when_chosen() {
    let mut m = model(fixture::sweep(), (140, 40));
    m.go(ViewId("ledger"));
    let mut next = fixture::sweep();
    next.ledger = Default::default();
    next.notices.clear();
    next.runs.iter_mut().for_each(|run| Arc::make_mut(run).signals.clear());
    update(&mut m, Event::Incoming(crate::tui::Incoming::Snapshot(Arc::new(next))));
    assert_eq!(m.focus, ViewId("runs"));
    assert_eq!(m.plan().places.len(), 4, "nothing stands across");
    m.go(ViewId("setup"));
    assert!(screen(&m).contains("Nothing to report."));
    press(&mut m, KeyCode::Tab);
    assert!(!screen(&m).contains("Nothing to report."));
}

#[test]
fn names_are_unique_and_said_in_plain_words() {
    let views = views::all();
    let ids: BTreeSet<&str> = views.iter().map(|view| view.spec().id.0).collect();
    assert_eq!(ids.len(), views.len());
    let mut names = BTreeSet::new();
    let mut check = |info: &Info, first: &str| {
        assert!(names.insert(info.name), "{} is there twice", info.name);
        assert!(info.name.starts_with(&format!("{first}.")), "{} is not of {first}", info.name);
        assert!(!info.keys.is_empty() && info.does.len() >= 4, "{} says nothing", info.name);
        let plain = !info.does.ends_with('.') && info.does.starts_with(|c: char| c.is_lowercase());
        assert!(plain, "{}: {}", info.name, info.does);
        assert!(
            info.hint.is_none_or(|hint| (2..=12).contains(&hint.chars().count())),
            "{}: {:?}",
            info.name,
            info.hint
        );
    };
    for (title, actions) in global::SECTIONS {
        assert!(!title.is_empty());
        actions.iter().for_each(|action| check(&action.info, action.info.name.split('.').next().unwrap()));
    }
    for view in &views {
        let spec = view.spec();
        assert!(!spec.name.is_empty() && !spec.about.is_empty() && !spec.roles.is_empty(), "{:?}", spec.id);
        view.actions().into_iter().for_each(|info| check(info, spec.id.0));
    }
}

/// The keys of one table, none of them twice.
fn keys<'a>(infos: impl Iterator<Item = &'a Info>) -> Vec<Chord> {
    let mut all: Vec<Chord> = Vec::new();
    for chord in infos.flat_map(|info| info.keys) {
        assert!(!all.contains(chord), "{} is bound twice", chord.label());
        all.push(*chord);
    }
    all
}

#[test]
fn no_key_does_two_things() {
    let mut taken = keys(global::all().map(|action| &action.info));
    let digits: Vec<Chord> = ('1'..='9').map(crate::tui::action::k).collect();
    assert!(taken.iter().all(|chord| !digits.contains(chord)), "digits lead to views");
    taken.extend(digits);
    let views = views::all();
    for view in &views {
        let infos = view.actions();
        keys(infos.iter().copied());
        for info in infos {
            let global = info.keys.iter().filter(|chord| taken.contains(chord)).count();
            match info.reach {
                Reach::Instead => assert_eq!(global, info.keys.len(), "{} replaces no global key", info.name),
                Reach::Here | Reach::Everywhere => assert_eq!(global, 0, "{} hides a global key", info.name),
            }
        }
    }
    let everywhere: Vec<&Info> = views.iter().flat_map(|view| view.actions()).collect();
    keys(everywhere.into_iter().filter(|info| info.reach == Reach::Everywhere));
}

#[test]
fn a_drag_over_the_chart_moves_its_reading_line() {
    use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
    let mut m = model(fixture::sweep(), (80, 24));
    m.go(views::chart::ID);
    let mouse = |m: &mut Model, kind, column, row| {
        update(m, Event::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }));
    };
    let reading = |m: &Model| state::<views::chart::Chart>(m).reading;
    mouse(&mut m, MouseEventKind::Down(MouseButton::Left), 8, 6);
    let first = reading(&m).unwrap();
    mouse(&mut m, MouseEventKind::Drag(MouseButton::Left), 30, 6);
    assert!(reading(&m).unwrap() > first + 10);
    mouse(&mut m, MouseEventKind::Drag(MouseButton::Left), 79, 23);
    let last = m.shared.main_chart().unwrap().1.shares.len() - 1;
    assert_eq!(reading(&m), Some(last), "the button is still down, wherever the mouse is");
    mouse(&mut m, MouseEventKind::Up(MouseButton::Left), 30, 6);
    mouse(&mut m, MouseEventKind::Drag(MouseButton::Left), 8, 6);
    assert_eq!(reading(&m), Some(last));
}
