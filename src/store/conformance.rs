//! Conformance tests: committed data is read back exactly, whatever was sealed, replaced or reopened in between.

use super::*;
use crate::vocab::Facts;
use crate::vocab::{FactName, FactValue, RawPoint};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn point(metric: u32, step: i64, value: f64) -> RawPoint {
    RawPoint { metric, step, value, wall: f64::NAN }
}

fn names(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("m{i}")).collect()
}

fn new(run: RunId, began: f64, replaces: &[FileId]) -> Target<'_> {
    Target::New { run, format: "jsonl", began, replaces }
}

fn commit(store: &SledStore, target: Target, path: &str, names: &[String], points: &[RawPoint], offset: u64) -> FileId {
    let cursor = Cursor { offset, ..Cursor::default() };
    store.commit(&Commit { target, path, names, points, restarts: &[], facts: None, cursor }).unwrap()
}

fn exported(store: &SledStore, run: RunId) -> Vec<(String, String, i64, u64, u32)> {
    let mut all = Vec::new();
    store
        .export(run, None, |file, p| {
            all.push((file.to_owned(), p.metric.to_string(), p.step, p.value.to_bits(), p.segment));
            true
        })
        .unwrap();
    all
}

#[test]
fn a_new_store_is_private_and_empty_and_opens_again() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().join("a/b");
    let (store, opened) = SledStore::open(&at).unwrap();
    assert_eq!(opened, Opened::New);
    assert_eq!(std::fs::metadata(&at).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!((store.points(), store.runs().unwrap()), (0, vec![]));
    let run = store.run("runs/a").unwrap();
    assert_eq!(store.run("runs/a").unwrap(), run);
    drop(store);
    let (store, opened) = SledStore::open(&at).unwrap();
    assert_eq!(opened, Opened::Existing);
    assert_eq!(store.runs().unwrap(), vec![(run, "runs/a".to_owned())]);
}

#[test]
fn two_handles_at_once_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let _first = SledStore::open(dir.path()).unwrap();
    assert!(matches!(SledStore::open(dir.path()), Err(StoreError::Busy { .. })));
}

#[test]
fn what_will_not_open_is_moved_aside_and_not_overwritten() {
    for damage in [&b"this is no database at all, but it is long enough to be read as one"[..], &[0xff; 1 << 20]] {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = SledStore::open(dir.path()).unwrap();
        let run = store.run("r").unwrap();
        let points: Vec<RawPoint> = (0..5000).map(|i| point(0, i, i as f64)).collect();
        commit(&store, new(run, 0.0, &[]), "log", &names(1), &points, 1);
        store.flush().unwrap();
        drop(store);
        for file in ["conf", "db"] {
            std::fs::write(dir.path().join("points.sled").join(file), damage).unwrap();
        }
        let (store, opened) = SledStore::open(dir.path()).unwrap();
        let Opened::MovedAside(aside) = opened else { panic!("{opened:?}") };
        assert_eq!(std::fs::read(aside.join("db")).unwrap(), damage);
        assert_eq!(store.points(), 0);
    }
}

#[test]
fn the_same_lines_share_their_steps_and_long_series_are_sealed() {
    let store = SledStore::temporary().unwrap();
    let run = store.run("r").unwrap();
    let keys = names(3);
    let mut target = new(run, 0.0, &[]);
    for part in 0..40i64 {
        let points: Vec<RawPoint> = (part * 100..part * 100 + 100)
            .flat_map(|i| (0..3).map(move |m| point(m, i * 10, (i * 3) as f64 / 8.0)))
            .collect();
        target = Target::Known(commit(&store, target, "log", &keys, &points, part as u64));
    }
    let series = store.series(run, "m1").unwrap();
    assert_eq!(series.steps, (0..4000).map(|i| i * 10).collect::<Vec<i64>>());
    assert_eq!(series.values[3999], 3999.0 * 3.0 / 8.0);
    assert!(series.segments.iter().all(|s| *s == 0));
    let count = |prefix: &[u8]| store.db.keys(prefix).unwrap().len();
    let blocks = count(b"g");
    assert!(blocks < 16, "{blocks} blocks for 3 series of 4000");
    assert_eq!((count(b"b"), count(b"o")), (0, 1), "blocks lie side by side, open or not");
    assert_eq!(count(b"a"), blocks + 1, "one axis for three series, open or not");
    for most in [1, 7, 100, 400, 100_000] {
        let overview = store.overview(run, "m2", most).unwrap();
        assert!(overview.len() <= most && overview.len() * 600 > most.min(4000), "{most}: {}", overview.len());
        assert_eq!(overview.iter().map(|r| r.points).sum::<u32>(), 4000);
        assert_eq!(overview.last().map(|r| (r.last, r.last_step)), Some((3999.0 * 3.0 / 8.0, 39_990)));
    }
}

