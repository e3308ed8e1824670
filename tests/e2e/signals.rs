//! Trouble planted in real logs as they are written again is told once each; real logs of runs that went well are
//! followed to their end in silence; and what was told and seen outlives the process and the database.

use crate::common::{World, eventually, example};
use mixlaw::daemon::Engine;
use mixlaw::daemon::engine::Surroundings;
use mixlaw::ingest::{Budget, Look};
use mixlaw::project::{Project, RunSource};
use mixlaw::store::SledStore;
use mixlaw::vocab::signal::{Alert, SignalKind};
use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// A project whose runs grow, and the engine that watches it.
struct Growing {
    dir: tempfile::TempDir,
    /// The project file's directory, or a bare directory of runs.
    project: PathBuf,
    /// Which runs there are, where the logs do not say so from their first lines on.
    runs: Option<Vec<RunSource>>,
    engine: Option<Engine>,
}

impl Growing {
    fn new(yaml: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("runs")).unwrap();
        std::fs::write(dir.path().join("mixlaw.yaml"), yaml).unwrap();
        let mut growing = Self { project: dir.path().to_owned(), dir, runs: None, engine: None };
        growing.open();
        growing
    }

    /// Everything below `runs`, as `mixlaw watch runs` finds it once it is there: [`Self::open`] comes later.
    fn bare() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { project: dir.path().join("runs"), dir, runs: None, engine: None }
    }

    /// Starts watching, as a new process would.
    fn open(&mut self) {
        self.engine = None;
        let mut project = Project::load(&self.project).unwrap();
        if let Some(runs) = &self.runs {
            project.runs.clone_from(runs);
        }
        let (store, opened) = SledStore::open(&self.dir.path().join("store")).unwrap();
        self.engine = Some(Engine::new(project, store, &opened).unwrap());
    }

    fn engine(&mut self) -> &mut Engine {
        self.engine.as_mut().unwrap()
    }

    fn append(&self, path: &str, bytes: &[u8]) {
        let path = self.dir.path().join("runs").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(bytes).unwrap();
    }

    /// Reads what is new, and looks at the runs, `later` than now.
    fn look(&mut self, later: Duration) {
        let mut look = Look::Everything;
        let budget = || Budget { time: Duration::from_secs(60) };
        while self.engine().turn(&look, budget()).unwrap().more {
            look = Look::Hints(Vec::new());
        }
        self.engine().write_down(SystemTime::now() + later).unwrap();
    }

    /// Everything that was told, oldest first.
    fn told(&mut self) -> Vec<Alert> {
        let world = self.engine().current(SystemTime::now(), &Surroundings::default());
        let mut all: Vec<Alert> = world.snapshot.runs.iter().flat_map(|run| run.signals.clone()).collect();
        all.sort_by_key(|event| event.id);
        all
    }
}

fn lines(path: &Path) -> Vec<String> {
    std::fs::read_to_string(path).unwrap().lines().map(|line| format!("{line}\n")).collect()
}

/// The recorded run with training losses changed from some step on.
fn with_losses(change: impl Fn(i64, f64) -> String) -> Vec<String> {
    let changed = |line: String| {
        let mut point: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&line).unwrap();
        let step = point["step"].as_i64().unwrap();
        let Some(loss) = point.get("train/loss").and_then(serde_json::Value::as_f64) else { return line };
        point.insert("train/loss".to_owned(), "HERE".into());
        format!("{}\n", serde_json::Value::from(point).to_string().replace("\"HERE\"", &change(step, loss)))
    };
    lines(&example().join("runs/n333k-r050/metrics.jsonl")).into_iter().map(changed).collect()
}

