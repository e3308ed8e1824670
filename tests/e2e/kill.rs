//! `kill -9` at any moment: nothing lost, nothing doubled.

use crate::common::{World, beside, eventually, example, kill, stderr, stdout};
use mixlaw::ipc::client::Client;
use mixlaw::ipc::protocol::{Query, Response};
use serde_json::Value;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

#[path = "../formats/writers.rs"]
mod writers;
use writers::{tfevents, wandb};

/// (run, metric, step, bits of the value), for comparing as a multiset.
pub type Logged = (String, String, i64, u64);

/// The points of an export.
pub fn exported_points(text: &str) -> Vec<Logged> {
    text.lines()
        .map(|line| {
            let point: Value = serde_json::from_str(line).unwrap();
            let name = point["run"].as_str().unwrap();
            (
                name.rsplit('/').next().unwrap().to_owned(),
                point["metric"].as_str().unwrap().to_owned(),
                point["step"].as_i64().unwrap(),
                point["value"].as_f64().unwrap().to_bits(),
            )
        })
        .collect()
}

/// The points of the logs under `runs`, read with a JSON library and nothing of ours.
pub fn logged_points(runs: &Path) -> Vec<Logged> {
    let mut points = Vec::new();
    for run in std::fs::read_dir(runs).unwrap().flatten() {
        let name = run.file_name().into_string().unwrap();
        let text = std::fs::read_to_string(run.path().join("metrics.jsonl")).unwrap();
        for line in text.lines() {
            let record: serde_json::Map<String, Value> = serde_json::from_str(line).unwrap();
            let step = record["step"].as_i64().unwrap();
            // Every number of a record is a point, its step too.
            for (key, value) in &record {
                points.push((name.clone(), key.clone(), step, value.as_f64().unwrap().to_bits()));
            }
        }
    }
    points
}

#[test]
fn ten_kills_during_a_replay_lose_and_double_nothing() {
    let world = World::new();
    let live = world.path().join("live").display().to_string();
    let project = example().display().to_string();
    let mut replay = world.spawn(&["replay", &project, "--into", &live, "--speed", "40"]);
    eventually("the replay has a project to watch", || Path::new(&live).join("mixlaw.yaml").exists());
    for round in 0..10u64 {
        let start = world.run(&["daemon", "start", &live]);
        assert!(start.status.success(), "round {round}: {}", stderr(&start));
        // Different moments of start-up, ingest, fit and write-out.
        std::thread::sleep(Duration::from_millis(37 * (round + 1)));
        let pid = world.owner().unwrap();
        assert!(kill(pid, "-KILL"));
        eventually("it is gone", || !Path::new(&format!("/proc/{pid}")).exists() || is_zombie(pid));
    }
    let status = replay.wait().unwrap();
    assert!(status.success());
    let output = world.run(&["export", &live]);
    assert!(output.status.success(), "{}", stderr(&output));
    let mut got = exported_points(&stdout(&output));
    let mut expected = logged_points(&Path::new(&live).join("runs"));
    let mut recorded = logged_points(&example().join("runs"));
    got.sort();
    expected.sort();
    recorded.sort();
    assert!(expected == recorded, "the replay wrote something else than was recorded");
    assert_eq!(got.len(), expected.len());
    assert!(got == expected);
}

fn is_zombie(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z"))
}

/// Records that are there before the first daemon starts, so that kills fall into the first reading too.
const BEFORE: u32 = 20_000;

/// The loss of a record: no two are equal, and each is the same number in every format.
fn loss(i: u32) -> f64 {
    1.0 + f64::from(i) / 1024.0
}

/// A log that grows.
struct Growing {
    /// In `runs`.
    path: &'static str,
    /// One record; W&B's knows where in the file it stands.
    record: fn(&mut wandb::File, u32) -> Vec<u8>,
    beginning: fn() -> Vec<u8>,
}

