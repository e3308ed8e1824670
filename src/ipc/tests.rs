//! Changes applied to a copy give what everything at once gives, whatever was published and wherever the line broke.

use super::change::Change;
use super::feed::Feed;
use super::replica::{Gap, Replica};
use super::series::{Envelope, envelope, pixels};
use super::state::Published;
use super::topic::{RunsTopic, Subscription};
use crate::vocab::signal::{Alert, Signal, SignalKind};
use crate::vocab::{
    Advice, DaemonView, LedgerView, Measure, Metric, MetricView, Notice, RunForecast, RunState, RunView, Severity,
    Snapshot, WatchedRoot,
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Over the wire and back.
fn carried(change: &Change) -> Change {
    serde_json::from_slice(&serde_json::to_vec(change).unwrap()).unwrap()
}

fn run(id: u32) -> RunView {
    let metric = |i: u32| (Arc::from(format!("m{i}")), super::change::MetricChange(0, 3, 1, 2, f64::from(i)).view());
    RunView {
        id,
        name: format!("run {id}"),
        state: RunState::Running,
        facts: BTreeMap::new(),
        settings: Arc::default(),
        conflicts: Vec::new(),
        metrics: Arc::new((0..5).map(metric).collect()),
        forecast: BTreeMap::new(),
        main_loss: None,
        progress: Some(0.5),
        last_step: Some(2),
        tokens_per_second: None,
        silent_seconds: None,
        written_at: Some(90.0),
        sparklines: BTreeMap::from([("m1".to_owned(), vec![1.0, 2.0])]),
        signals: Vec::new(),
        tags: Vec::new(),
        note: None,
        points_gone: 0,
    }
}

fn forecast() -> RunForecast {
    let measure = Measure::default();
    let (law, path) = ("bent_power".to_owned(), Vec::new());
    RunForecast { value: 2.0, low: 1.9, high: 2.1, law, seen: 0.5, fit: None, assumed: None, path, measure }
}

fn alert(id: usize) -> Alert {
    let signal = Signal {
        kind: SignalKind::Spike,
        run: "run".to_owned(),
        metric: "m1".to_owned(),
        step: 3,
        severity: Severity::Warning,
        evidence: "it is high".to_owned(),
        start: 0,
        saves: None,
    };
    Alert { id: id as u64, at: 5.0, signal, over: None, acknowledged: None }
}

/// Six runs of a project.
fn sweep() -> Snapshot {
    let watching = vec![WatchedRoot { path: "runs".to_owned(), mode: "native".to_owned(), why: "ext4".to_owned() }];
    Snapshot {
        seq: 1,
        at: 100.0,
        project: "p".to_owned(),
        path: "p".to_owned(),
        domains: vec!["rust".to_owned()],
        supply: BTreeMap::new(),
        metrics: BTreeMap::from([("rust".to_owned(), "m1".to_owned())]),
        measured: vec![Metric::of_domain("rust", "m1")],
        target: None,
        daemon: DaemonView {
            pid: 1,
            build: "0".to_owned(),
            embedded: false,
            uptime: 60.0,
            watching,
            points: 1,
            files: 1,
            ingest: None,
            last_refit: Some(3.0),
            refit_seconds: Some(0.5),
            refitting: false,
        },
        runs: (0..6).map(|id| Arc::new(run(id))).collect(),
        fits: Vec::new(),
        choices: Vec::new(),
        forecasts: Vec::new(),
        charts: Vec::new(),
        advice: None,
        ledger: LedgerView::default(),
        shape: None,
        optima: None,
        notices: Vec::new(),
    }
}

/// Something that happens between two publications.
#[derive(Debug, Clone)]
enum Step {
    Line {
        run: usize,
        metric: usize,
        value: f64,
    },
    Course {
        run: usize,
        value: f64,
    },
    /// A forecast comes, or goes.
    Forecast {
        run: usize,
        metric: usize,
    },
    /// Another loss stands for the run, or none.
    MainLoss {
        run: usize,
        metric: usize,
    },
    State {
        run: usize,
        state: usize,
    },
    Alert {
        run: usize,
    },
    Forget {
        run: usize,
    },
    Lose {
        run: usize,
    },
    Join,
    Note,
    Refit,
    Grade,
    Nothing,
}

fn step() -> impl Strategy<Value = Step> {
    let value =
        prop_oneof![8 => -1e6..1e6f64, 1 => Just(f64::NAN), 1 => Just(f64::INFINITY), 1 => Just(f64::NEG_INFINITY)];
    let finite = -1e3..1e3f64;
    prop_oneof![
        8 => (0..8usize, 0..6usize, value).prop_map(|(run, metric, value)| Step::Line { run, metric, value }),
        3 => (0..8usize, finite).prop_map(|(run, value)| Step::Course { run, value }),
        2 => (0..8usize, 0..6usize).prop_map(|(run, metric)| Step::Forecast { run, metric }),
        1 => (0..8usize, 0..6usize).prop_map(|(run, metric)| Step::MainLoss { run, metric }),
        2 => (0..8usize, 0..5usize).prop_map(|(run, state)| Step::State { run, state }),
        2 => (0..8usize).prop_map(|run| Step::Alert { run }),
        1 => (0..8usize).prop_map(|run| Step::Forget { run }),
        1 => (0..8usize).prop_map(|run| Step::Lose { run }),
        1 => Just(Step::Join),
        1 => Just(Step::Note),
        1 => Just(Step::Refit),
        1 => Just(Step::Grade),
        2 => Just(Step::Nothing),
    ]
}

/// What happens on the line after a publication.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Line {
    /// The subscriber hears of it.
    Heard,
    /// It is too slow, and hears of this one with the next.
    Slow,
    /// The change is lost on the way.
    Dropped,
    /// It connects again.
    Again,
    /// Another daemon takes over.
    Restarted,
}

