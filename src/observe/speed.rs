//! FLOP/s of a run's GPUs in its steady state, from what its trainer logs: its MFU, its FLOP/s a GPU, or its tokens a second.
//!
//! | logged | FLOP/s of one GPU |
//! |---|---|
//! | MFU | MFU · the peak that the trainer measures it against, where that is known |
//! | FLOP/s of a GPU | as logged |
//! | tokens a second of a GPU | tokens/s · 6·N_act |
//! | tokens a second | tokens/s · 6·N_act / GPUs |
//! | samples a second | samples/s · length · 6·N_act / GPUs |
//! | seconds a step | tokens a step / seconds · 6·N_act / GPUs |
//!
//! A trainer counts the FLOPs of its MFU itself, mostly with attention over the context; 6·N_act is without. The steady state is
//! the median of what is logged after the first tenth: compilation, evaluations and checkpoints are neither.

use super::{hardware, keys};
use crate::vocab::number::{show_amount, significant};
use crate::vocab::speed::median;
use crate::vocab::{FactName, FactValue, Facts, RunSpeed};

/// What a metric says of speed.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Says {
    /// MFU.
    Mfu(Unit),
    /// FLOP/s of one GPU over this.
    Flops(f64),
    TokensOfGpu,
    Tokens,
    Samples,
    /// Seconds of a step over this.
    StepTime(f64),
}

/// How an MFU is written.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Unit {
    PerCent,
    Part,
    /// Its writers differ.
    Either,
}

/// Metrics of speed, the surest first. Each was read in the source of a trainer, or in a log that it wrote.
const SPEEDS: [(&str, Says); 25] = [
    // torchtitan, components/metrics.py.
    ("mfu(%)", Says::Mfu(Unit::PerCent)),
    // OLMo-core, train/callbacks/speed_monitor.py.
    ("throughput/device/MFU", Says::Mfu(Unit::PerCent)),
    // Composer, callbacks/speed_monitor.py, and LitGPT.
    ("throughput/device/mfu", Says::Mfu(Unit::Part)),
    // Levanter, in per cent; others write a part under the same name.
    ("throughput/mfu", Says::Mfu(Unit::Either)),
    // llm.c, train_gpt2.cu: '55.1% bf16 MFU'.
    ("MFU", Says::Mfu(Unit::PerCent)),
    // nanochat, scripts/base_train.py: in per cent; its forks differ.
    ("bf16_mfu", Says::Mfu(Unit::Either)),
    // nanoGPT, llama2.c and torchtitan in per cent; anybody else as they like.
    ("mfu", Says::Mfu(Unit::Either)),
    // Megatron-LM, training/training.py.
    ("throughput per GPU (TFLOP/s/GPU)", Says::Flops(1e12)),
    // nanotron, trainer.py.
    ("model_tflops_per_gpu", Says::Flops(1e12)),
    // Composer and LitGPT.
    ("throughput/device/flops_per_sec", Says::Flops(1.0)),
    // torchtitan; OLMo-core; Composer; nanotron; ms-swift.
    ("throughput(tps)", Says::TokensOfGpu),
    ("throughput/device/TPS", Says::TokensOfGpu),
    ("throughput/device/tokens_per_sec", Says::TokensOfGpu),
    ("tokens_per_sec_per_gpu", Says::TokensOfGpu),
    ("tokens_per_gpu_per_sec", Says::TokensOfGpu),
    // ms-swift; Levanter; Composer and LitGPT; nanochat; build-nanogpt; llm.c.
    ("tokens_global_per_sec", Says::Tokens),
    ("throughput/tokens_per_second", Says::Tokens),
    ("tokens_per_second", Says::Tokens),
    ("tokens_per_sec", Says::Tokens),
    ("tok_per_sec", Says::Tokens),
    ("tok/sec", Says::Tokens),
    ("tok/s", Says::Tokens),
    // Megatron-DeepSpeed and Megatron-LM.
    ("samples per second", Says::Samples),
    ("elapsed time per iteration (ms)", Says::StepTime(1e-3)),
    // Megatron-LM, training/training.py, in TensorBoard and W&B: in seconds.
    ("iteration-time", Says::StepTime(1.0)),
];

/// Metrics of speed that count only where there is no other: Megatron-DeepSpeed's FLOPs count what is computed twice.
const LAST: [(&str, Says); 2] =
    [("elapsed time per iteration (s)", Says::StepTime(1.0)), ("TFLOPs", Says::Flops(1e12))];

/// Formats whose programs print MFU in per cent.
const PER_CENT: [&str; 2] = ["nanogpt", "torchtitan"];
/// What nanoGPT's and llama2.c's MFU is measured against, whatever GPU it is: an A100's FLOP/s (`model.py`, `estimate_mfu`).
const NANOGPT: (&str, f64) = ("nanogpt", 312e12);
/// Part of a run before its steady state.
const START: f64 = 0.1;
/// Fewest points of a steady state.
const FEWEST: usize = 5;

