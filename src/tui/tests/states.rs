//! Every view in every state, at three sizes: what is registered is here, and a view that has nothing to show in any of the
//! snapshots of the tests is a failure.

use super::*;
use crate::ipc::protocol::PredictQuery;
use crate::tui::layout::inside;
use crate::tui::plain;
use crate::tui::views::{Pane, Presence};
use crate::tui::{Incoming, Prediction, ViewId};
use crate::vocab::{Advice, RunState};

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];

/// What a dashboard may be in the middle of.
const STATES: [&str; 5] = ["abstaining", "disconnected", "first fit under way", "loading", "empty"];

/// A snapshot brought into a state, as the screen has it.
fn in_state(state: &str, snapshot: &Snapshot, size: (u16, u16)) -> Model {
    let mut s = snapshot.clone();
    match state {
        "abstaining" | "disconnected" => {
            // A single run keeps its own sentence on what is missing.
            if !matches!(s.advice, Some(Advice::Abstained(_))) {
                s.advice = fixture::abstained().advice;
            }
        }
        "empty" => s = fixture::empty(),
        _ => {
            (s.advice, s.shape, s.optima) = (None, None, None);
            (s.fits, s.charts, s.forecasts, s.choices) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
            let early = fixture::early();
            (s.daemon, s.ledger) = (early.daemon, early.ledger);
            if state != "loading" {
                s.daemon.ingest = None;
                s.daemon.refitting = true;
            }
        }
    }
    let mut m = model(s, size);
    // A run in the middle, where there is one.
    let runs = m.shared.snapshot.as_ref().map_or(&[][..], |snapshot| &snapshot.runs);
    if let Some(id) = runs.iter().find(|run| run.state == RunState::Stalled).map(|run| run.id) {
        m.shared.runs.selected = Some(id);
    }
    let mut forecasts = m.shared.snapshot.as_ref().map(|snapshot| snapshot.forecasts.clone()).unwrap_or_default();
    // Those of the current mixture.
    forecasts.truncate(2);
    let query = PredictQuery::default();
    m.shared.prediction = Some(Arc::new(Prediction { query, forecasts, failed: None }));
    if state == "loading" {
        m.shared.curves = None;
        m.shared.prediction = None;
        m.shared.answers = Arc::default();
    }
    if state == "disconnected" {
        let why = "The daemon has stopped. Start it again: mixlaw daemon start".to_owned();
        update(&mut m, Event::Incoming(Incoming::Lost(why)));
    }
    m
}

/// What a view draws inside its frame, without empty lines at the end.
fn drawn(m: &mut Model, id: ViewId) -> String {
    let area = inside(Rect::new(0, 0, m.shared.size.0, m.shared.size.1));
    if m.slot(id).is_none_or(|slot| slot.view.presence(&m.shared) == Presence::Gone) {
        return "(not there)".to_owned();
    }
    if let Some(query) =
        m.slot(id).and_then(|slot| slot.view.needs(&m.shared, area)).filter(|_| m.shared.curves.is_some())
    {
        m.shared.curves = Some(Arc::new(fixture::curves(&query)));
    }
    let mut buf = Buffer::empty(Rect::new(0, 0, m.shared.size.0, m.shared.size.1));
    if let Some(slot) = m.slot(id) {
        slot.view.draw(&m.shared, &Pane { inner: area, scroll: 0 }, &mut buf);
    }
    let text = plain::text(&buf);
    let text = text.trim_end();
    if text.is_empty() { "(nothing)".to_owned() } else { text.to_owned() }
}

#[test]
fn every_view_is_drawn_in_every_state_at_every_size() {
    let snapshots =
        [fixture::sweep(), fixture::one(), fixture::devices(), fixture::routed(), fixture::wide(), fixture::experts()];
    let ids: Vec<ViewId> = model(fixture::sweep(), SIZES[0]).views.iter().map(|slot| slot.id()).collect();
    for id in ids {
        let is_there = |snapshot: &&Snapshot| {
            let m = model((*snapshot).clone(), SIZES[0]);
            m.slot(id).is_some_and(|slot| slot.view.presence(&m.shared) == Presence::There)
        };
        let snapshot = snapshots.iter().find(is_there);
        let snapshot = snapshot.unwrap_or_else(|| panic!("{id:?} is there in no snapshot of the tests: add one above"));
        let mut out = String::new();
        for size in SIZES {
            let mut before: Vec<(&str, String)> = Vec::new();
            for state in STATES {
                let text = drawn(&mut in_state(state, snapshot, size), id);
                out.push_str(&format!("=== {}x{}, {state}\n", size.0, size.1));
                match before.iter().find(|(_, other)| *other == text) {
                    Some((other, _)) => out.push_str(&format!("(as {other})\n")),
                    None => out.push_str(&format!("{text}\n")),
                }
                before.push((state, text));
            }
        }
        assert!(out.lines().count() > 3 * STATES.len() + 3, "{id:?} draws nothing in any state:\n{out}");
        insta::assert_snapshot!(format!("states_of_{}", id.0), out);
    }
}

/// Whoever waits for an answer is told when nobody will give it.
#[test]
fn no_view_says_that_it_asks_a_daemon_that_is_gone() {
    let snapshots =
        [fixture::sweep(), fixture::one(), fixture::devices(), fixture::routed(), fixture::wide(), fixture::experts()];
    let mut told = 0;
    for snapshot in &snapshots {
        let mut m = in_state("disconnected", snapshot, SIZES[1]);
        (m.shared.curves, m.shared.prediction, m.shared.answers) = (None, None, Arc::default());
        let ids: Vec<ViewId> = m.views.iter().map(|slot| slot.id()).collect();
        for id in ids {
            let text = drawn(&mut m, id);
            assert!(!text.contains("Asking") && !text.contains("Reading the"), "{id:?}: {text}");
            told += usize::from(text.contains("Nobody answers"));
        }
    }
    assert!(told >= 3, "{told} views were asked of anything");
}
