use super::*;
use crate::tui::Incoming;

/// Name of the snapshot, what is shown, columns and rows, what is typed before.
macro_rules! screens {
    ($($name:ident: $fixture:ident, $size:expr, $typed:expr;)*) => {
        $(#[test]
        fn $name() {
            let mut model = model(fixture::$fixture(), $size);
            for c in $typed.chars() {
                press(&mut model, match c {
                    '\n' => KeyCode::Enter,
                    '\t' => KeyCode::Tab,
                    c => KeyCode::Char(c),
                });
            }
            insta::assert_snapshot!(screen(&model));
        })*
    };
}

screens! {
    sweep_140x40: sweep, (140, 40), "";
    sweep_80x24: sweep, (80, 24), "";
    sweep_60x20: sweep, (60, 20), "";
    sweep_45x12: sweep, (45, 12), "";
    sweep_20x5: sweep, (20, 5), "";
    laws_200x60: sweep, (200, 60), "4";
    laws_80x24: sweep, (80, 24), "4";
    chart_zoomed_80x24: sweep, (80, 24), "2zcl";
    filtered_80x24: sweep, (80, 24), "/n590k run";
    alerts_80x24: sweep, (80, 24), "6";
    ledger_80x24: sweep, (80, 24), "7";
    curves_80x24: sweep, (80, 24), "8";
    curves_zoomed_80x24: sweep, (80, 24), "8zj+Lhhhhhhhhhhhh";
    curves_of_one_140x40: sweep, (140, 40), "jj8zo";
    compare_80x24: sweep, (80, 24), "9";
    compare_zoomed_140x40: sweep, (140, 40), "9z";
    run_with_alerts_120x40: sweep, (120, 40), "jjj\n";
    run_140x40: sweep, (140, 40), "j\n";
    run_80x24: sweep, (80, 24), "j\n";
    help_140x40: sweep, (140, 40), "?";
    help_80x24: sweep, (80, 24), "?";
    stop_80x24: sweep, (80, 24), "Q";
    abstained_140x40: abstained, (140, 40), "";
    abstained_laws_80x24: abstained, (80, 24), "4";
    abstained_20x5: abstained, (20, 5), "";
    early_80x24: early, (80, 24), "";
    empty_80x24: empty, (80, 24), "";
    many_domains_140x40: wide, (140, 40), "";
}

#[test]
fn before_the_first_snapshot() {
    let mut m = Model::new(Theme::new(ThemeName::Dark, Depth::True), (60, 12));
    insta::assert_snapshot!("waiting_60x12", screen(&m));
    let why = "No daemon answers on this project. Start one: mixlaw daemon start examples/code-cpt".to_owned();
    update(&mut m, Event::Incoming(Incoming::Lost(why)));
    insta::assert_snapshot!("lost_60x12", screen(&m));
}

#[test]
fn a_lost_connection_keeps_what_was_seen_and_says_so() {
    let mut m = model(fixture::sweep(), (80, 24));
    let why = "The daemon has stopped. Start it again: mixlaw daemon start".to_owned();
    update(&mut m, Event::Incoming(Incoming::Lost(why)));
    update(&mut m, Event::Age(12.0));
    let seen = screen(&m);
    for text in ["connection lost, last seen 12 s ago", "mixlaw daemon start", "Raise rust from 20% to 74%"] {
        assert!(seen.contains(text), "{text}\n{seen}");
    }
    update(&mut m, Event::Incoming(Incoming::Lost(crate::tui::STOPPED.to_owned())));
    update(&mut m, Event::Age(13.0));
    let seen = screen(&m);
    assert!(seen.contains("daemon stopped, last seen 13 s ago") && !seen.contains("connection lost"), "{seen}");
    update(&mut m, Event::Incoming(Incoming::Back));
    assert!(screen(&m).contains("● live"));
}

#[test]
fn every_size_is_drawn() {
    let sizes = || {
        let small = (1..=44).step_by(3).flat_map(|w| (1..=12).map(move |h| (w, h)));
        let large = (1..=200).step_by(21).flat_map(|w| (1..=60).step_by(7).map(move |h| (w, h)));
        small.chain(large).chain([(40, 10), (72, 20), (120, 35), (119, 34), (200, 60)])
    };
    for snapshot in all() {
        for typed in ["", "?", "\n", "Q", "z", "2z", "3z", "4z", "5z", "5", "/x"] {
            let mut m = model(snapshot.clone(), (80, 24));
            for c in typed.chars() {
                press(&mut m, if c == '\n' { KeyCode::Enter } else { KeyCode::Char(c) });
            }
            for size in sizes() {
                update(&mut m, Event::Resize(size.0, size.1));
                draw(&m);
            }
        }
    }
}