#[test]
fn a_group_is_stored_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = SledStore::open(dir.path()).unwrap();
    let (a, b) = (store.run("a").unwrap(), store.run("b").unwrap());
    let keys = names(3);
    let points: Vec<RawPoint> = (0..600).map(|i| point(i % 3, i64::from(i / 3), f64::from(i) / 8.0)).collect();
    let of = |target, offset| {
        let cursor = Cursor { offset, ..Cursor::default() };
        Commit { target, path: "log", names: &keys, points: &points, restarts: &[], facts: None, cursor }
    };
    let mut group = store.group();
    let first = group.add(&of(new(a, 0.0, &[]), 1)).unwrap();
    let second = group.add(&of(new(b, 0.0, &[]), 2)).unwrap();
    assert_ne!(first, second);
    assert_eq!(store.points(), 0, "nothing is there before it is written");
    drop(group);
    assert_eq!(store.points(), 0);

    let mut group = store.group();
    let first = group.add(&of(new(a, 0.0, &[]), 1)).unwrap();
    let second = group.add(&of(new(b, 0.0, &[]), 2)).unwrap();
    group.write().unwrap();
    assert_eq!(store.points(), 1200);

    let replaced = [first];
    // Neither twice to the same file, nor to one that is replaced; and then nothing of the group.
    for clash in [of(Target::Known(first), 3), of(new(a, 0.0, &replaced), 3)] {
        let mut group = store.group();
        group.add(&of(Target::Known(first), 3)).unwrap();
        assert!(matches!(group.add(&clash), Err(StoreError::Damaged(_))));
        assert!(group.write().is_err());
    }
    let mut group = store.group();
    let third = group.add(&of(new(a, 0.0, &replaced), 3)).unwrap();
    assert!(matches!(group.add(&of(Target::Known(first), 3)), Err(StoreError::Damaged(_))));
    drop(group);
    assert_eq!(store.points(), 1200);

    let mut group = store.group();
    group.add(&of(new(a, 0.0, &replaced), 3)).unwrap();
    group.add(&of(Target::Known(second), 4)).unwrap();
    group.write().unwrap();
    let before: Vec<_> = [a, b].into_iter().map(|run| exported(&store, run)).collect();
    assert_eq!([before[0].len(), before[1].len()], [600, 1200]);
    store.flush().unwrap();
    drop(store);
    let (store, _) = SledStore::open(dir.path()).unwrap();
    assert_eq!([a, b].into_iter().map(|run| exported(&store, run)).collect::<Vec<_>>(), before);
    assert_eq!(store.files(a).unwrap()[0].0, third);
}

#[test]
fn files_are_read_in_the_order_in_which_they_began_and_overlaps_are_segments() {
    let store = SledStore::temporary().unwrap();
    let run = store.run("r").unwrap();
    let keys = names(1);
    let steps = |from: i64, to: i64| (from..to).map(|s| point(0, s, s as f64)).collect::<Vec<_>>();
    let second = commit(&store, new(run, 200.0, &[]), "b", &keys, &steps(5, 9), 0);
    let first = commit(&store, new(run, 100.0, &[]), "z", &keys, &steps(0, 7), 0);
    let third = commit(&store, new(run, 300.0, &[]), "a", &keys, &steps(9, 11), 0);
    assert_eq!(store.files(run).unwrap().iter().map(|f| f.0).collect::<Vec<_>>(), [first, second, third]);
    let series = store.series(run, "m0").unwrap();
    assert_eq!(series.steps, [0, 1, 2, 3, 4, 5, 6, 5, 6, 7, 8, 9, 10]);
    assert_eq!(series.segments, [0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1]);
    let summary = store.metrics(run).unwrap()[0].1;
    assert_eq!((summary.points, summary.segments, summary.last_step), (13, 2, 10));
}