const GROWING: [Growing; 6] = [
    Growing {
        path: "jsonl/metrics.jsonl",
        record: |_, i| format!("{{\"step\": {i}, \"loss\": {}}}\n", loss(i)).into_bytes(),
        beginning: Vec::new,
    },
    Growing {
        path: "csv/metrics.csv",
        record: |_, i| format!("{i},{},0.5\n", loss(i)).into_bytes(),
        beginning: || b"step,loss,lr\n".to_vec(),
    },
    Growing {
        path: "nanogpt/train.log",
        record: |_, i| format!("iter {i}: loss {}, time 100.00ms, mfu 10.50%\n", loss(i)).into_bytes(),
        beginning: || b"number of parameters: 123.59M\n".to_vec(),
    },
    Growing {
        path: "megatron/out.log",
        record: |_, i| {
            let loss = loss(i);
            format!(
                " [2026-01-01 00:00:00] iteration {i:8}/ 9000000 | consumed samples: {i:12} | \
                 elapsed time per iteration (ms): 10.5 | learning rate: 1.0E-04 | lm loss: {loss:E} | grad norm: 0.5 |\n"
            )
            .into_bytes()
        },
        beginning: Vec::new,
    },
    Growing {
        path: "tensorboard/events.out.tfevents.1.host",
        record: |_, i| tfevents::scalar("train/loss", i64::from(i), loss(i) as f32, 1.7e9 + f64::from(i)),
        beginning: tfevents::version,
    },
    Growing {
        path: "wandb/run-1.wandb",
        record: |file, i| {
            let before = file.0.len();
            file.history(i64::from(i), &[("loss", &loss(i).to_string())]);
            file.0[before..].to_vec()
        },
        beginning: || wandb::File::new().0,
    },
];

/// The whole state of a Hugging Face trainer after `n` records.
fn trainer_state(n: u32) -> String {
    let history: Vec<String> = (0..n).map(|i| format!("{{\"loss\": {}, \"step\": {i}}}", loss(i))).collect();
    format!("{{\"global_step\": {n}, \"log_history\": [{}], \"max_steps\": 9000000}}", history.join(", "))
}

/// Writes to every log until told to stop, half of the records in two parts, and returns how many records each has and
/// how many the trainer's state has. The JSON lines are rotated on the way.
fn write_logs(runs: &Path, stop: &AtomicBool) -> (u32, u32) {
    let open = |path: &str| -> File {
        let path = runs.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        OpenOptions::new().append(true).create(true).open(path).unwrap()
    };
    let mut files: Vec<File> = GROWING.iter().map(|log| open(log.path)).collect();
    let mut run = wandb::File::new();
    for (log, file) in GROWING.iter().zip(&mut files) {
        let mut text = (log.beginning)();
        for i in 0..BEFORE {
            text.extend((log.record)(&mut run, i));
        }
        file.write_all(&text).unwrap();
    }
    let state: PathBuf = runs.join("hf/checkpoint-1/trainer_state.json");
    std::fs::create_dir_all(state.parent().unwrap()).unwrap();
    let (mut written, mut states) = (BEFORE, 0);
    while !stop.load(Ordering::Relaxed) {
        if written % 500 == 0 {
            let (old, new) = (runs.join(GROWING[0].path), runs.join(format!("jsonl/metrics.jsonl.{written}")));
            std::fs::rename(old, new).unwrap();
            files[0] = open(GROWING[0].path);
        }
        let records: Vec<Vec<u8>> = GROWING.iter().map(|log| (log.record)(&mut run, written)).collect();
        for (i, (file, record)) in files.iter_mut().zip(&records).enumerate() {
            let whole = (written as usize + i).is_multiple_of(2);
            file.write_all(if whole { record } else { &record[..record.len() / 2] }).unwrap();
        }
        if written % 20 == 0 {
            // In place, and not at once.
            states += 1;
            let text = trainer_state(states);
            let (front, back) = text.split_at(text.len() / 2);
            let mut file = File::create(&state).unwrap();
            file.write_all(front.as_bytes()).unwrap();
            std::thread::sleep(Duration::from_millis(3));
            file.write_all(back.as_bytes()).unwrap();
        }
        std::thread::sleep(Duration::from_millis(2));
        for (i, (file, record)) in files.iter_mut().zip(&records).enumerate() {
            if !(written as usize + i).is_multiple_of(2) {
                file.write_all(&record[record.len() / 2..]).unwrap();
            }
        }
        written += 1;
    }
    (written, states)
}

