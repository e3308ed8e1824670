//! Finding, trying, copying.

use super::*;
use crate::tui::model::Overlay;
use crate::tui::views::run;
use crate::tui::{Effect, Incoming, Prediction, ViewId, palette};
use crate::vocab::Mixture;
use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use proptest::prelude::*;

fn tried(m: &Model) -> Mixture {
    m.place().and_then(|place| place.mixture).unwrap()
}

#[test]
fn a_few_letters_find_a_view_an_action_a_metric_and_a_run() {
    let mut m = model(fixture::sweep(), (100, 30));
    type_in(&mut m, ":laws");
    assert_eq!(m.overlay, Overlay::Palette);
    press(&mut m, KeyCode::Enter);
    assert_eq!((m.overlay, m.focus), (Overlay::None, ViewId("laws")));
    type_in(&mut m, ":next theme");
    let before = m.shared.theme.name;
    press(&mut m, KeyCode::Enter);
    assert_eq!(m.shared.theme.name, before.next());
    type_in(&mut m, ":curves of eval prose");
    press(&mut m, KeyCode::Enter);
    assert_eq!((m.focus, m.shared.metric.as_deref()), (ViewId("curves"), Some(fixture::PROSE)));
    type_in(&mut m, ":smooth more");
    press(&mut m, KeyCode::Enter);
    assert_eq!(state::<crate::tui::views::curves::Curves>(&m).smoothing, 1, "done in the view that has it");
    type_in(&mut m, ":n590k-r090");
    press(&mut m, KeyCode::Enter);
    assert_eq!(m.overlay, Overlay::View(run::ID));
    assert!(m.shared.selected_run().unwrap().name.ends_with("n590k-r090"));
}

#[test]
fn the_palette_is_left_without_doing_anything() {
    let mut m = model(fixture::sweep(), (80, 24));
    type_in(&mut m, ":q");
    assert_eq!(m.overlay, Overlay::Palette, "letters are letters here, also q");
    press(&mut m, KeyCode::Esc);
    assert_eq!(m.overlay, Overlay::None);
    type_in(&mut m, ":zzzzqqqq");
    assert!(screen(&m).contains("Nothing has these letters."));
    press(&mut m, KeyCode::Enter);
    assert_eq!(m.overlay, Overlay::None);
    type_in(&mut m, ":");
    update(&mut m, Event::Paste("setup\u{1b}[31m".to_owned()));
    assert!(!m.palette.text.contains('\u{1b}'), "{}", m.palette.text);
    for _ in 0..30 {
        press(&mut m, KeyCode::Backspace);
    }
    assert_eq!(m.overlay, Overlay::None);
}

#[test]
fn every_entry_of_the_palette_can_be_chosen() {
    let m = model(fixture::sweep(), (100, 30));
    let entries = palette::entries(&m).len();
    for at in 0..entries {
        let mut m = m.clone();
        m.overlay = Overlay::Palette;
        let words = palette::entries(&m)[at].words.clone();
        // Exactly these words, in this order.
        m.palette.text = format!("^{}$", words.replace(' ', "\\ "));
        let found = palette::found(&m);
        assert!(found.iter().any(|entry| entry.words == words), "{words}");
        palette::choose(&mut m);
        assert_ne!(m.overlay, Overlay::Palette, "{words}");
    }
}

#[test]
fn the_mouse_chooses_in_the_palette_and_closes_it() {
    let mut m = model(fixture::sweep(), (100, 30));
    let click = |m: &mut Model, column, row| {
        let kind = MouseEventKind::Down(MouseButton::Left);
        update(m, Event::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }));
    };
    type_in(&mut m, ":");
    let area = crate::tui::chrome::palette::area(m.plan().body);
    click(&mut m, area.x + 5, area.y + 3);
    assert_eq!((m.overlay, m.focus), (Overlay::None, ViewId("chart")), "the second view");
    type_in(&mut m, ":");
    click(&mut m, 0, 29);
    assert_eq!(m.overlay, Overlay::None);
}