#[test]
fn a_restart_the_log_speaks_of_begins_a_segment_though_no_step_goes_back() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = SledStore::open(dir.path()).unwrap();
    let run = store.run("r").unwrap();
    let keys = names(2);
    let write = |target, points: &[RawPoint], restarts: &[usize]| {
        let cursor = Cursor::default();
        store.commit(&Commit { target, path: "log", names: &keys, points, restarts, facts: None, cursor }).unwrap()
    };
    // Before the first point it is no restart; after the last one it is that of the points to come.
    let file = write(new(run, 0.0, &[]), &[point(0, 1, 0.0), point(1, 1, 0.0), point(0, 2, 0.0)], &[0, 3]);
    write(Target::Known(file), &[], &[0]);
    write(Target::Known(file), &[point(0, 2, 0.0), point(0, 3, 0.0)], &[1, 1]);
    let many: Vec<RawPoint> = (4..2000).map(|step| point(0, step, 0.0)).collect();
    write(Target::Known(file), &many, &[]);
    write(Target::Known(file), &[point(1, 2000, 0.0)], &[]);
    let check = |store: &SledStore| {
        let segments = store.series(run, "m0").unwrap().segments;
        assert_eq!(segments[..6], [0, 0, 1, 2, 2, 2]);
        assert_eq!(store.series(run, "m1").unwrap().segments, [0, 1]);
        let summaries: Vec<u32> = store.metrics(run).unwrap().iter().map(|(_, s)| s.segments).collect();
        assert_eq!(summaries, [3, 2]);
        let last = exported(store, run).iter().filter(|p| p.1 == "m0").map(|p| p.4).max();
        assert_eq!(last, Some(2));
    };
    check(&store);
    drop(store);
    check(&SledStore::open(dir.path()).unwrap().0);
}

#[test]
fn what_is_sealed_while_an_export_goes_on_comes_once() {
    let store = SledStore::temporary().unwrap();
    let run = store.run("r").unwrap();
    let keys = names(2);
    let lines = |from: i64, to: i64| -> Vec<RawPoint> {
        (from..to).flat_map(|step| [point(0, step, step as f64), point(1, step, 0.5)]).collect()
    };
    let file = commit(&store, new(run, 0.0, &[]), "log", &keys, &lines(0, 20_100), 1);
    // An open block and a tail, which the seal in the middle of the export takes up.
    commit(&store, Target::Known(file), "log", &keys, &lines(20_100, 20_110), 2);
    for only in [None, Some("m0")] {
        let (mut steps, mut begun) = (Vec::new(), false);
        let from = store.metrics(run).unwrap()[0].1.last_step + 1;
        store
            .export(run, only, |_, p| {
                if !std::mem::replace(&mut begun, true) {
                    commit(&store, Target::Known(file), "log", &keys, &lines(from, from + 3000), 3);
                }
                if &*p.metric == "m0" {
                    steps.push(p.step);
                }
                true
            })
            .unwrap();
        assert!(steps.len() as i64 >= from, "{} of {from}", steps.len());
        assert!(steps.iter().copied().eq(0..steps.len() as i64), "doubled, or out of order");
    }
}

#[test]
fn facts_are_kept_and_forgetting_a_run_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = SledStore::open(dir.path()).unwrap();
    let before = store.db.raw().len();
    let run = store.run("r").unwrap();
    let mut facts = Facts::default();
    facts.offer(FactName::Params, FactValue::Number(1e9), "config.json#n");
    assert!(store.set_facts(run, &facts).unwrap());
    assert!(!store.set_facts(run, &facts).unwrap(), "nothing new");
    let found: Vec<FoundFact> = vec![(FactName::Seed, FactValue::Number(3.0), "line 1".to_owned())];
    let points: Vec<RawPoint> = (0..2000).map(|i| point(i % 2, i64::from(i), f64::from(i).sqrt())).collect();
    let keys = names(2);
    let cursor = Cursor::default();
    let file = store
        .commit(&Commit {
            target: new(run, 0.0, &[]),
            path: "log",
            names: &keys,
            points: &points,
            restarts: &[],
            facts: Some(&found),
            cursor,
        })
        .unwrap();
    drop(store);
    let (store, _) = SledStore::open(dir.path()).unwrap();
    assert_eq!(*store.facts(run).unwrap(), facts);
    assert_eq!(store.found_facts(file), found);
    store.forget(run).unwrap();
    assert_eq!(store.points(), 0);
    assert_eq!(store.db.raw().len(), before + 3, "only the two metric keys stay, and a pack");
    assert!(store.packs.extents().iter().all(|(_, pack)| pack.dead == pack.end && pack.end > 0));
}