/// A run whose speed is asked for.
pub struct Asked<'a> {
    /// Its name.
    pub name: &'a str,
    /// What is known of it.
    pub facts: &'a Facts,
    /// The keys of its metrics.
    pub keys: Vec<&'a str>,
    /// The formats of its logs.
    pub formats: Vec<String>,
    /// Whether any run of the project logs so large a number under this name that it is in per cent.
    pub per_cent: &'a dyn Fn(&str) -> bool,
}

/// Why the speed that a run logs says nothing.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SpeedError {
    /// Too few values in the steady state.
    #[error("{key}: {} above zero after the start of the run", count(*values))]
    TooFew {
        /// The metric.
        key: String,
        /// Its values above zero after the start.
        values: usize,
    },
    /// A fact is not known.
    #[error("{key} says nothing without the fact `{}`", fact.as_str())]
    Lacks {
        /// The metric.
        key: String,
        /// The fact.
        fact: FactName,
    },
    /// An MFU above 1.
    #[error("{key} is {}, more than all of the FLOP/s", significant(*mfu, 3))]
    MoreThanAll {
        /// The metric.
        key: String,
        /// MFU, a part of 1.
        mfu: f64,
    },
    /// More FLOP/s than a GPU has.
    #[error("{from} makes {} FLOP/s a GPU, more than the {} of its peak", show_amount(*flops), show_amount(*peak))]
    MoreThanPeak {
        /// What it was measured from.
        from: String,
        /// FLOP/s of one GPU.
        flops: f64,
        /// FLOP/s that one is sold with.
        peak: f64,
    },
}

/// Whether a metric's unit is told by its numbers alone: of [`Asked::per_cent`].
#[must_use]
pub fn may_be_per_cent(key: &str) -> bool {
    says(key).is_some_and(|(_, says)| says == Says::Mfu(Unit::Either))
}

/// What a metric of speed says of a run's steady state.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Steady {
    /// Median of the positive values; NaN where there are none.
    pub median: f64,
    /// How many positive values there are.
    pub values: usize,
}

impl Default for Steady {
    fn default() -> Self {
        Self { median: f64::NAN, values: 0 }
    }
}

/// The positive values of a run's steady state; `points`: (step, value), ascending.
#[must_use]
pub fn steady(points: &[(i64, f64)]) -> Steady {
    let last = points.last().map_or(0, |point| point.0);
    let first = points.first().map_or(0, |point| point.0);
    // In floats, as steps may be as far apart as integers go.
    let from = first as f64 + START * (last as f64 - first as f64);
    let steady = points.iter().filter(|(step, value)| *step as f64 > from && value.is_finite() && *value > 0.0);
    let values: Vec<f64> = steady.map(|point| point.1).collect();
    Steady { median: median(&values), values: values.len() }
}

/// What a metric says of speed, and its place among [`SPEEDS`] and [`LAST`]: the first name that it has, which may have a
/// prefix.
fn says(key: &str) -> Option<(usize, Says)> {
    let ends = |name: &str| key.strip_suffix(name).is_some_and(|before| before.is_empty() || before.ends_with('/'));
    let found = SPEEDS.iter().chain(&LAST).enumerate().find(|(_, (name, _))| ends(name))?;
    (!keys::says_held_out(key)).then_some((found.0, found.1.1))
}

/// What a name that several trainers use says in this run, where its writer or what stands beside it tells: its place among
/// [`SPEEDS`] is that of another of its kind.
fn by_company(asked: &Asked<'_>, key: &str) -> Option<(usize, Says)> {
    let (prefix, name) = key.split_at(key.rfind('/').map_or(0, |slash| slash + 1));
    let beside = |other: &str| asked.keys.iter().any(|key| key.strip_prefix(prefix) == Some(other));
    let (says, as_is) = match name {
        // torchtitan, components/metrics.py: 'tokens per second per device, abbreviated as tps'.
        "tps" if asked.formats.iter().any(|format| format == "torchtitan") => (Says::TokensOfGpu, "throughput(tps)"),
        // NeMo Automodel, recipes/llm/train_ft.py, of all GPUs. What it calls `tps_per_gpu` is of those that share no data.
        "tps" if beside("tps_per_gpu") => (Says::Tokens, "tokens_per_second"),
        // Megatron-LM, training/training.py, in TensorBoard and W&B: TFLOP/s of a GPU, with `iteration-time` beside it.
        "throughput" if beside("iteration-time") => (Says::Flops(1e12), "throughput per GPU (TFLOP/s/GPU)"),
        _ => return None,
    };
    let place = SPEEDS.iter().position(|(name, _)| *name == as_is)?;
    // What torchtitan calls `validate/tps` is of validation.
    ["", "train/"].contains(&prefix).then_some((place, says))
}

