//! Subjects of NATS: `mixlaw.STREAM.NODE`. A token of a subject has no spaces, dots or wildcards, so that whatever else a name has
//! is written as `=` and two hexadecimal digits; two names never give one subject.

/// A name as one token of a subject.
#[must_use]
pub fn token(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("={byte:02x}"));
        }
    }
    if out.is_empty() { "=".to_owned() } else { out }
}

/// The subject that a node's messages have.
#[must_use]
pub fn of_node(stream: &str, node: &str) -> String {
    format!("mixlaw.{}.{}", token(stream), token(node))
}

/// All subjects of a stream.
#[must_use]
pub fn of_all(stream: &str) -> String {
    format!("mixlaw.{}.*", token(stream))
}

/// The name that a stream has at the server.
#[must_use]
pub fn stream(name: &str) -> String {
    format!("mixlaw-{}", token(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_become_tokens() {
        for (name, wanted) in [
            ("n1", "n1"),
            ("gpu-17_a", "gpu-17_a"),
            ("node.cluster.org", "node=2ecluster=2eorg"),
            ("*", "=2a"),
            (">", "=3e"),
            ("a b\r\n", "a=20b=0d=0a"),
            ("é", "=c3=a9"),
            ("=2e", "=3d2e"),
            ("", "="),
        ] {
            assert_eq!(token(name), wanted);
        }
        assert_eq!(of_node("sweeps", "a.b"), "mixlaw.sweeps.a=2eb");
    }

    proptest! {
        #[test]
        fn two_names_never_give_one_token(a: String, b: String) {
            prop_assert_eq!(a == b, token(&a) == token(&b));
            prop_assert!(token(&a).bytes().all(|c| c.is_ascii_alphanumeric() || b"-_=".contains(&c)));
        }
    }
}
