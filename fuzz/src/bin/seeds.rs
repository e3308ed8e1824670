//! Writes the seeds of every target to `seeds/`: files of the tests' own writers, and lines as the tools print them.

use mixlaw_fuzz::writers::{tfevents, wandb};
use std::fs;
use std::path::Path;

const TEXTS: &[(&str, &[&str])] = &[
    (
        "trainer_state",
        &[
            r#"{"epoch": 1.0, "global_step": 20, "log_history": [{"loss": NaN, "step": 10}, {"eval": {"a": 1}, "step": 20}], "max_steps": 40}"#,
        ],
    ),
    ("mlflow", &["1690000000000 2.5 0\n1690000000500 nan -3\n1690000001000 2.0\n1690000001000 1.5 4 data 1f\n"]),
    ("dvclive", &["step\tloss\n1\t0.5\n2\t0.25\n", "timestamp\tstep\tloss\n1690000000000\t1\t0.5\n"]),
    (
        "csv",
        &[
            "epoch,step,loss,val\r\n0,49,2.5,\n0,,,2.25\n1,99,,nan\nstep,lr\n2,0.1\n",
            "step;\"a \"\"b\"\",\nc\";x\n1;;2\n",
            "# host\nstep;metric;value\n1;train/loss;2,5\n2;\"lr; max\";\"1,000\"\n",
        ],
    ),
    (
        "jsonl",
        &[
            "{\"step\": 1, \"train\": {\"loss\": 2.5, \"list\": [1, {\"a\": 2}]}, \"x\": NaN, \"t\": \"a\\\"b\"}\n{\"step\": 2}\n",
            "{\"global_step/max_steps\": \"12/2353\", \"loss\": 1.5}\n{\"model_parameter_info\": \"X: 7.5M Params\", \"log_history\": [{}]}\n",
            "\u{feff}{\"key\": \"loss\", \"value\": 2.5, \"step\": 1}\n{\"event\": \"train\", \"data\": {\"step\": 10, \"loss\": \"2.5\"}}\n",
        ],
    ),
    (
        "megatron",
        &[
            "0: ------------------------ arguments ------------------------\n0:   data_path .... ['1', '/d/a', '3', '/d/b']\n0:   hidden_size .... 16\n0:   num_layers .... 2......updated\n0:   pipeline_model_parallel_size .... 2\n0: -------------------- end of arguments ---------------------\n > padded vocab (size: 7) with 1 dummy tokens (new size: 8)\n > number of parameters on (tensor, pipeline) model parallel rank (0, 0): 5 > number of parameters on (tensor, pipeline) model parallel rank (0, 1): 6\n iteration        1/     100 | lm loss: 2.5E+00 |\n iteration        2/     100 | grad norm: nan | number of skipped iterations:   0 | number of nan iterations:   0 |\n",
            " [2026-01-01 00:00:00] iteration        1/     100 | consumed samples:           64 | elapsed time per iteration (ms): 10.5 | learning rate: 1.0E-04 | lm loss: 2.5E+00 | grad norm: 1.0 |\n validation loss at iteration 1 | lm loss value: 2.0E+00 | lm loss PPL: 7.4E+00 |\n  num_layers ...................................... 12\n",
        ],
    ),
    (
        "torchtitan",
        &[
            "[rank0]: step: 10  loss:  3.2  grad_norm:  0.01  memory: 22.2GiB(70.8%)  tps: 1,049  tflops: 7.9  mfu: 2.5%\n",
        ],
    ),
    (
        "olmo",
        &[
            "2024-01-01 INFO [olmo.train:1, rank=0] [step=1/739328]\n    train/CrossEntropyLoss=11.3\n    throughput/total_tokens=4,194,304\n",
            "2025-01-02 03:04:05.678\th:0\tolmo_core.x:9\tINFO\tBuilding transformer with 1,234 total params\n2025-01-02 03:04:05.678\th:0\tolmo_core.x:9\tINFO\tWill resume training from step 10, epoch 1\nt\th:0\tolmo_core.x:9\tINFO\tFinished lm evals in 1.2 seconds. Metrics:\n    c4/CE loss=3.4\nt\th:0\tolmo_core.x:9\tINFO\tStarting epoch 1...\n2025-01-02 03:04:06.678\th:0\tolmo_core.x:9\tINFO\t[step=20/???,epoch=1]\n    throughput/in-loop eval time (s)=1.2\n",
            "t\th:0\ttrain:9\tINFO\tTotal number of parameters: 40\nt\th:0\ttrain:9\tINFO\tNumber of non-embedding parameters: 30\nt\th:0\ttrain:9\tINFO\tModel:\n  (ff_out): Linear(in_features=2, out_features=5, bias=False)\nt\th:0\tolmo.train:9\tINFO\t[step=1/9]\n    x=1,234\n",
        ],
    ),
    (
        "composer",
        &[
            "[batch=10/20]:\n\t Train time/batch: 9\n\t Train loss/train/total: 5.5\n[Eval batch=3/3] Eval on eval data:\n\t Eval metrics/eval/x: 5.4\n",
            "[token=4096/9999]:\n\t Train time/epoch: 0\n\t Train time/batch: 9\n[epoch=2][batch=3/5]:\n\t Train loss/train/total: nan\n",
        ],
    ),
    ("open_instruct", &["01/01/2024 00:00:00 - INFO - __main__ -   Step: 1, LR: 1.5e-08, Loss: 0.69\n"]),
    ("modded_nanogpt", &["import torch\n====\nstep:125/1480 val_loss:4.6 train_time:100ms step_avg:10.5ms\n"]),
    (
        "minimind",
        &["Epoch:[1/1](10/39695), loss: 8.5371, logits_loss: 8.5, aux_loss: 0.0000, lr: 0.0005, epoch_time: 10.0min\n"],
    ),
    (
        "llm_c",
        &[
            "step    1/19560 | loss 11.0 (+nanz)| norm 15.3 (+nanz)| lr 8.5e-07 | 3000 ms | 50% bf16 MFU | 1000 tok/s\nval loss 11.0\n",
        ],
    ),
    ("llm_c_log", &["s:0 tel:11.0\ns:1 trl:10.5 lr:1.0e-06 norm:15.3\ns:2 eval:0.29\n"]),
    (
        "nanogpt",
        &[
            "iter 10: loss 3.1, time 100.0ms, mfu 10.5%\nstep 250: train loss 2.0, val loss 2.1\nnumber of parameters: 123.59M\n",
        ],
    ),
    ("build_nanogpt", &["step   190 | loss: 6.888083 | lr 1.6e-04 | norm: 1.0 | dt: 10.0ms | tok/sec: 1000.0\n"]),
    ("build_nanogpt_log", &["190 train 6.888083\n250 val 3.0\n250 hella 0.29\n"]),
    (
        "hf_dict",
        &[
            "  Total optimization steps = 40\n\r 20%|#  | 8/40 [00:05<00:20,  1.5it/s]\r   \r{'loss': 2.5, 'epoch': 0.2}\n\r 25%|#  | 10/40 [00:06<00:20,  1.5it/s]\r{'eval_loss': '2.1', 'epoch': 0.2}\n{'train_runtime': 9.0, 'epoch': 1.0}\n",
            "{'loss': 2.5, 'mem': np.float64(1.5), 'x': [1, {'a': (2,)}], 'global_step/max_steps': '5/93'}\n{'loss': nan, 'epoch': 0.5}\n",
        ],
    ),
    ("custom", &["step 10 loss=2.5 val=nan\nnothing\nstep 1,020 loss=x val=1e-3\n"]),
    (
        "console",
        &[
            "{'loss': 2.8713, 'grad_norm': nan, 'epoch': 0.04}\r 10%|#| 1/10\n{'loss': '1.921', 'epoch': '1'}\n",
            "2025-01-02 03:04:05 | INFO | train_inner | {\"epoch\": 1, \"loss\": \"12.3\", \"num_updates\": \"100\"}\nEpoch 1 | iter 200 step 50 | loss train: 3.110, val: 3.300 |\n",
        ],
    ),
];

