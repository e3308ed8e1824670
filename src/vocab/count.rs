//! Counts with their noun: `1 run`, `36 runs`.

/// A count and its noun, in the plural where it is not one: `1 run`, `0 runs`, `3 checkpoints`.
#[must_use]
pub fn counted(count: usize, noun: &str) -> String {
    format!("{count} {}", plural(count, noun))
}

/// The noun alone, as a count asks for it.
#[must_use]
pub fn plural(count: usize, noun: &str) -> String {
    match noun {
        _ if count == 1 => noun.to_owned(),
        "loss" => "losses".to_owned(),
        "match" => "matches".to_owned(),
        _ => format!("{noun}s"),
    }
}

/// A verb's form beside a count: `one` where it is one.
#[must_use]
pub fn verb<'a>(count: usize, one: &'a str, more: &'a str) -> &'a str {
    if count == 1 { one } else { more }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular_and_everything_else_is_plural() {
        assert_eq!(
            [0, 1, 2].map(|n| format!("{} {}", counted(n, "row"), verb(n, "has", "have"))),
            ["0 rows have", "1 row has", "2 rows have"]
        );
        assert_eq!(counted(2, "loss"), "2 losses");
    }
}
