//! A POST request over HTTPS, by the system's curl. The address and the message are on its standard input, where no list of
//! processes shows them.

use super::http::{Answer, LIMIT, Url};
use super::process;
use super::undelivered::Undelivered;
use std::process::Command;
use std::time::Duration;

/// How much longer the process may take than curl's own limit.
const GRACE: Duration = Duration::from_secs(5);

/// Sends a body and returns what was answered. Redirects are not followed.
///
/// # Errors
/// Where curl is missing or got no answer.
pub fn post(url: &Url, body: &str, key: &str) -> Result<Answer, Undelivered> {
    let mut command = Command::new("curl");
    // --disable: no ~/.curlrc, which could follow redirects or write traces.
    command.args(["--disable", "--config", "-"]);
    let said = process::run(&mut command, "curl", config(url, body, key).into_bytes(), LIMIT + GRACE)?;
    Answer::parse(&said)?.ok_or_else(|| Undelivered::new("the answer was cut short"))
}

fn config(url: &Url, body: &str, key: &str) -> String {
    let agent = env!("CARGO_PKG_VERSION");
    let lines = [
        ("url", url.whole.as_str()),
        ("request", "POST"),
        ("proto", "=https"),
        ("header", "Content-Type: application/json"),
        ("header", &format!("Idempotency-Key: {key}")),
        ("user-agent", &format!("mixlaw/{agent}")),
        ("data-raw", body),
        ("max-time", &LIMIT.as_secs().to_string()),
        ("dump-header", "-"),
        ("output", "/dev/null"),
    ];
    let mut config = String::from("silent\nshow-error\nhttp1.1\nsuppress-connect-headers\n");
    for (option, value) in lines {
        config.push_str(&format!("{option} = {}\n", quoted(value)));
    }
    config
}

/// A value between quotes, as curl reads it.
fn quoted(value: &str) -> String {
    let mut out = String::from("\"");
    for c in value.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_message_becomes_an_option() {
        let url = Url::parse("https://example.org/hook").unwrap();
        let config = config(&url, "{\"text\":\"a\\n\"}\noutput = \"/etc/x\"", "k");
        assert_eq!(config.lines().filter(|line| line.starts_with("output")).count(), 1, "{config}");
        assert!(config.contains(r#"data-raw = "{\"text\":\"a\\n\"}\noutput = \"/etc/x\"""#), "{config}");
    }
}
