use super::*;
use crate::tui::keys::{Action, BINDINGS, Binding};
use crate::tui::layout::plan;
use crate::tui::model::{Overlay, Panel};
use crate::tui::order::Column;
use crate::tui::{Effect, Exit, Incoming};
use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};

fn press_binding(model: &mut Model, binding: &Binding, which: usize) -> Vec<Effect> {
    let chord = binding.keys[which];
    let modifiers = if chord.ctrl { KeyModifiers::CONTROL } else { KeyModifiers::NONE };
    update(model, Event::Key(KeyEvent::new(chord.code, modifiers)))
}

fn selected(model: &Model) -> usize {
    model.runs.cursor(model.snapshot.as_ref().unwrap()).unwrap()
}

/// What must hold after a key, given the model before it. One arm per action: a new key does not compile without.
fn does_what_it_says(action: Action, before: &Model, after: &Model, effects: &[Effect]) -> bool {
    match action {
        Action::Up => selected(after) + 1 == selected(before),
        Action::Down => selected(after) == selected(before) + 1,
        // Six rows are seen in this size; two of them stay, to keep one's place.
        Action::PageUp => selected(after) + 6 == selected(before),
        Action::PageDown => selected(after) == selected(before) + 6,
        Action::First => selected(after) == 0,
        Action::Last => selected(after) == 35,
        // Only on the chart and in details, which have tests of their own.
        Action::Left | Action::Right => after.reading == before.reading && selected(after) == selected(before),
        Action::NextPanel => after.focus == Panel::Chart,
        Action::PreviousPanel => after.focus == Panel::Ledger,
        Action::Focus(panel) => after.focus == panel,
        Action::Open => after.overlay == Overlay::Detail,
        Action::Close => after.runs.filter.is_empty() && !before.runs.filter.is_empty(),
        Action::Zoom => after.zoomed,
        Action::NextChart => after.main_chart().map(|(i, _)| i) != before.main_chart().map(|(i, _)| i),
        Action::WholeRange => after.whole_range,
        Action::Sort => after.runs.sort.column == Column::State && after.runs.order != before.runs.order,
        Action::Reverse => after.runs.order.iter().eq(before.runs.order.iter().rev()),
        Action::Filter => after.runs.editing && after.focus == Panel::Runs,
        // Nothing was told of the run that is selected; the others have a test of their own.
        Action::Acknowledge => effects.is_empty(),
        Action::Freeze => after.frozen,
        Action::Theme => after.theme.name == before.theme.name.next(),
        Action::Help => after.overlay == Overlay::Help,
        Action::Redraw => effects == [Effect::Redraw],
        Action::Detach => effects == [Effect::Leave(Exit::Detached)],
        Action::Stop => after.overlay == Overlay::ConfirmStop,
        Action::Suspend => effects == [Effect::Suspend],
    }
}

#[test]
fn every_key_does_what_the_help_says() {
    for binding in BINDINGS {
        for which in 0..binding.keys.len() {
            let mut m = model(fixture::sweep(), (80, 24));
            if binding.action == Action::Close {
                m.runs.filter = "n".to_owned();
            }
            for _ in 0..10 {
                press(&mut m, KeyCode::Down);
            }
            let before = m.clone();
            let effects = press_binding(&mut m, binding, which);
            let ok = does_what_it_says(binding.action, &before, &m, &effects);
            assert!(ok, "{} does not: {}", binding.keys[which].label(), binding.does);
        }
    }
}

#[test]
fn the_help_lists_every_key_with_what_it_does() {
    for size in [(140, 80), (80, 200)] {
        let mut m = model(fixture::sweep(), size);
        type_in(&mut m, "?");
        let help = screen(&m);
        let words: String = help.split_whitespace().filter(|w| *w != "│").collect();
        for binding in BINDINGS {
            for chord in binding.keys {
                assert!(help.contains(&chord.label()), "{} is missing", chord.label());
            }
            let line = help
                .lines()
                .find(|l| l.contains(&binding.keys[0].label()) && l.contains(binding.does.split(' ').next().unwrap()));
            assert!(line.is_some(), "{} is missing", binding.does);
            if size.0 == 80 {
                let does: String = binding.does.split_whitespace().collect();
                assert!(words.contains(&does), "{} is missing", binding.does);
            }
        }
    }
}

