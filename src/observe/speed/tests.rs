use super::*;
use std::collections::BTreeMap;

/// A run with these facts and metrics, each a constant over 100 steps.
fn measure(
    facts: &[(FactName, FactValue)],
    formats: &[&str],
    metrics: &[(&str, f64)],
) -> Result<Option<RunSpeed>, SpeedError> {
    let series: BTreeMap<&str, Vec<(i64, f64)>> =
        metrics.iter().map(|(key, value)| (*key, (0..100).map(|step| (step * 10, *value)).collect())).collect();
    of_series(facts, formats, &series)
}

fn of_series(
    facts: &[(FactName, FactValue)],
    formats: &[&str],
    series: &BTreeMap<&str, Vec<(i64, f64)>>,
) -> Result<Option<RunSpeed>, SpeedError> {
    let mut known = Facts::default();
    facts.iter().for_each(|(name, value)| known.offer(*name, value.clone(), "test"));
    let asked = Asked {
        name: "a",
        facts: &known,
        keys: series.keys().copied().collect(),
        formats: formats.iter().map(|f| (*f).to_owned()).collect(),
        per_cent: &|_| false,
    };
    speed(&asked, &mut |key| series.get(key).map_or_else(Steady::default, |points| steady(points)))
}

fn number(name: FactName, value: f64) -> (FactName, FactValue) {
    (name, FactValue::Number(value))
}

fn h100() -> (FactName, FactValue) {
    (FactName::Gpu, FactValue::Text("NVIDIA H100 80GB HBM3".to_owned()))
}

/// Within rounding.
fn close(a: f64, b: f64) -> bool {
    (a / b - 1.0).abs() < 1e-12
}

#[test]
fn each_source_gives_the_flops_of_a_gpu_by_hand() {
    // A model of 1B, 2,048 tokens a sequence, 256 sequences a step, on 8 GPUs.
    let facts = [
        h100(),
        number(FactName::Params, 1e9),
        number(FactName::SequenceLength, 2048.0),
        number(FactName::BatchSequences, 256.0),
        number(FactName::Gpus, 8.0),
    ];
    let step = 256.0 * 2048.0;
    for (key, value, flops) in [
        ("mfu(%)", 40.0, 0.4 * 989e12),
        ("throughput/device/MFU", 0.8, 0.008 * 989e12),
        ("throughput/device/mfu", 0.4, 0.4 * 989e12),
        ("MFU", 55.1, 0.551 * 989e12),
        ("train/mfu", 40.0, 0.4 * 989e12),
        ("train/mfu", 0.4, 0.4 * 989e12),
        ("throughput per GPU (TFLOP/s/GPU)", 400.0, 400e12),
        ("model_tflops_per_gpu", 400.0, 400e12),
        ("throughput/device/flops_per_sec", 4e14, 4e14),
        // Tokens of one GPU × 6e9.
        ("throughput(tps)", 5e4, 3e14),
        ("throughput/device/TPS", 5e4, 3e14),
        ("tokens_per_gpu_per_sec", 5e4, 3e14),
        // Of all eight.
        ("tokens_per_second", 4e5, 3e14),
        ("train/tok_per_sec", 4e5, 3e14),
        ("tok/s", 4e5, 3e14),
        ("samples per second", 200.0, 200.0 * 2048.0 * 6e9 / 8.0),
        ("elapsed time per iteration (ms)", 2000.0, step / 2.0 * 6e9 / 8.0),
        ("iteration-time", 2.0, step / 2.0 * 6e9 / 8.0),
        ("elapsed time per iteration (s)", 2.0, step / 2.0 * 6e9 / 8.0),
        ("TFLOPs", 36.0, 36e12),
    ] {
        let speed = measure(&facts, &[], &[(key, value)]).unwrap().unwrap();
        assert!(speed.flops.is_some_and(|f| close(f, flops)), "{key} {value}: {speed:?}");
        assert_eq!((speed.mfu, speed.peak), (None, Some(989e12)), "{key}");
        assert!(speed.mfu_at(989e12).is_some_and(|mfu| close(mfu, flops / 989e12)));
    }
    for key in ["validate/tps", "eval/mfu", "loss", "tps", "throughput"] {
        assert_eq!(measure(&facts, &[], &[(key, 5.0)]), Ok(None), "{key}");
    }
    // Names that say nothing alone are told by their writer, or by what stands beside them.
    let said =
        |formats: &[&str], logged: &[(&str, f64)]| measure(&facts, formats, logged).unwrap().unwrap().flops.unwrap();
    assert!(close(said(&["torchtitan"], &[("tps", 5e4)]), 3e14));
    assert!(close(said(&[], &[("train/tps", 4e5), ("train/tps_per_gpu", 1e5)]), 3e14), "all eight GPUs, four by four");
    assert!(close(said(&[], &[("throughput", 400.0), ("iteration-time", 9.0)]), 400e12));
    for other in [("validate/tps", "validate/tps_per_gpu"), ("tps", "eval/tps_per_gpu"), ("throughput", "loss")] {
        assert_eq!(measure(&facts, &[], &[(other.0, 5.0), (other.1, 5.0)]), Ok(None), "{other:?}");
    }
    let both = measure(&facts, &[], &[("TFLOPs", 50.0), ("samples per second", 200.0), ("mfu(%)", 30.0)]);
    assert_eq!(both.unwrap().unwrap().from, "mfu(%)", "the trainer's own figure comes first");
    let both = measure(&facts, &[], &[("TFLOPs", 50.0), ("samples per second", 200.0)]).unwrap().unwrap();
    assert_eq!(both.from, "samples per second × sequence_length × 6·N_act / 8 GPUs");
}