#[test]
fn planted_trouble_is_told_once_each_and_stays_told() {
    let mut world = Growing::new("runs: [{ path: runs/* }]\n");
    let config = std::fs::read(example().join("runs/n333k-r050/config.json")).unwrap();
    let plain = with_losses(|_, loss| loss.to_string());
    let back = plain.iter().position(|line| line.contains("\"step\":300,") && line.contains("train/loss")).unwrap();
    let restarted = [&plain[..back], &plain[back / 2..]].concat();
    let runs: [(&str, Vec<String>); 6] = [
        ("clean", plain.clone()),
        ("nan", with_losses(|step, loss| if step < 200 { loss.to_string() } else { "NaN".to_owned() })),
        ("diverged", with_losses(|step, loss| (loss + 0.015 * (step - 240).max(0) as f64).to_string())),
        ("spiked", with_losses(|step, loss| (if step == 310 { loss + 2.5 } else { loss }).to_string())),
        ("restarted", restarted),
        ("stalled", plain[..plain.len() / 2].to_vec()),
    ];
    for name in runs.iter().map(|(name, _)| name) {
        world.append(&format!("{name}/config.json"), &config);
    }
    let longest = runs.iter().map(|(_, lines)| lines.len()).max().unwrap();
    for i in 0..longest {
        for (name, lines) in runs.iter().filter(|(_, lines)| i < lines.len()) {
            world.append(&format!("{name}/metrics.jsonl"), lines[i].as_bytes());
        }
        // A process may end at any time.
        if i % 20 == 19 {
            world.open();
        }
        world.look(Duration::ZERO);
    }
    world.look(Duration::from_secs(3600));
    world.look(Duration::from_secs(3700));
    let trouble = |told: Vec<Alert>| -> Vec<(String, SignalKind)> {
        let of = told.into_iter().map(|e| (e.signal.run, e.signal.kind));
        // Runs that differ by what was planted alone compete for nothing.
        of.filter(|(_, kind)| *kind != SignalKind::CannotWin).collect()
    };
    let mut told = trouble(world.told());
    told.sort();
    let expected = [
        ("runs/diverged", SignalKind::Divergence),
        ("runs/nan", SignalKind::NotANumber),
        ("runs/restarted", SignalKind::Restarted),
        ("runs/spiked", SignalKind::Spike),
        ("runs/stalled", SignalKind::Stalled),
    ];
    assert_eq!(told, expected.map(|(run, kind)| (run.to_owned(), kind)), "{:#?}", world.told());

    let first = world.told()[0].id;
    assert_eq!(world.engine().dismiss(&[first, 999], SystemTime::now()).unwrap(), [first]);
    let before = world.told();
    world.engine = None;
    std::fs::remove_dir_all(world.dir.path().join("store/points.sled")).unwrap();
    world.open();
    world.look(Duration::ZERO);
    world.look(Duration::from_secs(3600));
    assert_eq!(world.told(), before, "the journal alone brings all of it back");
}

/// Real logs of runs that went well, as (name, its files that grow, its other files).
fn clean() -> Vec<(String, Vec<PathBuf>, Vec<PathBuf>)> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sweeps = here.join("../shared/data/sweeps");
    let folders = if sweeps.is_dir() {
        ["base", "dcpt", "mix", "moe"].map(|sweep| sweeps.join(sweep)).to_vec()
    } else {
        println!("only the example's runs: {} is not there", sweeps.display());
        vec![example().join("runs")]
    };
    let mut all = Vec::new();
    for folder in folders {
        let group = folder.file_name().unwrap().to_string_lossy().into_owned();
        for entry in std::fs::read_dir(&folder).unwrap().flatten().filter(|e| e.path().is_dir()) {
            let name = format!("{group}-{}", entry.file_name().to_string_lossy());
            all.push((name, vec![entry.path().join("metrics.jsonl")], vec![entry.path().join("config.json")]));
        }
    }
    all
}

