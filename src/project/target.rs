//! Validation of the `target` and `budget` sections.

use super::check::Checker;
use super::file::{Amount, BudgetFile, TargetFile};
use super::{Budget, ProjectError, Target};
use crate::vocab::Probe;
use std::collections::BTreeMap;

impl Checker<'_> {
    pub(super) fn target(&self, file: &TargetFile) -> Result<Target, ProjectError> {
        let place = self.root().key("target");
        let positive = |key, value: Option<Amount>, example| {
            value.map(|v| self.positive("target", key, v.0, place.key(key).value, example)).transpose()
        };
        let target = Target {
            params: positive("params", file.params, "7B")?,
            tokens: positive("tokens", file.tokens, "20B")?,
            active_params: positive("active_params", file.active_params, "1B")?,
            experts: positive("experts", file.experts, "64")?,
            experts_per_token: positive("experts_per_token", file.experts_per_token, "8")?,
            granularity: positive("granularity", file.granularity, "1")?,
        };
        let wrong = |key, message: String, help: &str| Err(self.source.invalid(place.key(key).value, message, help));
        if let (Some(active), Some(all)) = (target.active_params, target.params)
            && active > all
        {
            let message = "`target.active_params` is more than `target.params`, the total of all experts".to_owned();
            return wrong("active_params", message, "write the total number of parameters, such as params: 47B");
        }
        if let Some(experts) = target.experts
            && (experts < 1.0 || target.experts_per_token.is_some_and(|k| k > experts))
        {
            let message = format!("`target.experts` is {experts}, fewer than the experts per token");
            return wrong("experts", message, "count the experts of one layer, such as experts: 64");
        }
        Ok(target)
    }

    /// First steps of a short run on the target's domain.
    pub(super) fn probes(&self, file: &TargetFile) -> Result<BTreeMap<String, Probe>, ProjectError> {
        let place = self.root().key("target").key("probe");
        let mut probes = BTreeMap::new();
        for (domain, stated) in file.probe.iter().flatten() {
            let at = place.key(domain);
            let loss = self.positive("probe", "loss", stated.loss, at.key("loss").value, "3.1")?;
            if !(stated.decline.is_finite() && stated.decline >= 0.0) {
                let message =
                    format!("`decline` of {domain} is {}; a loss that rises has a decline of 0", stated.decline);
                let help = "write the decrease of the loss in nats per million tokens, such as decline: 0.05";
                return Err(self.source.invalid(at.key("decline").value, message, help));
            }
            probes.insert(domain.clone(), Probe { loss, decline: stated.decline });
        }
        self.known_domains(probes.keys(), place)?;
        Ok(probes)
    }

    fn mfu(&self, mfu: Option<f64>, at: super::source::At) -> Result<Option<f64>, ProjectError> {
        match mfu {
            Some(part) if part > 1.0 => {
                let message = format!("`mfu` is {part}, but no more than all of the FLOP/s can be used");
                Err(self.source.invalid(at, message, "write a part of 1, such as mfu: 0.4"))
            }
            mfu => Ok(mfu),
        }
    }

    pub(super) fn budget(&self, file: &BudgetFile) -> Result<Budget, ProjectError> {
        let place = self.root().key("budget");
        let positive = |key, value: Option<Amount>, example| {
            value.map(|v| self.positive("budget", key, v.0, place.key(key).value, example)).transpose()
        };
        let list = place.key("experts");
        let experts = file.experts.iter().flatten().enumerate();
        let experts = experts.map(|(i, e)| self.positive("budget", "experts", e.0, list.item(i).value, "[1, 8, 64]"));
        Ok(Budget {
            compute: positive("compute", file.compute, "1e21")?,
            inference_tokens: positive("inference_tokens", file.inference_tokens, "1T")?,
            max_params: positive("max_params", file.max_params, "70B")?,
            experts: experts.collect::<Result<_, _>>()?,
            gpu_hours: positive("gpu_hours", file.gpu_hours, "10k")?,
            cost: positive("cost", file.cost, "50k")?,
            hours: positive("hours", file.hours, "240")?,
            gpus: positive("gpus", file.gpus, "64")?,
            peak_flops: positive("peak_flops", file.peak_flops, "989T")?,
            mfu: self.mfu(positive("mfu", file.mfu, "0.4")?, place.key("mfu").value)?,
            price: positive("price", file.price, "2.5")?,
            serve_memory: positive("serve_memory", file.serve_memory, "80G")?,
            serve_bytes: positive("serve_bytes", file.serve_bytes, "2")?,
            context: positive("context", file.context, "8192")?,
            batch: positive("batch", file.batch, "16")?,
            train_memory: positive("train_memory", file.train_memory, "5T")?,
            train_bytes: positive("train_bytes", file.train_bytes, "16")?,
            micro_batch: positive("micro_batch", file.micro_batch, "65536")?,
        })
    }
}
