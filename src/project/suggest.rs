//! Suggestions: similar names ("did you mean …?"), and text as a file takes it.

/// The most similar candidate, if one is close enough.
#[must_use]
pub fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = simplified(word);
    candidates
        .into_iter()
        .filter(|c| !c.is_empty())
        .map(|candidate| {
            let other = simplified(candidate);
            let longest = plain.chars().count().max(other.chars().count()).max(1);
            // A prefix is how people shorten and lengthen names: `avail` for `available_tokens`, `parameters` for `params`.
            let stem = other.strip_suffix('s').unwrap_or(&other);
            let prefix = plain.len() >= 4 && stem.len() >= 4 && (other.starts_with(&plain) || plain.starts_with(stem));
            let near = (longest / 3).max(1);
            // Of thousands of names nearly all are too far by their letters alone, which costs a hundredth of the distance.
            let distance = match least(&plain, &other) {
                least if least > near => least,
                _ => strsim::damerau_levenshtein(&plain, &other),
            };
            (if prefix { distance.min(1) } else { distance }, longest, candidate)
        })
        .filter(|(distance, longest, _)| *distance <= (longest / 3).max(1) && distance < longest)
        .min_by_key(|(distance, longest, _)| (*distance, *longest))
        .map(|(_, _, candidate)| candidate)
}

/// The least that the distance of two words can be: each letter that one has more often than the other is a change, and a change
/// takes care of one letter of each.
fn least(one: &str, other: &str) -> usize {
    let mut counts = [0i32; 256];
    // Letters beyond the first byte of their code count together, which makes the least no greater.
    let place = |letter: char| letter as usize % 256;
    one.chars().for_each(|letter| counts[place(letter)] += 1);
    other.chars().for_each(|letter| counts[place(letter)] -= 1);
    let more: i32 = counts.iter().filter(|count| **count > 0).sum();
    let fewer: i32 = -counts.iter().filter(|count| **count < 0).sum::<i32>();
    more.max(fewer) as usize
}

/// Names as a list to choose from, at most a line or two.
#[must_use]
pub fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    match names.len() {
        0 => "none".to_owned(),
        1..=20 => names.join(", "),
        n => format!("{} and {} more", names[..20].join(", "), n - 20),
    }
}

/// Text as YAML, quoted if necessary.
#[must_use]
pub fn word(text: &str) -> String {
    let plain = text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '*'))
        && text.starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | '/' | '.'))
        && !matches!(text.to_lowercase().as_str(), "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n")
        && text.parse::<f64>().is_err();
    // JSON strings are YAML strings.
    if plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

fn simplified(word: &str) -> String {
    word.chars().filter(|c| !matches!(c, '_' | '-' | ' ' | '.')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::{closest, least, word};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_word_is_nearer_than_its_letters_say(one in "[a-fé✓]{0,9}", other in "[a-fé✓]{0,9}") {
            prop_assert!(least(&one, &other) <= strsim::damerau_levenshtein(&one, &other));
        }
    }

    #[test]
    fn slips_of_the_finger_are_understood_and_other_words_are_not() {
        let keys = ["runs", "facts", "domains", "metrics", "target", "mixture", "objective", "available_tokens"];
        for (typed, meant) in [
            ("run", "runs"),
            ("Domain", "domains"),
            ("metircs", "metrics"),
            ("mixtures", "mixture"),
            ("available-tokens", "available_tokens"),
            ("objectives", "objective"),
            ("target_size", "target"),
        ] {
            assert_eq!(closest(typed, keys), Some(meant), "{typed}");
        }
        for typed in ["colour", "x", "", "learning_rate"] {
            assert_eq!(closest(typed, keys), None, "{typed}");
        }
    }

    #[test]
    fn words_that_yaml_would_read_as_something_else_are_quoted() {
        for text in ["yes", "1e3", "a: b", "*x", "", "null", "a #b", "\"q\""] {
            assert!(word(text).starts_with('"'), "{text}");
        }
        for text in ["prose", "eval/rust/loss", "runs/*", "stack-exchange"] {
            assert_eq!(word(text), text);
        }
    }
}