#[test]
fn real_logs_of_runs_that_went_well_stay_silent() {
    const STAGES: usize = 30;
    let mut world = Growing::new("runs: [{ path: runs/* }]\n");
    let runs = clean();
    for (name, _, others) in &runs {
        for other in others {
            let file = other.file_name().unwrap().to_string_lossy();
            world.append(&format!("{name}/{file}"), &std::fs::read(other).unwrap());
        }
    }
    for stage in 0..STAGES {
        for (name, logs, _) in &runs {
            for log in logs {
                let lines = lines(log);
                let part = lines.len() * stage / STAGES..lines.len() * (stage + 1) / STAGES;
                let file = log.file_name().unwrap().to_string_lossy();
                world.append(&format!("{name}/{file}"), lines[part].concat().as_bytes());
            }
        }
        world.look(Duration::ZERO);
    }
    world.look(Duration::from_secs(3600));
    // That a run cannot win is no trouble of that run.
    let loud: Vec<String> = world
        .told()
        .into_iter()
        .filter(|e| e.signal.kind != SignalKind::CannotWin)
        .map(|e| format!("{}: {:?} {}", e.signal.run, e.signal.kind, e.signal.evidence))
        .collect();
    println!("{} runs watched", runs.len());
    assert!(runs.len() >= 36 && loud.is_empty(), "{loud:#?}");
}

/// Logs of other people's runs by many stacks, as (path below `runs`, bytes).
fn logs_of_many_stacks() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/logs");
    let Ok(truth) = std::fs::read_to_string(folder.join("truth.json")) else {
        println!("skipped: {} is not there", folder.display());
        return Vec::new();
    };
    let truth: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&truth).unwrap();
    truth.keys().map(|path| (path.clone(), std::fs::read(folder.join(path)).unwrap())).collect()
}

/// What is told of those logs, and is so.
const TOLD: [(&str, SignalKind); 21] = [
    (
        "generated_by_real_writers/mlflow/mlruns/752118803154403092/9a253d5978f145709a1a16a2db82b3c2",
        SignalKind::Restarted,
    ),
    ("llamafactory/rameyjm7__SFT-Training-LLM", SignalKind::Restarted),
    ("megatron/huggingface__datablations/stability_study/logs/blowup-4-alibi-gpu1-1813779.out", SignalKind::NotANumber),
    ("megatron_moe_excerpts/bigscience-workshop__Megatron-DeepSpeed__issue396_nan.log", SignalKind::NotANumber),
    // The loss of one batch, one and a half nats above all before it.
    ("nanogpt/KellerJordan__modded-nanogpt/records/track_1_short/2024-11-10_ScaleShortcuts", SignalKind::Spike),
    // Several trainings in one log, and after each its last steps once more.
    (
        "nanogpt/KellerJordan__modded-nanogpt/records/track_3_optimization/results/20260518_soda_fade_3000_n9/\
         batch_combined_stdout.txt",
        SignalKind::Restarted,
    ),
    (
        "nanogpt/KellerJordan__modded-nanogpt/records/track_3_optimization/results/20260518_soda_fade_3000_n9/\
         batch_combined_stdout.txt/seed3",
        SignalKind::Restarted,
    ),
    (
        "nanogpt/KellerJordan__modded-nanogpt/records/track_3_optimization/results/20260518_soda_fade_3000_n9/\
         batch_combined_stdout.txt/seed4",
        SignalKind::Restarted,
    ),
    (
        "nanogpt/KellerJordan__modded-nanogpt/records/track_3_optimization/results/20260518_soda_fade_3000_n9/\
         batch_combined_stdout.txt/seed5",
        SignalKind::Restarted,
    ),
    (
        "nanogpt/KellerJordan__modded-nanogpt/records/track_3_optimization/results/20260518_soda_fade_3000_n9/\
         batch_combined_stdout.txt/seed6",
        SignalKind::Restarted,
    ),
    (
        "nanogpt/KellerJordan__modded-nanogpt/records/track_3_optimization/results/20260518_soda_fade_3000_n9/\
         batch_combined_stdout.txt/seed7",
        SignalKind::Restarted,
    ),
    (
        "nanogpt/KellerJordan__modded-nanogpt/records/track_3_optimization/results/20260518_soda_fade_3000_n9/\
         batch_combined_stdout.txt/seed8",
        SignalKind::Restarted,
    ),
    // From one step to the next after 200 of them, the loss is half a nat higher, or one and a half, to the end.
    (
        "tfevents/QIU023__torchtitan_attention_residual/phase5_vlm_multimodal_sft/runs/\
         v12_4d_fsdp2_dp2_pp2_ep2_continue_8gpu_from_p4_step8000/tb/20260505-0351",
        SignalKind::Divergence,
    ),
    (
        "tfevents/QIU023__torchtitan_attention_residual/phase5_vlm_multimodal_sft/runs/\
         v12_4d_fsdp2_dp2_pp2_ep2_continue_8gpu_from_p4_step8000/tb/20260505-0802",
        SignalKind::Divergence,
    ),
    (
        "tfevents/QIU023__torchtitan_attention_residual/phase5_vlm_multimodal_sft/runs/\
         v12_4d_fsdp2_dp2_pp2_ep2_continue_8gpu_from_p4_step8000/tb/20260505-0802",
        SignalKind::Spike,
    ),
    (
        "tfevents/QIU023__torchtitan_attention_residual/phase5_vlm_multimodal_sft/runs/\
         v12_4d_fsdp2_dp2_pp2_ep2_continue_8gpu_from_p4_step8000/tb/20260505-0848",
        SignalKind::Divergence,
    ),
    (
        "tfevents/QIU023__torchtitan_attention_residual/phase5_vlm_multimodal_sft/runs/\
         v12_4d_fsdp2_dp2_pp2_ep2_continue_8gpu_from_p4_step8000/tb/20260505-0848",
        SignalKind::Spike,
    ),
    // Several trainings in one log.
    ("torchtitan/QIU023__torchtitan_attention_residual/phase11_rlhf_grpo_infra", SignalKind::Restarted),
    ("torchtitan/QIU023__torchtitan_attention_residual/phase11_rlhf_grpo_infra/launch_8gpu_mm.sh", SignalKind::Spike),
    (
        "torchtitan/QIU023__torchtitan_attention_residual/phase11_rlhf_grpo_infra/launch_8gpu_mm.sh",
        SignalKind::Restarted,
    ),
    // One that its script starts again until it is done.
    ("torchtitan/QIU023__torchtitan_attention_residual/phase6_upstream_pr_prep/logs", SignalKind::Restarted),
];