#[test]
fn nothing_steers_the_terminal() {
    for typed in [
        "",
        "?",
        "\n",
        "4",
        "5",
        "2z",
        "4z",
        "5z",
        "/\u{1b}x",
        "O",
        "Oz",
        "Ozv",
        "O/loss\n&",
        "E",
        "Ez",
        "4[[",
        "8b\n",
        ",tags name note\n",
        "9z",
        "Nz",
        "8zxX",
        "8zaloss\n",
        "\n\u{7f}",
        "Tx\n",
    ] {
        for size in [(140, 40), (80, 24), (60, 20), (39, 9), (200, 60)] {
            let mut m = model(fixture::hostile(), size);
            for c in typed.chars() {
                press(&mut m, if c == '\n' { KeyCode::Enter } else { KeyCode::Char(c) });
            }
            update(&mut m, Event::Paste("\u{1b}[31m\u{202e}pasted\r\n".to_owned()));
            let buf = draw(&m);
            for cell in buf.content() {
                let safe = crate::vocab::text::printable(cell.symbol());
                assert_eq!(safe, cell.symbol(), "at {size:?} after {typed:?}");
            }
        }
    }
}

#[test]
fn no_skill_is_said_in_the_loudest_style() {
    let mut m = model(fixture::abstained(), (140, 40));
    m.go(crate::tui::ViewId("chart"));
    let buf = draw(&m);
    let text = crate::tui::plain::text(&buf);
    let row = text.lines().position(|l| l.contains("NO SKILL (-0.12)")).unwrap();
    let line: Vec<char> = text.lines().nth(row).unwrap().chars().collect();
    let at = line.windows(8).position(|w| w.iter().collect::<String>() == "NO SKILL").unwrap();
    let cell = &buf[(at as u16, row as u16)];
    assert_eq!((Some(cell.fg), Some(cell.bg)), (m.shared.theme.loud.fg, m.shared.theme.loud.bg));
    assert_eq!(text.matches("NO SKILL").count(), 3, "in the list, in the verdict and on the chart\n{text}");
}

#[test]
fn without_colours_nothing_is_lost() {
    use ratatui::style::Color;
    for snapshot in all() {
        let coloured = model(snapshot.clone(), (140, 40));
        let mut mono = coloured.clone();
        mono.shared.theme = Theme::new(ThemeName::Mono, Depth::True);
        let buf = draw(&mono);
        assert!(buf.content().iter().all(|c| c.fg == Color::Reset && c.bg == Color::Reset));
        // All text and every sign is the same; only the band is dots instead of a tint.
        let plain = |text: String| -> Vec<String> {
            let kept = |c: &char| !('\u{2800}'..='\u{28ff}').contains(c) && !('▀'..='▇').contains(c);
            text.lines().map(|l| l.chars().filter(kept).filter(|c| *c != ' ').collect()).collect()
        };
        let spark = |text: &str| text.contains("curve");
        let (a, b) = (screen(&coloured), screen(&mono));
        assert_eq!(spark(&a), spark(&b));
        assert_eq!(plain(a), plain(b));
    }
}

#[test]
fn one_run_has_the_screen() {
    for size in [(80, 24), (140, 40), (200, 60), (50, 16)] {
        let mut m = model(fixture::one(), size);
        m.settle();
        let one = crate::tui::ViewId("one");
        assert_eq!(m.focus, one, "no list of one, no advice on nothing");
        m.shared.curves = m.needs().map(|query| Arc::new(fixture::curves(&query)));
        insta::assert_snapshot!(format!("one_{}x{}", size.0, size.1), screen(&m));
        type_in(&mut m, "m");
        m.shared.curves = m.needs().map(|query| Arc::new(fixture::curves(&query)));
        press(&mut m, KeyCode::Enter);
        assert_eq!(m.overlay, crate::tui::model::Overlay::View(crate::tui::views::run::ID));
        m.shared.curves = m.needs().map(|query| Arc::new(fixture::curves(&query)));
        insta::assert_snapshot!(format!("one_details_{}x{}", size.0, size.1), screen(&m));
    }
}

