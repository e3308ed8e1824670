//! Parser of limits on metrics: `prose <= start + 3%`, `prose <= current + 0.01`, `prose <= 2.1`, `acc >= 0.6`.

use super::{Base, Constraint, Slack};

/// A limit that cannot be parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConstraintError {
    /// Position of the error, in characters from the beginning of the text.
    pub offset: usize,
    /// Message.
    pub message: String,
    /// What to write instead.
    pub help: String,
}

const EXAMPLES: &str = "write it like `prose <= start + 3%`, `prose <= current + 0.01` or `prose <= 2.1`";

/// Parses one limit on a loss. The domain's name is everything before the first `<=` (or `≤`).
///
/// # Errors
/// [`ConstraintError`], with its position in the text.
#[cfg(test)]
pub fn parse(text: &str) -> Result<Constraint, ConstraintError> {
    parse_for(text, &|_| Some(false))
}

/// The same for any metric: a limit on one of which higher values are better is a lower one, `acc >= 0.6`.
///
/// `higher_is_better`: by the metric's name, as far as it is known; both forms are accepted for any other.
///
/// # Errors
/// [`ConstraintError`], with its position in the text.
pub fn parse_for(text: &str, higher_is_better: &dyn Fn(&str) -> Option<bool>) -> Result<Constraint, ConstraintError> {
    let fail = |at: &str, message: String, help: &str| ConstraintError {
        offset: offset_of(text, at),
        message,
        help: help.to_owned(),
    };
    let lower = || text.split_once(">=").or_else(|| text.split_once('≥'));
    let lower = || lower().filter(|(name, _)| higher_is_better(name.trim()) != Some(false));
    let Some((left, right)) = split(text).or_else(lower) else {
        let (message, help) = if text.contains(['>', '≥']) {
            ("a limit is an upper bound: use `<=`".to_owned(), EXAMPLES)
        } else if text.contains('<') {
            ("a limit is written with `<=`, not `<`".to_owned(), EXAMPLES)
        } else if text.contains('=') {
            ("a limit is written with `<=`, not `=`".to_owned(), EXAMPLES)
        } else {
            (format!("'{text}' is not a limit: it has no `<=`"), EXAMPLES)
        };
        return Err(fail(text, message, help));
    };
    let domain = left.trim();
    if domain.is_empty() {
        return Err(fail(left, "there is no domain before `<=`".to_owned(), EXAMPLES));
    }
    if split(text).is_some() && higher_is_better(domain) == Some(true) {
        let help = format!("write it like `{domain} >= 0.6` or `{domain} >= start - 3%`");
        return Err(fail(text, format!("higher is better for {domain}, so a limit is a lower bound: use `>=`"), &help));
    }
    let right = right.trim();
    if right.is_empty() {
        return Err(fail(right, "there is nothing after `<=`".to_owned(), EXAMPLES));
    }
    if right.contains(['<', '>', '=', '≤', '≥']) {
        return Err(fail(right, "a limit has only one `<=`".to_owned(), "write a line for each limit"));
    }
    let (base, slack) = match right.find(|c: char| c.is_whitespace() || c == '+' || c == '-') {
        // The sign of a number belongs to it: `2.1e-3`.
        Some(_) if number(right).is_some() => (right, ""),
        Some(end) => (&right[..end], right[end..].trim()),
        None => (right, ""),
    };
    let base = match base {
        "start" => Base::Start,
        "current" => Base::Current,
        other => match number(other) {
            Some(value) if value > 0.0 => Base::Nats(value),
            Some(value) => return Err(fail(base, format!("a loss of {value} cannot be reached"), EXAMPLES)),
            None if other.ends_with('%') => {
                let help = format!("write `{domain} <= start + {other}` or `{domain} <= current + {other}`");
                return Err(fail(base, format!("{other} needs a base: `start` or `current`"), &help));
            }
            None => {
                let message = format!("'{other}' is not `start`, `current` or a number of nats");
                let help = match super::suggest::closest(other, ["start", "current"]) {
                    Some(word) => format!("did you mean `{word}`?"),
                    None => EXAMPLES.to_owned(),
                };
                return Err(fail(base, message, &help));
            }
        },
    };
    let slack = read_slack(slack).ok_or_else(|| {
        let message = format!("'{slack}' is not a valid slack");
        fail(slack, message, "write `+ 3%` (of the loss) or `+ 0.01` (nats)")
    })?;
    Ok(Constraint { metric: domain.to_owned(), base, slack, text: text.trim().to_owned() })
}