#[test]
fn weights_are_tried_and_taken_back() {
    let mut m = model(fixture::sweep(), (140, 40));
    assert_eq!(m.place(), None, "nobody looks");
    type_in(&mut m, "w");
    assert_eq!(m.focus, ViewId("what-if"));
    assert_eq!(m.place().unwrap().mixture, None, "the target's");
    press(&mut m, KeyCode::Right);
    assert!((tried(&m).weight("prose") - 0.81).abs() < 1e-12 && (tried(&m).weight("rust") - 0.19).abs() < 1e-12);
    press(&mut m, KeyCode::Down);
    type_in(&mut m, "L");
    assert!((tried(&m).weight("rust") - 0.29).abs() < 1e-12);
    type_in(&mut m, "A");
    assert!((tried(&m).weight("rust") - 0.74).abs() < 1e-12, "the recommended one");
    press(&mut m, KeyCode::Down);
    press(&mut m, KeyCode::Right);
    let place = m.place().unwrap();
    assert!((place.params.unwrap() / fixture::TARGET.0 - 1.1).abs() < 1e-12);
    assert_eq!(place.tokens, None);
    let Some(vocab) = m.copied(false) else { panic!("nothing to copy") };
    assert_eq!(vocab, "mixture:\n  prose: 0.2600\n  rust: 0.7400\n");
    press(&mut m, KeyCode::Esc);
    assert_eq!(m.place(), Some(crate::ipc::protocol::PredictQuery::default()));
}

#[test]
fn what_the_laws_say_of_a_place_is_shown_with_its_interval() {
    for (name, size) in [("what_if_140x40", (140, 40)), ("what_if_80x24", (80, 24))] {
        let mut m = model(fixture::sweep(), size);
        type_in(&mut m, "wA");
        let forecasts: Vec<_> = fixture::sweep().forecasts.into_iter().filter(|f| f.mixture == tried(&m)).collect();
        assert!(!forecasts.is_empty());
        let query = m.place().unwrap();
        m.shared.prediction = Some(Arc::new(Prediction { query, forecasts, failed: None }));
        insta::assert_snapshot!(name, screen(&m));
    }
    let mut m = model(fixture::sweep(), (140, 40));
    type_in(&mut m, "w");
    let failed = Some("no law here sees N\u{1b}[0m".to_owned());
    let query = m.place().unwrap();
    m.shared.prediction = Some(Arc::new(Prediction { query, forecasts: Vec::new(), failed }));
    assert!(screen(&m).contains("! no law here sees N"), "{}", screen(&m));
}

#[test]
fn what_is_copied_is_text_for_other_programs_or_the_picture() {
    let mut m = model(fixture::sweep(), (140, 40));
    type_in(&mut m, "3");
    let effects = press(&mut m, KeyCode::Char('y'));
    assert_eq!(effects, [Effect::Copy("mixture:\n  prose: 0.2600\n  rust: 0.7400\n".to_owned())]);
    assert!(screen(&m).contains("Copied 3 lines"));
    let picture = press(&mut m, KeyCode::Char('Y'));
    assert!(matches!(&picture[..], [Effect::Copy(text)] if text.contains("Raise rust from 20%")), "{picture:?}");
    press(&mut m, KeyCode::Down);
    assert!(!screen(&m).contains("Copied"), "until the next key");
    let mut hostile = model(fixture::hostile(), (140, 40));
    for id in hostile.stops() {
        hostile.go(id);
        for picture in [false, true] {
            let text = hostile.copied(picture).unwrap_or_default();
            assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{id:?}");
        }
    }
}

#[test]
fn a_palette_at_80x24() {
    let mut m = model(fixture::sweep(), (80, 24));
    type_in(&mut m, ":curv");
    insta::assert_snapshot!("palette_80x24", screen(&m));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if std::env::var_os("MIXLAW_SOAK").is_some() { 256 } else { 16 }))]

    #[test]
    fn whatever_is_tried_is_a_mixture(keys in proptest::collection::vec(0..8_usize, 1..60)) {
        let mut m = model(fixture::wide(), (120, 40));
        type_in(&mut m, "w");
        for key in keys {
            match key {
                0 => type_in(&mut m, "H"),
                1 => type_in(&mut m, "L"),
                2 => type_in(&mut m, "A"),
                3 => { press(&mut m, KeyCode::Up); }
                4 => { press(&mut m, KeyCode::Down); }
                5 => { press(&mut m, KeyCode::Left); }
                6 => { press(&mut m, KeyCode::Right); }
                _ => type_in(&mut m, "R"),
            }
            if let Some(mixture) = m.place().and_then(|place| place.mixture) {
                prop_assert!((mixture.0.values().sum::<f64>() - 1.0).abs() < 1e-9, "{mixture:?}");
                prop_assert!(mixture.0.values().all(|w| (0.0..=1.0).contains(w)), "{mixture:?}");
            }
        }
    }
}