#[test]
fn real_logs_of_many_stacks_stay_silent() {
    const STAGES: usize = 12;
    let logs = logs_of_many_stacks();
    if logs.is_empty() {
        return;
    }
    let mut world = Growing::bare();
    // Which of the files are one run is seen from the whole of them; what is told is what this test is about.
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/logs");
    world.runs = Some(Project::load(&folder).unwrap().runs);
    for stage in 0..STAGES {
        for (path, bytes) in &logs {
            // Trainer states are written whole.
            let stages = if path.ends_with("trainer_state.json") { 1 } else { STAGES };
            let part = bytes.len() * stage.min(stages) / stages..bytes.len() * (stage + 1).min(stages) / stages;
            world.append(path, &bytes[part]);
        }
        if stage == 0 {
            world.open();
        }
        world.look(Duration::ZERO);
    }
    let mut told: Vec<(String, SignalKind)> = world.told().into_iter().map(|e| (e.signal.run, e.signal.kind)).collect();
    told.sort();
    let runs = world.engine().current(SystemTime::now(), &Surroundings::default()).snapshot.runs.len();
    println!("{runs} runs watched, {} of them silent", runs - told.len());
    assert_eq!(told, TOLD.map(|(run, kind)| (run.to_owned(), kind)), "{:#?}", world.told());
    assert!(runs - told.len() >= 50);
}

