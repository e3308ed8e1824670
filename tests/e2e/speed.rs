//! What runs make of their GPUs, from their logs to a budget in GPU-hours.

use crate::common::{World, stdout};
use std::fmt::Write;

/// Runs of four sizes and three lengths on H100s, each with the metric that says its speed; one on an A100.
fn sweep() -> World {
    let world = World::new();
    world.write(
        "p/mixlaw.yaml",
        "domains: [web]\nruns:\n  - path: runs/*\ntarget: { params: 1B, tokens: 20B }\nlaws: [chinchilla]\n\
         fit: { starts: 2, bootstraps: 10 }\nbudget: { gpu_hours: 10 }\n",
    );
    for (size, params) in [5e7, 1e8, 2e8, 4e8].into_iter().enumerate() {
        for (length, per_param) in [5.0, 20.0, 60.0].into_iter().enumerate() {
            let (steps, tokens) = (100.0, params * per_param);
            let other = size == 3 && length == 2;
            let gpu = if other { "NVIDIA A100-SXM4-80GB" } else { "NVIDIA H100 80GB HBM3" };
            let run = format!("p/runs/n{size}-d{length}");
            world.write(
                &format!("{run}/config.json"),
                format!(
                    "{{\"params\": {params}, \"batch_tokens\": {}, \"max_steps\": 100, \"mixture\": {{\"web\": 1}}, \
                     \"gpu\": \"{gpu}\", \"gpus\": 8}}",
                    tokens / steps
                ),
            );
            let mut log = String::new();
            for step in (5..=100).step_by(5) {
                let seen = tokens * f64::from(step) / steps;
                let loss = 1.8 + 480.0 / params.powf(0.34) + 2000.0 / seen.powf(0.36);
                // MFU .4, .3 and .3; the start is slow.
                let slow = if step < 10 { 0.1 } else { 1.0 };
                let speed = match length {
                    0 => format!("\"train/mfu\": {}", 40.0 * slow),
                    1 => format!("\"tok/sec\": {}", 0.3 * 989e12 * 8.0 / (6.0 * params) * slow),
                    _ => format!("\"throughput per GPU (TFLOP/s/GPU)\": {}", 0.3 * 989.0 * slow),
                };
                let _ = writeln!(log, "{{\"step\": {step}, \"eval/web/loss\": {loss}, {speed}}}");
            }
            world.write(&format!("{run}/metrics.jsonl"), log);
        }
    }
    world
}

#[test]
fn a_budget_in_gpu_hours_takes_what_the_runs_measure() {
    let world = sweep();
    let open = stdout(&world.run(&["shape", "p"]));
    assert!(
        open.contains("Your runs are of several kinds of GPUs: NVIDIA H100 80GB HBM3, 989T FLOP/s (11 runs)"),
        "{open}"
    );
    let measured = world.json(&["shape", "p", "--peak-flops", "989T", "--json"]);
    let close = |value: &serde_json::Value, truth: f64| value.as_f64().is_some_and(|v| (v / truth - 1.0).abs() < 1e-9);
    assert!(close(&measured["mfu"]["value"], 0.3) && close(&measured["mfu"]["range"]["high"], 0.4), "{measured}");
    assert_eq!((&measured["mfu"]["used"], measured["mfu"]["runs"].as_array().map(Vec::len)), (&true.into(), Some(11)));
    assert!(
        close(&measured["advice"]["recommendation"]["compute"], 10.0 * 3600.0 * 989e12 * 0.3),
        "{}",
        measured["advice"]
    );
    let stated = world.json(&["shape", "p", "--peak-flops", "989T", "--mfu", "0.5", "--json"]);
    assert!(
        close(&stated["advice"]["recommendation"]["compute"], 10.0 * 3600.0 * 989e12 * 0.5),
        "{}",
        stated["advice"]
    );
    let reasons = stated["advice"]["recommendation"]["reasons"].to_string();
    for said in
        ["You state MFU 0.5; your runs measure 0.30 (median of 11 runs, 0.30–0.40", "1 run of other GPUs (runs/n3-d2)"]
    {
        assert!(reasons.contains(said), "{said}: {reasons}");
    }
    let next = stdout(&world.run(&["next", "p", "--cost-in", "gpu-hours"]));
    assert!(next.starts_with("No run is proposed.\n") && next.contains("several kinds of GPUs"), "{next}");
}
