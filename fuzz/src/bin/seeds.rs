//! Writes the seeds to `seeds/`: every format's own examples, files of the tests' writers, and what is inside their records.

use mixlaw::ingest::formats::all;
use mixlaw_fuzz::kinds;
use mixlaw_fuzz::writers::{tfevents, wandb};
use std::fs;
use std::path::Path;

/// Of the line format that a project may describe.
const CUSTOM: &[&str] = &["step 10 loss=2.5 val=nan\nnothing\nstep 1,020 loss=x val=1e-3\n"];

fn main() -> std::io::Result<()> {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    fs::create_dir_all(&seeds)?;
    let write = |kind: &str, n: usize, bytes: &[u8]| {
        let which = kinds().iter().position(|k| k.name == kind).expect("a kind of this name");
        fs::write(seeds.join(format!("{kind}-{n}")), [&[which as u8, 40], bytes].concat())
    };
    for format in all() {
        for (n, text) in format.examples().iter().enumerate() {
            write(format.name(), n, text.as_bytes())?;
        }
    }
    for (n, text) in CUSTOM.iter().enumerate() {
        write("custom", n, text.as_bytes())?;
    }
    // What fuzzing has found before: FORMAT-N, without the fuzzer's own bytes.
    for file in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("found"))? {
        let (name, bytes) = file.and_then(|file| Ok((file.file_name(), fs::read(file.path())?)))?;
        if let Some((format, n)) = name.to_string_lossy().rsplit_once('-') {
            write(format, 1000 + n.parse::<usize>().unwrap_or_default(), &bytes)?;
        }
    }
    let (events, run) = (tfevents::example(), wandb::example());
    write("tfevents", 0, &events)?;
    write("wandb", 0, &run)?;
    // The same records without their frames, each behind its length.
    write("tfevents-records", 0, &unframed(&events))?;
    write("wandb-records", 0, &chunks(&run[7..]))
}

fn unframed(mut file: &[u8]) -> Vec<u8> {
    let mut records = Vec::new();
    while file.len() > 16 {
        let length = usize::from(file[0]);
        records.push(file[0]);
        records.extend_from_slice(&file[12..12 + length]);
        file = &file[16 + length..];
    }
    records
}

fn chunks(mut file: &[u8]) -> Vec<u8> {
    let mut records = Vec::new();
    while file.len() > 7 {
        let length = usize::from(file[4]);
        records.push(file[4]);
        records.extend_from_slice(&file[7..7 + length]);
        file = &file[7 + length..];
    }
    records
}
