//! Megatron's arguments in launch scripts.

use super::megatron::WANTED;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The arguments on a command line, wherever it is in a script (`--num-layers 24 \\ --data-path 0.3 a 0.7 b`), as a
/// dictionary; `None` where there are none of Megatron's. Variables of the script are put in where it sets them plainly.
#[must_use]
pub fn arguments(script: &str) -> Option<Value> {
    let mut variables: BTreeMap<&str, &str> = BTreeMap::new();
    let mut words: Vec<String> = Vec::new();
    for line in script.lines().filter(|line| !line.trim_start().starts_with('#')) {
        let line = line.trim().trim_end_matches('\\');
        let assigned = line.strip_prefix("export ").unwrap_or(line).split_once('=');
        if let Some((name, value)) = assigned.filter(|(name, _)| is_variable(name)) {
            variables.insert(name, value.trim().trim_matches(['"', '\'']));
            if !value.contains("--") {
                continue;
            }
        }
        words.extend(line.split_whitespace().map(|word| word.trim_matches(['"', '\'', '(', ')']).to_owned()));
    }
    let mut found = Map::new();
    let mut options: Vec<(String, Vec<Option<String>>)> = Vec::new();
    for word in words {
        let option = word.strip_prefix("--").filter(|option| option.starts_with(|c: char| c.is_ascii_alphabetic()));
        if let Some(option) = option {
            let (option, value) = option.split_once('=').map_or((option, None), |(o, v)| (o, Some(v)));
            options.push((
                option.replace('-', "_"),
                value.map(|value| substituted(value, &variables)).into_iter().collect(),
            ));
        } else if let Some((_, values)) = options.last_mut() {
            match substituted(&word, &variables) {
                Some(words) => values.extend(words.split_whitespace().map(|word| Some(word.to_owned()))),
                None => values.push(None),
            }
        }
    }
    for (name, values) in options {
        let value = match values.first() {
            _ if name == "disable_bias_linear" => {
                found.insert("add_bias_linear".to_owned(), Value::from("False"));
                continue;
            }
            None => Some(Value::from("True")),
            // One word is an option's; what follows is the program's. Blends go on to the next option.
            Some(first) if !LISTS.contains(&name.as_str()) => first.clone().map(Value::from),
            Some(_) => values.into_iter().collect::<Option<Vec<String>>>().map(Value::from),
        };
        if let Some(value) = value.filter(|_| WANTED.contains(&name.as_str()) || MARKS.contains(&name.as_str())) {
            found.insert(name, value);
        }
    }
    (found.contains_key("num_layers") && found.contains_key("hidden_size")).then_some(Value::Object(found))
}

/// Arguments that take many words.
const LISTS: [&str; 4] = ["data_path", "train_data_path", "rampup_batch_size", "moe_layer_freq"];

/// Arguments that mark a command line as Megatron's.
const MARKS: [&str; 2] = ["micro_batch_size", "tensor_model_parallel_size"];

fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A word with its variable put in; `None` for variables that are not known and for what is computed.
fn substituted(word: &str, variables: &BTreeMap<&str, &str>) -> Option<String> {
    let Some(name) = word.strip_prefix('$') else { return (!word.contains('$')).then(|| word.to_owned()) };
    let name = name.strip_prefix('{').and_then(|n| n.strip_suffix('}')).unwrap_or(name);
    variables.get(name).filter(|value| !value.contains('$')).map(|value| (*value).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::facts::megatron::facts;
    use crate::vocab::{FactName, FactValue};

    #[test]
    fn a_script_tells_what_it_starts() {
        let script = "#!/bin/bash\n# --num-layers 99\nLAYERS=12\nexport DATA=\"0.3 /d/code_text_document 0.7 /d/web_text_document\"\n\
                      ARGS=(\n  --num-layers $LAYERS \\\n --hidden-size ${HIDDEN} --hidden-size 768\n)\n\
                      torchrun pretrain_gpt.py ${ARGS[@]} --micro-batch-size 4 --num-attention-heads=12 --swiglu --lr 1e-4 --data-path $DATA --seq-length $((1*2))\n";
        let config = arguments(script).unwrap();
        let found = facts(&config);
        let find = |name| found.iter().find(|f| f.0 == name).map(|f| (&f.1, f.2.as_str()));
        assert_eq!(find(FactName::LearningRate), Some((&FactValue::Number(1e-4), "lr")));
        let Some((FactValue::Mixture(mixture), "data_path")) = find(FactName::Mixture) else { panic!("{found:?}") };
        assert_eq!(mixture.weight("web"), 0.7);
        assert!(find(FactName::Params).is_some() && find(FactName::SequenceLength).is_none(), "{config}");
        assert_eq!(arguments("python train.py --hidden-size 8\n"), None);
    }
}
