//! Launch files from a user's template: text in which `{{NAME}}` stands for a value of the run.
//!
//! Values are numbers and the run's id, so that no value can mean anything to a shell; `{{mixture}}`, all weights as JSON, is
//! for JSON and YAML alone. A name that is none is an error with its place.

use crate::project::source::{At, Source};
use crate::project::suggest::closest;
use crate::project::suggest::word;
use crate::project::{ProjectError, edit};
use crate::vocab::DesignedRun;
use std::path::Path;

/// A template.
pub(super) struct Template<'a> {
    source: Source<'a>,
    /// Whether `{{mixture}}` may be used.
    takes_json: bool,
}

impl<'a> Template<'a> {
    /// A template of this file's text.
    pub fn new(file: &'a Path, text: &'a str) -> Self {
        let takes_json = edit::Format::of(&file.to_string_lossy()).is_some();
        Self { source: Source { file, text }, takes_json }
    }

    /// The text for a run.
    ///
    /// # Errors
    /// A name that is unknown, or has no value in this run.
    pub fn render(&self, run: &DesignedRun) -> Result<String, ProjectError> {
        let text = self.source.text;
        let mut out = String::with_capacity(text.len() + 64);
        let mut done = 0;
        while let Some(open) = text[done..].find("{{").map(|at| done + at) {
            out.push_str(&text[done..open]);
            let wrong = |message: &str, help: &str| Err(self.source.invalid(place(text, open), message, help));
            let line_end = text[open..].find('\n').map_or(text.len(), |at| open + at);
            let Some(close) = text[open..line_end].find("}}").map(|at| open + at) else {
                return wrong("`{{` is not closed on this line", "close it: {{id}}");
            };
            let name = text[open + 2..close].trim();
            match self.value(name, run) {
                Ok(value) => out.push_str(&value),
                Err(Missing(help)) => return wrong(&format!("there is no value `{name}`"), &help),
            }
            done = close + 2;
        }
        out.push_str(&text[done..]);
        Ok(out)
    }

    /// The value of a name, or what to write instead.
    fn value(&self, name: &str, run: &DesignedRun) -> Result<String, Missing> {
        let whole =
            |value: Option<f64>, how: &str| value.map(|v| format!("{v:.0}")).ok_or_else(|| Missing(how.to_owned()));
        match name.split_once('.') {
            None => match name {
                "id" => Ok(run.id.clone()),
                "seed" => Ok(run.seed.to_string()),
                "n" => whole(run.params, "sizes are left open; state them with --params or --budget"),
                "d" => whole(run.tokens, "tokens are left open; state them with --tokens, --params or --budget"),
                "mixture" if self.takes_json => Ok(serde_json::json!(run.mixture).to_string()),
                "mixture" => Err(Missing("in a shell script write each weight by itself: {{mixture.NAME}}".to_owned())),
                _ => Err(self.names(name, run)),
            },
            Some(("mixture", domain)) => {
                run.mixture.0.get(domain).map(ToString::to_string).ok_or_else(|| self.names(name, run))
            }
            Some(("unique", domain)) if run.mixture.0.contains_key(domain) => {
                let how = "state the supply and the target: mixture: available_tokens, target: tokens";
                whole(run.unique_tokens.get(domain).copied(), how)
            }
            Some(_) => Err(self.names(name, run)),
        }
    }

    fn names(&self, name: &str, run: &DesignedRun) -> Missing {
        let domains = run.mixture.0.keys().flat_map(|d| [format!("mixture.{d}"), format!("unique.{d}")]);
        let all: Vec<String> = ["id", "n", "d", "seed"].map(str::to_owned).into_iter().chain(domains).collect();
        Missing(match closest(name, all.iter().map(String::as_str)) {
            Some(meant) => format!("did you mean {{{{{meant}}}}}?"),
            None => format!("the values are {}", all.join(", ")),
        })
    }
}

/// A name has no value: what to write instead.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Missing(String);