#[test]
fn what_is_told_is_listed_and_acknowledged_by_commands() {
    let world = World::new();
    let config = std::fs::read(example().join("runs/n333k-r050/config.json")).unwrap();
    world.write("p/runs/nan/config.json", &config);
    let broken = with_losses(|step, loss| if step < 200 { loss.to_string() } else { "NaN".to_owned() });
    let path = world.write("p/runs/nan/metrics.jsonl", broken[..broken.len() - 3].concat());
    assert!(world.run(&["daemon", "start", "p"]).status.success());
    let runs = || world.json(&["runs", "p", "--json"])["runs"].clone();
    eventually("the daemon tells of it", || runs()[0]["signals"][0]["kind"] == "not_a_number");
    std::fs::OpenOptions::new()
        .append(true)
        .open(path)
        .and_then(|mut f| f.write_all(broken[broken.len() - 3..].concat().as_bytes()))
        .unwrap();
    let stdout = |args: &[&str]| String::from_utf8(world.run(args).stdout).unwrap();
    assert!(stdout(&["alerts", "p"]).contains("NaN"), "{}", stdout(&["alerts", "p"]));
    assert_eq!(stdout(&["ack", "p"]), stdout(&["alerts", "p"]), "the name of earlier releases");
    assert!(stdout(&["show", "nan", "p"]).contains("train/loss is NaN at step 200"));
    let wrong = world.run(&["alerts", "dismiss", "17", "p"]);
    assert_eq!(wrong.status.code(), Some(2));
    let id = runs()[0]["signals"][0]["id"].as_u64().unwrap();
    assert_eq!(world.json(&["alerts", "dismiss", "nan", "p", "--json"])["acknowledged"], serde_json::json!([id]));
    eventually("it is seen", || runs()[0]["signals"][0]["acknowledged"].is_number());
    assert_eq!(runs()[0]["signals"].as_array().unwrap().len(), 1, "told once");
    assert!(stdout(&["alerts", "p"]).contains("no alerts"));
    assert!(stdout(&["ack", "nan", "p"]).contains("no alerts to dismiss"));
}

/// Loads of eight experts, in the words of OLMoE, of torchtitan's forks and of our own sweeps: from the thirtieth record on, one expert of the second
/// layer takes 60 % and another nothing.
#[test]
fn a_router_that_collapses_is_told_within_twenty_logged_steps() {
    for style in ["olmoe", "torchtitan", "own"] {
        let mut world = Growing::new("runs: [{ path: runs/* }]\n");
        let mut told = None;
        for record in 0..60 {
            let mut line = format!("{{\"step\": {}, \"train/loss\": {}", 10 * record, 5.0 - 0.01 * f64::from(record));
            for layer in 0..2 {
                for expert in 0..8 {
                    let share = match (layer, expert) {
                        (1, 0) if record >= 30 => 0.6,
                        (1, 3) if record >= 30 => 0.0,
                        (1, _) if record >= 30 => 0.4 / 6.0,
                        _ => 0.125 + 0.01 * f64::from((record + expert) % 3 - 1),
                    };
                    let _ = match style {
                        "olmoe" => {
                            write!(line, ", \"train/TokensPercentage/layer{layer}/expert{expert}\": {}", 100.0 * share)
                        }
                        "torchtitan" => write!(line, ", \"moe_ep_usage/L-{layer}_EP-{expert}\": {share}"),
                        _ => write!(line, ", \"moe/layer_{layer}/expert_{expert}/load\": {share}"),
                    };
                }
            }
            world.append("a/metrics.jsonl", (line + "}\n").as_bytes());
            if record % 5 == 4 {
                world.look(Duration::ZERO);
                told = told.or((!world.told().is_empty()).then_some(record));
            }
        }
        let kinds: Vec<SignalKind> = world.told().iter().map(|alert| alert.signal.kind).collect();
        assert_eq!(kinds, [SignalKind::RouterCollapse, SignalKind::DeadExpert], "{:#?}", world.told());
        assert!(world.told().iter().all(|alert| alert.signal.evidence.contains('1')), "the second layer alone");
        assert!(told.is_some_and(|record| (30..50).contains(&record)), "{told:?}");
    }
}