fn line() -> impl Strategy<Value = Line> {
    prop_oneof![
        6 => Just(Line::Heard), 3 => Just(Line::Slow), 1 => Just(Line::Dropped), 1 => Just(Line::Again), 1 => Just(Line::Restarted)
    ]
}

fn subscription() -> impl Strategy<Value = Subscription> {
    let metrics = prop_oneof![
        Just(None),
        Just(Some(None)),
        Just(Some(Some(vec!["m1".to_owned(), "m4".to_owned()]))),
        Just(Some(Some(Vec::new())))
    ];
    (metrics, proptest::option::of(0..4u32), any::<[bool; 7]>()).prop_map(|(metrics, run, on)| Subscription {
        overview: on[0],
        runs: metrics.map(|metrics| RunsTopic { metrics, losses: on[6], ..RunsTopic::default() }),
        run,
        fits: on[1],
        advice: on[2],
        alerts: on[3],
        ledger: on[4],
        setup: on[5],
        series: None,
        every_ms: 10,
    })
}

fn happen(snapshot: &mut Snapshot, step: &Step) {
    let count = snapshot.runs.len().max(1);
    let mut with = |run: usize, act: &mut dyn FnMut(&mut RunView)| {
        if let Some(run) = snapshot.runs.get_mut(run % count) {
            act(Arc::make_mut(run));
        }
    };
    match step {
        Step::Line { run, metric, value } => with(*run, &mut |run| {
            let metrics = Arc::make_mut(&mut run.metrics);
            let key = Arc::from(format!("m{metric}"));
            let points = metrics.get(&key).map_or(0, |m: &MetricView| m.points) + 1;
            let change = super::change::MetricChange(0, points, 1, points as i64, *value);
            metrics.insert(key, change.view());
            run.last_step = Some(points as i64);
        }),
        Step::Course { run, value } => {
            with(*run, &mut |run| run.sparklines.entry("m1".into()).or_default().push(*value))
        }
        Step::Forecast { run, metric } => with(*run, &mut |run| {
            let key = format!("m{metric}");
            if run.forecast.remove(&key).is_none() {
                run.forecast.insert(key, forecast());
            }
        }),
        Step::MainLoss { run, metric } => {
            with(*run, &mut |run| run.main_loss = (*metric > 0).then(|| Arc::from(format!("m{metric}"))))
        }
        Step::State { run, state } => with(*run, &mut |run| {
            use RunState::{Diverged, Finished, Running, Stalled, Waiting};
            run.state = [Waiting, Running, Stalled, Finished, Diverged][*state];
            run.written_at = Some(*state as f64);
        }),
        Step::Alert { run } => with(*run, &mut |run| run.signals.push(alert(run.signals.len()))),
        Step::Forget { run } => with(*run, &mut |run| {
            run.signals.clear();
            run.sparklines.clear();
            run.metrics = Arc::default();
        }),
        Step::Lose { run } => drop((*run < snapshot.runs.len()).then(|| snapshot.runs.remove(*run))),
        Step::Join => {
            let id = snapshot.runs.iter().map(|run| run.id).max().unwrap_or(0) + 1;
            snapshot.runs.push(Arc::new(run(id)));
        }
        Step::Note => snapshot.notices.push(Notice { severity: Severity::Info, text: "a".into(), help: None }),
        Step::Refit => {
            snapshot.daemon.refit_seconds = Some(snapshot.daemon.refit_seconds.unwrap_or(0.0) + 1.0);
            let advice = Advice::Abstained(crate::vocab::Abstention::default());
            snapshot.advice = snapshot.advice.is_none().then_some(advice);
        }
        Step::Grade => snapshot.ledger.waiting += 1,
        Step::Nothing => {}
    }
    snapshot.at += 1.0;
    snapshot.daemon.uptime += 1.0;
    snapshot.daemon.last_refit = snapshot.daemon.last_refit.map(|age| age + 1.0);
}