/// Asks the daemon of the only project how it is until it answers, or is `over`. Returns how long that took, seconds.
fn first_answer(states: &Path, began: Instant, over: &AtomicBool) -> Option<f64> {
    while !over.load(Ordering::Relaxed) {
        let state = std::fs::read_dir(states).ok().and_then(|mut all| all.next()?.ok());
        let answer = state.and_then(|state| {
            let mut client = Client::connect(&state.path().join("socket")).ok()?;
            client.query(Query::Status).ok()
        });
        if matches!(answer, Some(Response::Answer(_))) {
            return Some(began.elapsed().as_secs_f64());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    None
}

/// `MIXLAW_KILLS=200 cargo test --test e2e kills_while_logs` is the long run; the seed is printed and `MIXLAW_SEED` takes
/// one. Beside it, it prints how long starts took until the first answer, of those that came to one.
#[test]
fn kills_while_logs_of_many_formats_grow_lose_and_double_nothing() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let kills = number("MIXLAW_KILLS").unwrap_or(12);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos();
    let seed = number("MIXLAW_SEED").unwrap_or(u64::from(now) | 1);
    eprintln!("{kills} kills, MIXLAW_SEED={seed}");
    let mut random = seed;
    let mut below = |n: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % n
    };
    let world = World::new();
    world.write("live/mixlaw.yaml", "runs:\n  - path: runs/*\n");
    let runs = world.path().join("live/runs");
    let mut seen = 0;
    let mut starts: Vec<f64> = Vec::new();
    let (written, states) = beside(
        |stop| write_logs(&runs, stop),
        || {
            for round in 0..kills {
                let began = Instant::now();
                let mut daemon = world.spawn(&["daemon", "run", "live"]);
                let (state, over) = (world.path().join("state"), Arc::new(AtomicBool::new(false)));
                let told = Arc::clone(&over);
                let asks = std::thread::spawn(move || first_answer(&state, began, &told));
                if round % 10 == 9 {
                    // Now and then it gets to read something, or every kill might fall into start-up.
                    eventually("it reads what is new", || {
                        let points = world.json(&["daemon", "status", "live", "--json"])["daemon"]["points"].as_u64();
                        let news = points.is_some_and(|points| points > seen);
                        seen = points.unwrap_or(seen).max(seen);
                        news
                    });
                }
                let most = if below(2) == 0 { 100 } else { 700 };
                std::thread::sleep(Duration::from_millis(below(most)));
                // One in three is asked to end; it may not listen yet.
                let asked = below(3) == 0;
                assert!(kill(daemon.id() as i32, if asked { "-TERM" } else { "-KILL" }));
                let status = daemon.wait().unwrap();
                over.store(true, Ordering::Relaxed);
                starts.extend(asks.join().unwrap());
                assert!(status.code().is_none() || asked, "round {round}: it ended by itself: {status}");
                assert!(status.code().is_none_or(|code| code == 0), "round {round}: {status}");
                if round % 20 == 13 {
                    // A new store, half made.
                    let mut rebuild = world.spawn(&["rebuild", "live"]);
                    std::thread::sleep(Duration::from_millis(below(400)));
                    let _ = rebuild.kill();
                    rebuild.wait().unwrap();
                }
            }
        },
    );
    let output = world.run(&["export", "live"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(!stderr(&output).contains("rebuilt"), "a kill damaged the store: {}", stderr(&output));
    let mut got: Vec<(String, i64, u64)> = exported_points(&stdout(&output))
        .into_iter()
        .filter(|(_, metric, ..)| metric.contains("loss"))
        .map(|(run, _, step, value)| (run, step, value))
        .collect();
    let records = |run: &str, n: u32| -> Vec<(String, i64, u64)> {
        (0..n).map(|i| (run.to_owned(), i64::from(i), loss(i).to_bits())).collect()
    };
    let mut expected: Vec<(String, i64, u64)> =
        GROWING.iter().flat_map(|log| records(log.path.split('/').next().unwrap(), written)).collect();
    expected.extend(records("hf", states));
    got.sort();
    expected.sort();
    starts.sort_by(f64::total_cmp);
    if let (Some(slowest), Some(median)) = (starts.last(), starts.get(starts.len() / 2)) {
        eprintln!(
            "{} starts came to an answer, half of them within {median:.3} s, the slowest in {slowest:.3} s",
            starts.len()
        );
    }
    eprintln!("{written} records in each of {} logs, {states} states, {} points", GROWING.len(), got.len());
    assert_eq!(got.len(), expected.len());
    assert!(got == expected);
}