/// `+ 3%`, `- 0.01`, or nothing.
fn read_slack(text: &str) -> Option<Slack> {
    let (sign, rest) = match text.strip_prefix('+') {
        Some(rest) => (1.0, rest),
        None if text.is_empty() => return Some(Slack::Nats(0.0)),
        None => (-1.0, text.strip_prefix('-')?),
    };
    let rest = rest.trim();
    match rest.strip_suffix('%') {
        Some(percent) => number(percent.trim()).map(|p| Slack::Relative(sign * p / 100.0)),
        None => number(rest.strip_suffix("nats").unwrap_or(rest).trim()).map(|n| Slack::Nats(sign * n)),
    }
}

fn split(text: &str) -> Option<(&str, &str)> {
    text.split_once("<=").or_else(|| text.split_once('≤'))
}

fn number(text: &str) -> Option<f64> {
    let begins = text.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    text.parse::<f64>().ok().filter(|v| begins && v.is_finite())
}

/// Characters of `text` before `part`, which is a slice of it.
fn offset_of(text: &str, part: &str) -> usize {
    let bytes = (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize).min(text.len());
    text.get(..bytes).map_or(0, |before| before.chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_as_people_write_them() {
        for (text, domain, base, slack) in [
            ("prose <= start + 3%", "prose", Base::Start, Slack::Relative(0.03)),
            ("prose<=start+3%", "prose", Base::Start, Slack::Relative(0.03)),
            ("prose ≤ current + 0.01", "prose", Base::Current, Slack::Nats(0.01)),
            ("stack-exchange <= current - .5 %", "stack-exchange", Base::Current, Slack::Relative(-0.005)),
            ("prose <= 2.1", "prose", Base::Nats(2.1), Slack::Nats(0.0)),
            ("prose <= 21e-1", "prose", Base::Nats(2.1), Slack::Nats(0.0)),
            ("prose <= 2.1 + 1%", "prose", Base::Nats(2.1), Slack::Relative(0.01)),
            ("the web <= start + 0.02 nats", "the web", Base::Start, Slack::Nats(0.02)),
        ] {
            let parsed = parse(text).map(|c| (c.metric, c.base, c.slack));
            assert_eq!(parsed, Ok((domain.to_owned(), base, slack)), "{text}");
        }
    }

    #[test]
    fn where_higher_is_better_a_limit_is_a_lower_bound() {
        let higher = |name: &str| match name {
            "acc" => Some(true),
            "loss" => Some(false),
            _ => None,
        };
        let parsed = |text: &str| parse_for(text, &higher).map(|c| (c.metric, c.base, c.slack));
        assert_eq!(parsed("acc >= 0.6"), Ok(("acc".to_owned(), Base::Nats(0.6), Slack::Nats(0.0))));
        assert_eq!(parsed("acc ≥ start - 3%"), Ok(("acc".to_owned(), Base::Start, Slack::Relative(-0.03))));
        assert_eq!(parsed("quiz >= 60").map(|c| c.1), Ok(Base::Nats(60.0)), "its unit is known only later");
        assert_eq!(parsed("quiz <= 2").map(|c| c.1), Ok(Base::Nats(2.0)));
        for (text, says) in [("acc <= 0.6", "use `>=`"), ("loss >= 2", "an upper bound: use `<=`")] {
            let error = parse_for(text, &higher).expect_err(text);
            assert!(error.message.contains(says), "{text}: {}", error.message);
        }
    }

    #[test]
    fn what_cannot_be_read_is_pointed_at() {
        for (text, offset, says) in [
            ("prose", 0, "no `<=`"),
            ("prose >= start", 0, "an upper bound"),
            ("prose < start", 0, "not `<`"),
            ("prose = 2", 0, "not `=`"),
            ("<= start", 0, "no domain"),
            ("prose <=", 8, "nothing after"),
            ("prose <= 3%", 9, "3% needs a base"),
            ("prose <= begin + 3%", 9, "'begin' is not"),
            ("prose <= start 3%", 15, "not a valid slack"),
            ("prose <= start + much", 15, "not a valid slack"),
            ("prose <= -1", 9, "is not `start`"),
            ("prose <= 0", 9, "cannot be reached"),
            ("prose <= start <= 3", 9, "a limit has only one"),
            ("größe <= strat + 3%", 9, "'strat' is not"),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.message.contains(says), "{text}: {}", error.message);
            assert_eq!(error.offset, offset, "{text}: {}", error.message);
            assert!(!error.help.is_empty(), "{text}");
        }
    }
}
