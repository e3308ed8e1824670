//! A file that arrives in pieces gives the same points as one that was there at once.

use crate::support::{Read, format, in_pieces, logs, random, resumed_in_pieces, whole};
use crate::writers::tfevents;
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
    assert_eq!(a.console, b.console, "{what}: console");
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
    vec![("tfevents", "events.out.tfevents.1.host", events)]
}

#[test]
fn generated_files_cut_at_every_byte() {
    for (name, path, bytes) in sample() {
        for from in boundaries(format(name), path, &bytes) {
            cut_at_every_byte(format(name), path, &bytes, from);
        }
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
