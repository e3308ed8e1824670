//! What generated files say, point by point: the writers are those of the tests, so the contents are known.

use crate::support::{Read, format, in_pieces, whole};
use crate::writers::{tfevents, wandb};
use mixlaw::ingest::facts::in_force;
use mixlaw::ingest::formats::{Sink, recognise};
use mixlaw::vocab::{FactName, FactValue};

fn points(read: &Read) -> Vec<(&str, i64, f64)> {
    read.points.iter().map(|(key, step, value, _)| (key.as_str(), *step, f64::from_bits(*value))).collect()
}

fn walls(read: &Read) -> Vec<f64> {
    read.points.iter().map(|(_, _, _, wall)| f64::from_bits(*wall)).collect()
}

#[test]
fn tensorboard_scalars_tensors_and_texts() {
    let mut bytes = tfevents::version();
    bytes.extend(tfevents::scalar("train/loss", 7, 2.5, 1.7e9));
    bytes.extend(tfevents::tensor("epoch_loss", -1, 0.25, 1.7e9 + 1.0));
    bytes.extend(tfevents::text("args/text_summary", r#"{"max_steps": 100, "seed": 3}"#));
    let config = r#"{"model_type": "gpt2", "n_embd": 768, "n_layer": 12, "n_head": 12, "vocab_size": 50257}"#;
    bytes.extend(tfevents::text("model_config/text_summary", config));
    assert_eq!(recognise("events", &bytes).map(|(f, r)| (f.name(), r.confidence)), Ok(("tfevents", 100)));
    let read = whole(format("tfevents"), "events", &bytes);
    assert_eq!(points(&read), [("train/loss", 7, 2.5), ("epoch_loss", -1, 0.25)]);
    assert_eq!(walls(&read), [1.7e9, 1.7e9 + 1.0]);
    let fact = |name| read.facts.iter().find(|f| f.0 == name).map(|f| (f.1.clone(), f.2.as_str()));
    assert_eq!(fact(FactName::PlannedSteps), Some((FactValue::Number(100.0), "args/text_summary#max_steps")));
    assert_eq!(
        fact(FactName::Params),
        Some((FactValue::Number(85_056_000.0), "model_config/text_summary#gpt2 formula"))
    );
}

/// The step at which no format has a record, whatever it writes: it is said, and what is around it stays.
#[test]
fn a_step_that_is_none_costs_its_record_and_is_said() {
    let scalar = |step: i64, value: f32| tfevents::scalar("loss", step, value, 1.7e9);
    let long = 1 << 53;
    let events = [tfevents::version(), scalar(1, 2.5), scalar(long, 9.0), scalar(i64::MIN, 9.0), scalar(2, 2.25)];
    let mut run = wandb::File::new();
    run.history(1, &[("loss", "2.5")]).history(long, &[("loss", "9")]);
    run.history_of_old(&[("_step", "1.5"), ("loss", "9")]).history_of_old(&[("_step", "2"), ("loss", "2.25")]);
    let json = "{\"step\": 1, \"loss\": 2.5}\n{\"step\": 1.5, \"loss\": 9}\n{\"step\": NaN, \"loss\": 9}\n\
                {\"step\": 9007199254740992, \"loss\": 9}\n{\"step\": \"9223372036854775807\", \"loss\": 9}\n\
                {\"step\": \"final\", \"loss\": 9}\n{\"step\": \"1.5\", \"loss\": 9}\n{\"step\": \"2.0\", \"loss\": 2.25}\n";
    let csv = "step,loss\n1,2.5\n1.5,9\n9007199254740992,9\n2,2.25\n";
    for (name, bytes, odd) in [
        ("tfevents", events.concat(), 2),
        ("wandb", run.0, 2),
        ("jsonl", json.as_bytes().to_vec(), 6),
        ("csv", csv.as_bytes().to_vec(), 2),
    ] {
        let read = whole(format(name), name, &bytes);
        let loss: Vec<_> = points(&read).into_iter().filter(|(key, ..)| *key == "loss").collect();
        assert_eq!(loss, [("loss", 1, 2.5), ("loss", 2, 2.25)], "{name}");
        assert_eq!(read.damage.len(), odd, "{name}: {:?}", read.damage);
        assert!(
            read.damage.iter().all(|said| said.contains("no whole number below 2^53")),
            "{name}: {:?}",
            read.damage
        );
    }
    // A step that is not there, or nothing, is that of the record before.
    let without = "{\"step\": 1, \"loss\": 2.5}\n{\"step\": null, \"eval_loss\": 2.25}\n";
    let read = whole(format("jsonl"), "metrics.jsonl", without.as_bytes());
    assert!(points(&read).contains(&("eval_loss", 1, 2.25)) && read.damage.is_empty(), "{:?}", points(&read));
}

#[test]
fn a_damaged_tensorboard_record_costs_itself_only() {
    let mut bytes = tfevents::version();
    let first = bytes.len();
    bytes.extend(tfevents::scalar("loss", 1, 1.0, 0.0));
    let second = bytes.len();
    bytes.extend(tfevents::scalar("loss", 2, 2.0, 0.0));
    // The key of the value's field: what is no event has its checksum looked at.
    bytes[second - 9] ^= 1;
    let read = whole(format("tfevents"), "events", &bytes);
    assert_eq!((points(&read), read.damage.len()), (vec![("loss", 2, 2.0)], 1));
    assert!(read.damage[0].contains("wrong checksum"), "{:?}", read.damage);
    // Where the length is damaged, what follows cannot be found, and what came before stays.
    bytes[first] ^= 1;
    let mut parser = format("tfevents").parser("events");
    let mut sink = mixlaw::ingest::formats::Sink::default();
    assert_eq!(parser.feed(&bytes, true, &mut sink), Ok(first));
    assert!(parser.feed(&bytes[first..], true, &mut sink).is_err());
}

#[test]
fn zeros_that_a_crash_left_cost_only_what_they_cut() {
    let scalars = |steps: std::ops::RangeInclusive<i64>| -> Vec<Vec<u8>> {
        steps.map(|step| tfevents::scalar("loss", step, step as f32, 1.7e9)).collect()
    };
    let cut = tfevents::scalar("loss", 4, 4.0, 1.7e9);
    for kept in 0..cut.len() - 4 {
        let bytes = [
            tfevents::version(),
            scalars(1..=3).concat(),
            cut[..kept].to_vec(),
            vec![0; 4096],
            scalars(5..=9).concat(),
        ]
        .concat();
        let read = whole(format("tfevents"), "events", &bytes);
        let steps: Vec<i64> = points(&read).iter().map(|p| p.1).collect();
        assert_eq!(steps, [1, 2, 3, 5, 6, 7, 8, 9], "{kept} bytes of the record stayed");
        assert_eq!(read.damage.len(), usize::from(kept > 0));
        let pieces = in_pieces(format("tfevents"), "events", &bytes, [1000, 2000, 1300, 9000], true).expect("readable");
        assert_eq!(pieces.points, read.points);
    }
    let record = |steps: std::ops::RangeInclusive<i64>| {
        let mut log = wandb::File::new();
        steps.for_each(|step| {
            log.history(step, &[("loss", "2.5")]);
        });
        log.0
    };
    let (begun, whole_log) = (record(1..=3), record(1..=4));
    let after = record(5..=9)[7..].to_vec();
    for kept in 0..whole_log.len() - begun.len() {
        let bytes = [&whole_log[..begun.len() + kept], &[0; 4096][..], &after[..]].concat();
        let read = whole(format("wandb"), "run-1.wandb", &bytes);
        let steps: Vec<i64> = points(&read).iter().map(|p| p.1).collect();
        assert_eq!(steps, [1, 2, 3, 5, 6, 7, 8, 9], "{kept} bytes of the chunk stayed");
    }
}

#[test]
fn an_event_of_one_number_is_the_same_with_and_without_what_else_it_may_hold() {
    for (tag, step) in [("loss", 0), ("loss", 1), ("train/loss", 300), ("a", 8_999_999_999_999_999), ("b", -1), ("", 7)]
    {
        let plain = tfevents::scalar(tag, step, 2.5, 1.7e9);
        // An unknown field behind the rest makes the reader walk through the fields.
        let mut data = plain[12..plain.len() - 4].to_vec();
        data.extend([0x78, 0x01]);
        let both = [tfevents::version(), plain, tfevents::record(&data)].concat();
        let read = whole(format("tfevents"), "events", &both);
        assert_eq!((points(&read), walls(&read)), (vec![(tag, step, 2.5); 2], vec![1.7e9; 2]));
    }
}

#[test]
fn a_page_that_is_still_on_the_way_makes_no_number() {
    // Zeros from anywhere in a record on, as far as a page or the file goes.
    let record = tfevents::scalar("loss", 1, 1.0, 3.0);
    let whole = [record.clone(), tfevents::scalar("loss", 2, 2.0, 4.0)].concat();
    let mut sink = mixlaw::ingest::formats::Sink::default();
    for from in 0..record.len() - 3 {
        let mut bytes = whole.clone();
        bytes[from..].fill(0);
        let mut parser = format("tfevents").parser("events");
        let _ = parser.feed(&bytes, false, &mut sink);
        assert_eq!(sink.points.len(), 0, "zeros from byte {from} on");
        assert_eq!(parser.feed(&whole, false, &mut sink), Ok(whole.len()), "it waits for what was written there");
        assert_eq!(sink.points.drain(..).map(|p| p.value).collect::<Vec<_>>(), [1.0, 2.0]);
    }
}

#[test]
fn checksums_that_a_writer_left_out_are_not_missed() {
    let scalar = |step| {
        let mut record = tfevents::scalar("loss", step, 1.5, 3.0);
        let end = record.len();
        record[end - 4..].fill(0);
        record
    };
    let bytes = [tfevents::version(), scalar(1), scalar(2), scalar(3)].concat();
    let read = whole(format("tfevents"), "events", &bytes);
    assert_eq!(points(&read), [("loss", 1, 1.5), ("loss", 2, 1.5), ("loss", 3, 1.5)]);
}

#[test]
fn zeros_that_are_still_on_the_way_wait() {
    let mut bytes = tfevents::version();
    bytes.extend(tfevents::scalar("loss", 1, 1.0, 0.0));
    let end = bytes.len();
    bytes.extend([0; 100]);
    let mut parser = format("tfevents").parser("events");
    let mut sink = mixlaw::ingest::formats::Sink::default();
    assert_eq!(parser.feed(&bytes, false, &mut sink), Ok(end));
    assert_eq!(parser.feed(&bytes[end..], false, &mut sink), Ok(0));
    let record = tfevents::scalar("loss", 2, 2.0, 0.0);
    assert_eq!(parser.feed(&record, false, &mut sink), Ok(record.len()));
    assert_eq!((sink.points.len(), sink.damage.len()), (2, 0));
}

#[test]
fn a_tensorboard_record_of_many_megabytes_is_passed_over() {
    let mut bytes = tfevents::version();
    bytes.extend(tfevents::record(&vec![0; 17 << 20]));
    bytes.extend(tfevents::scalar("loss", 1, 1.0, 0.0));
    let mut parser = format("tfevents").parser("events");
    let mut sink = mixlaw::ingest::formats::Sink::default();
    let mut at = 0;
    for end in (0..bytes.len()).step_by(1 << 20).skip(1).chain([bytes.len()]) {
        at += parser.feed(&bytes[at..end], false, &mut sink).expect("readable");
        assert!(end - at < 64, "never waits for all of it");
        let saved = parser.save();
        parser = format("tfevents").parser("events");
        parser.resume(&saved).expect("its own state");
    }
    assert_eq!((at, sink.points.len(), sink.damage.len()), (bytes.len(), 1, 0));
}

#[test]
fn megatron_tells_each_argument_in_a_record_of_its_own() {
    // Megatron-LM's write_args_to_tensorboard.
    let mut bytes = tfevents::version();
    for (name, value) in [
        ("num_layers", "12"),
        ("hidden_size", "768"),
        ("num_attention_heads", "12"),
        ("tensor_model_parallel_size", "1"),
        ("data_path", "['0.25', '/d/code_text_document', '0.75', '/d/web_text_document']"),
        ("seed", "1234"),
        ("world_size", "8"),
    ] {
        bytes.extend(tfevents::text(&format!("{name}/text_summary"), value));
    }
    let told = bytes.len();
    bytes.extend(tfevents::scalar("lm loss", 1, 9.5, 1.7e9));
    let read = whole(format("tfevents"), "events", &bytes);
    let find = |name| read.facts.iter().find(|f| f.0 == name).map(|f| (f.1.clone(), f.2.as_str()));
    assert_eq!(find(FactName::Seed), Some((FactValue::Number(1234.0), "seed/text_summary")));
    assert_eq!(find(FactName::Params).map(|f| f.0), Some(FactValue::Number(85_056_000.0)));
    let Some((FactValue::Mixture(mixture), _)) = find(FactName::Mixture) else { panic!("{:?}", read.facts) };
    assert_eq!(mixture.weight("web"), 0.75);
    // Another process takes over before the first number.
    let mut sink = Sink::default();
    let mut parser = format("tfevents").parser("events");
    assert_eq!(parser.feed(&bytes[..told], false, &mut sink), Ok(told));
    let mut resumed = format("tfevents").parser("events");
    resumed.resume(&parser.save()).expect("its own state");
    assert_eq!(resumed.feed(&bytes[told..], false, &mut sink), Ok(bytes.len() - told));
    assert_eq!(sink.facts, read.facts);
    // The words are others', too: without the rest they say nothing.
    let mut few = tfevents::version();
    few.extend(tfevents::text("seed/text_summary", "7"));
    few.extend(tfevents::scalar("loss", 1, 9.5, 1.7e9));
    assert_eq!(whole(format("tfevents"), "events", &few).facts, []);
}

#[test]
fn wandb_history_config_and_console() {
    let mut file = wandb::File::new();
    file.config(&[("training>mixture", r#"{"code": 1, "prose": 3}"#), ("seed", "5")]);
    file.output(1, "all params:")
        .output(0, "warning\n")
        .output(1, " 3,106,123,776 ||\n")
        .output(1, "step 1 loss 2.5\n");
    file.history(0, &[("_step", "0"), ("_timestamp", "1.7e9"), ("loss", "NaN"), ("eval>code", "1.5")]);
    file.history(4, &[("nested", r#"{"a": {"b": 2}, "list": [1]}"#), ("image", r#"{"_type": "image", "n": 1}"#)]);
    file.history(5, &[("text", r#""7""#), ("flag", "true"), ("inf", r#""-Infinity""#)]);
    assert_eq!(recognise("run-1.wandb", &file.0).map(|(f, _)| f.name()), Ok("wandb"));
    let read = whole(format("wandb"), "run-1.wandb", &file.0);
    let found = points(&read);
    assert_eq!(found[..2], [("_step", 0, 0.0), ("_timestamp", 0, 1.7e9)]);
    assert!(found[2].0 == "loss" && found[2].2.is_nan());
    assert_eq!(found[3..], [("eval.code", 0, 1.5), ("nested.a.b", 4, 2.0), ("inf", 5, f64::NEG_INFINITY)]);
    assert!(walls(&read)[..4].iter().all(|wall| *wall == 1.7e9));
    let told = (FactName::TotalParams, FactValue::Number(3_106_123_776.0), "console, line 2".to_owned());
    assert!(read.facts.contains(&told), "{:?}", read.facts);
    assert!(read.facts.contains(&(FactName::Seed, FactValue::Number(5.0), "config.seed".into())));
    assert!(
        read.facts.iter().any(|f| f.0 == FactName::Mixture && f.2 == "config.training.mixture"),
        "{:?}",
        read.facts
    );
}

#[test]
fn what_wandb_measures_of_the_machine_stands_at_the_next_step() {
    let mut file = wandb::File::new();
    file.sample(1_700_000_001, &[("gpu.0.gpu", "90"), ("gpu.1.gpu", "10"), ("cpu", "3.5"), ("name", r#""H200""#)]);
    file.sample(1_700_000_003, &[("gpu.1.gpu", "30"), ("gpu.0.gpu", "92.0")]);
    file.history(7, &[("loss", "2.5")]).history(8, &[("loss", "2.25")]);
    file.sample(1_700_000_009, &[("cpu", "4")]).history(9, &[("loss", "2")]);
    let read = whole(format("wandb"), "run-1.wandb", &file.0);
    let expected = [
        ("system.gpu.0.gpu", 7, 91.0),
        ("system.gpu.1.gpu", 7, 20.0),
        ("system.cpu", 7, 3.5),
        ("loss", 7, 2.5),
        ("loss", 8, 2.25),
        ("system.cpu", 9, 4.0),
        ("loss", 9, 2.0),
    ];
    assert_eq!(points(&read), expected);
    assert_eq!((walls(&read)[0], walls(&read)[5]), (1_700_000_003.5, 1_700_000_009.5));
}

#[test]
fn what_a_script_says_that_its_metrics_are_drawn_over_is_a_fact() {
    let mut file = wandb::File::new();
    file.define("opt/steps", "").define("*", "opt/steps").define("val/*", "step").history(0, &[("loss", "2.5")]);
    // One is said again, another way; odd names are left.
    file.define("val/*", "epoch").define("val/*", "").define("a: b", "c").history(1, &[("loss", "2")]);
    let read = whole(format("wandb"), "run-1.wandb", &file.0);
    let standing: Vec<_> = in_force(&read.facts).into_iter().filter(|fact| fact.0 == FactName::StepMetric).collect();
    let expected = FactValue::Text("*: opt/steps, val/*: epoch".to_owned());
    assert_eq!(standing, [&(FactName::StepMetric, expected, "define_metric".to_owned())]);
}

#[test]
fn what_a_wandb_configuration_takes_back_is_no_fact_any_more() {
    let mut file = wandb::File::new();
    let model = r#"{"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128, "vocab_size": 100}"#;
    file.config(&[("seed", "5"), ("lr", "0.1"), ("max_steps", "10"), ("model", model), ("mix", r#"{"a": 1, "b": 3}"#)]);
    let standing = |file: &wandb::File| {
        let whole = whole(format("wandb"), "run-1.wandb", &file.0).facts;
        let pieces = in_pieces(format("wandb"), "run-1.wandb", &file.0, std::iter::repeat(11), true).unwrap().facts;
        assert_eq!(whole, pieces);
        in_force(&whole).into_iter().map(|(name, value, _)| (*name, value.clone())).collect::<Vec<_>>()
    };
    let number = |facts: &[(FactName, FactValue)], name| {
        facts.iter().filter(|f| f.0 == name).map(|f| f.1.clone()).collect::<Vec<_>>()
    };
    let before = standing(&file);
    assert_eq!(number(&before, FactName::Params).len(), 1, "{before:?}");
    file.history(0, &[("loss", "2")]).unset(&["seed", "mix"]).config(&[("lr", "0.2"), ("max_steps", "null")]);
    let after = standing(&file);
    assert!(number(&after, FactName::LearningRate).iter().all(|rate| *rate == FactValue::Number(0.2)), "{after:?}");
    for gone in [FactName::Seed, FactName::Mixture, FactName::PlannedSteps] {
        assert_eq!((number(&before, gone).is_empty(), number(&after, gone)), (false, vec![]), "{gone:?}");
    }
    assert_eq!(number(&after, FactName::Params).len(), 1, "its settings were left");
    file.unset(&["model>hidden_size"]);
    assert_eq!(number(&standing(&file), FactName::Params), []);
}

#[test]
fn a_damaged_wandb_chunk_costs_itself_only() {
    let mut file = wandb::File::new();
    file.history(1, &[("loss", "1.0")]);
    let first = file.0.len();
    file.history(2, &[("loss", "2.0")]);
    let second = file.0.len();
    file.history(3, &[("loss", "3.0")]);
    file.output(1, &"x".repeat(100_000)).history(4, &[("loss", "4.0")]);
    let mut bytes = file.0.clone();
    bytes[first + 9] ^= 1;
    let read = whole(format("wandb"), "r.wandb", &bytes);
    assert_eq!(points(&read), [("loss", 1, 1.0), ("loss", 3, 3.0), ("loss", 4, 4.0)]);
    assert_eq!(read.damage.len(), 1);
    // A length that is damaged costs the rest of its block, and the record that began in it.
    let mut bytes = file.0.clone();
    bytes[second + 4] = 0xff;
    bytes[second + 5] = 0x0f;
    let read = whole(format("wandb"), "r.wandb", &bytes);
    assert_eq!(points(&read), [("loss", 1, 1.0), ("loss", 2, 2.0), ("loss", 4, 4.0)]);
}

/// Tables of several runs that were joined have the run under `name`; what loggers write has their own there.
#[test]
fn a_name_without_a_value_is_that_of_the_run_or_the_split() {
    let json = "{\"name\": \"mix0\", \"step\": 1, \"loss\": 2.5}\n{\"name\": \"mix1\", \"step\": 1, \"loss\": 2.25}\n\
                {\"name\": \"mix0\", \"step\": 2, \"loss\": 2.0}\n";
    let csv = "name,step,loss\nmix0,1,2.5\nmix1,1,2.25\nmix0,2,2\n";
    let logger = "{\"name\": \"a.b\", \"level\": \"INFO\", \"step\": 1, \"loss\": 2.5}\n\
                  {\"name\": \"a.c\", \"level\": \"INFO\", \"step\": 2, \"loss\": 2.25}\n";
    let kinds = "{\"name\": \"train_metrics\", \"step\": 1, \"loss\": 2.5}\n\
                 {\"name\": \"epoch_end\", \"step\": 2, \"loss\": 2.25}\n";
    let eval = "{\"name\": \"train\", \"step\": 1, \"loss\": 2.5}\n{\"name\": \"eval\", \"step\": 1, \"loss\": 2.25}\n";
    for (name, text, runs, last) in [
        ("jsonl", json, 2, ("loss", 2, 2.0)),
        ("csv", csv, 2, ("loss", 2, 2.0)),
        ("jsonl", logger, 1, ("loss", 2, 2.25)),
        ("jsonl", kinds, 1, ("loss", 2, 2.25)),
        ("jsonl", eval, 1, ("eval/loss", 1, 2.25)),
    ] {
        let mut parser = format(name).parser(name);
        let mut sink = mixlaw::ingest::formats::Sink::default();
        parser.feed(text.as_bytes(), true, &mut sink).unwrap();
        assert_eq!(sink.parts().count(), runs, "{text}");
        let read = whole(format(name), name, text.as_bytes());
        assert_eq!(points(&read).into_iter().rfind(|(key, ..)| key.ends_with("loss")), Some(last), "{text}");
    }
}
