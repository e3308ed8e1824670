//! Keys, mouse, resizes, texts and changes in any order: nothing panics, nothing is drawn outside, the focus is on
//! something that is there.

use super::*;
use crate::tui::model::Overlay;
use crate::tui::{Answer, Answered, Effect, Incoming, Prediction, ViewId};
use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

const KEYS: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:/?#+-=[]!<>.&,{}é\u{202e}";
const EVIL: &str = "no \u{1b}[31m answer\u{202e}";
const CODES: [KeyCode; 15] = [
    KeyCode::Up,
    KeyCode::Down,
    KeyCode::Left,
    KeyCode::Right,
    KeyCode::Enter,
    KeyCode::Esc,
    KeyCode::Tab,
    KeyCode::BackTab,
    KeyCode::Home,
    KeyCode::End,
    KeyCode::PageUp,
    KeyCode::PageDown,
    KeyCode::Backspace,
    KeyCode::F(1),
    KeyCode::F(2),
];

struct Chance(Xoshiro256PlusPlus);

impl Chance {
    fn below(&mut self, n: usize) -> usize {
        (self.0.next_u64() % n.max(1) as u64) as usize
    }

    fn of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }
}

fn event(chance: &mut Chance, snapshots: &[Arc<Snapshot>], m: &Model) -> Event {
    let (w, h) = (usize::from(m.shared.size.0), usize::from(m.shared.size.1));
    match chance.below(21) {
        0 => Event::Incoming(Incoming::Snapshot(chance.of(snapshots))),
        1 => match m.needs() {
            Some(query) => Event::Incoming(Incoming::Curves(Arc::new(fixture::curves(&query)))),
            None => Event::Age(3.0),
        },
        2 => {
            let query = m.place().unwrap_or_default();
            let forecasts = m.shared.snapshot.as_ref().map(|s| s.forecasts.clone()).unwrap_or_default();
            let failed = (chance.below(3) == 0).then(|| "no law \u{1b}[31m sees it".to_owned());
            Event::Incoming(Incoming::Prediction(Arc::new(Prediction { query, forecasts, failed })))
        }
        3 => Event::Resize(chance.below(220) as u16, chance.below(70) as u16),
        4 => Event::Paste(chance.of(&["lr>1e-3", "\u{1b}]0;x\u{7}", "", "/[", "::::"]).to_owned()),
        5 => match chance.below(3) {
            0 => Event::Incoming(Incoming::Lost("the daemon is gone".to_owned())),
            1 => Event::Incoming(Incoming::Back),
            _ => Event::Age(chance.below(10_000) as f64),
        },
        6..=9 => {
            let kind = chance.of(&[
                MouseEventKind::Down(MouseButton::Left),
                MouseEventKind::Drag(MouseButton::Left),
                MouseEventKind::Up(MouseButton::Left),
                MouseEventKind::ScrollUp,
                MouseEventKind::ScrollDown,
                MouseEventKind::Down(MouseButton::Right),
            ]);
            let (column, row) = (chance.below(w + 3) as u16, chance.below(h + 3) as u16);
            Event::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE })
        }
        10..=12 => Event::Key(KeyEvent::new(chance.of(&CODES), KeyModifiers::NONE)),
        13 => {
            let (Some(crate::tui::Asked { questions, .. }), Some(snapshot)) = (m.questions(), &m.shared.snapshot)
            else {
                return Event::Age(3.0);
            };
            let mut answers = fixture::answers(&questions, snapshot);
            if chance.below(4) == 0 {
                let failed = |Answered { question, .. }| Answered { question, answer: Answer::Failed(EVIL.to_owned()) };
                answers = answers.into_iter().map(failed).collect();
            }
            Event::Incoming(Incoming::Answers(Arc::new(answers)))
        }
        _ => {
            let keys: Vec<char> = KEYS.chars().collect();
            let modifiers =
                chance.of(&[KeyModifiers::NONE, KeyModifiers::NONE, KeyModifiers::NONE, KeyModifiers::CONTROL]);
            Event::Key(KeyEvent::new(KeyCode::Char(chance.of(&keys)), modifiers))
        }
    }
}