#[test]
fn compaction_gives_back_what_no_point_needs() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = SledStore::open(dir.path()).unwrap();
    let keys = names(20);
    let fill = |store: &SledStore, run: RunId| {
        let points: Vec<RawPoint> =
            (0..200_000u32).map(|i| point(i % 20, i64::from(i / 20), f64::from(i).sqrt())).collect();
        commit(store, new(run, 0.0, &[]), "log", &keys, &points, 1)
    };
    let runs: Vec<RunId> = ["a", "b", "c", "d"].iter().map(|name| store.run(name).unwrap()).collect();
    for run in &runs {
        fill(&store, *run);
    }
    let packs = |store: &SledStore| {
        let files = std::fs::read_dir(dir.path().join("points.sled/packs")).unwrap().flatten();
        let on_disk: u64 = files.map(|file| file.metadata().unwrap().len()).sum();
        let extents = store.packs.extents();
        assert_eq!(on_disk, extents.iter().map(|(_, pack)| pack.end).sum::<u64>());
        on_disk
    };
    let (full, kept) = (packs(&store), exported(&store, runs[3]));
    store.compact().unwrap();
    assert_eq!(packs(&store), full, "nothing is dead");
    runs[..3].iter().for_each(|run| store.forget(*run).unwrap());
    assert_eq!(packs(&store), full);
    store.compact().unwrap();
    assert!(packs(&store) < full * 3 / 10, "{} of {full}", packs(&store));
    assert!(store.packs.extents().iter().all(|(_, pack)| pack.dead == 0 && pack.synced == pack.end));
    assert_eq!(exported(&store, runs[3]), kept);
    drop(store);
    let (store, opened) = SledStore::open(dir.path()).unwrap();
    assert_eq!((opened, exported(&store, runs[3])), (Opened::Existing, kept));
}

#[test]
fn points_that_the_machine_lost_are_noticed_and_read_again() {
    for same_boot in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = SledStore::open(dir.path()).unwrap();
        let run = store.run("r").unwrap();
        let points: Vec<RawPoint> = (0..5000).map(|i| point(0, i, (i as f64).sqrt())).collect();
        commit(&store, new(run, 0.0, &[]), "log", &names(1), &points, 1);
        if !same_boot {
            store.db.insert(keys::BOOT, b"another").unwrap();
        }
        drop(store);
        let pack = dir.path().join("points.sled/packs/000001.pack");
        let mut bytes = std::fs::read(&pack).unwrap();
        bytes[1000..2000].fill(0);
        std::fs::write(&pack, bytes).unwrap();
        if same_boot {
            // Nothing can have been lost, so nothing is looked for; it is found by whoever reads it.
            let (store, opened) = SledStore::open(dir.path()).unwrap();
            assert_eq!(opened, Opened::Existing);
            assert!(matches!(store.series(run, "m0"), Err(StoreError::Damaged(_))));
        }
        let (store, opened) = SledStore::open(dir.path()).unwrap();
        assert!(matches!(opened, Opened::MovedAside(_)), "{opened:?}");
        assert_eq!(store.points(), 0);
    }
}

/// One thing that happens to a store.
#[derive(Debug, Clone)]
enum Action {
    /// A commit of `lines` lines of metrics `0..metrics` to one of three files, from `step` on.
    Append { file: usize, lines: usize, metrics: u32, step: i64 },
    /// The file is replaced by one with a single point.
    Replace { file: usize },
    /// The store is closed and opened.
    Reopen,
    /// A pack is rewritten.
    Rewrite,
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        8 => (0usize..3, prop_oneof![Just(1usize), 1usize..40, 200usize..1500], prop_oneof![4 => 1u32..5, 1 => 15u32..20], 0i64..100)
            .prop_map(|(file, lines, metrics, step)| Action::Append { file, lines, metrics, step }),
        1 => (0usize..3).prop_map(|file| Action::Replace { file }),
        2 => Just(Action::Reopen),
        2 => Just(Action::Rewrite),
    ]
}

