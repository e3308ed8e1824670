//! What the files of each format look like to the model: a header and records, whole ones told from parts.

use std::sync::LazyLock;

/// A format as the model writes it.
pub struct Dialect {
    /// Name of the format.
    pub format: &'static str,
    /// Names that files may have.
    pub names: [&'static str; 3],
    /// What every file begins with.
    pub header: Vec<u8>,
    /// The n-th record, to stand behind what is given.
    pub record: fn(u64, &[u8]) -> Vec<u8>,
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

fn lines(format: &'static str, names: [&'static str; 3], header: &str, record: fn(u64, &[u8]) -> Vec<u8>) -> Dialect {
    let ends = |text: &[u8]| memchr::memrchr(b'\n', text).map_or(0, |at| at + 1);
    Dialect { format, names, header: header.as_bytes().to_vec(), record, never_whole: 1, ends }
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
            lines("jsonl", ["m.jsonl", "m.jsonl.1", "other.jsonl"], "", |n, _| {
                let (step, loss) = numbers(n);
                format!("{{\"step\": {step}, \"loss\": {loss}, \"note\": \"xxxxxxx\"}}\n").into_bytes()
            }),
            lines("csv", ["m.csv", "m.csv.1", "other.csv"], "step,loss,lr\n", |n, _| {
                let (step, loss) = numbers(n);
                format!("{step},{loss},0.001\n").into_bytes()
            }),
            lines(
                "dvclive",
                ["plots/metrics/loss.tsv", "plots/metrics/eval/loss.tsv", "plots/metrics/train/loss.tsv"],
                "step\tloss\n",
                |n, _| {
                    let (step, loss) = numbers(n);
                    format!("{step}\t{loss}\n").into_bytes()
                },
            ),
            lines("mlflow", ["metrics/loss", "metrics/lr", "metrics/eval/x"], "", |n, _| {
                let (step, loss) = numbers(n);
                format!("1700000000000 {loss} {step}\n").into_bytes()
            }),
            lines("megatron", LOGS, "", |n, _| {
                let (step, loss) = numbers(n);
                format!(" iteration {step:8}/     100 | consumed samples: 8 | lm loss: {loss} | loss scale: 1.0 |\n")
                    .into_bytes()
            }),
            lines("torchtitan", LOGS, "", |n, _| {
                let (step, loss) = numbers(n);
                format!("[rank0]:[titan] - INFO - step: {step:2}  loss: {loss}  memory: 23.97GiB(76.44%)  tps: 1,108  mfu: N/A\n").into_bytes()
            }),
            lines("olmo", LOGS, "", |n, _| {
                let (step, loss) = numbers(n);
                format!("t\th:0\tolmo.train:9\tINFO\t[step={step}/99,epoch=0]\n    train/CE loss={loss}\n").into_bytes()
            }),
            lines("open-instruct", LOGS, "", |n, _| {
                let (step, loss) = numbers(n);
                format!("  0%|   | {step}/99 [00:18<29:59, 18.91s/it] - INFO - __main__ -   Step: {step}, LR: 1e-5, Loss: {loss}\n").into_bytes()
            }),
            lines("modded-nanogpt", LOGS, "", |n, _| {
                let (step, loss) = numbers(n);
                format!("step:{step}/99 val_loss:{loss} train_time:7.5s step_avg:1ms\n").into_bytes()
            }),
            lines("nanogpt", LOGS, "", |n, _| {
                let (step, loss) = numbers(n);
                format!("iter {step}: loss {loss}, time 1.5ms, mfu 2%\n").into_bytes()
            }),
            lines("build-nanogpt", LOGS, "", |n, _| {
                let (step, loss) = numbers(n);
                format!("step {step:5} | loss: {loss} | lr 1e-4 | dt: 1.5ms\n").into_bytes()
            }),
            lines("build-nanogpt-log", LOGS, "", |n, _| {
                let (step, loss) = numbers(n);
                format!("{step} train {loss}\n").into_bytes()
            }),
            lines("llm.c", LOGS, "", |n, _| {
                let (step, loss) = numbers(n);
                format!("step {step:4}/99 | loss {loss} (+nanz)| norm 1.0 (+0.1z)| 5.0 ms | 4.0% bf16 MFU | 10 tok/s\n")
                    .into_bytes()
            }),
            lines("llm.c-log", ["main.log", "main.log.1", "other.log"], "", |n, _| {
                let (step, loss) = numbers(n);
                format!("s:{step} trl:{loss} lr:1e-4 norm:1.0\n").into_bytes()
            }),
            lines("minimind", LOGS, "", |n, _| {
                let (step, loss) = numbers(n);
                format!("Epoch:[1/3]({step}/99), loss: {loss}, lr: 1e-4, epoch_time: 1.0min\n").into_bytes()
            }),
            lines("hf-dict", LOGS, "", |n, _| {
                let (step, loss) = numbers(n);
                format!("{{'loss': {loss}, 'grad_norm': 1.5, 'learning_rate': 1e-05, 'epoch': 0.{step:02}}}\n")
                    .into_bytes()
            }),
            lines("console", LOGS, "torch CUDA WARNING\n", |n, _| {
                let (step, loss) = numbers(n);
                format!("epoch 0 step {step}/99 train loss {loss} lr 1e-4\n").into_bytes()
            }),
            Dialect {
                format: "tfevents",
                names: ["events.out.tfevents.1.a", "events.out.tfevents.2.a", "events.out.tfevents.3.a"],
                header: tfevents(&[&[9], &1.7e9_f64.to_le_bytes()[..], &[0x1a, 13], b"brain.Event:2"].concat()),
                record: |n, _| {
                    let one = [&[0x0a, 4][..], b"loss", &[0x15], &(n as f32).to_le_bytes()].concat();
                    let event =
                        [&[0x10, (n % 40 + 1) as u8, 0x2a, one.len() as u8 + 2, 0x0a, one.len() as u8], &one[..]];
                    tfevents(&event.concat())
                },
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
                header: vec![b':', b'W', b'&', b'B', 0xe1, 0xbe, 0],
                record: wandb,
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

/// A TensorBoard record.
fn tfevents(data: &[u8]) -> Vec<u8> {
    use crate::ingest::formats::tfevents::masked_crc;
    let mut out = (data.len() as u64).to_le_bytes().to_vec();
    out.extend(masked_crc(&out).to_le_bytes());
    out.extend_from_slice(data);
    out.extend(masked_crc(data).to_le_bytes());
    out
}

const WANDB_BLOCK: usize = 32 << 10;

/// A W&B history record, in chunks as the blocks of the file ask for.
fn wandb(n: u64, before: &[u8]) -> Vec<u8> {
    let (step, loss) = numbers(n);
    let item = |key: &str, json: &str| {
        let item =
            [&[0x0a, key.len() as u8], key.as_bytes(), &[0x82, 0x01, json.len() as u8], json.as_bytes()].concat();
        [&[0x0a, item.len() as u8], &item[..]].concat()
    };
    let history = [item("loss", &loss), item("_step", &step.to_string()), vec![0x12, 2, 0x08, step as u8]].concat();
    let mut data = &[&[0x12, history.len() as u8], &history[..]].concat()[..];
    let (mut out, mut first) = (Vec::new(), true);
    loop {
        let left = WANDB_BLOCK - (before.len() + out.len()) % WANDB_BLOCK;
        if left < 7 {
            out.extend(std::iter::repeat_n(0, left));
            continue;
        }
        let length = data.len().min(left - 7);
        let kind = match (first, length == data.len()) {
            (true, true) => 1,
            (true, false) => 2,
            (false, false) => 3,
            (false, true) => 4,
        };
        let checked = [&[kind], &data[..length]].concat();
        out.extend(crc32fast::hash(&checked).to_le_bytes());
        out.extend((length as u16).to_le_bytes());
        out.extend(checked);
        (data, first) = (&data[length..], false);
        if kind == 1 || kind == 4 {
            return out;
        }
    }
}