#[test]
fn left_and_right_read_the_chart() {
    let mut m = model(fixture::sweep(), (80, 24));
    type_in(&mut m, "2");
    press(&mut m, KeyCode::Right);
    let shares = m.main_chart().unwrap().1.shares.clone();
    assert_eq!(m.reading.map(|i| shares[i]), Some(0.74), "begins at the advised mixture");
    press(&mut m, KeyCode::Right);
    assert_eq!(m.reading.map(|i| shares[i]), Some(0.76));
    press(&mut m, KeyCode::Left);
    press(&mut m, KeyCode::Left);
    assert_eq!(m.reading.map(|i| shares[i]), Some(0.72));
    assert!(screen(&m).contains("72%: 1.487 ("), "{}", screen(&m));
    press(&mut m, KeyCode::Esc);
    assert_eq!(m.reading, None);
}

#[test]
fn left_and_right_go_through_the_runs_in_their_details() {
    let mut m = model(fixture::sweep(), (80, 24));
    press(&mut m, KeyCode::Enter);
    press(&mut m, KeyCode::Right);
    assert_eq!((m.overlay, selected(&m)), (Overlay::Detail, 1));
    assert!(screen(&m).contains("runs/n590k-r090"));
    press(&mut m, KeyCode::Left);
    assert_eq!(selected(&m), 0);
    press(&mut m, KeyCode::Enter);
    assert_eq!(m.overlay, Overlay::None);
}

#[test]
fn charts_are_gone_through_one_by_one_and_all_together_where_they_fit() {
    let charts = |size: (u16, u16)| {
        let mut m = model(fixture::sweep(), size);
        let mut seen = Vec::new();
        for _ in 0..4 {
            seen.push(m.chart);
            type_in(&mut m, "c");
        }
        seen
    };
    assert_eq!(charts((140, 40)), [None, Some(0), Some(1), None], "both, prose, rust, both");
    assert_eq!(charts((80, 24)), [None, Some(0), Some(1), Some(0)], "rust, prose, rust, prose");
}

#[test]
fn the_law_shown_is_that_of_the_chart_or_the_one_chosen() {
    let mut m = model(fixture::sweep(), (80, 24));
    let shown = |m: &Model| m.main_fit().unwrap().1.metric.clone();
    assert_eq!(shown(&m), fixture::RUST);
    type_in(&mut m, "c");
    assert_eq!(shown(&m), fixture::PROSE);
    type_in(&mut m, "4j");
    assert_eq!(shown(&m), fixture::RUST);
    type_in(&mut m, "jjj");
    assert_eq!(shown(&m), fixture::RUST, "there is none after the last");
}

#[test]
fn tab_goes_through_every_panel_and_back() {
    for (snapshot, panels) in [(fixture::sweep(), 7), (fixture::empty(), 4)] {
        let mut m = model(snapshot, (80, 24));
        let mut seen = Vec::new();
        for _ in 0..panels {
            seen.push(m.focus);
            assert!(plan(&m, Rect::new(0, 0, 80, 24)).area(m.focus).is_some(), "{:?} is seen", m.focus);
            press(&mut m, KeyCode::Tab);
        }
        assert_eq!(m.focus, seen[0]);
        seen.dedup();
        assert_eq!(seen.len(), panels);
        press(&mut m, KeyCode::BackTab);
        assert_eq!(m.focus, seen[panels - 1]);
    }
}

#[test]
fn signals_are_taken_as_seen_by_run_and_all_in_their_panel() {
    let mut m = model(fixture::sweep(), (80, 24));
    m.runs.selected = Some(32);
    assert_eq!(press(&mut m, KeyCode::Char('a')), [Effect::Acknowledge(vec![2])], "one was seen before");
    type_in(&mut m, "g6");
    assert_eq!(m.focus, Panel::Signals);
    assert_eq!(press(&mut m, KeyCode::Char('a')), [Effect::Acknowledge(vec![2])]);
    let mut quiet = model(fixture::empty(), (80, 24));
    type_in(&mut quiet, "6");
    assert_eq!(quiet.focus, Panel::Runs, "a panel that is not there is not gone to");
}

#[test]
fn the_filter_is_typed_kept_and_cleared() {
    let mut m = model(fixture::sweep(), (80, 24));
    type_in(&mut m, "/n99q");
    assert_eq!((m.runs.filter.as_str(), m.runs.order.len()), ("n99q", 0), "letters are letters here, also q");
    press(&mut m, KeyCode::Backspace);
    assert_eq!(m.runs.order.len(), 9);
    update(&mut m, Event::Paste("k-r1\n".to_owned()));
    assert_eq!(m.runs.filter, "n99k-r1");
    assert_eq!(m.runs.order.len(), 1);
    press(&mut m, KeyCode::Enter);
    assert!(!m.runs.editing);
    press(&mut m, KeyCode::Esc);
    assert_eq!(m.runs.order.len(), 36);
    update(&mut m, Event::Paste("Qy".to_owned()));
    assert_eq!(m.overlay, Overlay::None, "what is pasted is not taken for keys");
}

