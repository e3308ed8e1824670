//! A configuration as a run logged it: a dictionary of settings from W&B, MLflow, TensorBoard's hyper-parameters,
//! `config.json` or `args.json`, whoever wrote it.

use super::{
    Found, architecture, hf_args, llamafactory, megatron, megatron_kin, mixture, msswift, olmo, plain, torchtitan,
};
use serde_json::Value;

/// Every fact that one dictionary of settings holds, the most trusted first: what is said in plain words, then what
/// follows from the arguments of tools.
#[must_use]
pub fn facts(config: &Value) -> Vec<Found> {
    let mut found = plain::facts(config);
    found.extend(mixture::facts(config));
    found.extend(llamafactory::facts(config));
    found.extend(msswift::facts(config));
    found.extend(olmo::facts(config));
    found.extend(torchtitan::facts(config));
    found.extend(megatron::facts(config));
    found.extend(megatron_kin::facts(config));
    found.extend(model(config, "", 0));
    found.extend(hf_args::facts(config));
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

/// Typed access to a dictionary. Strings that hold numbers count as numbers: MLflow and some loggers write all values
/// as text.
#[derive(Clone, Copy)]
pub struct Keys<'a>(pub &'a Value);

impl<'a> Keys<'a> {
    /// The first of these keys that holds a finite number.
    #[must_use]
    pub fn number(&self, names: &[&str]) -> Option<f64> {
        names.iter().find_map(|name| number(self.0.get(name)?))
    }

    /// A switch; Python's `True` as text counts.
    #[must_use]
    pub fn flag(&self, name: &str, default: bool) -> bool {
        match self.0.get(name) {
            Some(Value::Bool(bit)) => *bit,
            Some(Value::String(text)) => match text.as_str() {
                "true" | "True" => true,
                "false" | "False" => false,
                _ => default,
            },
            _ => default,
        }
    }

    /// A word that is not empty.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&'a str> {
        self.0.get(name)?.as_str().filter(|text| !text.is_empty() && *text != "None")
    }

    /// Whether any key begins like this.
    #[must_use]
    pub fn any(&self, beginnings: &[&str]) -> bool {
        let keys = self.0.as_object().into_iter().flat_map(serde_json::Map::keys);
        keys.into_iter().any(|key| beginnings.iter().any(|beginning| key.starts_with(beginning)))
    }

    /// The numbers of a list; none where there is no list.
    #[must_use]
    pub fn list(&self, name: &str) -> Vec<f64> {
        self.0.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(number).collect()
    }
}

/// A finite number, also one written as text.
#[must_use]
pub fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
    .filter(|number: &f64| number.is_finite())
}
