use super::*;
use crate::tui::action::{Chord, Info, Reach};
use crate::tui::model::Overlay;
use crate::tui::order::Column;
use crate::tui::views::chart::Chart;
use crate::tui::views::curves::Curves;
use crate::tui::views::runs::Runs;
use crate::tui::views::{self, run};
use crate::tui::{Effect, Exit, Incoming, ViewId, global};
use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};

const RUNS: ViewId = ViewId("runs");
const CHART: ViewId = ViewId("chart");
const LAWS: ViewId = ViewId("laws");
const ALERTS: ViewId = ViewId("alerts");

fn press_chord(model: &mut Model, chord: Chord) -> Vec<Effect> {
    let modifiers = if chord.ctrl { KeyModifiers::CONTROL } else { KeyModifiers::NONE };
    update(model, Event::Key(KeyEvent::new(chord.code, modifiers)))
}

fn selected(model: &Model) -> usize {
    model.shared.runs.cursor(model.shared.snapshot.as_ref().unwrap()).unwrap()
}

/// What must hold after a key, given the model before it; `None` for actions that this does not know.
fn does_what_it_says(action: &str, before: &Model, after: &Model, effects: &[Effect]) -> Option<bool> {
    Some(match action {
        "move.up" => selected(after) + 1 == selected(before),
        "move.down" => selected(after) == selected(before) + 1,
        // Six rows are seen in this size; two of them stay, to keep one's place.
        "move.page-up" => selected(after) + 6 == selected(before),
        "move.page-down" => selected(after) == selected(before) + 6,
        "move.start" => selected(after) == 0,
        "move.end" => selected(after) == 35,
        "view.next" => after.focus == CHART,
        "view.previous" => after.focus == ViewId("front"),
        "curves.rougher" => state::<Curves>(after).smoothing == 0,
        // There is nothing wider than everything, nothing tried and no run hidden yet.
        "curves.wider" | "what-if.reset" | "runs.all" => true,
        // Two losses are one pair.
        "front.previous" => true,
        "runs.open" => after.overlay == Overlay::View(run::ID),
        "show.close" => after.shared.runs.filter.is_empty() && !before.shared.runs.filter.is_empty(),
        "show.whole" | "show.zoom" => after.shared.zoomed,
        "chart.next" => after.shared.main_chart().map(|(i, _)| i) != before.shared.main_chart().map(|(i, _)| i),
        "chart.range" => state::<Chart>(after).whole_range,
        "runs.sort" => {
            after.shared.runs.sort.column == Column::State && after.shared.runs.order != before.shared.runs.order
        }
        "runs.reverse" => after.shared.runs.order.iter().eq(before.shared.runs.order.iter().rev()),
        "runs.filter" => state::<Runs>(after).editing && after.focus == RUNS,
        // The selected run has no alerts; those of others have a test of their own.
        "runs.dismiss" => !effects.iter().any(|e| matches!(e, Effect::Dismiss(_))),
        "alerts.dismiss-all" => effects == [Effect::Dismiss(vec![2])],
        // The first press shows where one is.
        "chart.left" | "chart.right" => state::<Chart>(after).reading.is_some() && selected(after) == selected(before),
        "run.previous" => selected(after) + 1 == selected(before) && after.overlay == Overlay::View(run::ID),
        "run.next" => selected(after) == selected(before) + 1 && after.overlay == Overlay::View(run::ID),
        "show.palette" => after.overlay == Overlay::Palette,
        "show.copy" | "show.copy-picture" => matches!(effects, [Effect::Copy(_)]),
        // Nothing was taken back yet; nothing was changed before.
        "show.undo" | "show.redo" => after.said.as_deref().is_some_and(|said| said.starts_with("Nothing to")),
        "show.mouse" => effects == [Effect::Mouse(false)],
        "show.freeze" => after.shared.frozen,
        "show.theme" => after.shared.theme.name == before.shared.theme.name.next(),
        "show.help" => after.overlay == Overlay::Help,
        "show.redraw" => effects == [Effect::Redraw],
        "leave.detach" => effects == [Effect::Leave(Exit::Detached)],
        "leave.stop" => after.overlay == Overlay::ConfirmStop,
        "leave.suspend" => effects == [Effect::Suspend],
        _ => return None,
    })
}