#[test]
fn the_cursor_stays_on_its_run_when_the_order_changes() {
    let mut m = model(fixture::sweep(), (80, 24));
    type_in(&mut m, "jjjj");
    let name = m.selected_run().unwrap().name.clone();
    let mut next = fixture::sweep();
    next.runs.rotate_right(7);
    update(&mut m, Event::Incoming(Incoming::Snapshot(Arc::new(next.clone()))));
    assert_eq!(m.selected_run().unwrap().name, name);
    type_in(&mut m, "s");
    assert_eq!(m.selected_run().unwrap().name, name);
    next.runs.retain(|r| r.name != name);
    update(&mut m, Event::Incoming(Incoming::Snapshot(Arc::new(next))));
    assert!(m.selected_run().is_some(), "a run that is gone hands the cursor to its neighbour");
}

#[test]
fn a_frozen_screen_stands_still_and_catches_up() {
    let mut m = model(fixture::sweep(), (80, 24));
    type_in(&mut m, "f");
    let mut next = fixture::sweep();
    next.seq += 1;
    update(&mut m, Event::Incoming(Incoming::Snapshot(Arc::new(next))));
    assert_eq!(m.snapshot.as_ref().unwrap().seq, 128);
    assert!(screen(&m).contains("frozen"));
    type_in(&mut m, "f");
    assert_eq!(m.snapshot.as_ref().unwrap().seq, 129);
    assert!(m.pending.is_none());
}

#[test]
fn stopping_the_daemon_is_asked_about_once() {
    let mut m = model(fixture::sweep(), (80, 24));
    type_in(&mut m, "Q");
    assert_eq!(press(&mut m, KeyCode::Char('n')), [Effect::Render]);
    assert_eq!(m.overlay, Overlay::None);
    type_in(&mut m, "Q");
    assert_eq!(press(&mut m, KeyCode::Char('y')), [Effect::Leave(Exit::Stop)]);
    let mut embedded = model(fixture::early(), (80, 24));
    assert_eq!(press(&mut embedded, KeyCode::Char('Q')), [Effect::Leave(Exit::Stop)], "nothing is left to ask about");
    assert_eq!(update(&mut embedded, Event::Terminate), [Effect::Leave(Exit::Detached)]);
}

#[test]
fn text_scrolls_no_further_than_its_end() {
    let mut m = model(fixture::sweep(), (80, 24));
    type_in(&mut m, "3");
    for _ in 0..100 {
        press(&mut m, KeyCode::Down);
    }
    assert!(screen(&m).contains("0.978 and 0.985."), "the last line is seen\n{}", screen(&m));
    let end = m.advice_scroll;
    press(&mut m, KeyCode::Up);
    assert_eq!(m.advice_scroll + 1, end, "the first key up moves at once");
    type_in(&mut m, "?G");
    assert!(screen(&m).contains("mean something"), "{}", screen(&m));
}

#[test]
fn clicks_choose_panels_tabs_and_runs() {
    let mut m = model(fixture::sweep(), (80, 24));
    let click = |m: &mut Model, column, row| {
        let kind = MouseEventKind::Down(MouseButton::Left);
        update(m, Event::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }));
    };
    let runs = plan(&m, Rect::new(0, 0, 80, 24)).area(Panel::Runs).unwrap();
    click(&mut m, 10, 4);
    assert_eq!(m.focus, Panel::Chart);
    click(&mut m, 20, runs.y + 4);
    assert_eq!((m.focus, selected(&m)), (Panel::Runs, 2));
    let tabs = screen(&m).lines().nth(runs.y.into()).unwrap().to_owned();
    let laws = tabs.chars().position(|c| c == 'L').unwrap();
    click(&mut m, laws as u16, runs.y);
    assert_eq!(m.focus, Panel::Laws);
    click(&mut m, 2, runs.y);
    assert_eq!(m.focus, Panel::Runs);
    let wheel =
        MouseEvent { kind: MouseEventKind::ScrollDown, column: 20, row: runs.y + 2, modifiers: KeyModifiers::NONE };
    update(&mut m, Event::Mouse(wheel));
    assert_eq!(selected(&m), 5);
}
