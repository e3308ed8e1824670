//! Console parsers on generated logs: cut anywhere, stopped and taken up at every line, and fed with nonsense.

use mixlaw::ingest::formats::custom::CustomFormat;
use mixlaw::ingest::formats::{Format, Sink, all};
use mixlaw::project::line_format::LineFormat;
use proptest::prelude::*;

/// Console formats with a log each, of two starts of a job where that matters.
fn samples() -> Vec<(&'static str, String)> {
    let mut samples: Vec<(&'static str, String)> = Vec::new();
    let mut megatron = String::from("srun: x\n");
    for start in [0, 5] {
        megatron += "0: ------------------------ arguments ------------------------\n0:   data_path .... ['1', '/d/a', '3', '/d/b']\n\
                     0:   global_batch_size .... 8\n0:   hidden_size .... 16\n0:   num_layers .... 2\n0:   num_attention_heads .... 4\n\
                     0:   pipeline_model_parallel_size .... 2\n0: -------------------- end of arguments ---------------------\n\
                     \x20> padded vocab (size: 7) with 1 dummy tokens (new size: 8)\n";
        for rank in 0..2 {
            megatron +=
                &format!(" > number of parameters on (tensor, pipeline) model parallel rank (0, {rank}): 5000\n");
        }
        for i in start..start + 8 {
            let loss = if i % 3 == 1 { String::new() } else { format!(" lm loss: {:.6E} |", 5.0 - f64::from(i) / 7.0) };
            megatron += &format!(
                " iteration {i:8}/      20 | consumed samples: {:12} |{loss} loss scale: 1.0 | number of skipped iterations:   {} |\n",
                i * 8,
                i % 2
            );
        }
        megatron +=
            " validation loss at the end of training for val data | lm loss value: 1.5E+00 | lm loss PPL: 4.4E+00 | \n";
    }
    samples.push(("megatron", megatron));

    let mut titan = String::from("[rank0]:[titan] - INFO - Model x size: 1,234 total parameters\n");
    let mut olmo = String::from("t\th:0\tolmo.train:9\tINFO\tTotal number of parameters: 1,234\n");
    let mut modded = String::from("import sys\nwith open(sys.argv[0]) as f:\n====\nmodel_params:12\n");
    let (mut nano, mut build, mut log) =
        (String::from("tokens per iteration will be: 16,384\n"), String::new(), String::new());
    nano += "num decayed parameter tensors: 2, with 1,000 parameters\nnum non-decayed parameter tensors: 2, with 10 parameters\n";
    let (mut llmc, mut main, mut mind) =
        (String::from("| total batch size      | 524288 |\n"), String::new(), String::new());
    let mut instruct = String::from(" - INFO - __main__ -   Total optimization steps = 9\n");
    let mut free = String::from("torch CUDA\n");
    let mut composer = String::from("Config:\n");
    for i in 0..9 {
        let loss = if i == 4 { "nan".to_owned() } else { format!("{:.4}", 9.0 - f64::from(i)) };
        titan += &format!(
            "[rank0]:[titan] - INFO - \x1b[31mstep: {i:2}  \x1b[32mloss: {loss}  memory: 23.97GiB(76.44%)  tps: 1,{i}08  mfu: N/A\x1b[39m\r\n"
        );
        titan += &format!("[titan] - INFO - validate step: {i:2}  loss: {loss}  memory: 1.0GiB(2.0%)  tps: 7\n");
        olmo += &format!(
            "t\th:0\tolmo.train:9\tINFO\t[step={i}/9,epoch=0]\n    train/CE loss={loss}\n    tokens={i},048\n"
        );
        olmo += "t\th:0\tolmo.train:9\tINFO\tFinished lm evals in 1.0 seconds. Metrics:\n    c4/CE loss=3.4\n";
        modded += &format!("step:{i}/9 val_loss:{loss} train_time:{i}.5s step_avg:1ms\n");
        nano += &format!("step {i}: train loss {loss}, val loss {loss}\niter {i}: loss {loss}, time 1.5ms, mfu 2%\n");
        build += &format!(
            "validation loss: {loss}\nHellaSwag accuracy: 1/2=0.5\nstep {i:5} | loss: {loss} | lr 1e-4 | dt: 1.5ms\n"
        );
        log += &format!("{i} val {loss}\n{i} hella 0.25\n{i} train {loss}\n");
        llmc += &format!(
            "val loss {loss}\nstep {i:4}/9 | loss {loss} (+nanz)| norm 1.0 (+0.1z)| 5.0 ms | 4.0% bf16 MFU | 10 tok/s\n"
        );
        main += &format!("s:{i} tel:{loss}\ns:{i} trl:{loss} lr:1e-4 norm:1.0\n");
        mind += &format!(
            "Epoch:[{}/3]({}/9), loss: {loss}, Adv Std: 0.5, lr: 1e-4, epoch_time: 1.0min\n",
            i / 3 + 1,
            i % 3
        );
        instruct += &format!(
            "  0%|   | {i}/9 [00:18<29:59, 18.91s/it] - INFO - __main__ -   Step: {i}, LR: 1e-5, Loss: {loss}\n"
        );
        composer += &format!(
            "[token={i}00/900]:\n\t Train time/epoch: 0\n\t Train time/batch: {i}\n\t Train loss/train/total: {loss}\n"
        );
        composer += "[Eval batch=3/3] Eval on eval data:\n\t Eval metrics/eval/x: 5.4\r\n";
        free += &format!("epoch 0 step {i}/9 train loss {loss} lr 1e-4\nnothing here\n");
    }
    build += "validation loss: 1.0\n";
    samples.extend([
        ("torchtitan", titan),
        ("olmo", olmo),
        ("modded-nanogpt", modded),
        ("nanogpt", nano),
        ("build-nanogpt", build),
        ("build-nanogpt-log", log),
        ("llm.c", llmc),
        ("llm.c-log", main),
        ("minimind", mind),
        ("open-instruct", instruct.clone()),
        ("composer", composer),
        ("console", free.clone()),
    ]);
    // What begins as nobody's is read on as somebody's.
    samples.push(("console", free + &instruct));

    for bars in [false, true] {
        let mut hf = String::from("  Total optimization steps = 9\n");
        for i in 1..10 {
            let drawn = |n: i32| {
                if bars { format!("\r {n:2}%|█   | {n}/9 [00:01<00:02,  1.5it/s]\r") } else { String::new() }
            };
            hf += &format!("{}     \r{{'loss': {i}.5, 'lr': '1e-05', 'epoch': 0.{i}}}\n{}", drawn(i - 1), drawn(i));
            hf += &format!("{{'eval_loss': {i}.25, 'epoch': 0.{i}}}\n");
        }
        hf += "{'train_runtime': 9.0, 'train_loss': 2.2, 'epoch': 1.0}\n{'loss': 1.5, 'epoch': 0.1}\n";
        samples.push(("hf-dict", hf));
    }
    samples
}

fn custom() -> Box<dyn Format> {
    let pattern = r"(?<metric>[a-z]+ loss|loss)[:=]? ?(?<value>\S+)".to_owned();
    let described = LineFormat { name: "ours".to_owned(), pattern, ..LineFormat::default() };
    Box::new(CustomFormat::new(std::sync::Arc::new(described.compile().unwrap())))
}

fn named(name: &str) -> &'static dyn Format {
    all().iter().copied().find(|format| format.name() == name).unwrap_or_else(|| panic!("no format {name}"))
}