/// What a file should hold: points in order, by metric.
type Model = [Option<(FileId, Vec<(u32, i64, f64)>)>; 3];

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_it_reads_what_was_written(actions in prop::collection::vec(action(), 1..30)) {
        let dir = tempfile::tempdir().unwrap();
        let mut store = SledStore::open(dir.path()).unwrap().0;
        let run = store.run("r").unwrap();
        let keys = names(20);
        let mut model: Model = [None, None, None];
        for action in actions {
            match action {
                Action::Append { file, lines, metrics, step } => {
                    let points: Vec<RawPoint> = (0..lines)
                        .flat_map(|l| (0..metrics).map(move |m| point(m, step + l as i64, (l as f64).sin())))
                        .collect();
                    let target = match &model[file] {
                        Some((id, _)) => Target::Known(*id),
                        None => new(run, file as f64 * 10.0, &[]),
                    };
                    let id = commit(&store, target, &format!("f{file}"), &keys, &points, 0);
                    let held = &mut model[file].get_or_insert((id, Vec::new())).1;
                    held.extend(points.iter().map(|p| (p.metric, p.step, p.value)));
                }
                Action::Replace { file } => {
                    let old: Vec<FileId> = model[file].iter().map(|(id, _)| *id).collect();
                    let id = commit(&store, new(run, file as f64 * 10.0, &old), &format!("f{file}"), &keys, &[point(19, 7, 0.5)], 0);
                    model[file] = Some((id, vec![(19, 7, 0.5)]));
                }
                Action::Reopen => {
                    drop(store);
                    let (again, opened) = SledStore::open(dir.path()).unwrap();
                    prop_assert_eq!(opened, Opened::Existing);
                    store = again;
                }
                Action::Rewrite => {
                    if let Some((pack, _)) = store.packs.extents().first() {
                        store.rewrite(*pack).unwrap();
                    }
                }
            }
        }
        for (pack, extent) in store.packs.extents() {
            let mut live = 0;
            store.packs.each(pack, 0, |at, key, _| {
                let leads = if key[0] == keys::MEMBER {
                    let place = keys::number(key, 5) as usize;
                    let stored = store.db.get(keys::of_band(FileId(keys::number(key, 1)), place, keys::last(key))).unwrap();
                    stored.and_then(|s| band::Band::decode(&s).unwrap().of(place))
                } else {
                    store.db.get(key).unwrap().and_then(|s| changes::place(&s).unwrap())
                };
                live += if leads == Some(at) { u64::from(at.length) } else { 0 };
                Ok(true)
            }).unwrap();
            prop_assert_eq!(extent.end - extent.dead, live, "of pack {}", pack);
        }
        let all: Vec<(String, String, i64, u64)> = model
            .iter()
            .enumerate()
            .flat_map(|(f, held)| {
                held.iter().flat_map(move |(_, points)| {
                    points.iter().map(move |(m, s, v)| (format!("f{f}"), format!("m{m}"), *s, v.to_bits()))
                })
            })
            .collect();
        let out: Vec<(String, String, i64, u64)> =
            exported(&store, run).into_iter().map(|(f, m, s, v, _)| (f, m, s, v)).collect();
        prop_assert_eq!(&out, &all, "export gives every point in file order");
        prop_assert_eq!(store.points(), all.len() as u64);

        let mut by_metric: BTreeMap<String, Vec<(i64, u64)>> = BTreeMap::new();
        for (_, metric, step, value) in all {
            by_metric.entry(metric).or_default().push((step, value));
        }
        let summaries = store.metrics(run).unwrap();
        prop_assert_eq!(summaries.len(), by_metric.len());
        for ((key, summary), (metric, points)) in summaries.into_iter().zip(by_metric) {
            let series = store.series(run, &metric).unwrap();
            let read: Vec<(i64, u64)> = series.steps.iter().copied().zip(series.values.iter().map(|v| v.to_bits())).collect();
            prop_assert_eq!(&read, &points);
            prop_assert_eq!(&*key, metric);
            prop_assert_eq!(summary.points, points.len() as u64);
            prop_assert_eq!(Some(summary.segments), series.segments.last().map(|s| s + 1));
            prop_assert_eq!(Some(&summary.last_step), series.steps.last());
            prop_assert_eq!(Some(summary.last.to_bits()), points.last().map(|p| p.1));
        }
    }
}
