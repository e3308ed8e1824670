//! Access to a JSON Schema for the shape check: definitions, alternatives, required keys, allowed words.

use super::locate::{Node, ScalarKind};
use schemars::JsonSchema;
use serde_json::Value;

/// JSON Schema of a file.
#[derive(Debug)]
pub struct Grammar {
    root: Value,
}

impl Grammar {
    /// The schema generated from a type.
    #[must_use]
    pub fn of<T: JsonSchema>() -> Self {
        Self { root: schemars::schema_for!(T).to_value() }
    }

    /// The schema of the whole file.
    #[must_use]
    pub fn root(&self) -> &Value {
        &self.root
    }

    /// The keys at the top, with their schemas.
    pub fn sections(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.root["properties"].as_object().into_iter().flatten().map(|(k, v)| (k.as_str(), v))
    }

    /// The definition behind a reference.
    #[must_use]
    pub fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix('#')) {
            Some(pointer) => self.root.pointer(pointer).unwrap_or(schema),
            None => schema,
        }
    }

    /// The alternatives of a schema, references followed.
    #[must_use]
    pub fn forms<'a>(&'a self, schema: &'a Value) -> Vec<&'a Value> {
        let schema = self.resolved(schema);
        match schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Value::as_array) {
            Some(alternatives) => alternatives.iter().flat_map(|s| self.forms(s)).collect(),
            None => vec![schema],
        }
    }

    /// Text that completes "must be …".
    #[must_use]
    pub fn expected(&self, schema: &Value, forms: &[&Value]) -> String {
        if let Some(title) = schema.get("title").and_then(Value::as_str) {
            return title.to_owned();
        }
        // The title of an optional type's definition stands one step down.
        for inner in schema.get("anyOf").and_then(Value::as_array).into_iter().flatten().chain([schema]) {
            if let Some(title) = self.resolved(inner).get("title").and_then(Value::as_str) {
                return title.to_owned();
            }
        }
        let mut names: Vec<&str> = forms
            .iter()
            .flat_map(|form| types(form))
            .filter_map(|t| match t {
                "object" => Some("a mapping"),
                "array" => Some("a list"),
                "string" => Some("text"),
                "integer" => Some("a whole number"),
                "number" => Some("a number"),
                "boolean" => Some("true or false"),
                _ => None,
            })
            .collect();
        names.dedup();
        names.join(" or ")
    }
}

/// Required keys.
pub fn required(form: &Value) -> impl Iterator<Item = &str> {
    form.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// Whether a key is required.
#[must_use]
pub fn requires(form: &Value, key: &str) -> bool {
    required(form).any(|r| r == key)
}

/// Whether the value may be empty.
#[must_use]
pub fn allows_null(schema: &Value) -> bool {
    let null = |s: &Value| s == "null";
    match schema.get("anyOf").and_then(Value::as_array) {
        Some(forms) => forms.iter().any(allows_null),
        None => {
            schema.get("type").is_some_and(|t| null(t) || t.as_array().is_some_and(|several| several.iter().any(null)))
        }
    }
}

/// The JSON types of a form, without `null`.
pub fn types(form: &Value) -> impl Iterator<Item = &str> {
    let (one, several) = match form.get("type") {
        Some(Value::String(one)) => (Some(one.as_str()), None),
        Some(Value::Array(several)) => (None, Some(several)),
        _ => (None, None),
    };
    one.into_iter().chain(several.into_iter().flatten().filter_map(Value::as_str)).filter(|t| *t != "null")
}

/// The words that a form allows, if it allows only some.
pub fn words(form: &Value) -> impl Iterator<Item = &str> {
    let several = form.get("enum").and_then(Value::as_array).into_iter().flatten();
    several.chain(form.get("const")).filter_map(Value::as_str)
}

/// Whether a form allows only words.
#[must_use]
pub fn words_only(form: &Value) -> bool {
    words(form).next().is_some() || types(form).next().is_none()
}

/// Whether a value has the type of a form.
#[must_use]
pub fn fits(node: &Node, form: &Value) -> bool {
    // `1e3` and `5.0` are none for the reader of types.
    let whole = || node.text().is_some_and(|t| t.parse::<u64>().is_ok() || t.starts_with("0x"));
    types(form).any(|t| match (t, node.kind()) {
        ("object", ScalarKind::Map) | ("boolean", ScalarKind::Bool) | ("number", ScalarKind::Number) => true,
        ("array", ScalarKind::List) => {
            let len = node.items().len() as u64;
            form.get("minItems").and_then(Value::as_u64).is_none_or(|min| len >= min)
                && form.get("maxItems").and_then(Value::as_u64).is_none_or(|max| len <= max)
        }
        ("integer", ScalarKind::Number) => whole(),
        ("string", ScalarKind::Text) => {
            let mut allowed = words(form).peekable();
            allowed.peek().is_none() || allowed.any(|w| Some(w) == node.text())
        }
        _ => false,
    })
}
