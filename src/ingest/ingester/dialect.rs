//! What the files of each format look like to the model: a header and records, whole ones told from parts.

use crate::ingest::formats::console;
use std::sync::LazyLock;

#[path = "../../../tests/formats/writers.rs"]
mod writers;

/// The n-th record, to stand behind what is given.
type Record = Box<dyn Fn(u64, &[u8]) -> Vec<u8> + Send + Sync>;

/// A format as the model writes it.
pub struct Dialect {
    /// Name of the format.
    pub format: &'static str,
    /// Names that files may have.
    pub names: [&'static str; 3],
    /// What every file begins with.
    pub header: Vec<u8>,
    /// The n-th record, to stand behind what is given.
    pub record: Record,
    /// Bytes at the end of a record without which it could be taken for whole.
    pub never_whole: usize,
    /// Where the last whole record ends.
    ends: fn(&[u8]) -> usize,
}

impl Dialect {
    /// Bytes of whole records.
    pub fn whole(&self, text: &[u8]) -> usize {
        (self.ends)(text)
    }
}

fn lines(format: &'static str, names: [&'static str; 3], header: &str, line: fn(u64, &str) -> String) -> Dialect {
    let ends = |text: &[u8]| memchr::memrchr(b'\n', text).map_or(0, |at| at + 1);
    let record = move |n, _: &[u8]| {
        let (step, loss) = numbers(n);
        line(step, &loss).into_bytes()
    };
    Dialect { format, names, header: header.as_bytes().to_vec(), record: Box::new(record), never_whole: 1, ends }
}

/// The step and the value of the n-th record; steps repeat, values do not.
fn numbers(n: u64) -> (u64, String) {
    (n % 40 + 1, format!("{}.{:04}", n % 97 + 1, n % 10_000))
}

/// Every format that is appended to.
pub fn dialects() -> &'static [Dialect] {
    static DIALECTS: LazyLock<Vec<Dialect>> = LazyLock::new(|| {
        let mut all = vec![
            lines("jsonl", ["m.jsonl", "m.jsonl.1", "other.jsonl"], "", |step, loss| {
                format!("{{\"step\": {step}, \"loss\": {loss}, \"note\": \"xxxxxxx\"}}\n")
            }),
            lines("csv", ["m.csv", "m.csv.1", "other.csv"], "step,loss,lr\n", |step, loss| {
                format!("{step},{loss},0.001\n")
            }),
            lines(
                "dvclive",
                ["plots/metrics/loss.tsv", "plots/metrics/eval/loss.tsv", "plots/metrics/train/loss.tsv"],
                "step\tloss\n",
                |step, loss| format!("{step}\t{loss}\n"),
            ),
            lines("mlflow", ["metrics/loss", "metrics/lr", "metrics/eval/x"], "", |step, loss| {
                format!("1700000000000 {loss} {step}\n")
            }),
            lines("console", ["job.log", "job.log.1", "other.out"], "torch CUDA WARNING\n", |step, loss| {
                format!("epoch 0 step {step}/99 train loss {loss} lr 1e-4\n")
            }),
            Dialect {
                format: "tfevents",
                names: ["events.out.tfevents.1.a", "events.out.tfevents.2.a", "events.out.tfevents.3.a"],
                header: writers::tfevents::version(),
                record: Box::new(|n, _| writers::tfevents::scalar("loss", numbers(n).0 as i64, n as f32, 1.7e9)),
                never_whole: 1,
                ends: |text| {
                    let mut at = 0;
                    while let Some(length) =
                        text.get(at..at + 8).and_then(|l| Some(u64::from_le_bytes(l.try_into().ok()?)))
                    {
                        let end = at + 16 + length as usize;
                        if end > text.len() {
                            break;
                        }
                        at = end;
                    }
                    at
                },
            },
            Dialect {
                format: "wandb",
                names: ["run-a.wandb", "run-b.wandb", "run-c.wandb"],
                header: writers::wandb::File::new().0,
                record: Box::new(wandb),
                never_whole: 1,
                ends: |text| {
                    let (mut at, mut whole) = (7.min(text.len()), 7.min(text.len()) / 7 * 7);
                    loop {
                        let left = WANDB_BLOCK - at % WANDB_BLOCK;
                        if left < 7 {
                            at += left;
                            continue;
                        }
                        let Some(chunk) = text.get(at..at + 7) else { return whole };
                        at += 7 + usize::from(u16::from_le_bytes([chunk[4], chunk[5]]));
                        if at > text.len() {
                            return whole;
                        }
                        if matches!(chunk[6], 1 | 4) {
                            whole = at;
                        }
                    }
                },
            },
        ];
        all.extend(console::FORMATS.iter().map(|format| {
            let console::Dialect { names, line } = format.dialect();
            lines(format.called(), names, "", line)
        }));
        all
    });
    &DIALECTS
}

const WANDB_BLOCK: usize = 32 << 10;

/// A W&B history record, in chunks as the blocks of the file ask for.
fn wandb(n: u64, before: &[u8]) -> Vec<u8> {
    let (step, loss) = numbers(n);
    let mut file = writers::wandb::File(before.to_vec());
    file.history(step as i64, &[("loss", &loss), ("_step", &step.to_string())]);
    file.0.split_off(before.len())
}

/// A file of W&B's with a run of this id and name, and losses at these steps.
pub fn wandb_run(id: &str, name: &str, steps: std::ops::RangeInclusive<i64>) -> Vec<u8> {
    let mut file = writers::wandb::File::new();
    let (mut run, mut record) = (Vec::new(), Vec::new());
    writers::bytes(&mut run, 1, id.as_bytes());
    writers::bytes(&mut run, 8, name.as_bytes());
    writers::bytes(&mut record, 17, &run);
    file.record(&record);
    for step in steps {
        file.history(step, &[("loss", &format!("{}.5", 99 - step))]);
    }
    file.0
}

/// The same, by a process that ended with this code.
pub fn ended_wandb_run(id: &str, steps: std::ops::RangeInclusive<i64>, code: i64) -> Vec<u8> {
    let mut file = writers::wandb::File(wandb_run(id, "", steps));
    let (mut exit, mut record) = (Vec::new(), Vec::new());
    writers::int(&mut exit, 1, code);
    writers::bytes(&mut record, 18, &exit);
    file.record(&record);
    file.0
}
