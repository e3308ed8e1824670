//! What a budget comes to: FLOPs for training, and the bytes that a model takes.
//!
//! | limit | formula | unit |
//! |---|---|---|
//! | training | 6·N_act·D | FLOPs |
//! | serving | 2·N_act·T for T tokens, from the same FLOPs | FLOPs |
//! | GPU-hours | h·3600·peak·MFU, as stated, else as the runs measured them ([`crate::advise::speed`]) | FLOPs |
//! | wall time | hours·GPUs | GPU-hours |
//! | money | cost / price | GPU-hours |
//! | memory, serving | N_tot·bytes + 2·2·L·d·context·batch (keys and values of two bytes; all heads) | bytes |
//! | memory, training | N_tot·bytes + 34·L·d·tokens of a micro-batch (Korthikanti et al., arXiv:2205.05198, without attention scores) | bytes |
//!
//! Layers L and width d of a size that nobody has built yet: N_act = 12·L·d² with d = 128·L, as most models about have it.
//! Of several limits on FLOPs the smallest binds.

use crate::advise::speed::{Unknown, gpu_hour};
use crate::project::Budget;
use crate::vocab::Speeds;
use crate::vocab::number::{show_amount, significant};

/// Width over layers.
const ASPECT: f64 = 128.0;
/// Bytes of a parameter while it is served: bf16.
const SERVED: f64 = 2.0;
/// Bytes of a parameter in training: bf16 weights and gradients, fp32 master weights and two fp32 moments of Adam.
const TRAINED: f64 = 16.0;
/// Bytes of activations for each layer, token and unit of width.
const ACTIVATIONS: f64 = 34.0;

/// Why a budget says nothing yet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`budget.{needs}` is needed beside `budget.{given}`")]
pub(super) struct Incomplete {
    given: &'static str,
    needs: &'static str,
    example: &'static str,
    /// Why the runs do not tell; empty where they say nothing.
    pub why: String,
}

impl Incomplete {
    /// What to write.
    pub fn help(&self) -> String {
        format!("Write it in the project file: budget: {{ {}: {} }}", self.needs, self.example)
    }
}

/// FLOPs that a budget allows, if it limits them, and how that came about, as sentences. `speeds`: those of the runs; `routed`:
/// whether the target has experts.
pub(super) fn flops(budget: &Budget, speeds: &Speeds, routed: bool) -> Result<(Option<f64>, Vec<String>), Incomplete> {
    let need = |value: Option<f64>, given, needs, example| {
        value.ok_or(Incomplete { given, needs, example, why: String::new() })
    };
    let mut said = Vec::new();
    let mut limits: Vec<(f64, &str)> = Vec::new();
    limits.extend(budget.compute.map(|c| (c, "compute")));
    let mut hours: Vec<(f64, &'static str)> = Vec::new();
    hours.extend(budget.gpu_hours.map(|h| (h, "gpu_hours")));
    if let Some(cost) = budget.cost {
        let price = need(budget.price, "cost", "price", "2.5")?;
        said.push(format!("cost {} / {price} = {} GPU-hours", show_amount(cost), show_amount(cost / price)));
        hours.push((cost / price, "cost"));
    }
    if let Some(wall) = budget.hours {
        let gpus = need(budget.gpus, "hours", "gpus", "64")?;
        said.push(format!(
            "{} hours × {} GPUs = {} GPU-hours",
            show_amount(wall),
            show_amount(gpus),
            show_amount(wall * gpus)
        ));
        hours.push((wall * gpus, "hours"));
    }
    for (i, (gpu_hours, given)) in hours.into_iter().enumerate() {
        let hour = gpu_hour(budget, speeds, routed).map_err(|Unknown { needs, example, why }| Incomplete {
            given,
            needs,
            example,
            why,
        })?;
        let flops = gpu_hours * hour.flops();
        said.push(format!(
            "{} GPU-hours × 3600 s × {} FLOP/s × MFU {} = {} FLOPs",
            show_amount(gpu_hours),
            significant(hour.peak, 3),
            hour.show_mfu(),
            significant(flops, 3)
        ));
        limits.push((flops, given));
        if i == 0 {
            said.extend(hour.said);
        }
    }
    let least = limits.iter().copied().min_by(|a, b| a.0.total_cmp(&b.0));
    if let (Some((flops, name)), true) = (least, limits.len() > 1) {
        said.push(format!("`{name}` binds: {} FLOPs", significant(flops, 3)));
    }
    Ok((least.map(|(flops, _)| flops), said))
}

/// Limits on the bytes that a model takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Memory {
    max_params: f64,
    serve: (f64, f64, f64),
    train: (f64, f64, f64),
}