/// Every action with the view that has it.
fn actions() -> Vec<(Option<ViewId>, &'static Info)> {
    let views = views::all();
    let of_views = views.iter().flat_map(|view| view.actions().into_iter().map(|info| (Some(view.spec().id), info)));
    global::all().map(|action| (None, &action.info)).chain(of_views).collect()
}

#[test]
fn every_key_does_what_the_help_says() {
    for (view, info) in actions() {
        for which in 0..info.keys.len() {
            let mut m = model(fixture::sweep(), (80, 24));
            if info.name == "show.close" {
                m.shared.runs.filter = "n".to_owned();
            }
            if info.name == "show.sizes" {
                m.splits.insert("an edge".to_owned(), 500);
            }
            for _ in 0..10 {
                press(&mut m, KeyCode::Down);
            }
            match view {
                // Enter means something else in the table of runs.
                None if info.name == "show.whole" => m.focus_on(CHART),
                Some(id) if m.slot(id).unwrap().covers() => m.overlay = Overlay::View(id),
                Some(id) if info.reach != Reach::Everywhere => m.focus_on(id),
                _ => {}
            }
            let before = m.clone();
            let effects = press_chord(&mut m, info.keys[which]);
            // Whatever the key of a newer view does, it does something that can be told.
            let changed = || format!("{m:?}") != format!("{before:?}") || effects != [Effect::Render];
            let ok = does_what_it_says(info.name, &before, &m, &effects).unwrap_or_else(changed);
            assert!(ok, "{} does not: {}", info.keys[which].label(), info.does);
        }
    }
}

#[test]
fn every_digit_leads_to_its_view_and_an_action_is_reached_by_its_name_too() {
    let mut m = model(fixture::sweep(), (80, 24));
    for (digit, id) in m.clone().digits().map(|(digit, slot)| (digit, slot.id())) {
        press(&mut m, KeyCode::Char(digit));
        assert_eq!(m.focus, id);
    }
    assert_eq!(m.perform("runs.sort"), Some(vec![Effect::Render]));
    assert_eq!(m.shared.runs.sort.column, Column::State);
    assert_eq!(m.perform("leave.suspend"), Some(vec![Effect::Suspend]));
    assert_eq!(m.perform("no.such"), None);
}

#[test]
fn the_help_lists_every_key_with_what_it_does() {
    for size in [(140, 120), (80, 200)] {
        let mut m = model(fixture::sweep(), size);
        type_in(&mut m, "?");
        let help = screen(&m);
        let words: String = help.split_whitespace().filter(|w| *w != "│").collect();
        for (_, info) in actions() {
            for chord in info.keys {
                assert!(help.contains(&chord.label()), "{} is missing", chord.label());
            }
            let line = help
                .lines()
                .find(|l| l.contains(&info.keys[0].label()) && l.contains(info.does.split(' ').next().unwrap()));
            assert!(line.is_some(), "{} is missing", info.does);
            if size.0 == 80 {
                let does: String = info.does.split_whitespace().collect();
                assert!(words.contains(&does), "{} is missing", info.does);
            }
        }
        for (digit, slot) in m.digits() {
            let about = slot.view.spec().about;
            assert!(help.lines().any(|l| l.contains(&format!("  {digit}  ")) && l.contains(about)), "{about}\n{help}");
        }
    }
}

#[test]
fn left_and_right_read_the_chart() {
    let mut m = model(fixture::sweep(), (80, 24));
    type_in(&mut m, "2");
    press(&mut m, KeyCode::Right);
    let shares = m.shared.main_chart().unwrap().1.shares.clone();
    assert_eq!(state::<Chart>(&m).reading.map(|i| shares[i]), Some(0.74), "begins at the advised mixture");
    press(&mut m, KeyCode::Right);
    assert_eq!(state::<Chart>(&m).reading.map(|i| shares[i]), Some(0.76));
    press(&mut m, KeyCode::Left);
    press(&mut m, KeyCode::Left);
    assert_eq!(state::<Chart>(&m).reading.map(|i| shares[i]), Some(0.72));
    assert!(screen(&m).contains("72%: 1.487 ("), "{}", screen(&m));
    press(&mut m, KeyCode::Esc);
    assert_eq!(state::<Chart>(&m).reading, None);
}