/// What a subscriber who comes now is told: its copy, but for what only its own connection knows.
fn fresh(wants: &Subscription, published: &Arc<Published>) -> String {
    let mut copy = Replica::default();
    copy.apply(carried(&Feed::new(wants.clone()).tell(published, None).unwrap())).unwrap();
    shown(&copy, published.at)
}

/// A copy as text, as NaN is unlike itself.
fn shown(copy: &Replica, at: f64) -> String {
    format!("{:?}", copy.snapshot(at)).replace(&format!("seq: {}", copy.generation), "")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn changes_give_what_everything_at_once_gives(
        wants in subscription(), story in proptest::collection::vec((step(), line()), 1..40)
    ) {
        let mut snapshot = sweep();
        let mut instance = 1;
        let mut published = Arc::new(Published::after(None, &snapshot, instance));
        let (mut feed, mut copy) = (Feed::new(wants.clone()), Replica::default());
        let mut lost = false;
        for (step, line) in story {
            happen(&mut snapshot, &step);
            if line == Line::Restarted {
                // The line breaks with the daemon, and so does what was told.
                instance += 1;
                published = Arc::new(Published::after(None, &snapshot, instance));
            } else {
                published = Arc::new(Published::after(Some(&*published), &snapshot, instance));
            }
            if matches!(line, Line::Again) {
                (feed, lost) = (Feed::new(wants.clone()), false);
            }
            if line == Line::Slow {
                continue;
            }
            let Some(change) = feed.tell(&published, None) else {
                if !lost {
                    prop_assert_eq!(shown(&copy, published.at), fresh(&wants, &published));
                }
                continue;
            };
            if line == Line::Dropped {
                lost = true;
                continue;
            }
            match copy.apply(carried(&change)) {
                Ok(()) => lost = false,
                Err(gap) => {
                    prop_assert!(lost, "a gap where nothing was lost: {gap}");
                    (feed, copy, lost) = (Feed::new(wants.clone()), Replica::default(), false);
                    copy.apply(carried(&feed.tell(&published, None).unwrap())).unwrap();
                }
            }
            prop_assert!(!lost);
            prop_assert_eq!(shown(&copy, published.at), fresh(&wants, &published));
        }
    }

    #[test]
    fn no_change_breaks_a_copy(text in "[\\[\\]{}0-9a-z\":,]{0,60}", number in any::<u32>()) {
        let _ = serde_json::from_str::<Change>(&text);
        let _ = serde_json::from_str::<Subscription>(&text);
        let unnamed = format!(r#"{{"instance":1,"to":1,"at":0,"runs":[{{"id":1,"metrics":[[{number},1,1,1,1]]}}]}}"#);
        let gap = Replica::default().apply(serde_json::from_str(&unnamed).unwrap()).unwrap_err();
        prop_assert_eq!(gap, Gap::Unsound("an unknown metric"));
        let ragged = r#"{"instance":1,"to":1,"at":0,"series":{"grown":[{"run":1,"metric":"m","start":0,"width":1,"at":[1,2],
            "min":[1],"max":[],"mean":[],"last":[]}]}}"#;
        prop_assert!(Replica::default().apply(serde_json::from_str(ragged).unwrap()).is_err());
    }

    #[test]
    fn a_curve_grows_pixel_by_pixel_into_the_same_curve(
        values in proptest::collection::vec(prop_oneof![9 => -1e3..1e3f64, 1 => Just(f64::NAN), 1 => Just(f64::INFINITY)], 1..400),
        cuts in proptest::collection::vec(1..400usize, 0..6), width in 1..80u32, smoothing in prop_oneof![Just(0.0), 0.0..0.99f64],
    ) {
        let curve = |n: usize| {
            let points: Vec<(f64, f64)> = values[..n].iter().enumerate().map(|(i, v)| (7.0 * i as f64, *v)).collect();
            let (lo, hi) = (points[0].0, points[n - 1].0);
            envelope(points.into_iter(), pixels(lo, hi, width, 1.0), hi, smoothing)
        };
        let mut known = Envelope::default();
        let mut lengths: Vec<usize> = cuts.iter().map(|cut| cut.min(&values.len()).to_owned()).chain([values.len()]).collect();
        lengths.sort_unstable();
        for n in lengths {
            let now = curve(n);
            prop_assert!(now.is_sound() && now.at.len() <= width as usize, "{} pixels of {width}", now.at.len());
            let wire = |e: &Envelope| -> Envelope { serde_json::from_slice(&serde_json::to_vec(e).unwrap()).unwrap() };
            match now.since(&known) {
                Some(tail) => known.grow(&wire(&tail)),
                None => known = wire(&now),
            }
            prop_assert_eq!(format!("{known:?}"), format!("{:?}", wire(&now)));
            let finite = || values[..n].iter().copied().filter(|v| v.is_finite());
            let most = |column: &[f64], pick: fn(f64, f64) -> f64| column.iter().copied().filter(|v| !v.is_nan()).reduce(pick);
            prop_assert_eq!(most(&now.min, f64::min), finite().reduce(f64::min), "the lowest spike survives");
            prop_assert_eq!(most(&now.max, f64::max), finite().reduce(f64::max), "the highest spike survives");
        }
    }
}