#[test]
fn a_metric_of_every_device_is_one_chart() {
    for size in [(80, 24), (140, 40), (200, 60)] {
        let mut m = model(fixture::devices(), size);
        m.settle();
        m.shared.curves = m.needs().map(|query| Arc::new(fixture::curves(&query)));
        insta::assert_snapshot!(format!("devices_{}x{}", size.0, size.1), screen(&m));
        assert!(m.needs().is_some_and(|query| query.check().is_ok()));
    }
}

#[test]
fn runs_grouped_by_compute_have_a_view() {
    for size in [(80, 24), (120, 40)] {
        let mut m = model(fixture::isoflop(), size);
        m.go(crate::tui::ViewId("shape"));
        press(&mut m, KeyCode::Char('z'));
        insta::assert_snapshot!(format!("shape_{}x{}", size.0, size.1), screen(&m));
    }
}

#[test]
fn upcycled_runs_say_when_training_from_scratch_catches_up() {
    use crate::vocab::{Beside, Estimate, Range, Upcycled, UpcycledRun};
    let beside = |gain: f64, crossing: Option<f64>| {
        Some(Beside { runs: vec!["moe".to_owned()], from: 6e17, until: 6e19, crossing, gain })
    };
    let run = |name: &str, scratch: Option<Beside>, continued: Option<Beside>| UpcycledRun {
        run: name.to_owned(),
        base: "dense-100m".to_owned(),
        base_tokens: Some(1e10),
        params: 1e8,
        experts: 8.0,
        tokens: 1.4e10,
        loss: 2.6123,
        scratch,
        factor: None,
        factor_with_base: None,
        continued,
    };
    let found = Upcycled {
        metric: "loss/code".to_owned(),
        each: vec![
            run("up/100m", beside(-0.04, Some(5.4e18)), beside(0.02, Some(2e18))),
            run("up/a-name-that-is-longer-than-its-place", beside(0.0171, None), beside(-0.01, None)),
            run("up/alone\u{1b}[31m", None, None),
        ],
        ratio: Some(Estimate { value: 0.91, range: Range { low: 0.8, high: 1.1 } }),
        compared: 1,
    };
    for size in [(80, 24), (120, 40)] {
        let mut snapshot = fixture::isoflop();
        snapshot.shape = None;
        let optima = crate::vocab::Optima { upcycled: vec![found.clone()], ..crate::vocab::Optima::default() };
        snapshot.optima = Some(Arc::new(optima));
        let mut m = model(snapshot, size);
        m.go(crate::tui::ViewId("shape"));
        press(&mut m, KeyCode::Char('z'));
        insta::assert_snapshot!(format!("upcycled_{}x{}", size.0, size.1), screen(&m));
    }
}

/// What a place begins with, while nobody has chosen.
fn begins_with(snapshot: Snapshot) -> crate::tui::ViewId {
    let m = model(snapshot, (80, 24));
    m.plan().places[0].shown
}

#[test]
fn the_first_chart_follows_from_what_there_is() {
    use crate::vocab::{FactName, RunState};
    let id = crate::tui::ViewId;
    assert_eq!(begins_with(fixture::sweep()), id("curves"), "runs go on");
    let mut idle = fixture::sweep();
    idle.runs.iter_mut().map(Arc::make_mut).filter(|run| run.state == RunState::Running).for_each(|run| {
        run.state = RunState::Finished;
    });
    assert_eq!(begins_with(idle.clone()), id("chart"));
    idle.charts.clear();
    idle.runs.iter_mut().map(Arc::make_mut).for_each(|run| {
        run.facts.remove(&FactName::Mixture);
    });
    assert_eq!(begins_with(idle.clone()), id("shape"), "sizes differ");
    idle.runs.iter_mut().map(Arc::make_mut).for_each(|run| {
        run.facts.remove(&FactName::Params);
    });
    assert_eq!(begins_with(idle.clone()), id("curves"));
    idle.runs = vec![Arc::clone(&idle.runs[5])].into();
    assert_eq!(begins_with(idle), id("one"));
}

#[test]
fn losses_are_drawn_against_each_size_in_which_runs_differ() {
    whole("sizes", fixture::experts(), "Nz");
    whole("sizes_by_experts", fixture::experts(), "Nzxx");
    let mut m = model(fixture::experts(), (120, 40));
    let mut seen = Vec::new();
    type_in(&mut m, "Nz");
    for _ in 0..4 {
        let title = screen(&m).lines().nth(2).unwrap_or_default().to_owned();
        seen.push(title.split(" by ").nth(1).and_then(|rest| rest.split(" ─").next()).unwrap_or("none").to_owned());
        type_in(&mut m, "x");
    }
    assert_eq!(seen, ["active parameters", "parameters", "experts", "active parameters"], "one D: no axis");
    assert!(screen(&m).contains("◇ target") && screen(&m).contains("E 8 K 1"), "{}", screen(&m));
}