#[test]
fn only_active_parameters_count_and_a_model_with_experts_says_so() {
    let facts = [
        number(FactName::Params, 8e9),
        number(FactName::ActiveParams, 1e9),
        number(FactName::Experts, 16.0),
        number(FactName::Gpus, 2.0),
    ];
    let speed = measure(&facts, &[], &[("tokens_per_second", 1e5)]).unwrap().unwrap();
    assert!(speed.routed && close(speed.flops.unwrap(), 1e5 * 6e9 / 2.0) && speed.peak.is_none(), "{speed:?}");
}

#[test]
fn per_cent_or_a_part_is_told_by_who_wrote_it_then_by_the_numbers() {
    let small = |formats: &[&str]| measure(&[], formats, &[("mfu", 0.5)]).unwrap().unwrap();
    // nanoGPT prints 0.5 % of an A100, whatever the GPU is.
    assert!(close(small(&["nanogpt"]).flops.unwrap(), 0.005 * 312e12));
    assert_eq!(small(&["torchtitan"]).mfu, Some(0.005));
    let guessed = small(&["jsonl"]);
    assert!(guessed.mfu == Some(0.5) && guessed.assumed.is_some_and(|said| said.contains("not as per cent")));
    let large = measure(&[], &["jsonl"], &[("mfu", 38.0)]).unwrap().unwrap();
    assert_eq!((large.mfu, large.assumed), (Some(0.38), None));
    let h100 = measure(&[h100()], &["nanogpt"], &[("mfu", 60.0)]).unwrap().unwrap();
    assert!(h100.peak == Some(989e12) && close(h100.mfu_at(989e12).unwrap(), 0.6 * 312.0 / 989.0), "{h100:?}");
    let stated = measure(&[number(FactName::PeakFlops, 989e12)], &["nanogpt"], &[("mfu", 40.0)]).unwrap().unwrap();
    assert!(close(stated.flops.unwrap(), 0.4 * 989e12), "who states the peak knows his fork");
}

#[test]
fn what_cannot_be_is_said_and_not_counted() {
    let why = |facts: &[(FactName, FactValue)], metrics: &[(&str, f64)]| {
        measure(facts, &[], metrics).unwrap_err().to_string()
    };
    assert_eq!(why(&[], &[("mfu", 130.0)]), "mfu is 1.30, more than all of the FLOP/s");
    assert_eq!(
        why(&[], &[("throughput/device/mfu", 40.0)]),
        "throughput/device/mfu is 40.0, more than all of the FLOP/s"
    );
    assert_eq!(why(&[], &[("mfu", 0.0)]), "mfu: no value above zero after the start of the run");
    assert_eq!(why(&[], &[("mfu", -100.0)]), "mfu: no value above zero after the start of the run");
    assert_eq!(why(&[], &[("mfu", f64::NAN)]), "mfu: no value above zero after the start of the run");
    let model = number(FactName::Params, 1e9);
    assert_eq!(why(std::slice::from_ref(&model), &[("tok/s", 1e5)]), "tok/s says nothing without the fact `gpus`");
    assert_eq!(why(&[number(FactName::Gpus, 8.0)], &[("tok/s", 1e5)]), "tok/s says nothing without the fact `params`");
    let much = why(&[model, h100(), number(FactName::Gpus, 1.0)], &[("tok/s", 1e6)]);
    assert_eq!(much, "tok/s × 6·N_act makes 6e15 FLOP/s a GPU, more than the 989T of its peak");
    // A figure that says nothing does not hide one that does.
    let facts = [number(FactName::Params, 1e9), number(FactName::Gpus, 8.0)];
    assert!(measure(&facts, &[], &[("mfu", 0.0), ("tok/s", 1e5)]).unwrap().is_some());
}

#[test]
fn the_start_of_a_run_evaluations_and_breaks_do_not_count() {
    // Compilation is slow, every tenth step has an evaluation in it, and the newest value is broken.
    let value = |step: i64| match step {
        0..100 => 2.0,
        999 => f64::INFINITY,
        step if step % 10 == 0 => 5.0,
        step => 40.0 + (step % 3) as f64,
    };
    let series = BTreeMap::from([("mfu", (0..1000).map(|step| (step, value(step))).collect())]);
    let speed = of_series(&[], &[], &series).unwrap().unwrap();
    assert_eq!((speed.mfu, speed.points), (Some(0.41), 899));
    let short = BTreeMap::from([("mfu", vec![(1, 40.0), (10, 40.0), (20, 40.0)])]);
    assert_eq!(
        of_series(&[], &[], &short).unwrap_err().to_string(),
        "mfu: only 2 values above zero after the start of the run"
    );
    let odd = BTreeMap::from([("mfu", vec![(i64::MIN, 40.0), (i64::MAX, 40.0)])]);
    assert_eq!(
        of_series(&[], &[], &odd).unwrap_err().to_string(),
        "mfu: only one value above zero after the start of the run"
    );
}