#[test]
fn many_alerts_of_one_kind_are_one_line() {
    let mut snapshot = fixture::sweep();
    let told = snapshot.runs.iter().find(|run| !run.signals.is_empty()).unwrap().signals.clone();
    for (i, run) in snapshot.runs.iter_mut().enumerate() {
        let run = Arc::make_mut(run);
        run.signals = told.iter().filter(|alert| alert.acknowledged.is_none()).cloned().collect();
        for alert in &mut run.signals {
            (alert.id, alert.signal.run) = (i as u64, run.name.clone());
        }
    }
    let mut m = model(snapshot, (120, 35));
    m.go(ViewId("alerts"));
    type_in(&mut m, "z");
    let folded = screen(&m);
    assert!(folded.contains("36 stalled"), "{folded}");
    assert!(folded.contains("and 33 more"), "{folded}");
    type_in(&mut m, "e");
    assert!(screen(&m).matches("stalled:").count() > 20, "{}", screen(&m));
    let effects = press(&mut m, KeyCode::Char('a'));
    assert!(matches!(&effects[..], [Effect::Dismiss(ids)] if ids.len() == 36));
}

#[test]
fn runs_are_hidden_and_pinned_and_metrics_stand_in_a_grid() {
    let mut m = model(fixture::sweep(), (140, 40));
    type_in(&mut m, "C");
    assert_eq!(m.needs().unwrap().runs.len(), 20);
    type_in(&mut m, "1jj p");
    let pinned = m.shared.runs.selected.unwrap();
    assert!(m.shared.runs.hidden.contains(&pinned) && m.shared.runs.pinned.contains(&pinned), "hidden, then pinned");
    assert!(!m.needs().unwrap().runs.contains(&pinned), "hidden is hidden");
    press(&mut m, KeyCode::Char(' '));
    assert!(m.needs().unwrap().runs.contains(&pinned));
    type_in(&mut m, "/no such run");
    press(&mut m, KeyCode::Enter);
    assert_eq!(m.needs().unwrap().runs, [pinned], "whatever the filter says");
    press(&mut m, KeyCode::Esc);
    type_in(&mut m, "i");
    let other = m.shared.runs.selected.unwrap();
    assert_eq!(
        m.needs().unwrap().runs,
        [pinned.min(other), pinned.max(other)]
            .into_iter()
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect::<Vec<_>>()
    );
    type_in(&mut m, "P");
    assert!(m.shared.runs.pinned.is_empty());
    type_in(&mut m, "1jji");
    let only = m.shared.runs.selected.unwrap();
    assert_eq!(m.needs().unwrap().runs, [only], "only this one");
    type_in(&mut m, "j");
    assert_eq!(m.needs().unwrap().runs, [only], "whatever is selected");
    type_in(&mut m, "i");
    let next = m.shared.runs.selected.unwrap();
    assert_eq!(m.needs().unwrap().runs, [next], "another one");
    type_in(&mut m, "i");
    assert_eq!(m.needs().unwrap().runs.len(), 20, "all again");
    type_in(&mut m, "u");
    assert_eq!(m.needs().unwrap().runs, [next], "taken back");
    type_in(&mut m, "P");
    m.shared.runs.selected = Some(0);
    type_in(&mut m, "Cz#");
    let query = m.needs().unwrap();
    assert!(query.metrics.len() > 2, "{:?}", query.metrics);
    assert!(query.check().is_ok());
    m.shared.curves = Some(Arc::new(fixture::curves(&query)));
    insta::assert_snapshot!("curves_grid_140x40", screen(&m));
    let wheel = |kind| MouseEvent { kind, column: 100, row: 30, modifiers: KeyModifiers::NONE };
    update(&mut m, Event::Mouse(wheel(MouseEventKind::ScrollUp)));
    let zoomed = m.needs().unwrap();
    assert!(zoomed.from.is_some() && zoomed.to.unwrap() - zoomed.from.unwrap() < 4_000.0, "{zoomed:?}");
    let down = wheel(MouseEventKind::Down(MouseButton::Left));
    m.shared.curves = Some(Arc::new(fixture::curves(&zoomed)));
    update(&mut m, Event::Mouse(down));
    for (w, h) in [(40, 10), (60, 20), (80, 24), (200, 60), (300, 100)] {
        update(&mut m, Event::Resize(w, h));
        assert!(m.needs().is_none_or(|query| query.check().is_ok()), "{w}x{h}");
        let _ = screen(&m);
    }
}