/// Everything read, with NaN made comparable.
type Content = (Vec<String>, Vec<(u32, i64, u64)>, String, usize);

fn content(sink: &Sink) -> Content {
    let points = sink.points.iter().map(|p| (p.metric, p.step, p.value.to_bits())).collect();
    (sink.metrics().to_vec(), points, format!("{:?}", sink.facts), sink.damage.len())
}

fn whole(format: &dyn Format, text: &[u8]) -> Sink {
    let mut sink = Sink::default();
    assert_eq!(format.parser("x.log").feed(text, true, &mut sink), Ok(text.len()));
    sink
}

/// Reads up to each end in turn; a parser that is `fresh` knows only what the one before has saved.
fn in_pieces(format: &dyn Format, text: &[u8], ends: &[usize], fresh: impl Fn(usize) -> bool) -> Sink {
    let (mut sink, mut parser, mut at) = (Sink::default(), format.parser("x.log"), 0);
    for (i, end) in ends.iter().copied().chain([text.len()]).enumerate() {
        let used = parser.feed(&text[at.min(end)..end], end == text.len(), &mut sink).unwrap();
        assert!(used <= end - at.min(end));
        at += used;
        if fresh(i) {
            let saved = parser.save();
            parser = format.parser("x.log");
            parser.resume(&saved).unwrap();
        }
    }
    assert_eq!(at, text.len());
    sink
}

