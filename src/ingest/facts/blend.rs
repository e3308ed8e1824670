//! Mixtures given as lists of weights and paths, with domain names from the paths.

use crate::vocab::Mixture;
use serde_json::Value;
use std::collections::BTreeMap;

/// What preprocessing tools append to the name of a corpus.
const SUFFIXES: [&str; 10] = [
    "_text_document",
    "_content_document",
    "_text_sentence",
    "_document",
    ".bin",
    ".idx",
    ".npy",
    ".jsonl",
    ".json",
    ".parquet",
];

/// A domain name for each path: the last part of the path without what tools append; as many parts more as it takes to
/// tell different paths apart.
#[must_use]
pub fn names(paths: &[&str]) -> Vec<String> {
    let parts: Vec<Vec<&str>> = paths.iter().map(|p| p.split('/').filter(|part| !part.is_empty()).collect()).collect();
    let deepest = parts.iter().map(Vec::len).max().unwrap_or(0);
    let named = |depth: usize| -> Vec<String> {
        parts.iter().map(|parts| stem(&parts[parts.len().saturating_sub(depth)..].join("/")).to_owned()).collect()
    };
    let distinct = |names: &[String]| {
        let mut pairs: Vec<(&String, &&str)> = names.iter().zip(paths).collect();
        pairs.sort_unstable();
        pairs.dedup();
        pairs.windows(2).all(|w| w[0].0 != w[1].0)
    };
    (1..deepest).map(named).find(|names| distinct(names)).unwrap_or_else(|| named(deepest.max(1)))
}

fn stem(name: &str) -> &str {
    let mut name = name;
    while let Some(shorter) = SUFFIXES.iter().find_map(|suffix| name.strip_suffix(suffix)).filter(|s| !s.is_empty()) {
        name = shorter;
    }
    name
}

/// A mixture of weights over paths, which may repeat; `None` where the weights are no weights.
#[must_use]
pub fn mixture(weights: &[f64], paths: &[&str]) -> Option<Mixture> {
    if weights.len() != paths.len() || paths.is_empty() {
        return None;
    }
    let mut sums: BTreeMap<String, f64> = BTreeMap::new();
    for (name, weight) in names(paths).into_iter().zip(weights) {
        *sums.entry(name).or_default() += weight;
    }
    Mixture(sums).normalised().ok().map(|(mixture, _)| mixture)
}

/// A blend as Megatron takes it: weights and paths in turn, or a single path. `None` for several paths without weights:
/// their sizes decide, and those are not written here.
#[must_use]
pub fn blend(words: &[&str]) -> Option<Mixture> {
    if let [path] = words {
        return mixture(&[1.0], &[path]);
    }
    if words.len() % 2 == 1 {
        return None;
    }
    let weights: Vec<f64> = words.iter().step_by(2).map(|w| w.parse().ok()).collect::<Option<_>>()?;
    let paths: Vec<&str> = words.iter().skip(1).step_by(2).copied().collect();
    mixture(&weights, &paths)
}

/// The blend in a file that Megatron's arguments name: words as `--data-path` takes them (`--data-args-path`), or a JSON
/// object with such words for `train` (`--per-split-data-args-path`).
#[must_use]
pub fn file(text: &str) -> Option<Mixture> {
    let Ok(Value::Object(splits)) = serde_json::from_str(text) else {
        return blend(&text.split_whitespace().collect::<Vec<_>>());
    };
    match splits.get("train")? {
        Value::String(words) => blend(&words.split_whitespace().collect::<Vec<_>>()),
        Value::Array(words) => {
            let words: Vec<String> =
                words.iter().map(|word| word.as_str().map_or_else(|| word.to_string(), str::to_owned)).collect();
            blend(&words.iter().map(String::as_str).collect::<Vec<_>>())
        }
        _ => None,
    }
}

/// The strings and numbers of a list as Python prints it, nested lists flattened: `[['a', 0.3], "b"]`. `None` where it is
/// no list.
#[must_use]
pub fn python_list(text: &str) -> Option<Vec<String>> {
    let inner = text.trim().strip_prefix('[')?.strip_suffix(']')?;
    let (mut items, mut rest) = (Vec::new(), inner);
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, ',' | '[' | ']' | '(' | ')'));
        let Some(first) = rest.chars().next() else { return Some(items) };
        if matches!(first, '\'' | '"') {
            let (item, after) = rest[1..].split_once(first)?;
            items.push(item.to_owned());
            rest = after;
        } else {
            let end = rest.find([',', ']', ')']).unwrap_or(rest.len());
            items.push(rest[..end].trim().to_owned());
            rest = &rest[end..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_named_by_what_tells_them_apart() {
        assert_eq!(names(&["/data/code_text_document", "/data/web_text_document"]), ["code", "web"]);
        assert_eq!(names(&["/d/code/train", "/d/web/train"]), ["code/train", "web/train"]);
        assert_eq!(names(&["a", "a"]), ["a", "a"], "the same path twice has one name");
        assert_eq!(names(&["/", ""]), ["", ""]);
        assert_eq!(names(&["_document"]), ["_document"]);
    }

    #[test]
    fn blends_are_weights_and_paths_in_turn() {
        let weight = |words: &[&str], domain: &str| blend(words).map(|m| m.weight(domain));
        assert_eq!(weight(&["3", "/d/code", "1", "/d/web"], "code"), Some(0.75));
        assert_eq!(weight(&["0.5", "/d/a", "1", "/d/b", "0.5", "/d/a"], "a"), Some(0.5), "a path may come twice");
        assert_eq!(weight(&["/d/only"], "only"), Some(1.0));
        for words in [&["/d/a", "/d/b"][..], &[], &["-1", "/d/a"], &["nan", "/d/a", "1", "/d/b"]] {
            assert_eq!(blend(words), None, "{words:?}");
        }
    }

    #[test]
    fn files_hold_what_arguments_would() {
        let weight = |text: &str| file(text).map(|m| m.weight("code"));
        assert_eq!(weight("0.3 /d/code_text_document\n0.9 /d/web_text_document\n"), Some(0.25));
        assert_eq!(
            weight(r#"{"train": ["3", "/d/code", 9, "/d/web"], "valid": ["1", "/d/web"], "test": null}"#),
            Some(0.25)
        );
        assert_eq!(weight(r#"{"train": "1 /d/code 3 /d/web", "valid": "", "test": ""}"#), Some(0.25));
        for text in ["/d/code /d/web /d/math", "/d/code /d/web", r#"{"train": null}"#, r#"{"data": []}"#, ""] {
            assert_eq!(file(text), None, "{text}");
        }
    }

    #[test]
    fn lists_as_python_prints_them() {
        assert_eq!(
            python_list("['0.3', '/a b', 0.7,\"c\"]"),
            Some(["0.3", "/a b", "0.7", "c"].map(String::from).to_vec())
        );
        assert_eq!(python_list("[['p', 'q'], [1]]"), Some(["p", "q", "1"].map(String::from).to_vec()));
        assert_eq!(python_list("[]"), Some(vec![]));
        for text in ["None", "['open", "['a]"] {
            assert_eq!(python_list(text), None, "{text}");
        }
    }
}
