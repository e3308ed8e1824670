//! Typed access to a dictionary of settings.

use serde_json::Value;

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

    /// The first of these keys that holds a finite number, or a list with one for each layer.
    #[must_use]
    pub fn in_layer(&self, names: &[&str], layer: usize) -> Option<f64> {
        names.iter().find_map(|name| match self.0.get(name)? {
            Value::Array(list) => number(list.get(layer)?),
            value => number(value),
        })
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
