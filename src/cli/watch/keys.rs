//! The user's keys: a YAML file of actions with their keys.

use crate::ipc::protocol::Failure;
use crate::open::{self, OpenError};
use crate::project::parse;
use crate::project::suggest::closest;
use crate::tui::Keymap;
use crate::tui::keymap::{self, KeymapError};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// More than this nobody has written.
const MOST: u64 = 1 << 18;

/// Where the file is where no other is named.
fn usual() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || set("HOME").map(|home| home.join(".config"));
    set("XDG_CONFIG_HOME").or_else(home).map(|config| config.join("mixlaw").join("keys.yaml"))
}

/// The user's keys: of the file that is named, or of the usual one if it is there.
///
/// # Errors
/// Where the file cannot be read, or what is wrong in it.
pub(super) fn read(named: Option<&Path>) -> Result<Keymap, Failure> {
    let Some(path) = named.map(Path::to_owned).or_else(usual) else { return Ok(Keymap::default()) };
    let bytes = match open::whole(&path, MOST) {
        Ok(bytes) => bytes,
        Err(OpenError::Io(error)) if named.is_none() && error.kind() == ErrorKind::NotFound => {
            return Ok(Keymap::default());
        }
        Err(error) => {
            let help = "write one: mixlaw watch --list-keys > keys.yaml".to_owned();
            return Err(Failure::new(format!("cannot read {}: {error}", path.display()), help));
        }
    };
    let text = String::from_utf8_lossy(&bytes);
    of(&path.display().to_string(), &text)
}

/// The keymap of such a file.
fn of(name: &str, text: &str) -> Result<Keymap, Failure> {
    let help = || "each line: ACTION: [KEY, …], as in mixlaw watch --list-keys".to_owned();
    let wrong = |what: String| Failure::usage(format!("{name}: {what}"), help());
    let value = if text.trim().is_empty() { Value::Null } else { parse::value(name, text)? };
    let mut wanted: BTreeMap<String, Vec<String>> = BTreeMap::new();
    match value {
        Value::Null => {}
        Value::Object(all) => {
            for (action, keys) in all {
                // A digit alone is a number to YAML.
                let one = |value: &Value| match value {
                    Value::String(text) => Some(text.clone()),
                    Value::Number(number) => Some(number.to_string()),
                    _ => None,
                };
                let keys = match &keys {
                    Value::Array(all) => all.iter().map(one).collect::<Option<Vec<String>>>(),
                    Value::Null => Some(Vec::new()),
                    other => one(other).map(|key| vec![key]),
                };
                let keys = keys.ok_or_else(|| wrong(format!("the keys of {action} are no list of names")))?;
                wanted.insert(action, keys);
            }
        }
        _ => return Err(wrong("this is no list of actions".to_owned())),
    }
    Keymap::of(&wanted).map_err(|error| match &error {
        KeymapError::NoAction(action) => {
            let near = closest(action, keymap::names()).map(|near| format!("did you mean '{near}'? "));
            let help = format!("{}all actions: mixlaw watch --list-keys", near.unwrap_or_default());
            Failure::usage(format!("{name}: {error}"), help)
        }
        _ => wrong(error.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_and_mistakes_are_said_with_what_to_type() {
        // Everything as it is: several actions of a view share no key.
        assert!(of("keys.yaml", &keymap::written()).is_ok());
        assert_eq!(of("k", "").unwrap(), Keymap::default());
        assert_eq!(of("k", "# nothing\nruns.sort: F5\n").unwrap(), of("k", "runs.sort: ['F5']").unwrap());
        let said = |text: &str| {
            let failure = of("keys.yaml", text).unwrap_err();
            format!("{} / {}", failure.message, failure.help.unwrap_or_default())
        };
        assert!(said("runs.srot: [s]").contains("did you mean 'runs.sort'"), "{}", said("runs.srot: [s]"));
        assert!(said("runs.sort: [hyper]").contains("'hyper' is no key"), "{}", said("runs.sort: [hyper]"));
        assert!(said("runs.sort: 3").contains("leads to a view"), "{}", said("runs.sort: 3"));
        assert!(said("- a").contains("no list of actions"), "{}", said("- a"));
        assert!(said("runs.sort: {a: b}").contains("no list of names"));
        assert!(!said("runs.sort: [").is_empty());
    }
}
