//! Check of a file against its JSON Schema: known keys, and values of the right type. The schema is generated from the
//! types in [`super::file`].

use super::ProjectError;
use super::grammar::{Grammar, allows_null, fits, required, requires, types, words, words_only};
use super::locate::{Node, ScalarKind};
use super::source::Source;
use super::suggest::{closest, listed};
use serde_json::Value;

/// Checks a file whose root is a mapping.
///
/// # Errors
/// [`ProjectError::Invalid`] at the first unknown or missing key, or value of the wrong type.
pub fn check(source: &Source<'_>, root: &Node, grammar: &Grammar) -> Result<(), ProjectError> {
    Walk { source, grammar }.node(root, grammar.root(), "")
}

struct Walk<'a> {
    source: &'a Source<'a>,
    grammar: &'a Grammar,
}

impl Walk<'_> {
    fn node(&self, node: &Node, schema: &Value, path: &str) -> Result<(), ProjectError> {
        if node.kind() == ScalarKind::Null && (allows_null(schema) || path.is_empty()) {
            return Ok(()); // `key:` with nothing behind it is a key left out.
        }
        let forms = self.grammar.forms(schema);
        self.number(node, &forms, path)?;
        let Some(form) = forms.iter().find(|form| fits(node, form)) else {
            return Err(self.misfit(node, schema, &forms, path));
        };
        self.entries(node, form, path)?;
        self.items(node, form, path)
    }

    /// Refuses numbers that are none for the reader of types, which would say so in its own words: too large ones, hexadecimal ones, and zeros in front.
    fn number(&self, node: &Node, forms: &[&Value], path: &str) -> Result<(), ProjectError> {
        let wants = |kind: &str| forms.iter().any(|f| types(f).any(|t| t == kind));
        let text = node.text().unwrap_or_default();
        if node.kind() != ScalarKind::Number || !wants("number") && !wants("integer") {
            return Ok(());
        }
        let digits = text.trim_start_matches(['+', '-']);
        let hexadecimal = digits.strip_prefix("0x").and_then(|digits| u64::from_str_radix(digits, 16).ok());
        if let Some(value) = hexadecimal.filter(|_| wants("number") && !wants("string")) {
            let message = format!("{} is {text}, which is hexadecimal", subject(path));
            return Err(self.source.invalid(node.at, message, format!("write {}: {value}", last(path))));
        }
        let Ok(value) = text.parse::<f64>() else { return Ok(()) };
        let whole = digits.bytes().all(|b| b.is_ascii_digit());
        let (why, help) = if value.is_infinite() {
            ("too large a number", "write a number below 1e308".to_owned())
        } else if whole && digits.len() > 1 && digits.starts_with('0') && !wants("string") {
            ("not a number: it has a zero in front", format!("write {}: {value}", last(path)))
        } else if whole && text.parse::<u64>().is_err() && text.parse::<i64>().is_err() {
            let help = if wants("number") { format!("write {value:e}") } else { format!("write at most {}", u64::MAX) };
            ("too large to be written out", help)
        } else {
            return Ok(());
        };
        let shown = if text.chars().count() > 40 {
            format!("of {} digits, which is", digits.len())
        } else {
            text.to_owned() + ", which is"
        };
        Err(self.source.invalid(node.at, format!("{} is {shown} {why}", subject(path)), help))
    }

    fn entries(&self, node: &Node, form: &Value, path: &str) -> Result<(), ProjectError> {
        let known = form.get("properties").and_then(Value::as_object);
        let other = form.get("additionalProperties").filter(|o| o.is_object());
        for (key, value) in node.entries() {
            let inner = if path.is_empty() { key.name.clone() } else { format!("{path}.{}", key.name) };
            match known.and_then(|k| k.get(&key.name)).or(other) {
                Some(_) if value.kind() == ScalarKind::Null && requires(form, &key.name) => {}
                Some(schema) if value.kind() == ScalarKind::Null && !allows_null(schema) => {
                    let help = match self.source.line(key.at.line).contains(": #") {
                        true => "text after `#` is a comment; quote a value that begins with `#`",
                        false => "write a value after the colon, or remove the line",
                    };
                    return Err(self.source.invalid(key.at, format!("{} is empty", subject(&inner)), help));
                }
                Some(schema) => self.node(value, schema, &inner)?,
                None => {
                    let names: Vec<&str> = known.into_iter().flat_map(|k| k.keys().map(String::as_str)).collect();
                    let place = if path.is_empty() { String::new() } else { format!(" in {}", subject(path)) };
                    return Err(self.source.invalid(
                        key.at,
                        format!("unknown key `{}`{place}", key.name),
                        self.help_for_unknown(&key.name, path, &names),
                    ));
                }
            }
        }
        for required in required(form) {
            let found = node.entries().iter().find(|(k, _)| k.name == required);
            if node.kind() == ScalarKind::Map && found.is_none_or(|(_, v)| v.kind() == ScalarKind::Null) {
                return Err(self.source.invalid(
                    node.at,
                    format!("{} has no `{required}`", subject(path)),
                    form.get("title").and_then(Value::as_str).map_or(String::new(), |t| help_by_example(t, path)),
                ));
            }
        }
        Ok(())
    }

    fn items(&self, node: &Node, form: &Value, path: &str) -> Result<(), ProjectError> {
        let pair = form.get("prefixItems").and_then(Value::as_array);
        for (index, item) in node.items().iter().enumerate() {
            let schema = pair.and_then(|p| p.get(index)).or_else(|| form.get("items").filter(|i| i.is_object()));
            let inner = format!("{path}[{}]", index + 1);
            if item.kind() == ScalarKind::Null {
                let help = "remove the line, or write a value after the `-`";
                return Err(self.source.invalid(item.at, format!("{} is empty", subject(&inner)), help));
            }
            if let Some(schema) = schema {
                self.node(item, schema, &inner)?;
            }
        }
        Ok(())
    }

    fn misfit(&self, node: &Node, schema: &Value, forms: &[&Value], path: &str) -> ProjectError {
        let words: Vec<&str> = forms.iter().flat_map(|f| words(f)).collect();
        let text = node.text().unwrap_or_default();
        let meant = closest(text, words.iter().copied()).map(|word| format!("did you mean `{word}`?"));
        if node.kind() == ScalarKind::Text && !words.is_empty() && forms.iter().all(|f| words_only(f)) {
            let help = meant.unwrap_or_else(|| format!("write {}: {}", last(path), words.first().unwrap_or(&"auto")));
            let message = format!("{} is '{text}'; it must be one of {}", subject(path), listed(words));
            return self.source.invalid(node.at, message, help);
        }
        let expected = self.grammar.expected(schema, forms);
        let message = format!("{} must be {expected}, not {}", subject(path), found(node));
        let help = meant.unwrap_or_else(|| help_for_misfit(node, forms, &expected, path));
        self.source.invalid(node.at, message, help)
    }

    fn help_for_unknown(&self, key: &str, path: &str, names: &[&str]) -> String {
        if let Some(name) = closest(key, names.iter().copied()) {
            return format!("did you mean `{name}`?");
        }
        // `params:` at the top is meant for `target`.
        let holds = |f: &&Value| f.get("type") == Some(&"object".into()) && f["properties"].get(key).is_some();
        let mut sections = self.grammar.sections();
        if path.is_empty() {
            if let Some((section, _)) = sections.find(|(_, schema)| self.grammar.forms(schema).iter().any(holds)) {
                return format!("write it under `{section}`:\n{section}:\n  {key}: …");
            }
        } else if sections.any(|(section, _)| section == key) {
            return format!("`{key}` is a top-level key: write it at the beginning of a line, not inside `{path}`");
        }
        match names {
            [only] => format!("the only valid key here is `{only}`"),
            _ => format!("valid keys here are {}", listed(names.iter().copied())),
        }
    }
}