#[test]
fn an_unchanged_part_keeps_its_generation_and_ages_change_nothing() {
    let mut snapshot = sweep();
    let first = Arc::new(Published::after(None, &snapshot, 1));
    let mut feed = Feed::new(Subscription::everything(None));
    assert!(feed.tell(&first, None).is_some());
    happen(&mut snapshot, &Step::Nothing);
    let second = Arc::new(Published::after(Some(&first), &snapshot, 1));
    assert_eq!(second.generation, 2);
    assert!(second.runs.iter().all(|(_, run)| run.generation == 1));
    assert_eq!((second.overview.generation, second.work.generation, second.fits.generation), (1, 1, 1));
    assert_eq!(feed.tell(&second, None), None, "time alone is no news");
    let pulse = feed.pulse().unwrap();
    assert_eq!((pulse.from, pulse.to, pulse.is_empty()), (Some(1), 1, true));

    happen(&mut snapshot, &Step::Line { run: 2, metric: 1, value: 2.5 });
    let third = Arc::new(Published::after(Some(&second), &snapshot, 1));
    let change = feed.tell(&third, None).unwrap();
    assert_eq!((change.from, change.to, change.runs.len()), (Some(1), 3, 1));
    let size = serde_json::to_vec(&change).unwrap().len();
    assert!(size < 250, "one value of one run takes {size} bytes");
}

