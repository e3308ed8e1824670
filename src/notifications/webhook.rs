//! Webhook: a POST request to an address that the project file only says the place of.

use super::channel::Channel;
use super::message::Batch;
use super::undelivered::Undelivered;
use super::{curl, http};
use crate::open;
use crate::project::notify::{Address, BodyFormat, Webhook};
use serde_json::json;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Longest file with an address, bytes.
const LONGEST_FILE: u64 = 8 << 10;
/// Longest text for Discord, characters; it refuses what is longer.
const LONGEST_DISCORD: usize = 1900;
/// Longest text for Slack, characters.
const LONGEST_SLACK: usize = 8000;

/// See the [module](self).
#[derive(Debug)]
pub struct WebhookChannel {
    name: String,
    place: String,
    webhook: Webhook,
}

impl WebhookChannel {
    /// The channel of a webhook.
    #[must_use]
    pub fn new(webhook: Webhook) -> Self {
        let place = match &webhook.address {
            Address::Variable(name) => name.clone(),
            Address::File(path) => path.display().to_string(),
        };
        Self { name: format!("webhook {place}"), place, webhook }
    }

    fn url(&self) -> Result<http::Url, Undelivered> {
        http::Url::parse(&match &self.webhook.address {
            Address::Variable(name) => variable(name)?,
            Address::File(path) => first_line(path)?,
        })
    }
}

impl Channel for WebhookChannel {
    fn name(&self) -> &str {
        &self.name
    }

    fn deliver(&self, batch: &Batch) -> Result<(), Undelivered> {
        let url = self.url()?;
        let body = body(self.webhook.format, batch).to_string();
        let answer = match url.secure {
            true => curl::post(&url, &body, &batch.key)?,
            false => http::post(&url, &body, &batch.key, http::LIMIT)?,
        };
        answer.judged(&self.place)
    }

    fn remark(&self) -> Option<String> {
        let open = self.url().is_ok_and(|url| !url.secure && !url.is_local());
        open.then(|| {
            format!("the address in {} begins with http://: what leaves this machine is not encrypted", self.place)
        })
    }

    fn variable(&self) -> Option<&str> {
        match &self.webhook.address {
            Address::Variable(name) => Some(name),
            Address::File(_) => None,
        }
    }
}

fn variable(name: &str) -> Result<String, Undelivered> {
    let value = std::env::var(name).unwrap_or_default();
    if value.trim().is_empty() {
        return Err(Undelivered::with_help(
            format!("the environment variable {name} is not set where the daemon was started"),
            format!("set it, and start the daemon again: export {name}=…; mixlaw daemon stop; mixlaw daemon start"),
        ));
    }
    Ok(value.trim().to_owned())
}

fn first_line(path: &Path) -> Result<String, Undelivered> {
    let failed = |error: open::OpenError| {
        let help = format!("write the address into it, and nothing else: {}", path.display());
        Undelivered::with_help(format!("cannot read {}: {error}", path.display()), help)
    };
    let mode = open::regular(path).and_then(|file| Ok(file.metadata()?.mode())).map_err(failed)?;
    if mode & 0o077 != 0 {
        return Err(Undelivered::with_help(
            format!("other users can read {}, which holds a secret", path.display()),
            format!("chmod 600 {}", path.display()),
        ));
    }
    let bytes = open::whole(path, LONGEST_FILE).map_err(failed)?;
    let text = String::from_utf8_lossy(&bytes);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    line.map(str::to_owned).ok_or_else(|| Undelivered::new(format!("{} is empty", path.display())))
}

/// What is sent. Names in logs are other people's text: nothing in it mentions anybody or becomes a link.
fn body(format: BodyFormat, batch: &Batch) -> serde_json::Value {
    match format {
        BodyFormat::Json => batch.json(),
        BodyFormat::Slack => {
            let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            json!({ "text": cut(&listed(batch, "*", escape), LONGEST_SLACK) })
        }
        BodyFormat::Discord => {
            let escape = |text: &str| text.chars().flat_map(escaped).collect::<String>();
            json!({ "content": cut(&listed(batch, "**", escape), LONGEST_DISCORD), "allowed_mentions": { "parse": [] } })
        }
    }
}

/// A character as Discord shows it: what could be markup behind a backslash.
fn escaped(c: char) -> impl Iterator<Item = char> {
    let marks = matches!(c, '*' | '_' | '~' | '`' | '|' | '>' | '<' | '[' | ']' | '\\' | '#' | ':');
    marks.then_some('\\').into_iter().chain([c])
}

/// The title between marks that make it bold, and the lines below it.
fn listed(batch: &Batch, bold: &str, escape: impl Fn(&str) -> String) -> String {
    let lines = batch.lines();
    let lines = lines.iter().map(|line| format!("\n• {}", escape(line)));
    format!("{bold}{}{bold}{}", escape(&batch.title()), lines.collect::<String>())
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notifications::message::Message;
    use std::os::unix::fs::PermissionsExt;

    fn batch(text: &str, count: usize) -> Batch {
        let message = Message { text: text.to_owned(), ..Message::test(1.0) };
        Batch { key: "k".to_owned(), project: "p".to_owned(), messages: vec![message; count] }
    }

    #[test]
    fn names_in_logs_mention_nobody() {
        let hostile = batch("<!channel> @everyone [x](http://y) & *b*", 1);
        let slack = body(BodyFormat::Slack, &hostile)["text"].as_str().unwrap().to_owned();
        assert!(slack.contains("&lt;!channel&gt;") && !slack.contains("<!"), "{slack}");
        let discord = body(BodyFormat::Discord, &hostile);
        assert_eq!(discord["allowed_mentions"]["parse"], json!([]));
        assert!(discord["content"].as_str().unwrap().contains("\\[x\\](http\\://y)"), "{discord}");
        assert_eq!(body(BodyFormat::Json, &hostile)["messages"][0]["about"], "test");
        let long = body(BodyFormat::Discord, &batch(&"*".repeat(400), 30));
        assert!(long["content"].as_str().unwrap().chars().count() <= 2000);
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("url");
        std::fs::write(&path, "\n  http://127.0.0.1/x \n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(first_line(&path).unwrap_err().text.contains("other users can read"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(first_line(&path).unwrap(), "http://127.0.0.1/x");
        assert!(first_line(&scratch.path().join("none")).unwrap_err().help.is_some());
    }
}