#[test]
fn any_x_axis_is_logarithmic_or_linear() {
    whole("curves_log_x", fixture::sweep(), "8zX");
    whole("curves_of_the_plan", fixture::sweep(), "8zxxx");
    whole("curves_of_compute", fixture::sweep(), "8zxxX");
    whole("curves_of_epochs", fixture::sweep(), "8zxxxx");
    whole("curves_over_a_metric", fixture::sweep(), "8zagrad\n");
    whole("curves_since_the_start", fixture::sweep(), "8zxxxxx");
    let mut m = model(fixture::sweep(), (120, 40));
    type_in(&mut m, "8zXhhh");
    let before = state::<crate::tui::views::curves::Curves>(&m).cursor.unwrap();
    type_in(&mut m, "[[");
    let zoomed = state::<crate::tui::views::curves::Curves>(&m);
    let (from, to) = zoomed.range.unwrap();
    assert!(0.0 < from && from < before && before <= to, "{from} {before} {to}");
    type_in(&mut m, "xxx");
    // Whose unique tokens nobody has stated has no epochs, and that is said.
    let mut unstated = fixture::sweep();
    unstated.supply.clear();
    let mut other = model(unstated, (120, 40));
    type_in(&mut other, "8zxxxx");
    assert!(screen(&other).contains("since the start") && screen(&other).contains("available_tokens"));
    type_in(&mut m, "xxx");
    assert!(screen(&m).contains("time (UTC)") && !screen(&m).contains("log x"), "{}", screen(&m));
}

/// A view over the whole screen at three sizes, after what is typed, with what the daemon says to it.
fn whole(name: &str, snapshot: Snapshot, typed: &str) {
    for size in [(80, 24), (120, 40), (200, 60)] {
        let mut m = model(snapshot.clone(), size);
        for c in typed.chars() {
            press(&mut m, if c == '\n' { KeyCode::Enter } else { KeyCode::Char(c) });
            answer(&mut m);
            if let Some(query) = m.needs() {
                m.shared.curves = Some(Arc::new(fixture::curves(&query)));
            }
        }
        insta::assert_snapshot!(format!("{name}_{}x{}", size.0, size.1), screen(&m));
    }
}

#[test]
fn the_log_of_a_run_is_followed_and_found_in() {
    whole("logs", fixture::sweep(), "Oz");
    whole("logs_found", fixture::sweep(), "Oz/2.5\n");
    let mut m = model(fixture::sweep(), (80, 24));
    type_in(&mut m, "Oz");
    assert!(screen(&m).contains("step 599 loss 2.401") && screen(&m).contains("following"), "{}", screen(&m));
    press(&mut m, KeyCode::PageUp);
    assert!(!screen(&m).contains("step 599 ") && !screen(&m).contains("following"), "{}", screen(&m));
    press(&mut m, KeyCode::Home);
    assert!(screen(&m).contains("step 0 loss"), "{}", screen(&m));
    press(&mut m, KeyCode::End);
    assert!(screen(&m).contains("step 599 "));
    type_in(&mut m, "n");
    answer(&mut m);
    assert!(screen(&m).contains("train.log 2 of 2 files"), "{}", screen(&m));
}

#[test]
fn the_routers_of_a_run_are_mapped() {
    whole("router", fixture::routed(), "Ez");
    let mut m = model(fixture::routed(), (120, 40));
    type_in(&mut m, "Ez");
    answer(&mut m);
    assert!(screen(&m).contains("no tokens: 5"), "{}", screen(&m));
    press(&mut m, KeyCode::Up);
    answer(&mut m);
    assert!(screen(&m).contains("layer 2 of 4"), "{}", screen(&m));
    let mut figured = fixture::isoflop();
    for run in figured.runs.iter_mut().map(Arc::make_mut) {
        for (key, value) in [
            ("train/block 00/load imbalance", 1.2),
            ("train/block 01/load imbalance", 6.0),
            ("train/block 01/token drop rate", 0.3),
        ] {
            Arc::make_mut(&mut run.metrics).insert(key.into(), fixture::metric(40, 400, value));
        }
    }
    let mut m = model(figured, (120, 40));
    type_in(&mut m, "Ez");
    let seen = screen(&m);
    for words in ["busiest", "train/block 01", "6.00×", "1.20×", "30"] {
        assert!(seen.contains(words), "{words}: {seen}");
    }
    let mut none = model(fixture::sweep(), (80, 24));
    type_in(&mut none, "E");
    assert_ne!(none.focus, crate::tui::ViewId("router"), "nothing has experts");
}

