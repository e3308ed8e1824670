use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;

type Found = Vec<(String, i64, f64)>;

fn points(sink: &Sink) -> Found {
    sink.points.iter().map(|p| (sink.metrics()[p.metric as usize].clone(), p.step, p.value)).collect()
}

fn read(text: &str) -> (Found, Vec<String>) {
    let mut sink = Sink::default();
    let used = Lines::default().feed(text.as_bytes(), true, &mut sink).unwrap();
    assert!(used <= text.len());
    (points(&sink), sink.damage.into_iter().map(|d| format!("{}: {}", d.offset, d.reason)).collect())
}

fn found(text: &str) -> Found {
    let (points, damage) = read(text);
    assert_eq!(damage, Vec::<String>::new(), "{text}");
    points
}

fn expect(text: &str, expected: &[(&str, i64, f64)]) {
    let expected: Found = expected.iter().map(|(k, s, v)| ((*k).to_owned(), *s, *v)).collect();
    assert_eq!(found(text), expected, "{text}");
}

#[test]
fn numbers_are_points_and_nothing_else_is() {
    expect(
        r#"{"step": 3, "loss": 2.5, "name": "a \"quoted\\\" loss: 4", "ok": true, "no": null, "list": [1, {"x": "]"}]}"#,
        &[("step", 3, 3.0), ("loss", 3, 2.5)],
    );
    expect("{}\n\n  \r\n{ \"a\" :\t1 , \"b\":2}\r\n", &[("a", 1, 1.0), ("b", 1, 2.0)]);
}

#[test]
fn numbers_in_quotes_are_points_under_the_name_of_a_metric_of_training() {
    expect(
        r#"{"step": 3, "loss": "2.31", "train": {"grad_norm": "1e-05"}, "lr": "0.1 ", "seed": "7", "version": "2.1", "note/loss": "1.5x", "eval_ppl": "", "id_loss": "0x1f"}"#,
        &[("step", 3, 3.0), ("loss", 3, 2.31), ("train/grad_norm", 3, 1e-5), ("lr", 3, 0.1)],
    );
    for word in ["NaN", "nan", "Infinity", "-inf"] {
        let text = format!("{{\"loss\": \"{word}\"}}\n");
        assert!(matches!(&found(&text)[..], [(_, 0, value)] if !value.is_finite()), "{word}");
    }
    // A number and a text in turn, and a key that comes twice: the last value wins.
    expect(
        "{\"loss\": 2.5}\n{\"loss\": \"2\"}\n{\"loss\": 3, \"loss\": \"1\"}\n",
        &[("loss", 0, 2.5), ("loss", 1, 2.0), ("loss", 2, 1.0)],
    );
}

#[test]
fn a_line_may_name_its_metric() {
    expect(
        r#"{"key": "loss", "value": 2.5, "step": 1}
{"value": 0.1, "tag": "lr \"x\"", "step": 1}
{"name": "", "value": 1, "step": 2}
{"metric": 3, "value": 2, "step": 3}
{"name": "a", "step": 4}
"#,
        &[
            ("loss", 1, 2.5),
            ("step", 1, 1.0),
            ("lr \"x\"", 1, 0.1),
            ("step", 1, 1.0),
            ("value", 2, 1.0),
            ("step", 2, 2.0),
            ("metric", 3, 3.0),
            ("value", 3, 2.0),
            ("step", 3, 3.0),
            ("step", 4, 4.0),
        ],
    );
}