fn place(text: &str, byte: usize) -> At {
    let before = &text[..byte];
    let start = before.rfind('\n').map_or(0, |n| n + 1);
    At { line: before.matches('\n').count() + 1, column: before[start..].chars().count() + 1 }
}

/// `mixlaw.run.yaml` of a run: its facts, and what it is for.
pub(super) fn sidecar(run: &DesignedRun, purpose: &str) -> String {
    let mut text = format!("# {purpose}\n");
    for (name, value) in [("params", run.params), ("planned_tokens", run.tokens)] {
        if let Some(value) = value {
            text.push_str(&format!("{name}: {value:.0}\n"));
        }
    }
    let weights: Vec<String> = run.mixture.0.iter().map(|(d, w)| format!("{}: {w}", word(d))).collect();
    text.push_str(&format!("mixture: {{ {} }}\nseed: {}\n", weights.join(", "), run.seed));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::sidecar;
    use crate::vocab::{FactName, FactValue, Mixture};
    use std::collections::BTreeMap;

    fn run() -> DesignedRun {
        DesignedRun {
            id: "d003-10M".to_owned(),
            mixture: Mixture(BTreeMap::from([("web".to_owned(), 0.7), ("yes".to_owned(), 0.3)])),
            params: Some(1e7),
            tokens: Some(2.5e8),
            seed: 3,
            flops: Some(1.5e16),
            unique_tokens: BTreeMap::from([("web".to_owned(), 1e6)]),
            epochs: BTreeMap::new(),
        }
    }

    #[test]
    fn names_become_values_and_the_rest_stays() {
        let text = "#!/bin/sh\n# {id}\nexec train --n {{n}} --d {{ d }} --w {{mixture.web}},{{mixture.yes}} \\\n  \
                    --unique {{unique.web}} --seed {{seed}} --out runs/{{id}}\n";
        let said = Template::new(Path::new("launch.sh"), text).render(&run()).unwrap();
        let expected = "#!/bin/sh\n# {id}\nexec train --n 10000000 --d 250000000 --w 0.7,0.3 \\\n  --unique 1000000 --seed 3 \
                        --out runs/d003-10M\n";
        assert_eq!(said, expected);
        let json = Template::new(Path::new("c.json"), "{\"mix\": {{mixture}}}").render(&run()).unwrap();
        assert_eq!(json, "{\"mix\": {\"web\":0.7,\"yes\":0.3}}");
    }

    #[test]
    fn what_is_no_value_is_said_with_its_place() {
        for (text, says) in [
            ("a\n  --w {{mixture.wb}}", "launch.sh:2:7: there is no value `mixture.wb`"),
            ("{{nn}}", "did you mean {{n}}?"),
            ("{{ $(rm) }}", "the values are id, n, d, seed, mixture.web"),
            ("x {{id", "1:3: `{{` is not closed"),
            ("{{mixture}}", "write each weight by itself"),
            ("{{unique.yes}}", "available_tokens"),
        ] {
            let said = Template::new(Path::new("launch.sh"), text).render(&run()).expect_err(text).report();
            assert!(said.contains(says), "{text}: {said}");
        }
        let open = DesignedRun { params: None, ..run() };
        assert!(Template::new(Path::new("l.sh"), "{{n}}").render(&open).unwrap_err().report().contains("--params"));
    }

    #[test]
    fn the_sidecar_says_what_was_designed() {
        let facts = sidecar::facts(Path::new(sidecar::FILE_NAME), sidecar(&run(), "run d003").as_bytes()).unwrap();
        let of = |name| facts.iter().find(|(known, ..)| *known == name).map(|(_, value, _)| value.clone());
        assert_eq!(of(FactName::Params), Some(FactValue::Number(1e7)));
        assert_eq!(of(FactName::PlannedTokens), Some(FactValue::Number(2.5e8)));
        assert_eq!(of(FactName::Mixture), Some(FactValue::Mixture(run().mixture)));
        assert_eq!(of(FactName::Seed), Some(FactValue::Number(3.0)));
    }
}