#[test]
fn columns_are_named_sorted_by_and_clicked() {
    let mut m = model(fixture::sweep(), (140, 40));
    type_in(&mut m, ",lr grad_norm");
    press(&mut m, KeyCode::Enter);
    assert_eq!(m.shared.runs.columns, ["lr", "grad_norm"]);
    assert_eq!(m.shared.names(), ["grad_norm", "lr"], "wanted of every run");
    let seen = screen(&m);
    assert!(seen.contains("grad_norm") && seen.contains("3.183") && seen.contains("0.001"), "{seen}");
    type_in(&mut m, ">planned_steps");
    press(&mut m, KeyCode::Enter);
    assert_eq!(m.shared.runs.columns.len(), 3);
    assert_eq!(m.shared.runs.sort.column, crate::tui::order::Column::Named(2));
    type_in(&mut m, ",");
    press(&mut m, KeyCode::Esc);
    assert_eq!(m.shared.runs.columns.len(), 3, "left as it was");
    let area = m.plan().area(ViewId("runs")).unwrap();
    let header = screen(&m).lines().nth(usize::from(area.y) + 1).unwrap().to_owned();
    let click = |m: &mut Model, word: &str| {
        let column = header.chars().collect::<String>().find(word).map(|at| header[..at].chars().count()).unwrap();
        let kind = MouseEventKind::Down(MouseButton::Left);
        update(
            m,
            Event::Mouse(MouseEvent { kind, column: column as u16, row: area.y + 1, modifiers: KeyModifiers::NONE }),
        );
        (m.shared.runs.sort.column, m.shared.runs.sort.descending)
    };
    assert_eq!(click(&mut m, "run"), (crate::tui::order::Column::Name, false));
    assert_eq!(click(&mut m, "run"), (crate::tui::order::Column::Name, true));
    assert_eq!(click(&mut m, "grad_norm"), (crate::tui::order::Column::Named(1), false));
    type_in(&mut m, ",");
    update(&mut m, Event::Key(KeyEvent::new(KeyCode::Char('u'), KeyModifiers::CONTROL)));
    press(&mut m, KeyCode::Enter);
    assert!(m.shared.runs.columns.is_empty());
    assert_eq!(m.shared.runs.sort.column, crate::tui::order::Column::Activity, "what is gone is not sorted by");
}

#[test]
fn tags_and_notes_are_typed_and_wrong_ones_are_refused() {
    let mut m = model(fixture::sweep(), (140, 40));
    let name = m.shared.selected_run().unwrap().name.clone();
    type_in(&mut m, "Tbase, v2");
    let [Effect::Label(command)] = &press(&mut m, KeyCode::Enter)[..] else { panic!("no order") };
    assert_eq!((command.run.as_str(), command.alone, &command.note), (name.as_str(), true, &None));
    assert_eq!(command.add, ["base", "v2"]);
    type_in(&mut m, "nrerun it");
    let [Effect::Label(command)] = &press(&mut m, KeyCode::Enter)[..] else { panic!("no order") };
    assert_eq!((command.note.as_deref(), command.alone), (Some("rerun it"), false));
    type_in(&mut m, &format!("T{}", "x".repeat(50)));
    assert_eq!(press(&mut m, KeyCode::Enter), [Effect::Render]);
    assert!(m.typing().is_some(), "it can be corrected");
    press(&mut m, KeyCode::Esc);
    assert!(m.typing().is_none());
    let mut tagged = fixture::sweep();
    let run = Arc::make_mut(&mut tagged.runs[4]);
    (run.tags, run.note) = (vec!["base".to_owned()], Some("look here".to_owned()));
    let mut m = model(tagged, (140, 40));
    type_in(&mut m, "/tag:base");
    press(&mut m, KeyCode::Enter);
    assert_eq!(m.shared.runs.order, [4]);
    press(&mut m, KeyCode::Enter);
    assert!(screen(&m).contains("note look here"), "{}", screen(&m));
}