fn found(node: &Node) -> String {
    match (node.kind(), node.text()) {
        (ScalarKind::Text | ScalarKind::Number | ScalarKind::Bool, Some(text)) if text.chars().count() <= 40 => {
            let quote = if node.kind() == ScalarKind::Text { "'" } else { "" };
            format!("{} ({quote}{text}{quote})", node.kind().as_str())
        }
        (kind, _) => kind.as_str().to_owned(),
    }
}

/// Subject of an error message: `` `mixture.bounds.rust` ``, ``entry 2 of `runs` ``, `` `path` in entry 2 of `runs` ``.
fn subject(path: &str) -> String {
    let Some((list, rest)) = path.rsplit_once('[') else { return format!("`{path}`") };
    match rest.split_once("].") {
        Some((index, key)) => format!("`{key}` in entry {index} of `{list}`"),
        None => format!("entry {} of `{list}`", rest.trim_end_matches(']')),
    }
}

/// The last key of a path.
fn last(path: &str) -> &str {
    path.rsplit(['.', '[']).next().unwrap_or(path)
}

fn help_for_misfit(node: &Node, forms: &[&Value], expected: &str, path: &str) -> String {
    let wants = |kind: &str| forms.iter().any(|f| types(f).any(|t| t == kind));
    let text = node.text().unwrap_or_default();
    let words = forms.iter().any(|f| f.get("items").is_some_and(|i| types(i).any(|t| t == "string")));
    match node.kind() {
        ScalarKind::Text if wants("number") || wants("integer") => {
            if text.parse::<f64>().is_ok() {
                return format!("remove the quotes: {text}");
            }
            if let Some(percent) = text.trim().strip_suffix('%').and_then(|t| t.trim().parse::<f64>().ok()) {
                return format!("write {}", percent / 100.0);
            }
        }
        ScalarKind::Text if words && !wants("object") => {
            // `a b` is a list of two, as a command line is.
            let listed = text.split_whitespace().collect::<Vec<_>>();
            let listed = if text.contains(',') { text.to_owned() } else { listed.join(", ") };
            return format!("use brackets: [{listed}]");
        }
        ScalarKind::Number | ScalarKind::Bool if wants("string") && !expected.contains("such as") => {
            return format!("use quotes: \"{text}\"");
        }
        ScalarKind::Map if wants("string") && !expected.contains("such as") => {
            return "quote text that contains `: ` or begins with `{`".to_owned();
        }
        _ => {}
    }
    let number = text.parse::<f64>().ok().filter(|_| node.kind() == ScalarKind::Number);
    if let Some(number) = number.filter(|n| wants("integer") && n.fract() == 0.0 && (0.0..1e15).contains(n)) {
        return format!("write {}: {number:.0}", last(path));
    }
    match expected {
        "a whole number" => "write a whole number, 0 or more".to_owned(),
        "a number" => format!("write a number, such as {}: 1", last(path)),
        _ => help_by_example(expected, path),
    }
}

/// Turns "a pair, such as [0.05, 0.95]" into "write rust: [0.05, 0.95]".
fn help_by_example(expected: &str, path: &str) -> String {
    let Some((_, example)) = expected.split_once("such as ") else { return format!("write {expected}") };
    let block = example.trim_matches('`');
    match path.strip_suffix(']') {
        Some(_) => format!("write - {block}"),
        None if block != example => format!("write\n{}:\n  {block}", last(path)),
        None => format!("write {}: {}", last(path), example.split(" or ").next().unwrap_or(example)),
    }
}
