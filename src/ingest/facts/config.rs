//! A configuration as a run logged it: a dictionary of settings from W&B, MLflow, TensorBoard's hyper-parameters,
//! `config.json` or `args.json`, whoever wrote it.

use super::{
    Found, architecture, hf_args, levanter, lingua, litgpt, llamafactory, llm_foundry, maxtext, megatron, megatron_kin,
    mixture, mlflow, msswift, nanochat, nanotron, olmo, plain, routing, torchtitan,
};
use serde_json::Value;

/// Every fact that one dictionary of settings holds, the most trusted first: what is said in plain words, then what
/// follows from the arguments of tools.
#[must_use]
pub fn facts(config: &Value) -> Vec<Found> {
    let mut found = nanochat::facts(config);
    found.extend(plain::facts(config));
    found.extend(nanotron::facts(config));
    found.extend(lingua::facts(config));
    found.extend(levanter::facts(config));
    found.extend(llm_foundry::facts(config));
    found.extend(maxtext::facts(config));
    found.extend(litgpt::facts(config));
    found.extend(mixture::facts(config));
    found.extend(llamafactory::facts(config));
    found.extend(msswift::facts(config));
    found.extend(olmo::facts(config));
    found.extend(torchtitan::facts(config));
    found.extend(megatron::facts(config));
    found.extend(megatron_kin::facts(config));
    found.extend(model(config, "", 0));
    found.extend(routing::facts(config));
    found.extend(hf_args::facts(config));
    found.extend(mlflow::ended_by(config));
    let loose = plain::loose(config, &found);
    found.extend(loose.into_iter().filter(|found| !litgpt::is_of_several_iterations(config, found)));
    found
}

/// Whether a dictionary is the configuration of a training tool: a file of any name may be one.
#[must_use]
pub fn is_of_a_tool(config: &Value) -> bool {
    let all = |names: &[&str]| names.iter().all(|name| config.get(name).is_some());
    // LLaMA-Factory, axolotl, Hugging Face's trainer; OLMo and what is built on Megatron know their own.
    all(&["stage", "dataset"])
        || all(&["stage", "finetuning_type"])
        || all(&["base_model", "datasets"])
        || all(&["per_device_train_batch_size"])
        || !olmo::facts(config).is_empty()
        || !megatron_kin::facts(config).is_empty()
        || !nanotron::facts(config).is_empty()
        || !lingua::facts(config).is_empty()
        || !levanter::facts(config).is_empty()
        || llm_foundry::is_one(config)
        || !maxtext::facts(config).is_empty()
        || mlflow::ended_by(config).is_some()
}

/// The model, which many configurations keep in a dictionary of its own.
fn model(config: &Value, path: &str, depth: usize) -> Vec<Found> {
    let mut found = architecture::facts(config);
    for (_, _, place) in &mut found {
        *place = format!("{path}{place}");
    }
    if !found.is_empty() || depth == 3 {
        return found;
    }
    let inside = config.as_object().into_iter().flatten().filter(|(_, value)| value.is_object());
    inside
        .map(|(key, value)| model(value, &format!("{path}{key}."), depth + 1))
        .find(|f| !f.is_empty())
        .unwrap_or_default()
}