#[test]
fn edges_between_views_are_dragged_kept_and_put_back() {
    let mut m = model(fixture::sweep(), (140, 40));
    let runs = ViewId("runs");
    let before = m.plan().area(runs).unwrap();
    let to = |m: &mut Model, kind: MouseEventKind, column: u16, row: u16| {
        update(m, Event::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }));
    };
    let drag = |m: &mut Model, from: (u16, u16), by: (i16, i16)| {
        to(m, MouseEventKind::Down(MouseButton::Left), from.0, from.1);
        let (column, row) = (from.0.saturating_add_signed(by.0), from.1.saturating_add_signed(by.1));
        to(m, MouseEventKind::Drag(MouseButton::Left), column, row);
        to(m, MouseEventKind::Up(MouseButton::Left), column, row);
    };
    // The lower border of what stands above the list, four rows up; then the right border of the list, ten columns left.
    drag(&mut m, (before.x + 5, before.y - 1), (0, -4));
    let higher = m.plan().area(runs).unwrap();
    assert_eq!((higher.y, higher.height), (before.y - 4, before.height + 4));
    drag(&mut m, (higher.right() - 1, higher.y + 3), (-10, 0));
    let narrower = m.plan().area(runs).unwrap();
    assert_eq!((narrower.width, narrower.y), (higher.width - 10, higher.y));
    assert!(screen(&m).lines().all(|line| line.chars().count() <= 140));
    // As far as the mouse goes, every part keeps some room.
    drag(&mut m, (narrower.x + 5, narrower.y - 1), (0, -30));
    assert!(m.plan().places.iter().all(|place| place.area.height >= 3 && place.area.width >= 4));
    let kept = crate::tui::memory::Memory::of(&m);
    let kept: crate::tui::memory::Memory = serde_json::from_str(&serde_json::to_string(&kept).unwrap()).unwrap();
    let mut again = model(fixture::sweep(), (140, 40));
    kept.arrange(&mut again);
    assert_eq!(again.plan().area(runs), m.plan().area(runs));
    type_in(&mut m, "|");
    assert_eq!(m.plan().area(runs), Some(before));
}

#[test]
fn metrics_are_chosen_by_words_of_their_names() {
    let mut m = model(fixture::sweep(), (140, 40));
    type_in(&mut m, "C");
    let drawn = |m: &Model| m.needs().map(|query| query.metrics).unwrap_or_default();
    type_in(&mut m, "&grad");
    assert_eq!(drawn(&m), ["grad_norm"], "as it is typed");
    press(&mut m, KeyCode::Enter);
    type_in(&mut m, "mmm");
    assert_eq!(drawn(&m), ["grad_norm"], "there is no other");
    type_in(&mut m, "&");
    update(&mut m, Event::Key(KeyEvent::new(KeyCode::Char('u'), KeyModifiers::CONTROL)));
    type_in(&mut m, "!grad no such");
    press(&mut m, KeyCode::Enter);
    assert!(!drawn(&m).is_empty(), "what nothing has leaves all");
    type_in(&mut m, "&");
    press(&mut m, KeyCode::Esc);
    type_in(&mut m, "m");
    let (first, second) = (drawn(&m), {
        type_in(&mut m, "m");
        drawn(&m)
    });
    assert_ne!(first, second);
}

#[test]
fn the_log_is_opened_where_the_cursor_of_a_curve_is() {
    let mut m = model(fixture::sweep(), (140, 40));
    type_in(&mut m, "Cv");
    assert!(screen(&m).contains("there is no cursor yet"), "{}", screen(&m));
    let come = |m: &mut Model| m.shared.curves = m.needs().map(|query| Arc::new(fixture::curves(&query)));
    come(&mut m);
    type_in(&mut m, "hhhhhhhh");
    let read = state::<crate::tui::views::curves::Curves>(&m).cursor.unwrap().round();
    type_in(&mut m, "v");
    assert_eq!(m.focus, ViewId("logs"));
    answer(&mut m);
    assert!(screen(&m).contains(&format!("step {read} loss")), "{read}: {}", screen(&m));
    assert!(!screen(&m).contains(&format!("step {} loss", read - 1.0)), "{}", screen(&m));
    // It moves on from there, Esc goes to the end, and another way in begins at the end.
    press(&mut m, KeyCode::Down);
    answer(&mut m);
    assert!(!screen(&m).contains(&format!("step {read} loss")), "{}", screen(&m));
    press(&mut m, KeyCode::Esc);
    answer(&mut m);
    assert!(screen(&m).contains("step 599 loss"), "{}", screen(&m));
    type_in(&mut m, "Cxxxxx");
    come(&mut m);
    type_in(&mut m, "hv");
    assert_eq!(m.focus, ViewId("curves"));
    assert!(screen(&m).contains("no place in the log is known: press x for steps"), "{}", screen(&m));
}