#[test]
fn left_and_right_go_through_the_runs_in_their_details() {
    let mut m = model(fixture::sweep(), (80, 24));
    press(&mut m, KeyCode::Enter);
    press(&mut m, KeyCode::Right);
    assert_eq!((m.overlay, selected(&m)), (Overlay::View(run::ID), 1));
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
        m.go(CHART);
        let mut seen = Vec::new();
        for _ in 0..4 {
            seen.push(m.shared.chart);
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
    let shown = |m: &Model| m.shared.main_fit().unwrap().1.metric.clone();
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
    for (snapshot, panels) in [(fixture::sweep(), 13), (fixture::empty(), 3)] {
        let mut m = model(snapshot, (80, 24));
        let mut seen = Vec::new();
        for _ in 0..panels {
            seen.push(m.focus);
            assert!(m.plan().area(m.focus).is_some(), "{:?} is seen", m.focus);
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
fn alerts_are_dismissed_by_run_and_all_in_their_view() {
    let mut m = model(fixture::sweep(), (80, 24));
    m.shared.runs.selected = Some(32);
    assert_eq!(press(&mut m, KeyCode::Char('a')), [Effect::Dismiss(vec![2])], "one was dismissed before");
    type_in(&mut m, "g6");
    assert_eq!(m.focus, ALERTS);
    assert_eq!(press(&mut m, KeyCode::Char('a')), [Effect::Dismiss(vec![2])]);
    let mut quiet = model(fixture::empty(), (80, 24));
    type_in(&mut quiet, "6");
    assert_eq!(quiet.focus, RUNS, "a panel that is not there is not gone to");
}

#[test]
fn the_filter_is_typed_kept_and_cleared() {
    let mut m = model(fixture::sweep(), (80, 24));
    type_in(&mut m, "/n99q");
    assert_eq!(
        (m.shared.runs.filter.as_str(), m.shared.runs.order.len()),
        ("n99q", 0),
        "letters are letters here, also q"
    );
    press(&mut m, KeyCode::Backspace);
    assert_eq!(m.shared.runs.order.len(), 9);
    update(&mut m, Event::Paste("k-r1\n".to_owned()));
    assert_eq!(m.shared.runs.filter, "n99k-r1");
    assert_eq!(m.shared.runs.order.len(), 1);
    press(&mut m, KeyCode::Enter);
    assert!(!state::<Runs>(&m).editing);
    press(&mut m, KeyCode::Esc);
    assert_eq!(m.shared.runs.order.len(), 36);
    update(&mut m, Event::Paste("Qy".to_owned()));
    assert_eq!(m.overlay, Overlay::None, "what is pasted is not taken for keys");
}

#[test]
fn the_cursor_stays_on_its_run_when_the_order_changes() {
    let mut m = model(fixture::sweep(), (80, 24));
    type_in(&mut m, "jjjj");
    let name = m.shared.selected_run().unwrap().name.clone();
    let mut next = fixture::sweep();
    next.runs.rotate_right(7);
    update(&mut m, Event::Incoming(Incoming::Snapshot(Arc::new(next.clone()))));
    assert_eq!(m.shared.selected_run().unwrap().name, name);
    type_in(&mut m, "s");
    assert_eq!(m.shared.selected_run().unwrap().name, name);
    next.runs.retain(|r| r.name != name);
    update(&mut m, Event::Incoming(Incoming::Snapshot(Arc::new(next))));
    assert!(m.shared.selected_run().is_some(), "a run that is gone hands the cursor to its neighbour");
}

#[test]
fn a_frozen_screen_stands_still_and_catches_up() {
    let mut m = model(fixture::sweep(), (80, 24));
    type_in(&mut m, "f");
    let mut next = fixture::sweep();
    next.seq += 1;
    update(&mut m, Event::Incoming(Incoming::Snapshot(Arc::new(next))));
    assert_eq!(m.shared.snapshot.as_ref().unwrap().seq, 128);
    assert!(screen(&m).contains("frozen"));
    type_in(&mut m, "f");
    assert_eq!(m.shared.snapshot.as_ref().unwrap().seq, 129);
    assert!(m.shared.pending.is_none());
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
    let end = m.slot(ViewId("advice")).unwrap().scroll;
    press(&mut m, KeyCode::Up);
    assert_eq!(m.slot(ViewId("advice")).unwrap().scroll + 1, end, "the first key up moves at once");
    type_in(&mut m, "?G");
    assert!(screen(&m).contains("a run with open alerts"), "{}", screen(&m));
}

#[test]
fn clicks_choose_panels_tabs_and_runs() {
    let mut m = model(fixture::sweep(), (80, 24));
    let click = |m: &mut Model, column, row| {
        let kind = MouseEventKind::Down(MouseButton::Left);
        update(m, Event::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }));
    };
    let runs = m.plan().area(RUNS).unwrap();
    click(&mut m, 10, 4);
    assert_eq!(m.focus, ViewId("curves"), "while runs go on");
    click(&mut m, 4, 2);
    assert_eq!(m.focus, CHART, "by its tab");
    click(&mut m, 20, runs.y + 4);
    assert_eq!((m.focus, selected(&m)), (RUNS, 2));
    let tabs = screen(&m).lines().nth(runs.y.into()).unwrap().to_owned();
    let laws = tabs.chars().position(|c| c == 'L').unwrap();
    click(&mut m, laws as u16, runs.y);
    assert_eq!(m.focus, LAWS);
    click(&mut m, 2, runs.y);
    assert_eq!(m.focus, RUNS);
    let wheel =
        MouseEvent { kind: MouseEventKind::ScrollDown, column: 20, row: runs.y + 2, modifiers: KeyModifiers::NONE };
    update(&mut m, Event::Mouse(wheel));
    assert_eq!(selected(&m), 5);
}

#[test]
fn changes_are_taken_back_and_done_again_one_by_one() {
    let mut m = model(fixture::sweep(), (100, 30));
    type_in(&mut m, "/n590k");
    press(&mut m, KeyCode::Enter);
    type_in(&mut m, "sp");
    let pinned = m.shared.runs.pinned.clone();
    let arranged = |m: &Model| (m.shared.runs.filter.clone(), m.shared.runs.sort.column, m.shared.runs.pinned.len());
    assert_eq!(arranged(&m), ("n590k".to_owned(), Column::State, 1));
    type_in(&mut m, "u");
    assert_eq!(arranged(&m), ("n590k".to_owned(), Column::State, 0));
    type_in(&mut m, "u");
    assert_eq!(arranged(&m), ("n590k".to_owned(), Column::Activity, 0));
    type_in(&mut m, "u");
    assert_eq!(
        (arranged(&m), m.shared.runs.order.len()),
        ((String::new(), Column::Activity, 0), 36),
        "all that was typed at once"
    );
    type_in(&mut m, "u");
    assert_eq!(m.said.as_deref(), Some("Nothing to take back."));
    type_in(&mut m, "UUU");
    assert_eq!((arranged(&m).0, m.shared.runs.pinned.clone()), ("n590k".to_owned(), pinned));
    type_in(&mut m, "uS");
    type_in(&mut m, "U");
    assert_eq!(m.said.as_deref(), Some("Nothing to do again."), "something else was done");
}

#[test]
fn keys_of_the_users_come_before_those_of_the_tables() {
    let mut m = model(fixture::sweep(), (140, 40));
    let keys = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
    let wanted = [
        ("runs.sort".to_owned(), keys(&["f"])),
        ("leave.detach".to_owned(), keys(&[])),
        ("show.theme".to_owned(), keys(&["F7"])),
    ];
    m.keymap = crate::tui::Keymap::of(&wanted.into_iter().collect()).unwrap();
    type_in(&mut m, "f");
    assert_eq!((m.shared.runs.sort.column, m.shared.frozen), (Column::State, false), "f no longer freezes");
    type_in(&mut m, "s");
    assert_eq!(m.shared.runs.sort.column, Column::State, "s no longer sorts");
    assert!(press(&mut m, KeyCode::Char('q')).is_empty(), "q is nothing now");
    let theme = m.shared.theme.name;
    press(&mut m, KeyCode::F(7));
    assert_eq!(m.shared.theme.name, theme.next());
    let footer = screen(&m).lines().last().unwrap().to_owned();
    assert!(footer.contains("f sort") && !footer.contains("detach"), "{footer}");
    type_in(&mut m, "?");
    assert!(screen(&m).contains("F7"), "{}", screen(&m));
}