#[test]
fn every_sample_is_recognised_as_what_it_is() {
    for (name, text) in samples() {
        let (found, why) = mixlaw::ingest::formats::recognise("job/train.log", text.as_bytes()).unwrap();
        let expected = if text.contains("epoch 0 step") && text.contains("Step: ") { "open-instruct" } else { name };
        assert_eq!(found.name(), expected, "{}", why.why);
        let sink = whole(named(name), text.as_bytes());
        assert!(sink.points.len() >= 9 && sink.damage.is_empty(), "{name}: {:?}", sink.points);
    }
}

#[test]
fn stopped_and_taken_up_at_every_line_the_points_are_the_same() {
    let custom = custom();
    for (name, text) in samples() {
        for format in [named(name), custom.as_ref()] {
            let expected = content(&whole(format, text.as_bytes()));
            let ends: Vec<usize> = text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i + 1).collect();
            for end in &ends {
                let read = in_pieces(format, text.as_bytes(), &[*end], |_| true);
                assert!(content(&read) == expected, "{name}: stopped at byte {end}");
            }
            assert!(content(&in_pieces(format, text.as_bytes(), &ends, |_| true)) == expected, "{name}: at every line");
            let bytes: Vec<usize> = (1..text.len()).collect();
            let read = in_pieces(format, text.as_bytes(), &bytes, |i| i % 2 == 0);
            assert!(content(&read) == expected, "{name}: byte by byte");
        }
    }
}

#[test]
fn states_of_other_parsers_are_refused() {
    let samples = samples();
    let states: Vec<(&str, Vec<u8>)> = samples
        .iter()
        .map(|(name, text)| {
            let mut parser = named(name).parser("");
            parser.feed(text.as_bytes(), false, &mut Sink::default()).unwrap();
            (*name, parser.save())
        })
        .collect();
    for (name, state) in &states {
        assert!(state.len() < 400, "{name}: a state of {} bytes", state.len());
        for (other, _) in &samples {
            let taken = named(other).parser("").resume(state).is_ok();
            assert_eq!(taken, name == other, "state of {name} given to {other}");
        }
        // A state cut short is refused, or is at least no panic.
        for end in 0..state.len() {
            let _ = named(name).parser("").resume(&state[..end]);
        }
    }
}

/// Pieces of log lines, so that nonsense comes close to the real thing.
fn fragments() -> impl Strategy<Value = Vec<u8>> {
    let words: Vec<String> = samples()
        .iter()
        .flat_map(|(_, text)| {
            text.lines().take(30).flat_map(|line| line.split_inclusive([' ', '|', ':'])).map(str::to_owned)
        })
        .chain(
            [
                "\n",
                "\r",
                "\x1b[",
                "\x1b]",
                "{'",
                "'",
                "}",
                "é",
                "-",
                ".",
                "e",
                "1e999",
                "99999999999999999999",
                "/",
                "|",
            ]
            .map(str::to_owned),
        )
        .collect();
    let word = prop_oneof![
        6 => prop::sample::select(words).prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..6),
    ];
    prop::collection::vec(word, 0..60).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn nonsense_is_read_without_a_panic_and_the_same_in_pieces(text in fragments(), cuts in prop::collection::vec(0usize..400, 0..6)) {
        let mut ends: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
        ends.sort_unstable();
        let custom = custom();
        let formats = all().iter().copied().filter(|f| samples().iter().any(|(name, _)| *name == f.name()));
        for format in formats.chain([custom.as_ref()]) {
            let _ = format.recognise("x.log", &text);
            let expected = content(&whole(format, &text));
            prop_assert!(content(&in_pieces(format, &text, &ends, |i| i % 2 == 0)) == expected, "{}", format.name());
        }
    }
}