#[test]
fn what_was_shown_and_how_is_as_it_was_when_the_dashboard_is_opened_again() {
    use crate::tui::memory::Memory;
    let mut m = model(fixture::sweep(), (140, 40));
    type_in(&mut m, "p");
    press(&mut m, KeyCode::Down);
    type_in(&mut m, " ");
    press(&mut m, KeyCode::Down);
    type_in(&mut m, "C+Xagrad");
    press(&mut m, KeyCode::Enter);
    let kept = serde_json::to_string(&Memory::of(&m)).unwrap();
    let again = |snapshots: &[Snapshot], kept: &str| {
        let mut again = Model::new(m.shared.theme, (140, 40));
        serde_json::from_str::<Memory>(kept).unwrap().arrange(&mut again);
        snapshots.iter().for_each(|snapshot| {
            drop(update(&mut again, Event::Incoming(Incoming::Snapshot(Arc::new(snapshot.clone())))))
        });
        again
    };
    // The runs of another store have other numbers, and come one after another.
    let mut late = fixture::sweep();
    late.runs.iter_mut().for_each(|run| Arc::make_mut(run).id += 1_000);
    let mut early = late.clone();
    early.runs.truncate(1);
    let names = |m: &Model, ids: &std::collections::BTreeSet<u32>| -> Vec<String> {
        let runs = &m.shared.snapshot.as_ref().unwrap().runs;
        runs.iter().filter(|run| ids.contains(&run.id)).map(|run| run.name.clone()).collect()
    };
    let now = again(&[early.clone(), late.clone()], &kept);
    for (before, after) in
        [(&m.shared.runs.hidden, &now.shared.runs.hidden), (&m.shared.runs.pinned, &now.shared.runs.pinned)]
    {
        assert!(!before.is_empty());
        assert_eq!(names(&m, before), names(&now, after));
    }
    let selected = |m: &Model| m.shared.selected_run().map(|run| run.name.clone());
    assert_eq!(selected(&now), selected(&m));
    assert_eq!(now.needs().map(|query| (query.x, query.smoothing)), m.needs().map(|query| (query.x, query.smoothing)));
    // Who left before the runs had come has forgotten nothing.
    let left = serde_json::to_string(&Memory::of(&again(&[early], &kept))).unwrap();
    assert_eq!(
        serde_json::from_str::<Memory>(&left).unwrap().runs,
        serde_json::from_str::<Memory>(&kept).unwrap().runs
    );
    // What cannot be is as at the first time.
    let odd = r#"{"views":{"curves":{"smoothing":99},"alerts":[1],"chart":"x","logs":null,"nothing":1},"runs":{"hidden":["no such run"]}}"#;
    let mut odd = again(&[late], odd);
    draw(&odd);
    type_in(&mut odd, "C+");
    draw(&odd);
}

#[test]
fn any_metric_can_be_the_x_axis() {
    use crate::ipc::series::Axis;
    let mut m = model(fixture::sweep(), (140, 40));
    type_in(&mut m, "C");
    let x = |m: &Model| m.needs().map(|query| query.x).unwrap_or_default();
    for (typed, expected) in [
        ("grad", Axis::Metric("grad_norm".to_owned())),
        ("tokens", Axis::Tokens),
        ("GRAD_norm", Axis::Metric("grad_norm".to_owned())),
        ("no such metric", Axis::Metric("grad_norm".to_owned())),
        ("", Axis::Metric("grad_norm".to_owned())),
    ] {
        type_in(&mut m, "a");
        type_in(&mut m, typed);
        press(&mut m, KeyCode::Enter);
        assert_eq!(x(&m), expected, "{typed}");
        draw(&m);
    }
    type_in(&mut m, "a");
    type_in(&mut m, "no such metric");
    press(&mut m, KeyCode::Enter);
    assert!(screen(&m).contains("no metric of the drawn runs has"), "{}", screen(&m));
    // What zooms, reads and goes on works on it as on any other, and the next axis is the first.
    type_in(&mut m, "h[[]]");
    draw(&m);
    type_in(&mut m, "x");
    assert_eq!(x(&m), Axis::Step);
}

