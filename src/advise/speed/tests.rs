use super::*;

fn run(name: &str, flops: f64, peak: Option<f64>) -> RunSpeed {
    RunSpeed {
        run: name.to_owned(),
        routed: false,
        gpu: peak.map(|peak| if peak > 5e14 { "NVIDIA H100".to_owned() } else { "NVIDIA A100".to_owned() }),
        peak,
        flops: Some(flops),
        mfu: None,
        from: "mfu".to_owned(),
        points: 50,
        assumed: None,
    }
}

fn speeds(runs: Vec<RunSpeed>) -> Speeds {
    Speeds { runs, useless: Vec::new() }
}

fn budget(peak: Option<f64>, mfu: Option<f64>) -> Budget {
    Budget { gpu_hours: Some(1.0), peak_flops: peak, mfu, ..Budget::default() }
}

const H100: f64 = 1e15;
const A100: f64 = 3e14;

#[test]
fn the_median_of_the_runs_is_used_and_said() {
    let runs = vec![run("a", 3e14, Some(H100)), run("b", 2.8e14, Some(H100)), run("c", 4e14, Some(H100))];
    let hour = gpu_hour(&budget(None, None), &speeds(runs.clone()), false).unwrap();
    // 3,600 s · 1e15 · 0.3.
    assert!((hour.flops() / 1.08e18 - 1.0).abs() < 1e-12, "{hour:?}");
    assert_eq!(
        hour.said,
        [
            "Peak 1e15 FLOP/s, that of your runs' GPUs (NVIDIA H100).",
            "MFU 0.30 (median of 3 runs, 0.28–0.40: a, b, c; from mfu), measured from your runs.",
        ]
    );
    let measured = hour.measured.unwrap();
    assert_eq!((measured.used, measured.runs.len(), measured.range), (true, 3, Range { low: 0.28, high: 0.4 }));
    let four = [runs, vec![run("d", 3.2e14, Some(H100))]].concat();
    let hour = gpu_hour(&budget(None, None), &speeds(four), false).unwrap();
    assert!((hour.mfu - 0.31).abs() < 1e-12, "the mean of the two in the middle");
}

#[test]
fn what_the_user_states_wins_and_is_compared() {
    let runs = speeds(vec![run("a", 3.1e14, Some(H100))]);
    let hour = gpu_hour(&budget(Some(H100), Some(0.4)), &runs, false).unwrap();
    assert_eq!(hour.mfu, 0.4);
    assert_eq!(
        hour.said,
        ["You state MFU 0.4; your runs measure 0.31 (one run: a; from mfu). The stated one is used."]
    );
    assert!(hour.measured.is_some_and(|measured| !measured.used));
    let near = gpu_hour(&budget(Some(H100), Some(0.32)), &runs, false).unwrap();
    assert_eq!(near.said, ["You state MFU 0.32; your runs measure 0.31 (one run: a; from mfu)."]);
    let alone = gpu_hour(&budget(Some(H100), Some(0.4)), &Speeds::default(), false).unwrap();
    assert_eq!((alone.mfu, alone.said, alone.measured), (0.4, Vec::new(), None));
}

#[test]
fn other_hardware_and_other_models_are_named_and_not_mixed_in() {
    let two = vec![run("h", 3e14, Some(H100)), run("a", 1.8e14, Some(A100))];
    let hour = gpu_hour(&budget(Some(H100), None), &speeds(two.clone()), false).unwrap();
    assert_eq!(hour.mfu, 0.3);
    assert!(hour.said.contains(&"Not counted: 1 run of other GPUs (a).".to_owned()), "{:?}", hour.said);
    let open = gpu_hour(&budget(None, None), &speeds(two), false).unwrap_err();
    assert_eq!(open.needs, "peak_flops");
    assert_eq!(
        open.why,
        "Your runs are of several kinds of GPUs: NVIDIA H100, 1e15 FLOP/s (1 run); NVIDIA A100, 300T FLOP/s (1 run)."
    );
    let only = gpu_hour(&budget(Some(H100), None), &speeds(vec![run("a", 1.8e14, Some(A100))]), false).unwrap_err();
    assert_eq!(only.needs, "mfu");
    assert_eq!(only.why, "Your runs' speeds are of other GPUs than one of 1e15 FLOP/s (NVIDIA A100): a.");
    let routed = RunSpeed { routed: true, ..run("moe", 2e14, Some(H100)) };
    let both = speeds(vec![run("dense", 4e14, Some(H100)), routed]);
    for (wanted, mfu, said) in [
        (true, 0.2, "Not counted: 1 run of dense models (dense)."),
        (false, 0.4, "Not counted: 1 run of models with experts (moe)."),
    ] {
        let hour = gpu_hour(&budget(Some(H100), None), &both, wanted).unwrap();
        assert_eq!(hour.mfu, mfu);
        assert!(hour.said.contains(&said.to_owned()), "{:?}", hour.said);
    }
    let dense = gpu_hour(&budget(Some(H100), None), &speeds(vec![run("dense", 4e14, Some(H100))]), true).unwrap_err();
    assert_eq!(dense.why, "Only runs of dense models say how fast they are, and the target has experts: dense.");
}

#[test]
fn runs_that_do_not_say_their_gpu_count_where_no_other_does() {
    let unsaid = RunSpeed { mfu: Some(0.35), flops: None, ..run("u", 0.0, None) };
    let hour = gpu_hour(&budget(Some(H100), None), &speeds(vec![unsaid.clone()]), false).unwrap();
    assert_eq!(hour.mfu, 0.35);
    assert_eq!(hour.said, ["MFU 0.35 (one run: u; from mfu; no run states its GPU), measured from your runs."]);
    let lacks = gpu_hour(&budget(None, None), &speeds(vec![unsaid.clone()]), false).unwrap_err();
    assert_eq!(lacks.needs, "peak_flops");
    let hour = gpu_hour(&budget(None, None), &speeds(vec![unsaid, run("h", 3e14, Some(H100))]), false).unwrap();
    assert_eq!(hour.mfu, 0.3);
    assert!(hour.said.iter().any(|said| said.starts_with("Not counted: 1 run")), "{:?}", hour.said);
}

#[test]
fn nothing_measured_says_why() {
    let useless = vec![("a".to_owned(), "tok/s says nothing without the fact `gpus`".to_owned())];
    let none = Speeds { runs: Vec::new(), useless: useless.clone() };
    let lacks = gpu_hour(&budget(Some(H100), None), &none, false).unwrap_err();
    assert_eq!(lacks.why, "a: tok/s says nothing without the fact `gpus`.");
    let more = Speeds { runs: Vec::new(), useless: [useless.clone(), useless].concat() };
    let lacks = gpu_hour(&budget(Some(H100), None), &more, false).unwrap_err();
    assert_eq!(lacks.why, "a: tok/s says nothing without the fact `gpus` (2 such runs in all).");
    let one = Speeds { runs: vec![run("h", 3e14, Some(H100))], useless: more.useless };
    let said = gpu_hour(&budget(Some(H100), None), &one, false).unwrap().said;
    assert!(said[1].starts_with("Not counted: a: tok/s says nothing"), "{said:?}");
    // A speed above the peak that is planned with is not of this GPU.
    let fast = RunSpeed { gpu: None, ..run("f", 2e15, None) };
    assert_eq!(gpu_hour(&budget(Some(H100), None), &speeds(vec![fast]), false).unwrap_err().needs, "mfu");
}