#[test]
fn a_dashboard_is_told_the_losses_of_all_runs_and_everything_again_where_other_losses_count() {
    let mut snapshot = sweep();
    let first = Arc::new(Published::after(None, &snapshot, 1));
    let (mut feed, mut one) = (Feed::new(Subscription::dashboard(Vec::new())), Feed::new(Subscription::one_run(2)));
    let (mut copy, mut selected) = (Replica::default(), Replica::default());
    copy.apply(feed.tell(&first, None).unwrap()).unwrap();
    selected.apply(one.tell(&first, None).unwrap()).unwrap();
    let keys = |copy: &Replica, id: u32| copy.runs[&id].metrics.keys().map(ToString::to_string).collect::<Vec<_>>();
    assert!(copy.runs.len() > 3 && copy.runs.keys().all(|id| keys(&copy, *id) == ["m1"]), "the loss of the project");
    assert_eq!((selected.runs.len(), keys(&selected, 2).len()), (1, 5), "all of the one run");

    happen(&mut snapshot, &Step::Line { run: 2, metric: 3, value: 2.5 });
    let second = Arc::new(Published::after(Some(&first), &snapshot, 1));
    let unseen = feed.tell(&second, None).map_or(0, |change| change.runs.iter().map(|run| run.metrics.len()).sum());
    assert_eq!(unseen, 0, "nobody sees that metric");
    copy.generation = feed.generation().unwrap();
    selected.apply(one.tell(&second, None).unwrap()).unwrap();

    snapshot.metrics = BTreeMap::from([("rust".to_owned(), "m2".to_owned())]);
    let third = Arc::new(Published::after(Some(&second), &snapshot, 1));
    let change = feed.tell(&third, None).unwrap();
    assert_eq!(change.from, None, "everything");
    copy.apply(change).unwrap();
    assert_eq!(keys(&copy, 2), ["m2"]);
}

#[test]
fn where_no_loss_is_named_a_dashboard_is_told_the_loss_that_stands_for_each_run_and_what_is_forecast_of_it() {
    let mut snapshot = sweep();
    snapshot.metrics = BTreeMap::new();
    let first = Arc::new(Published::after(None, &snapshot, 1));
    let (mut feed, mut copy) = (Feed::new(Subscription::dashboard(Vec::new())), Replica::default());
    copy.apply(feed.tell(&first, None).unwrap()).unwrap();
    let keys = |copy: &Replica| copy.runs[&2].metrics.keys().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(keys(&copy), Vec::<String>::new(), "nothing is known to be a loss");
    // The forecast comes when nothing new is logged, and goes again.
    for told in [vec!["m3".to_owned()], Vec::new()] {
        happen(&mut snapshot, &Step::Forecast { run: 2, metric: 3 });
        let next = Arc::new(Published::after(Some(&first), &snapshot, 1));
        copy.apply(feed.tell(&next, None).unwrap()).unwrap();
        assert_eq!(keys(&copy), told);
    }
    happen(&mut snapshot, &Step::MainLoss { run: 2, metric: 4 });
    let next = Arc::new(Published::after(Some(&first), &snapshot, 1));
    copy.apply(feed.tell(&next, None).unwrap()).unwrap();
    assert_eq!(keys(&copy), ["m4"]);
}

#[test]
fn pixels_cover_what_they_must_and_questions_are_checked() {
    for (lo, hi, n, least) in [
        (0.0, 1e6, 100, 1.0),
        (5.0, 5.0, 10, 0.0),
        (1.7e9, 1.7e9 + 0.5, 4096, 0.0),
        (0.0, 3.0, 4096, 1.0),
        (-7.0, 9.0, 1, 0.0),
        (0.0, 0.0, 3, 0.0),
        (0.0, 1e300, 7, 1.0),
    ] {
        let (start, width) = pixels(lo, hi, n, least);
        assert!(start <= lo && start + width * f64::from(n) > hi && width >= least, "{lo} {hi} {n}: {start} {width}");
    }
    let query = super::series::SeriesQuery {
        runs: vec![1],
        metrics: vec!["m".into()],
        x: super::series::Axis::Step,
        from: None,
        to: None,
        pixels: 80,
        smoothing: 0.0,
    };
    assert!(query.check().is_ok());
    for bad in [
        super::series::SeriesQuery { pixels: 0, ..query.clone() },
        super::series::SeriesQuery { pixels: u32::MAX, ..query.clone() },
        super::series::SeriesQuery { smoothing: 1.0, ..query.clone() },
        super::series::SeriesQuery { smoothing: f64::NAN, ..query.clone() },
        super::series::SeriesQuery { runs: vec![1; 300], ..query.clone() },
        super::series::SeriesQuery { from: Some(2.0), to: Some(1.0), ..query.clone() },
        super::series::SeriesQuery { from: Some(f64::NAN), ..query },
    ] {
        assert!(bad.check().is_err(), "{bad:?}");
    }
}
