//! `docs/reference.md`: formats, laws, and keys of the files that people write, from the tables that the program itself
//! uses.

use crate::ingest::formats::{self, Growth};
use crate::laws;
use crate::schema;
use crate::vocab::text::printable;
use serde_json::{Map, Value};
use std::fmt::Write;

/// The reference as Markdown.
#[must_use]
pub fn text() -> String {
    let mut out = String::from(
        "# Reference\n\nWritten by `cargo run -- schema --reference docs/reference.md` from the tables in the code; do not edit it.\n",
    );
    formats(&mut out);
    laws(&mut out);
    for (file, schema) in [("mixlaw.yaml", "project"), ("mixlaw.run.yaml", "run")] {
        keys(&mut out, file, schema);
    }
    out
}

fn formats(out: &mut String) {
    out.push_str(
        "\n## Log formats\n\nA file's format is recognised from its content; where two fit alike, the one that stands first is taken. \
         Other lines are described under `formats:` in the project file.\n\n| format | files | a line |\n|---|---|---|\n",
    );
    for format in formats::all() {
        let growth = match format.growth() {
            Growth::Appended => "grow at their end",
            Growth::Rewritten => "are rewritten whole",
        };
        line(out, &[&code(format.name()), growth, &example(format.examples())]);
    }
}

fn laws(out: &mut String) {
    out.push_str("\n## Laws\n\n`laws: auto` compares those whose needs are met; `laws: [NAME, …]` names them.\n");
    for law in laws::table() {
        let _ = write!(out, "\n### {}: {}\n\n```text\n{}\n```\n\n", code(law.name), law.title, law.form);
        for (what, text) in [("Needs", law.needs), ("Gives", law.gives), ("Source", law.source)] {
            let _ = writeln!(out, "* {what}: {text}");
        }
        for caveat in law.caveats {
            let _ = writeln!(out, "* Note: {caveat}");
        }
    }
}

fn keys(out: &mut String, file: &str, name: &str) {
    let _ = write!(out, "\n## Keys of `{file}`\n\n| key | value | meaning |\n|---|---|---|\n");
    let Some(entry) = schema::ALL.iter().find(|entry| entry.name == name) else { return };
    let Ok(root) = serde_json::from_str::<Value>(&entry.json()) else { return };
    walk(out, &root, &root, "");
}

/// The keys of a mapping, and below each those of its value, or of the values of its list.
fn walk(out: &mut String, root: &Value, of: &Value, under: &str) {
    let none = Map::new();
    for (key, value) in of["properties"].as_object().unwrap_or(&none) {
        let target = resolve(root, value);
        let path = if under.is_empty() { key.clone() } else { format!("{under}.{key}") };
        let words = |name: &str| value[name].as_str().or_else(|| target[name].as_str()).unwrap_or_default();
        let kind = match words("title") {
            "" => kind(target),
            title => title.to_owned(),
        };
        line(out, &[&code(&path), &kind, words("description")]);
        walk(out, root, target, &path);
        walk(out, root, resolve(root, &target["items"]), &format!("{path}[]"));
    }
}

/// What a schema stands for: the one it refers to, alone or beside null.
fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/")) {
        return resolve(root, &root["$defs"][name]);
    }
    let choices = schema["anyOf"].as_array().map(Vec::as_slice).unwrap_or_default();
    match choices {
        [one, null] if null["type"] == "null" => resolve(root, one),
        _ => schema,
    }
}

fn kind(schema: &Value) -> String {
    match &schema["type"] {
        Value::String(kind) => kind.clone(),
        Value::Array(kinds) => {
            let kinds: Vec<&str> = kinds.iter().filter_map(Value::as_str).filter(|kind| *kind != "null").collect();
            kinds.join(" or ")
        }
        _ => String::new(),
    }
}

/// The beginning of the last line of the first example: the first lines are those of a header, if any.
fn example(examples: &[&str]) -> String {
    const WIDTH: usize = 90;
    let text = examples.first().and_then(|text| text.lines().rfind(|line| !line.trim().is_empty())).unwrap_or_default();
    let shown: String = printable(text).trim().replace('`', "'").chars().take(WIDTH).collect();
    if shown.is_empty() { String::new() } else { code(&shown) }
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

/// A row of a table, which has no room for lines of its own nor for bars.
fn line(out: &mut String, cells: &[&str]) {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('\n', " ").replace('|', "\\|")).collect();
    let _ = writeln!(out, "| {} |", cells.join(" | "));
}