#[test]
fn a_step_may_stand_beside_the_metrics_inside() {
    expect(
        r#"{"event": "train", "data": {"step": 10, "loss": 2.5}}"#,
        &[("data/step", 10, 10.0), ("data/loss", 10, 2.5)],
    );
    expect(
        r#"{"train": {"step": 10, "loss": 2.5}, "step": 3}"#,
        &[("train/step", 3, 10.0), ("train/loss", 3, 2.5), ("step", 3, 3.0)],
    );
    expect(r#"{"time": {"step": 350}, "loss": 2.5}"#, &[("time/step", 0, 350.0), ("loss", 0, 2.5)]);
}

#[test]
fn a_mark_of_the_byte_order_is_no_part_of_the_first_line() {
    expect("\u{feff}{\"step\": 1, \"loss\": 2.5}\r\n", &[("step", 1, 1.0), ("loss", 1, 2.5)]);
}

#[test]
fn nested_objects_are_paths() {
    expect(
        r#"{"train": {"loss": 1.5, "by": {"de": 2}, "none": {}}, "step": 7, "train/loss2": 4}"#,
        &[("train/loss", 7, 1.5), ("train/by/de", 7, 2.0), ("step", 7, 7.0), ("train/loss2", 7, 4.0)],
    );
}

#[test]
fn a_key_may_come_again_with_other_space_behind_it() {
    expect("{\"a\":1}\n{\"a\": \r\t2}\n{\"a\":\r3}\n", &[("a", 0, 1.0), ("a", 1, 2.0), ("a", 2, 3.0)]);
}

#[test]
fn the_step_may_come_last_and_under_many_names() {
    for (text, step) in [
        (r#"{"loss": 1, "step": 5}"#, 5),
        (r#"{"loss": 1, "iter": 9, "step": 5}"#, 5),
        (r#"{"loss": 1, "global_step": 5.0}"#, 5),
        (r#"{"loss": 1, "global_step/max_steps": "12/2353"}"#, 12),
        (r#"{"loss": 1, "step": "12 / 2353"}"#, 12),
        (r#"{"loss": 1, "step": "12"}"#, 12),
        (r#"{"loss": 1, "current_steps": 5, "total_steps": 250}"#, 5),
        (r#"{"train": {"step": 5, "loss": 1}}"#, 5),
        (r#"{"iter_num": 5, "loss": 1}"#, 5),
        (r#"{"loss": 1, "step": 0.5}"#, 0),
        (r#"{"loss": 1, "train": {"global_step": 5}}"#, 5),
        (r#"{"loss": 1, "eval": {"step": 5}}"#, 0),
    ] {
        assert_eq!(found(text)[0].1, step, "{text}");
    }
}

#[test]
fn lines_without_a_step_are_counted_or_take_the_one_before() {
    let (points, _) = read("{\"loss\": 3}\n{\"loss\": 2}\n");
    assert_eq!(points.iter().map(|p| p.1).collect::<Vec<_>>(), [0, 1]);
    let (points, _) = read("{\"step\": 40, \"loss\": 3}\n{\"final\": 2}\n");
    assert_eq!(points.last(), Some(&("final".to_owned(), 40, 2.0)));
}

#[test]
fn python_words_for_what_is_not_finite() {
    let all = found(r#"{"step": 1, "a": NaN, "b": Infinity, "c": -Infinity}"#);
    assert!(all[1].2.is_nan());
    assert_eq!((all[2].2, all[3].2), (f64::INFINITY, f64::NEG_INFINITY));
}

#[test]
fn the_last_value_of_a_repeated_key_wins() {
    expect(r#"{"step": 1, "a": 1, "b": 3, "a": 2}"#, &[("step", 1, 1.0), ("a", 1, 2.0), ("b", 1, 3.0)]);
}

#[test]
fn a_broken_line_is_reported_and_the_rest_goes_on() {
    for broken in [
        "[1, 2]",
        "{\"a\": 1",
        "{\"a\": 1} x",
        "{\"a\": 1,}",
        "{\"a\" 1}",
        "{\"a\": }",
        "{\"a\": 1 \"b\": 2}",
        "{a: 1}",
        "{\"a\": tru}",
        "{\"a\": \"x}",
        "{\"a\": [1, 2}",
        "{\"a\": -}",
        "Traceback (most recent call last):",
        "\u{0}\u{0}\u{0}",
    ] {
        let (points, damage) = read(&format!("{{\"a\": 1}}\n{broken}\n{{\"a\": 2}}\n"));
        assert_eq!(points.iter().map(|p| p.2).collect::<Vec<_>>(), [1.0, 2.0], "{broken}");
        assert_eq!(damage.len(), 1, "{broken}: {damage:?}");
        assert!(damage[0].starts_with("9: "), "{damage:?}");
    }
}

#[test]
fn half_a_last_line_waits_and_a_whole_one_may_be_taken() {
    let mut sink = Sink::default();
    let mut parser = Lines::default();
    let text = b"{\"step\": 1, \"a\": 1}\n{\"step\": 2, \"a\": 2";
    for last in [false, true] {
        assert_eq!(parser.feed(text, last, &mut sink).unwrap(), 20, "half an object is left");
        assert_eq!((sink.points.len(), sink.damage.len()), (2, 0));
        sink.clear();
    }
    let mut whole = text[20..].to_vec();
    whole.push(b'}');
    assert_eq!(parser.feed(&whole, false, &mut sink).unwrap(), 0);
    assert_eq!(parser.feed(&whole, true, &mut sink).unwrap(), whole.len());
    assert_eq!(points(&sink)[1], ("a".to_owned(), 2, 2.0));
}

#[test]
fn a_line_over_the_cap_is_skipped_across_calls_and_processes() {
    let mut sink = Sink::default();
    let mut parser = Lines::default();
    let long = vec![b'x'; LONGEST + 1];
    assert_eq!(parser.feed(&long, false, &mut sink).unwrap(), long.len());
    assert_eq!(sink.damage.len(), 1);
    let mut again = Lines::default();
    again.resume(&parser.save()).unwrap();
    assert_eq!(again.feed(b"yyy", false, &mut sink).unwrap(), 3);
    let end = b"zz\": 1}\n{\"a\": 1}\n";
    assert_eq!(again.feed(end, false, &mut sink).unwrap(), end.len());
    assert_eq!((points(&sink), sink.damage.len()), (vec![("a".to_owned(), 0, 1.0)], 1));
}

#[test]
fn times_are_taken_where_they_can_be_times() {
    let wall = |text: &str| {
        let mut sink = Sink::default();
        Lines::default().feed(text.as_bytes(), true, &mut sink).unwrap();
        sink.points[0].wall
    };
    assert_eq!(wall(r#"{"loss": 1, "_timestamp": 1777056634.950943}"#), 1777056634.950943);
    assert_eq!(wall(r#"{"loss": 1, "time": 1777056634950}"#), 1777056634.95);
    assert!(wall(r#"{"loss": 1, "time": 12.5}"#).is_nan());
    assert!(wall(r#"{"loss": 1, "x": {"time": 1777056634}}"#).is_nan());
}

#[test]
fn facts_of_the_writers() {
    let mut sink = Sink::default();
    let text = "{\"loss\": 1, \"global_step/max_steps\": \"1/20\"}\n{\"loss\": 1, \"global_step/max_steps\": \"2/20\"}\n\
        {\"model_parameter_info\": \"Gemma: 25805.9339M Params (25233.1418M Trainable)\", \"global_step\": 2, \"log_history\": [{\"loss\": 1}]}\n";
    Lines::default().feed(text.as_bytes(), false, &mut sink).unwrap();
    assert_eq!(sink.points.len(), 2, "the history at the end is not logged again");
    let facts: Vec<_> = sink.facts.iter().map(|(n, v, _)| (*n, v.clone())).collect();
    assert_eq!(facts.len(), 2);
    assert_eq!(facts[0], (FactName::PlannedSteps, FactValue::Number(20.0)));
    let FactValue::Number(params) = facts[1].1 else { panic!("{facts:?}") };
    assert!((params - 25_805_933_900.0).abs() < 1.0);
}

#[test]
fn logs_are_told_from_data_and_settings() {
    let is = |path: &str, text: &str| super::recognise(path, text.as_bytes()).map(|r| r.confidence);
    assert_eq!(is("m.jsonl", "{\"step\": 1, \"loss\": 2}\n"), Some(85));
    assert_eq!(is("m.jsonl", "{\"step\": 1, \"loss\": 2}"), Some(85), "a line without end");
    assert_eq!(is("m.log", "{\"loss\": 2}\n{\"loss\": 1}\n"), Some(60));
    assert_eq!(is("m.jsonl", "{\"step\": 1, \"lo"), None, "too short to tell");
    assert_eq!(is("config.json", "{\"params\": 1, \"step\": 2}\n"), None, "settings on one line");
    assert_eq!(is("config.json", "{\n \"params\": 1\n}\n"), None);
    assert_eq!(is("train.jsonl", "{\"text\": \"long text of a document, some 60 bytes\", \"id\": 1}\n"), None);
    assert_eq!(is("x.jsonl", "{\"a\": \"b\"}\n"), None, "no numbers");
    assert_eq!(is("x.log", "a\nb\n{\"step\": 1}\n"), None, "mostly something else");
    assert_eq!(is("x", ""), None);
}

/// A flat or nested object with keys from a small set, and the points it stands for.
fn object() -> impl Strategy<Value = (serde_json::Value, bool)> {
    let leaf = prop_oneof![
        any::<f64>().prop_filter("finite", |v| v.is_finite()).prop_map(|v| serde_json::json!(v)),
        any::<i32>().prop_map(|v| serde_json::json!(v)),
        "[a-z\"\\\\é{}\\[\\],: ]{0,6}".prop_map(serde_json::Value::from),
        any::<bool>().prop_map(serde_json::Value::from),
        Just(serde_json::Value::Null),
    ];
    let value = leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(serde_json::Value::from),
            prop::collection::btree_map("[a-c\"\\\\é]{1,2}", inner, 0..4)
                .prop_map(|m| serde_json::Value::Object(m.into_iter().collect())),
        ]
    });
    (
        prop::collection::btree_map("[a-c\"\\\\é]{1,2}", value, 0..5)
            .prop_map(|m| serde_json::Value::Object(m.into_iter().collect())),
        any::<bool>(),
    )
}

fn model(value: &serde_json::Value, path: &str, into: &mut Vec<(String, f64)>) {
    if let serde_json::Value::Object(map) = value {
        for (key, value) in map {
            let path = if path.is_empty() { key.clone() } else { format!("{path}/{key}") };
            match value {
                serde_json::Value::Number(n) => into.push((path, n.as_f64().unwrap())),
                other => model(other, &path, into),
            }
        }
    }
}

proptest! {
    #[test]
    fn it_reads_what_serde_json_writes_cut_anywhere(objects in prop::collection::vec(object(), 1..8), cut: prop::sample::Index) {
        let mut text = String::new();
        let mut expected = Vec::new();
        for (i, (object, spaced)) in objects.iter().enumerate() {
            let line = object.to_string();
            text.push_str(&if *spaced { line.replace("{\"", "{ \"") } else { line });
            text.push('\n');
            let mut points = Vec::new();
            model(object, "", &mut points);
            expected.extend(points.into_iter().map(|(k, v)| (k, i as i64, v.to_bits())));
        }
        let cut = cut.index(text.len());
        let mut sink = Sink::default();
        let mut parser = Lines::default();
        let used = parser.feed(&text.as_bytes()[..cut], false, &mut sink).unwrap();
        let mut second = Lines::default();
        second.resume(&parser.save()).unwrap();
        let rest = second.feed(&text.as_bytes()[used..], false, &mut sink).unwrap();
        prop_assert_eq!(used + rest, text.len());
        prop_assert!(sink.damage.is_empty(), "{:?} in {}", sink.damage, text);
        let mut read: Vec<(String, i64, u64)> =
            sink.points.iter().map(|p| (sink.metrics()[p.metric as usize].clone(), p.step, p.value.to_bits())).collect();
        read.sort();
        expected.sort();
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn no_input_is_too_strange(bytes in prop::collection::vec(prop_oneof![Just(b'{'), Just(b'"'), Just(b':'), Just(b','), Just(b'}'), Just(b'\n'), Just(b'\\'), Just(b'1'), Just(b'['), Just(b']'), Just(b' '), any::<u8>()], 0..200), last: bool) {
        let mut sink = Sink::default();
        let used = Lines::default().feed(&bytes, last, &mut sink).unwrap();
        prop_assert!(used <= bytes.len());
    }
}

/// Every file with an entry in `truth.json` that is JSON lines.
#[test]
fn recorded_logs_have_the_points_that_another_parser_finds() {
    let logs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/logs");
    let Ok(truth) = std::fs::read(logs.join("truth.json")) else {
        eprintln!("skipped: {} is missing", logs.display());
        return;
    };
    let truth: BTreeMap<String, serde_json::Value> = serde_json::from_slice(&truth).unwrap();
    let mut files = 0;
    for (name, expected) in &truth {
        if !(name.starts_with("jsonl") || name.starts_with("llamafactory")) {
            continue;
        }
        files += 1;
        let bytes = std::fs::read(logs.join(name)).unwrap();
        let recognised = super::super::recognise(name, &bytes[..bytes.len().min(65536)]);
        if expected["bad_lines"] != 0 {
            assert!(recognised.is_err(), "{name}: {:?}", recognised.map(|r| r.1));
            continue;
        }
        let (format, why) = recognised.unwrap();
        assert_eq!(format.name(), "jsonl", "{name}: {}", why.why);
        let mut sink = Sink::default();
        let mut parser = format.parser(name);
        assert_eq!(parser.feed(&bytes, true, &mut sink).unwrap(), bytes.len(), "{name}");
        let mut by_key: BTreeMap<String, Vec<(i64, f64)>> = BTreeMap::new();
        for (key, step, value) in points(&sink) {
            by_key.entry(key).or_default().push((step, value));
        }
        assert_eq!(expected["n_points"], sink.points.len(), "{name}");
        let series = expected["series"].as_object().unwrap();
        assert_eq!(series.keys().collect::<Vec<_>>(), by_key.keys().collect::<Vec<_>>(), "{name}");
        for (key, points) in by_key {
            let truth = &series[&key];
            assert_eq!(truth["n"], points.len(), "{name} {key}");
            if let Some(first) = truth["first_step"].as_i64() {
                assert_eq!(
                    (first, truth["last_step"].as_i64()),
                    (points[0].0, points.last().map(|p| p.0)),
                    "{name} {key}"
                );
            }
            let finite: Vec<f64> = points.iter().map(|p| p.1).filter(|v| v.is_finite()).collect();
            assert_eq!(truth["n_finite"], finite.len(), "{name} {key}");
            let sum: f64 = finite.iter().sum();
            let expected = truth["sum_finite"].as_f64().unwrap();
            assert!((sum - expected).abs() <= 1e-12 * expected.abs(), "{name} {key}: {sum} {expected}");
        }
    }
    assert!(files >= 10, "{files}");
}

#[test]
fn text_under_a_split_makes_series_and_under_a_run_makes_runs() {
    let text = "{\"split\": \"train\", \"step\": 1, \"loss\": 3}\n{\"split\": \"val\", \"step\": 1, \"loss\": 4}\n\
                {\"run\": \"a\", \"step\": 2, \"loss\": 2}\n{\"run\": \"b\", \"step\": 2, \"loss\": 1}\n";
    let mut sink = Sink::default();
    let mut parser = Jsonl.parser("");
    let half = text.find("{\"run\": \"b\"").unwrap();
    parser.feed(&text.as_bytes()[..half], false, &mut sink).unwrap();
    let mut resumed = Jsonl.parser("");
    resumed.resume(&parser.save()).unwrap();
    resumed.feed(&text.as_bytes()[half..], false, &mut sink).unwrap();
    let part = |metric: u32| sink.parts().nth(sink.part_of()[metric as usize] as usize).unwrap();
    let seen: Vec<(&str, &str, f64)> = sink
        .points
        .iter()
        .map(|p| (part(p.metric), sink.metrics()[p.metric as usize].as_str(), p.value))
        .filter(|p| p.1 != "step")
        .collect();
    assert_eq!(seen, [("", "loss", 3.0), ("", "val/loss", 4.0), ("", "loss", 2.0), ("b", "loss", 1.0)]);
}

#[test]
fn without_steps_what_grows_is_the_axis() {
    let steps = |text: &str, cut: usize| {
        let (mut sink, mut parser) = (Sink::default(), Jsonl.parser(""));
        let used = parser.feed(&text.as_bytes()[..cut], false, &mut sink).unwrap();
        let mut resumed = Jsonl.parser("");
        resumed.resume(&parser.save()).unwrap();
        resumed.feed(&text.as_bytes()[used..], false, &mut sink).unwrap();
        let loss = sink.metrics().iter().position(|name| name == "loss").unwrap() as u32;
        sink.points.iter().filter(|p| p.metric == loss).map(|p| p.step).collect::<Vec<_>>()
    };
    for (text, expected) in [
        ("{\"tokens\": 100, \"loss\": 3}\n{\"tokens\": 200, \"loss\": 2}\n{\"loss\": 1}\n", &[100, 200, 200][..]),
        ("{\"tokens\": 100, \"loss\": 3}\n{\"tokens\": 100, \"loss\": 2}\n", &[0, 1]),
        ("{\"epoch\": 1, \"loss\": 3}\n{\"epoch\": 2, \"loss\": 2}\n", &[1, 2]),
        ("{\"epoch\": 0.5, \"loss\": 3}\n{\"epoch\": 1.0, \"loss\": 2}\n", &[0, 1]),
        ("{\"tokens\": 100, \"loss\": 3}\n{\"step\": 7, \"tokens\": 200, \"loss\": 2}\n", &[0, 7]),
        (
            "{\"epoch\": 0, \"step\": 5, \"loss\": 3}\n{\"epoch\": 1, \"step\": 2, \"loss\": 2}\n{\"epoch\": 1, \"step\": 5, \"loss\": 1}\n",
            &[5, 7, 10],
        ),
    ] {
        for cut in 0..=text.len() {
            assert_eq!(steps(text, cut), expected, "{text} cut at {cut}");
        }
    }
    let mut sink = Sink::default();
    Jsonl.parser("").feed(b"{\"tokens\": 100, \"loss\": 3}", true, &mut sink).unwrap();
    assert_eq!(sink.points[0].step, 100, "a log of one line");
}

#[test]
fn what_follows_nul_bytes_is_a_line_of_its_own() {
    let mut sink = Sink::default();
    let text = b"{\"step\": 1, \"loss\": 3}\n{\"step\": 2, \"lo\0\0\0{\"step\": 3, \"loss\": 2}\n";
    Jsonl.parser("").feed(text, false, &mut sink).unwrap();
    assert_eq!((sink.points.len(), sink.points[3].step, sink.damage.len()), (4, 3, 1));
}

#[test]
fn records_say_in_many_words_what_they_are_of() {
    for eval in [
        r#""split": "validation""#,
        r#""prefix": "val""#,
        r#""type": "eval_step""#,
        r#""name": "valid""#,
        r#""is_eval": true"#,
        r#""is_train": false"#,
        r#""is_test": 1"#,
    ] {
        let text = format!("{{\"step\": 1, \"loss\": 3}}\n{{\"step\": 1, {eval}, \"loss\": 2}}\n");
        let losses: Vec<String> = found(&text).into_iter().map(|p| p.0).filter(|name| name.contains("loss")).collect();
        assert!(losses[0] == "loss" && losses[1].ends_with("/loss"), "{eval}: {losses:?}");
    }
    let text = "{\"step\": 1, \"split\": \"val_code\", \"loss\": 2}\n";
    assert_eq!(found(text)[1].0, "val/code/loss");
    // Each rank writes the same.
    let rank = |step: i64, rank: i64| format!("{{\"step\": {step}, \"rank\": {rank}, \"loss\": 2.{rank}}}\n");
    let text = [rank(1, 2), rank(1, 0), rank(2, 0), rank(2, 2)].concat();
    let losses: Vec<_> = found(&text).into_iter().filter(|p| p.0 == "loss").map(|p| (p.1, p.2)).collect();
    assert_eq!(losses, [(1, 2.2), (2, 2.0)]);
}

#[test]
fn a_record_without_a_step_names_the_run_of_what_follows() {
    let of = |run: &str| {
        format!("{{\"run\": \"{run}\", \"lr\": 1}}\n{{\"step\": 1, \"loss\": 2}}\n{{\"step\": 2, \"loss\": 1}}\n")
    };
    let text = [of("a"), of("b"), of("a")].concat();
    let mut sink = Sink::default();
    let (mut parser, mut used) = (Lines::default(), 0);
    for (end, _) in text.match_indices('\n') {
        used += parser.feed(&text.as_bytes()[used..=end], false, &mut sink).unwrap();
        let state = parser.save();
        parser = Lines::default();
        parser.resume(&state).unwrap();
    }
    let runs: Vec<u32> = sink
        .points
        .iter()
        .filter(|p| sink.metrics()[p.metric as usize] == "loss")
        .map(|p| sink.part_of()[p.metric as usize])
        .collect();
    assert_eq!(runs, [0, 0, 1, 1, 0, 0]);
}

#[test]
fn a_batch_of_an_epoch_is_a_step() {
    let line = |epoch: i64, batch: i64| format!("{{\"epoch\": {epoch}, \"batch_idx\": {batch}, \"loss\": 2}}\n");
    let text = [line(0, 50), line(0, 100), line(1, 50), line(1, 100)].concat();
    let steps: Vec<i64> = found(&text).into_iter().filter(|p| p.0 == "loss").map(|p| p.1).collect();
    assert_eq!(steps, [50, 100, 150, 200]);
    let tokens = "{\"train/tokens_seen\": 500, \"loss\": 3}\n{\"train/tokens_seen\": 900, \"loss\": 2}\n";
    let steps: Vec<i64> = found(tokens).into_iter().filter(|p| p.0 == "loss").map(|p| p.1).collect();
    assert_eq!(steps, [500, 900]);
}

/// A line of many experts' loads is longer than what a format is recognised by.
#[test]
fn a_log_whose_lines_are_longer_than_the_beginning_is_recognised() {
    let line = |value: &str| {
        let keys = |i: usize| format!("\"moe_ep_usage/L-{}_EP-{}\": {value}", i / 128, i % 128);
        let loads: Vec<String> = (0..8192).map(keys).collect();
        format!("{{\"step\": 1, \"text, with }} and [\": \"a\", {}}}\n", loads.join(", "))
    };
    let of = |name: &str, text: &str| super::recognise(name, &text.as_bytes()[..HEAD]).map(|r| r.confidence);
    let text = line("0.78");
    assert!(text.len() > 3 * HEAD);
    assert_eq!(of("moe/metrics.jsonl", &text), Some(85));
    let nested = text.replacen("\"moe_ep", "\"train\": {\"moe_ep", 1);
    assert_eq!(of("metrics.jsonl", &nested), Some(85), "open objects are closed");
    assert_eq!(of("summary.json", &text), None, "one object in a file that is not said to be of lines");
    assert_eq!(of("metrics.jsonl", &line("\"no\"").replacen("\"step\": 1, ", "", 1)), None, "no numbers");
    let mut sink = Sink::default();
    Lines::default().feed(text.as_bytes(), false, &mut sink).unwrap();
    assert_eq!(sink.metrics().iter().filter(|key| key.starts_with("moe_ep_usage")).count(), 8192);
}