#[test]
fn curves_of_groups_are_means_with_their_range_and_restarts_are_marked() {
    whole("curves_grouped", fixture::sweep(), "8zb\n");
    let mut m = model(fixture::sweep(), (140, 40));
    type_in(&mut m, "8zb");
    update(&mut m, Event::Key(KeyEvent::new(KeyCode::Char('u'), KeyModifiers::CONTROL)));
    type_in(&mut m, "N\n".trim());
    press(&mut m, KeyCode::Enter);
    let query = m.needs().unwrap();
    assert_eq!(query.runs.len(), 36, "a mean is of all");
    assert!(query.check().is_ok());
    m.shared.curves = Some(Arc::new(fixture::curves(&query)));
    let seen = screen(&m);
    assert!(seen.contains("n 24.9k (9)") && seen.contains("grouped by n"), "{seen}");
    press(&mut m, KeyCode::Esc);
    press(&mut m, KeyCode::Esc);
    let mut set = fixture::curves(&m.needs().unwrap());
    set.curves.iter_mut().for_each(|curve| curve.restarts = vec![100.0]);
    m.shared.curves = Some(Arc::new(set));
    assert_eq!(screen(&m).matches('↻').count(), 1, "of the selected run\n{}", screen(&m));
}

#[test]
fn earlier_fits_are_gone_back_to() {
    whole("laws_past", fixture::sweep(), "4z[[[");
    let mut m = model(fixture::sweep(), (120, 40));
    type_in(&mut m, "4z[");
    assert!(screen(&m).contains("Looking for earlier fits"), "{}", screen(&m));
    answer(&mut m);
    answer(&mut m);
    let seen = screen(&m);
    assert!(seen.contains("refit 39 of 40") && seen.contains("skill 0.500") && seen.contains("from 12 runs"), "{seen}");
    type_in(&mut m, "{{{{{{");
    answer(&mut m);
    assert!(screen(&m).contains("refit 1 of 40"), "{}", screen(&m));
    press(&mut m, KeyCode::Esc);
    press(&mut m, KeyCode::Esc);
    assert!(!screen(&m).contains("refit 1 of 40"), "the whole screen first, then the past");
}

#[test]
fn mixtures_of_three_corpora_are_a_map_and_two_losses_a_front() {
    whole("map", fixture::routed(), "Vz");
    whole("front", fixture::routed(), "Fz");
    let mut m = model(fixture::routed(), (120, 40));
    type_in(&mut m, "Vz");
    let seen = screen(&m);
    assert!(seen.contains("Map of rust at the target") && seen.contains("◆ advised"), "{seen}");
    type_in(&mut m, "m");
    assert!(screen(&m).contains("Map of prose at the target"), "{}", screen(&m));
    let mut two = model(fixture::sweep(), (80, 24));
    type_in(&mut two, "V");
    assert_ne!(two.focus, crate::tui::ViewId("map"), "two corpora are no triangle");
}

#[test]
fn four_and_more_corpora_are_slices() {
    whole("slices", fixture::wide(), "Kz");
    let mut m = model(fixture::wide(), (120, 40));
    type_in(&mut m, "Kz");
    m.shared.answers = Arc::default();
    assert!(screen(&m).contains("Asking the laws"), "{}", screen(&m));
    answer(&mut m);
    let first = screen(&m);
    assert!(first.contains("by share of each corpus") && first.contains("best at"), "{first}");
    type_in(&mut m, "m");
    assert_ne!(screen(&m), first, "the next corpora have charts");
    let mut three = model(fixture::routed(), (80, 24));
    type_in(&mut three, "K");
    assert_ne!(three.focus, crate::tui::ViewId("slices"), "three corpora are a map");
}

#[test]
fn losses_by_size_stand_beside_what_the_law_says() {
    let mut m = model(fixture::experts(), (120, 40));
    type_in(&mut m, "Nz");
    m.shared.answers = Arc::default();
    assert!(!screen(&m).contains("fitted by"), "{}", screen(&m));
    answer(&mut m);
    let seen = screen(&m);
    assert!(seen.contains("fitted by D-CPT") && seen.contains("off on average"), "{seen}");
    assert!(seen.contains("+1.0 %") || seen.contains("-1.0 %"), "{seen}");
}