#[test]
fn a_metric_is_drawn_over_what_its_runs_say_that_it_is() {
    use crate::ipc::series::Axis;
    use crate::vocab::{FactName, FactValue, RunView, Sourced};
    let stated = |runs: &mut dyn Iterator<Item = &mut Arc<RunView>>, text: &str| {
        for run in runs {
            let value = FactValue::Text(text.to_owned());
            let fact = Sourced { value, source: "define_metric".to_owned() };
            Arc::make_mut(run).facts.insert(FactName::StepMetric, fact);
        }
    };
    let x = |m: &Model| m.needs().map(|query| query.x).unwrap_or_default();
    let grad = Axis::Metric("train/loss".to_owned());
    let mut snapshot = fixture::sweep();
    stated(&mut snapshot.runs.iter_mut(), "train/*: opt/steps, eval/*: train/loss, tokens: no/such");
    let mut m = model(snapshot.clone(), (140, 40));
    type_in(&mut m, "C");
    let key = m.needs().unwrap().metrics[0].clone();
    assert!(key.starts_with("eval/"), "{key}");
    assert_eq!(x(&m), grad, "{key}");
    // A cursor and a part of that axis are none of another.
    type_in(&mut m, "h[");
    assert!(m.needs().unwrap().from.is_some());
    while m.needs().unwrap().metrics[0].starts_with("eval/") {
        type_in(&mut m, "m");
    }
    let query = m.needs().unwrap();
    assert_eq!((query.x, query.from), (Axis::Step, None), "a count of steps is the first axis: {:?}", query.metrics);
    // What the user says counts for all metrics, and after the last axis comes what the runs say.
    while m.needs().unwrap().metrics[0] != key {
        type_in(&mut m, "M");
    }
    assert_eq!(x(&m), grad);
    type_in(&mut m, "x");
    assert_eq!(x(&m), Axis::Step);
    for _ in 0..8 {
        type_in(&mut m, "x");
        if x(&m) == grad {
            break;
        }
    }
    assert_eq!(x(&m), grad);
    // Runs that say different things are drawn over steps.
    stated(&mut snapshot.runs.iter_mut().step_by(2), "eval/*: tokens");
    let mut m = model(snapshot, (140, 40));
    type_in(&mut m, "C");
    assert_eq!(x(&m), Axis::Step);
}

#[test]
fn a_view_is_found_by_its_name_before_what_it_does() {
    for snapshot in
        [fixture::sweep(), fixture::one(), fixture::devices(), fixture::routed(), fixture::wide(), fixture::experts()]
    {
        let mut m = model(snapshot, (140, 40));
        let there = m.views.iter().filter(|slot| !slot.covers());
        let there = there.filter(|slot| m.presence(slot.id()) != crate::tui::views::Presence::Gone);
        let names: Vec<_> = there.map(|slot| (slot.id(), slot.view.spec().name)).collect();
        assert!(names.len() > 5);
        for (id, name) in names {
            for typed in [name.to_owned(), name.to_lowercase()] {
                m.palette = palette::Palette { text: typed.clone(), at: 0 };
                let first = palette::found(&m).into_iter().next().map(|entry| entry.goal);
                assert_eq!(first, Some(palette::Goal::View(id)), "{typed}");
            }
        }
    }
}

#[test]
fn whatever_was_done_first_and_whatever_comes_the_focus_is_on_a_view() {
    let kinds = [fixture::empty(), fixture::early(), fixture::one(), fixture::sweep(), fixture::experts()];
    let kinds = kinds.map(Arc::new);
    for (from, before) in kinds.iter().enumerate() {
        let mut fresh = Model::showing(Arc::clone(before), Theme::new(ThemeName::Dark, Depth::True), (100, 30));
        fresh.settle();
        for info in crate::tui::global::all().map(|action| action.info.name) {
            for (to, after) in kinds.iter().enumerate() {
                let mut m = fresh.clone();
                m.perform(info);
                update(&mut m, Event::Incoming(Incoming::Snapshot(Arc::clone(after))));
                assert!(m.slot(m.focus).is_some(), "{info}: {from} to {to}: {:?}", m.focus);
            }
        }
    }
}