/// Figures as OLMo-core, LLM Foundry and NeMo Automodel log them: from the thirtieth record on they are those of a sick router.
/// The balance loss beside them is no training loss.
#[test]
fn what_trainers_say_of_their_routers_is_told_within_twenty_logged_steps() {
    type Keys = Vec<(&'static str, f64, f64)>;
    let writers: [(&str, Keys, Vec<SignalKind>); 3] = [
        (
            "train/CE loss",
            vec![
                ("train/load imbalance", 1.4, 6.0),
                ("train/load balancing loss", 1.0, 3.0),
                ("train/router Z loss", 0.1, 0.2),
                ("train/block 00/load imbalance", 1.4, 1.5),
                ("train/block 01/load imbalance", 1.3, 6.0),
                ("train/block 01/load balancing loss", 1.0, 3.0),
                ("train/block 01/token drop rate", 0.0, 0.3),
                ("train/token drop rate", 0.0, 0.3),
            ],
            vec![SignalKind::RouterImbalance, SignalKind::DroppedTokens],
        ),
        (
            "loss/train/total",
            vec![
                ("mb_moe/all_layers_min_tpe", 0.1, 0.1),
                ("mb_moe/all_layers_max_tpe", 0.2, 0.2),
                ("mb_moe/all_layers_median_tpe", 0.15, 0.15),
                ("mb_moe/all_layers_std_tpe", 0.02, 0.02),
                ("mb_moe/layer3_min_tpe", 0.1, 0.0),
                ("mb_moe/layer3_max_tpe", 0.2, 0.9),
                ("mb_moe/layer3_median_tpe", 0.15, 0.14),
                ("mb_moe/layer3_std_tpe", 0.02, 0.2),
            ],
            vec![SignalKind::RouterImbalance, SignalKind::DeadExpert],
        ),
        (
            "loss",
            vec![
                ("moe/expert_utilization_min", 0.6, 0.0),
                ("moe/expert_utilization_max", 1.5, 5.0),
                ("moe/expert_utilization_median", 1.0, 1.0),
                ("moe/cv_mean", 0.2, 0.9),
                ("moe/aux_loss_mean", 1.0, 2.0),
                ("moe_expert_utilization/layer_0_expert_5", 1.5, 5.0),
            ],
            vec![SignalKind::RouterImbalance, SignalKind::DeadExpert],
        ),
    ];
    for (loss, keys, expected) in writers {
        let mut world = Growing::new("runs: [{ path: runs/* }]\n");
        let mut told = None;
        for record in 0..60 {
            let mut line = format!("{{\"step\": {}, \"{loss}\": {}", 10 * record, 5.0 - 0.01 * f64::from(record));
            for (key, well, sick) in &keys {
                let jitter = 1.0 + 0.01 * f64::from(record % 3);
                let _ = write!(line, ", \"{key}\": {}", jitter * if record >= 30 { sick } else { well });
            }
            world.append("a/metrics.jsonl", (line + "}\n").as_bytes());
            if record % 5 == 4 {
                world.look(Duration::ZERO);
                told = told.or((!world.told().is_empty()).then_some(record));
            }
        }
        let kinds: Vec<SignalKind> = world.told().iter().map(|alert| alert.signal.kind).collect();
        assert_eq!(kinds, expected, "{loss}: {:#?}", world.told());
        assert!(told.is_some_and(|record| (30..50).contains(&record)), "{loss}: {told:?}");
    }
}

/// A run whose learning rate is far above what finished runs of three sizes say; without them, the published law is a setup note.
#[test]
fn a_learning_rate_far_above_the_law_is_told_once() {
    let lines = |steps: u32, loss: f64| -> String {
        let line = |step: u32| {
            let now = loss + 2.0 * (1.0 - f64::from(step) / 100.0);
            format!("{{\"step\": {step}, \"train/loss\": {now}, \"eval/web/loss\": {now}}}\n")
        };
        (1..=steps).map(|i| line(10 * i)).collect()
    };
    let facts = |params: f64, rate: f64| {
        format!(
            "params: {params}\nbatch_tokens: 100000\nplanned_steps: 100\nlearning_rate: {rate}\nmixture: {{ web: 1 }}\n"
        )
    };
    let yaml = "runs: [{ path: runs/* }]\ndomains: [web]\nmetrics: { web: eval/web/loss }\n";
    let best = |params: f64| 0.02 * (params / 1e7_f64).powf(-0.5);
    for sweep in [true, false] {
        let mut world = Growing::new(yaml);
        for (size, params) in [1e7_f64, 4e7, 1.6e8].into_iter().enumerate().filter(|_| sweep) {
            for step in -2..=2_i32 {
                let rate = best(params) * 2_f64.powi(step);
                let run = format!("n{size}-{}", step + 2);
                world.append(&format!("{run}/mixlaw.run.yaml"), facts(params, rate).as_bytes());
                let loss = (3.0 - 0.2 * size as f64) * (1.0 + 0.004 * f64::from(step * step));
                world.append(&format!("{run}/metrics.jsonl"), lines(10, loss).as_bytes());
            }
        }
        world.look(Duration::ZERO);
        let high = 5.0 * best(8e7);
        let published = 1.79 * 8e7_f64.powf(-0.713) * 1e7_f64.powf(0.307);
        let rate = if sweep { high } else { 5.0 * published };
        world.append("live/mixlaw.run.yaml", facts(8e7, rate).as_bytes());
        for _ in 0..3 {
            world.append("live/metrics.jsonl", lines(3, 3.0).as_bytes());
            world.look(Duration::ZERO);
        }
        let of = |alert: &&Alert| alert.signal.kind == SignalKind::LearningRate;
        let told: Vec<Alert> = world.told().iter().filter(of).cloned().collect();
        let current = world.engine().current(SystemTime::now(), &Surroundings::default());
        let noted = current.snapshot.notices.iter().any(|notice| notice.text.contains("published Step Law"));
        if sweep {
            let [alert] = told.as_slice() else { panic!("{told:?}") };
            assert!(
                alert.signal.run.contains("live") && alert.signal.evidence.contains("your runs advise"),
                "{alert:?}"
            );
            assert!(alert.signal.evidence.contains("5.0 ×"), "{alert:?}");
        } else {
            assert!(told.is_empty() && noted, "{told:?} {:?}", current.snapshot.notices);
        }
    }
}

#[test]
fn a_clock_that_jumps_tells_nothing_twice_and_silence_ends_with_it() {
    let mut world = Growing::new("runs: [{ path: runs/* }]\n");
    let line = |step: u32| format!("{{\"step\": {step}, \"train/loss\": {}}}\n", 3.0 - f64::from(step) / 1000.0);
    let day = Duration::from_secs(86_400);
    for step in 1..200 {
        world.append("a/metrics.jsonl", line(step).as_bytes());
        if step % 20 == 0 {
            world.look(Duration::ZERO);
        }
    }
    // Two days ahead, and back before the epoch of everything that was written.
    world.look(2 * day);
    world.look(2 * day);
    let now = SystemTime::now() - 2 * day;
    world.engine().write_down(now).unwrap();
    world.engine().write_down(SystemTime::UNIX_EPOCH).unwrap();
    let told = world.told();
    assert!(told.len() <= 1 && told.iter().all(|alert| alert.signal.kind == SignalKind::Stalled), "{told:?}");
    // A few looks in a row end what is not so any more.
    for step in 200..212 {
        world.append("a/metrics.jsonl", line(step).as_bytes());
        world.look(Duration::ZERO);
    }
    let told = world.told();
    assert!(told.len() <= 1 && told.iter().all(|alert| alert.over.is_some()), "{told:?}");
    world.open();
    world.look(Duration::ZERO);
    assert_eq!(world.told().len(), told.len());
}