/// The speed of a run; `Ok(None)` where it logs none. `says_of`: what a metric says ([`steady`]).
///
/// # Errors
/// Why the speed that it logs says nothing.
pub fn speed(asked: &Asked<'_>, says_of: &mut dyn FnMut(&str) -> Steady) -> Result<Option<RunSpeed>, SpeedError> {
    let mut why = None;
    // The surest first; of several under one name, the one with the shortest.
    let mut all: Vec<(usize, usize, &str, Says)> = asked
        .keys
        .iter()
        .filter_map(|key| {
            let (place, says) = says(key).or_else(|| by_company(asked, key))?;
            Some((place, key.len(), *key, says))
        })
        .collect();
    all.sort_unstable_by_key(|(place, length, key, _)| (*place, *length, *key));
    for (_, _, key, says) in all {
        let Steady { median, values } = says_of(key);
        if values < FEWEST {
            why.get_or_insert(SpeedError::TooFew { key: key.to_owned(), values });
            continue;
        }
        match of(asked, key, says, median, values) {
            Ok(speed) => return Ok(Some(speed)),
            Err(lacks) => drop(why.get_or_insert(lacks)),
        }
    }
    why.map_or(Ok(None), Err)
}

fn count(points: usize) -> String {
    match points {
        0 => "no value".to_owned(),
        1 => "only one value".to_owned(),
        n => format!("only {n} values"),
    }
}

fn of(asked: &Asked<'_>, key: &str, says: Says, value: f64, points: usize) -> Result<RunSpeed, SpeedError> {
    let facts = asked.facts;
    let gpu = facts.text(FactName::Gpu).map(str::to_owned);
    let against = facts.number(FactName::PeakFlops);
    let mut speed = RunSpeed {
        run: asked.name.to_owned(),
        routed: facts.moe().is_some(),
        peak: gpu.as_deref().and_then(hardware::peak_of).or(against),
        gpu,
        flops: None,
        mfu: None,
        from: key.to_owned(),
        points,
        assumed: None,
    };
    let lacks = |fact: FactName| SpeedError::Lacks { key: key.to_owned(), fact };
    let flops_per_token = || match facts.with_tokens().get(&FactName::FlopsPerToken).map(|fact| fact.value.clone()) {
        Some(FactValue::Number(flops)) => Ok(flops),
        _ => Err(lacks(FactName::Params)),
    };
    let gpus = || facts.number(FactName::Gpus).ok_or_else(|| lacks(FactName::Gpus));
    let mut by_tokens = |tokens: f64, gpus: f64, of: String| -> Result<f64, SpeedError> {
        speed.from = if gpus > 1.0 { format!("{of} × 6·N_act / {gpus} GPUs") } else { format!("{of} × 6·N_act") };
        Ok(tokens * flops_per_token()? / gpus)
    };
    match says {
        Says::Mfu(unit) => {
            let (mfu, assumed) = part(asked, key, unit, value);
            speed.assumed = assumed;
            let nanogpt = key == "mfu" && against.is_none() && asked.formats.iter().any(|f| f == NANOGPT.0);
            if nanogpt {
                speed.assumed = Some(format!("nanoGPT measures it against an A100, {} FLOP/s", show_amount(NANOGPT.1)));
            }
            match if nanogpt { Some(NANOGPT.1) } else { against.or(speed.peak) } {
                Some(against) => speed.flops = Some(mfu * against),
                None => speed.mfu = Some(mfu),
            }
            if mfu >= 1.0 {
                return Err(SpeedError::MoreThanAll { key: key.to_owned(), mfu });
            }
        }
        Says::Flops(unit) => speed.flops = Some(value * unit),
        Says::TokensOfGpu => speed.flops = Some(by_tokens(value, 1.0, key.to_owned())?),
        Says::Tokens => speed.flops = Some(by_tokens(value, gpus()?, key.to_owned())?),
        Says::Samples => {
            let length = facts.number(FactName::SequenceLength).ok_or_else(|| lacks(FactName::SequenceLength))?;
            speed.flops = Some(by_tokens(value * length, gpus()?, format!("{key} × sequence_length"))?);
        }
        Says::StepTime(unit) => {
            let tokens = facts.tokens_per_step().ok_or_else(|| lacks(FactName::BatchTokens))?;
            speed.flops = Some(by_tokens(tokens / (value * unit), gpus()?, format!("tokens a step / {key}"))?);
        }
    }
    if let (Some(flops), Some(peak)) = (speed.flops, speed.peak)
        && flops >= peak
    {
        return Err(SpeedError::MoreThanPeak { from: speed.from, flops, peak });
    }
    Ok(speed)
}

/// MFU as a part of 1, and what was taken for granted.
fn part(asked: &Asked<'_>, key: &str, unit: Unit, value: f64) -> (f64, Option<String>) {
    match unit {
        Unit::PerCent => (value / 100.0, None),
        Unit::Part => (value, None),
        Unit::Either if key == "mfu" && asked.formats.iter().any(|f| PER_CENT.contains(&f.as_str())) => {
            (value / 100.0, None)
        }
        Unit::Either if value > 1.0 || (asked.per_cent)(key) => (value / 100.0, None),
        Unit::Either => {
            (value, Some(format!("{key} is never above 1, so it is taken as a part of 1, not as per cent")))
        }
    }
}

#[cfg(test)]
mod tests;
