//! What the files of each format look like to the model: a header and records, whole ones told from parts.

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

const LOGS: [&str; 3] = ["job.log", "job.log.1", "other.out"];

/// The step and the value of the n-th record; steps repeat, values do not.
fn numbers(n: u64) -> (u64, String) {
    (n % 40 + 1, format!("{}.{:04}", n % 97 + 1, n % 10_000))
}

/// Every format that is appended to.
pub fn dialects() -> &'static [Dialect] {
    static DIALECTS: LazyLock<Vec<Dialect>> = LazyLock::new(|| {
        vec![
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
            lines("megatron", LOGS, "", |step, loss| {
                format!(" iteration {step:8}/     100 | consumed samples: 8 | lm loss: {loss} | loss scale: 1.0 |\n")
            }),
            lines("torchtitan", LOGS, "", |step, loss| {
                format!(
                    "[rank0]:[titan] - INFO - step: {step:2}  loss: {loss}  memory: 23.97GiB(76.44%)  tps: 1,108  mfu: N/A\n"
                )
            }),
            lines("olmo", LOGS, "", |step, loss| {
                format!("t\th:0\tolmo.train:9\tINFO\t[step={step}/99,epoch=0]\n    train/CE loss={loss}\n")
            }),
            lines("open-instruct", LOGS, "", |step, loss| {
                format!(
                    "  0%|   | {step}/99 [00:18<29:59, 18.91s/it] - INFO - __main__ -   Step: {step}, LR: 1e-5, Loss: {loss}\n"
                )
            }),
            lines("composer", LOGS, "", |step, loss| {
                format!("[batch={step}/99]:\n\t Train loss/train/total: {loss}\n")
            }),
            lines("modded-nanogpt", LOGS, "", |step, loss| {
                format!("step:{step}/99 val_loss:{loss} train_time:7.5s step_avg:1ms\n")
            }),
            lines("nanogpt", LOGS, "", |step, loss| format!("iter {step}: loss {loss}, time 1.5ms, mfu 2%\n")),
            lines("build-nanogpt", LOGS, "", |step, loss| {
                format!("step {step:5} | loss: {loss} | lr 1e-4 | dt: 1.5ms\n")
            }),
            lines("build-nanogpt-log", LOGS, "", |step, loss| format!("{step} train {loss}\n")),
            lines("llm.c", LOGS, "", |step, loss| {
                format!("step {step:4}/99 | loss {loss} (+nanz)| norm 1.0 (+0.1z)| 5.0 ms | 4.0% bf16 MFU | 10 tok/s\n")
            }),
            lines("llm.c-log", ["main.log", "main.log.1", "other.log"], "", |step, loss| {
                format!("s:{step} trl:{loss} lr:1e-4 norm:1.0\n")
            }),
            lines("minimind", LOGS, "", |step, loss| {
                format!("Epoch:[1/3]({step}/99), loss: {loss}, lr: 1e-4, epoch_time: 1.0min\n")
            }),
            lines("hf-dict", LOGS, "", |step, loss| {
                format!("{{'loss': {loss}, 'grad_norm': 1.5, 'learning_rate': 1e-05, 'epoch': 0.{step:02}}}\n")
            }),
            lines("console", LOGS, "torch CUDA WARNING\n", |step, loss| {
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
        ]
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
