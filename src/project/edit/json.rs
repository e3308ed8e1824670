//! Weights in a JSON file, found where serde_json has read them.

use super::super::ProjectError;
use super::super::source::{At, Source};
use super::weight::{Weight, at};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// The weights at a path of keys.
///
/// # Errors
/// What is in the way, with its place.
pub(super) fn weights(source: &Source<'_>, path: &[&str]) -> Result<Vec<Weight>, ProjectError> {
    let mut node: &str = serde_json::from_str::<&RawValue>(source.text).map(RawValue::get).map_err(|error| {
        let place = At { line: error.line().max(1), column: error.column().max(1) };
        let help = "mixlaw edits plain JSON, without comments";
        source.invalid(place, format!("this is not JSON: {error}"), help)
    })?;
    for (depth, key) in path.iter().enumerate() {
        let missing = || {
            let here = path[..depth].join(".");
            let within = if here.is_empty() { "this file".to_owned() } else { format!("`{here}`") };
            let help =
                "mixlaw replaces weights that are there; write them once, such as {\"prose\": 0.8, \"rust\": 0.2}";
            source.invalid(at(source.text, offset(source, node)), format!("{within} has no `{key}`"), help)
        };
        node = if node.starts_with('[') {
            let list: Vec<&RawValue> = serde_json::from_str(node).map_err(|_| missing())?;
            let item = key.parse::<usize>().ok().and_then(|index| list.get(index).copied());
            item.ok_or_else(missing)?.get()
        } else {
            let Members(members) = serde_json::from_str(node).map_err(|_| missing())?;
            let mut found = members.iter().filter(|(name, _)| name == key);
            let value = found.next().ok_or_else(missing)?.1.get();
            if let Some((_, again)) = found.next() {
                let place = at(source.text, offset(source, again.get()));
                return Err(source.invalid(place, format!("`{key}` is there twice"), "remove one of the two"));
            }
            value
        };
    }
    let key = path.join(".");
    let Members(members) = serde_json::from_str(node).map_err(|_| {
        let help =
            "mixlaw replaces numbers of a mapping from domains to weights, such as {\"prose\": 0.8, \"rust\": 0.2}";
        source.invalid(at(source.text, offset(source, node)), format!("`{key}` is not a mapping"), help)
    })?;
    let weight = |(domain, raw): (String, &RawValue)| {
        let start = offset(source, raw.get());
        let value: f64 = serde_json::from_str(raw.get()).map_err(|_| {
            let message = format!("the weight of `{domain}` is not a number");
            source.invalid(at(source.text, start), message, "write a plain number, such as 0.8")
        })?;
        Ok(Weight { domain, digits: start..start + raw.get().len(), value })
    };
    members.into_iter().map(weight).collect()
}

/// Where a part of the text begins in it.
fn offset(source: &Source<'_>, part: &str) -> usize {
    (part.as_ptr() as usize).saturating_sub(source.text.as_ptr() as usize).min(source.text.len())
}

/// Keys and values of a mapping in the order of the text, those that are there twice among them.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry::<String, &'de RawValue>()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        from.deserialize_map(Each)
    }
}