#[test]
fn nothing_that_happens_in_any_order_breaks_the_screen() {
    let soak = std::env::var_os("MIXLAW_SOAK").is_some();
    let seed = std::env::var("MIXLAW_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let (storms, events) = if soak { (200, 3_000) } else { (6, 150) };
    let mut snapshots: Vec<Arc<Snapshot>> = all().into_iter().map(Arc::new).collect();
    snapshots.push(Arc::new(fixture::one()));
    snapshots.push(Arc::new(fixture::devices()));
    let (mut seen, mut gone) = (std::collections::BTreeSet::new(), 0);
    for storm in 0..storms {
        let mut chance = Chance(Xoshiro256PlusPlus::seed_from_u64(seed + storm));
        let theme =
            Theme::new(chance.of(&[ThemeName::Dark, ThemeName::Light, ThemeName::Ansi, ThemeName::Mono]), Depth::True);
        let mut m = Model::new(theme, (100, 30));
        let mut told = Vec::new();
        for _ in 0..events {
            // Keys lead to few views in so short a time: now and then the next one of all is gone to, with something to show.
            if chance.below(12) == 0 && m.shared.snapshot.is_some() {
                let id = m.views[gone % m.views.len()].id();
                gone += 1;
                let shows = |snapshot: &&Arc<Snapshot>| {
                    let m = Model::showing(Arc::clone(snapshot), m.shared.theme, (100, 30));
                    m.presence(id) != crate::tui::views::Presence::Gone
                };
                let snapshot = snapshots.iter().find(shows).expect("a snapshot in which the view is there");
                update(&mut m, Event::Incoming(Incoming::Snapshot(Arc::clone(snapshot))));
                m.go(id);
                told.push(format!("gone to {id:?}"));
            }
            let next = event(&mut chance, &snapshots, &m);
            told.push(format!("{next:.200?}"));
            let effects = update(&mut m, next);
            seen.extend(m.plan().places.iter().map(|place| place.shown).filter(|_| m.shared.snapshot.is_some()));
            if let Overlay::View(id) = m.overlay {
                seen.insert(id);
            }
            let size = (m.shared.size.0, m.shared.size.1);
            // One cell around the screen, which nothing may write on.
            let mut buf = Buffer::filled(Rect::new(0, 0, size.0 + 2, size.1 + 2), ratatui::buffer::Cell::new("~"));
            view(&m, Rect::new(1, 1, size.0, size.1), &mut buf);
            let edge = |x: u16, y: u16| x == 0 || y == 0 || x == size.0 + 1 || y == size.1 + 1;
            for y in 0..size.1 + 2 {
                for x in 0..size.0 + 2 {
                    let symbol = buf[(x, y)].symbol();
                    assert!(!edge(x, y) || symbol == "~", "storm {storm}: outside at {x},{y}: {:?}", told.last());
                    assert!(!symbol.chars().any(char::is_control), "storm {storm}: {symbol:?}: {:?}", told.last());
                }
            }
            if m.shared.snapshot.is_some() {
                assert!(m.slot(m.focus).is_some(), "storm {storm}: the focus is lost: {:?}", told.last());
                if let Overlay::View(id) = m.overlay {
                    assert!(m.slot(id).is_some());
                }
            }
            assert!(m.needs().is_none_or(|query| query.check().is_ok()), "storm {storm}: {:?}", told.last());
            if effects.iter().any(|effect| matches!(effect, Effect::Leave(_))) {
                m.overlay = Overlay::None;
            }
        }
    }
    let all: std::collections::BTreeSet<ViewId> = crate::tui::views::all().iter().map(|view| view.spec().id).collect();
    assert_eq!(seen, all, "views that no storm has reached");
}