impl Memory {
    pub fn of(budget: &Budget) -> Self {
        let endless = f64::INFINITY;
        let cached = budget.context.map_or(0.0, |context| context * budget.batch.unwrap_or(1.0));
        Self {
            max_params: budget.max_params.unwrap_or(endless),
            serve: (budget.serve_memory.unwrap_or(endless), budget.serve_bytes.unwrap_or(SERVED), 4.0 * cached),
            train: (
                budget.train_memory.unwrap_or(endless),
                budget.train_bytes.unwrap_or(TRAINED),
                ACTIVATIONS * budget.micro_batch.unwrap_or(0.0),
            ),
        }
    }

    /// No limit.
    pub fn endless() -> Self {
        Self::of(&Budget::default())
    }

    /// The largest part of a limit that a model of so many parameters takes: 1 is all of it.
    pub fn taken(&self, params: f64, active: f64) -> f64 {
        let served = self.serving(params, active) / self.serve.0;
        (params / self.max_params).max(served).max(self.training(params, active) / self.train.0)
    }

    /// Bytes that a model of so many parameters takes while it is served.
    pub fn serving(&self, params: f64, active: f64) -> f64 {
        bytes(self.serve, params, active)
    }

    /// Bytes that it takes in training.
    pub fn training(&self, params: f64, active: f64) -> f64 {
        bytes(self.train, params, active)
    }

    /// Bytes of a parameter while it is served, and in training.
    pub fn of_a_parameter(&self) -> (f64, f64) {
        (self.serve.1, self.train.1)
    }

    /// ln of the most active parameters, for a model of which so many times as many are there in all.
    pub fn most(&self, total_over_active: f64) -> f64 {
        let taken = |ln_active: f64| self.taken(ln_active.exp() * total_over_active, ln_active.exp());
        let (mut low, mut high) = (0.0, 100.0);
        if taken(high) <= 1.0 {
            return f64::INFINITY;
        }
        for _ in 0..100 {
            let middle = 0.5 * (low + high);
            if taken(middle) <= 1.0 { low = middle } else { high = middle }
        }
        low
    }
}

/// Bytes of all parameters, and of what is kept for each unit of width of each layer.
fn bytes((_, of_one, per_width): (f64, f64, f64), params: f64, active: f64) -> f64 {
    // L·d of a model with N = 12·L·d² and d = ASPECT·L.
    let layers = (active / (12.0 * ASPECT * ASPECT)).cbrt();
    params * of_one + per_width * ASPECT * layers * layers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_of_several_limits_binds() {
        let budget = Budget {
            compute: Some(1e23),
            cost: Some(25e3),
            price: Some(2.5),
            hours: Some(100.0),
            gpus: Some(64.0),
            peak_flops: Some(989e12),
            mfu: Some(0.4),
            ..Budget::default()
        };
        let none = Speeds::default();
        let (flops, said) = flops(&budget, &none, false).unwrap();
        assert!((flops.unwrap() / (6400.0 * 3600.0 * 989e12 * 0.4) - 1.0).abs() < 1e-12);
        assert_eq!(said.last().map(String::as_str), Some("`hours` binds: 9.11e21 FLOPs"), "{said:?}");
        let missing = super::flops(&Budget { gpu_hours: Some(1.0), ..Budget::default() }, &none, false).unwrap_err();
        assert_eq!(missing.to_string(), "`budget.peak_flops` is needed beside `budget.gpu_hours`");
    }

    #[test]
    fn memory_limits_the_parameters() {
        let bare = Memory::of(&Budget { serve_memory: Some(80e9), ..Budget::default() });
        assert!((bare.most(4.0).exp() / 10e9 - 1.0).abs() < 1e-9, "40B parameters of two bytes");
        // 7B: 12·L·d² with d = 128·L gives L·d ≈ 1.4e5; 4 bytes · 1.4e5 · 8192 · 16 = 70 GB of keys and values.
        let cached = Budget { serve_memory: Some(84e9), context: Some(8192.0), batch: Some(16.0), ..Budget::default() };
        let most = Memory::of(&cached).most(1.0).exp();
        assert!((6e9..8e9).contains(&most), "{most:e}");
        assert!(Memory::of(&Budget { train_memory: Some(16e9), ..Budget::default() }).most(1.0).exp() - 1e9 < 1.0);
        assert_eq!(Memory::endless().most(1.0), f64::INFINITY);
    }
}
