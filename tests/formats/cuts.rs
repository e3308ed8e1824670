//! A file that arrives in pieces gives the same points as one that was there at once.

use crate::support::{Read, format, in_pieces, logs, random, resumed_in_pieces, whole};
use crate::writers::{tfevents, wandb};
use mixlaw::ingest::formats::{Format, Growth, Sink, recognise};

/// Where each record of the file ends, as the parser sees it.
fn boundaries(format: &dyn Format, path: &str, bytes: &[u8]) -> Vec<usize> {
    let mut ends = vec![0];
    let mut parser = format.parser(path);
    let mut sink = Sink::default();
    let mut there = 0;
    let mut at = 0;
    while there < bytes.len() {
        there += 1;
        let used = parser.feed(&bytes[at..there], false, &mut sink).unwrap_or(0);
        if used > 0 {
            at += used;
            ends.push(at);
        }
    }
    ends
}

fn same(a: &Read, b: &Read, what: &str) {
    assert_eq!(a.points, b.points, "{what}: points");
    assert_eq!(a.facts, b.facts, "{what}: facts");
    assert_eq!(a.damage, b.damage, "{what}: damage");
    assert_eq!(a.used, b.used, "{what}: bytes used");
}

/// Cuts at every byte from the record boundary `from` on; a new parser takes over there, as after a restart, and what
/// it reads in two parts is what is read at once.
fn cut_at_every_byte(format: &dyn Format, path: &str, bytes: &[u8], from: usize) {
    let mut before = format.parser(path);
    let used = before.feed(&bytes[..from], false, &mut Sink::default()).unwrap_or_else(|e| panic!("{path}: {e}"));
    assert_eq!(used, from, "{path}: {from} is where a record ends");
    let saved = before.save();
    let tail = |cut: usize| {
        let mut parser = format.parser(path);
        parser.resume(&saved).unwrap_or_else(|e| panic!("{path}: {e}"));
        resumed_in_pieces(parser, format, &bytes[from..], [cut - from]).unwrap_or_else(|e| panic!("{path}: {e}"))
    };
    let at_once = tail(bytes.len());
    for cut in from..bytes.len() {
        same(&at_once, &tail(cut), &format!("{path} cut at {cut}"));
    }
}

fn sample() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let mut events = tfevents::version();
    for step in 0..4 {
        events.extend(tfevents::scalar("train/loss", step, 3.0 - step as f32, 1.7e9 + step as f64));
        events.extend(tfevents::tensor("epoch_loss", step, if step == 2 { f32::NAN } else { 2.0 }, 1.7e9));
    }
    events.extend(tfevents::start(2));
    events.extend(tfevents::scalar("train/loss", 2, 0.5, 1.8e9));

    let mut run = wandb::File::new();
    run.config(&[("n_layer", "12"), ("mixture", r#"{"code": 0.25, "prose": 0.75}"#)]);
    run.output(0, "50%|#").output(1, "step 1").output(0, "##\n").output(1, ", loss 2\n").output(1, "left open");
    run.history(0, &[("loss", "2.5"), ("_step", "0"), ("_timestamp", "1.7e9"), ("eval>loss", "NaN")]);
    run.history(1, &[("loss", "2.25"), ("_step", "1"), ("by_domain", r#"{"code": 1.5, "x": {"y": -Infinity}}"#)]);
    run.history(2, &[("hist", r#"{"_type": "histogram", "bins": 3}"#), ("name", r#""text""#), ("loss", "\"NaN\"")]);
    run.sample(1_700_000_001, &[("gpu.0.gpu", "90"), ("cpu", "3.5")]).sample(1_700_000_002, &[("gpu.0.gpu", "92")]);
    // Over the end of a block, where one of its chunks is empty and two bytes are left for padding.
    let left = (32 << 10) - run.0.len() % (32 << 10);
    run.output(1, &"x".repeat(left - 7 - 9 - 9)).history(3, &[("loss", "2.0")]).output(1, &"y".repeat(70_000));
    run.history(4, &[("loss", "1.75")]).history(5, &[("loss", "1.5")]);
    vec![("tfevents", "events.out.tfevents.1.host", events), ("wandb", "run-1.wandb", run.0)]
}

#[test]
fn generated_files_cut_at_every_byte() {
    for (name, path, bytes) in sample() {
        let ends = boundaries(format(name), path, &bytes);
        for from in &ends[..ends.len().min(8)] {
            cut_at_every_byte(format(name), path, &bytes[..bytes.len().min(3_000)], *from);
        }
        cut_at_every_byte(format(name), path, &bytes, ends[ends.len() - 3]);
    }
}

#[test]
fn saved_and_resumed_at_every_record() {
    for (name, path, bytes) in sample() {
        let format = format(name);
        if format.growth() == Growth::Rewritten {
            continue;
        }
        let at_once = whole(format, path, &bytes);
        let ends = boundaries(format, path, &bytes);
        let sizes: Vec<usize> = ends.windows(2).map(|w| w[1] - w[0]).collect();
        assert!(sizes.len() > 3, "{name}: {ends:?}");
        let resumed = in_pieces(format, path, &bytes, sizes, true).expect("readable");
        same(&at_once, &resumed, name);
    }
}

#[test]
fn real_files_in_pieces() {
    let Some(logs) = logs() else { return };
    let mut files = 0;
    for entry in walkdir::WalkDir::new(&logs).sort_by_file_name().into_iter().flatten() {
        if !entry.file_type().is_file() {
            continue;
        }
        let path = entry.path().strip_prefix(&logs).expect("below").to_string_lossy().into_owned();
        let bytes = std::fs::read(entry.path()).expect("readable");
        let Ok((format, _)) = recognise(&path, &bytes[..bytes.len().min(64 << 10)]) else { continue };
        if format.growth() == Growth::Rewritten {
            continue;
        }
        files += 1;
        let at_once = whole(format, &path, &bytes);
        let mut below = random(files);
        for fresh in [false, true] {
            let sizes: Vec<usize> =
                std::iter::repeat_with(|| 1 + below(if bytes.len() > 100_000 { 40_000 } else { 700 }))
                    .take(4000)
                    .collect();
            let pieces = in_pieces(format, &path, &bytes, sizes, fresh).unwrap_or_else(|e| panic!("{path}: {e}"));
            same(&at_once, &pieces, &path);
        }
        // Every byte of the last two records, for formats whose records are framed.
        if matches!(format.name(), "tfevents" | "wandb") {
            let ends = boundaries(format, &path, &bytes);
            cut_at_every_byte(format, &path, &bytes, ends[ends.len().saturating_sub(3)]);
        }
    }
    eprintln!("{files} files in pieces");
}