fn main() -> std::io::Result<()> {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    let write = |target: &str, n: usize, bytes: &[u8]| {
        fs::create_dir_all(seeds.join(target))?;
        fs::write(seeds.join(target).join(n.to_string()), [&[40], bytes].concat())
    };
    for (target, texts) in TEXTS {
        for (n, text) in texts.iter().enumerate() {
            write(target, n, text.as_bytes())?;
        }
    }
    let mut events = tfevents::version();
    events.extend(tfevents::scalar("train/loss", 1, 2.5, 1.7e9));
    events.extend(tfevents::tensor("epoch_loss", 2, f32::NAN, 1.7e9));
    events.extend(tfevents::text("args/text_summary", r#"{"max_steps": 100, "seed": 3}"#));
    events.extend(tfevents::start(2));
    write("tfevents", 0, &events)?;
    let mut run = wandb::File::new();
    run.config(&[("training>mixture", r#"{"code": 1, "prose": 3}"#), ("seed", "5")]);
    run.output(1, "loss").output(0, "warning\n").output(1, " 2.5\n");
    run.history(0, &[("_step", "0"), ("_timestamp", "1.7e9"), ("loss", "NaN"), ("eval>code", "1.5")]);
    run.history(4, &[("nested", r#"{"a": {"b": 2}, "list": [1]}"#), ("image", r#"{"_type": "image"}"#)]);
    write("wandb", 0, &run.0)?;
    // The same records without their frames, each behind its length.
    let inside: Vec<u8> = unframed(&events[..]);
    write("tfevents_records", 0, &inside)?;
    write("wandb_records", 0, &chunks(&run.0[7..]))
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
