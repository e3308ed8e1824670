//! E-mail, handed to the system's `sendmail`.

use super::channel::Channel;
use super::message::Batch;
use super::process;
use super::undelivered::Undelivered;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(30);
/// Where it is where it is not on the path, which a daemon's seldom holds.
const USUAL: [&str; 2] = ["/usr/sbin/sendmail", "/usr/lib/sendmail"];

/// One recipient.
#[derive(Debug)]
pub struct Email {
    name: String,
    address: String,
}

impl Email {
    /// A recipient; the address was checked with the project file.
    #[must_use]
    pub fn new(address: &str) -> Self {
        Self { name: format!("email {address}"), address: address.to_owned() }
    }
}

impl Channel for Email {
    fn name(&self) -> &str {
        &self.name
    }

    fn deliver(&self, batch: &Batch) -> Result<(), Undelivered> {
        let place = USUAL.into_iter().find(|path| Path::new(path).exists()).unwrap_or("sendmail");
        let mut command = Command::new(place);
        // -i: a line with one point is no end.
        command.args(["-i", &self.address]);
        process::run(&mut command, "sendmail", letter(batch, &self.address).into_bytes(), LIMIT).map(drop)
    }
}

/// Headers and text.
fn letter(batch: &Batch, to: &str) -> String {
    let mut letter = String::new();
    let _ = write!(
        letter,
        "To: {to}\nSubject: {}\nMessage-ID: <{}@mixlaw.invalid>\nAuto-Submitted: auto-generated\nMIME-Version: 1.0\n\
         Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n",
        header(&format!("[mixlaw] {}", batch.title())),
        batch.key,
    );
    for line in batch.lines() {
        let _ = writeln!(letter, "{line}\n");
    }
    letter
}

/// A header's text: what is not plain ASCII as encoded words (RFC 2047), short enough for their limit.
fn header(text: &str) -> String {
    if text.chars().all(|c| matches!(c, ' '..='~')) && text.len() < 200 && !text.contains("=?") {
        return text.to_owned();
    }
    let mut words: Vec<String> = vec![String::new()];
    for c in text.chars().take(150) {
        let coded: String = match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' => c.to_string(),
            other => other.encode_utf8(&mut [0; 4]).bytes().map(|byte| format!("={byte:02X}")).collect(),
        };
        // 75 characters with what is around it.
        if words.last().is_none_or(|word| word.len() + coded.len() > 60) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.push_str(&coded);
        }
    }
    words.iter().map(|word| format!("=?UTF-8?Q?{word}?=")).collect::<Vec<_>>().join("\n ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notifications::message::Message;

    #[test]
    fn a_letter_has_its_headers_and_names_cannot_add_any() {
        let message = Message::test(1.0);
        let project = "p\nBcc: x@y.z\u{e9}".to_owned();
        let batch = Batch { key: "0123".to_owned(), project, messages: vec![message] };
        let letter = letter(&batch, "me@example.org");
        let (head, body) = letter.split_once("\n\n").unwrap();
        assert!(head.lines().all(|line| !line.starts_with("Bcc")), "{head}");
        assert!(head.contains("Subject: =?UTF-8?Q?") && head.contains("=C3=A9"), "{head}");
        assert!(
            head.contains("Message-ID: <0123@mixlaw.invalid>") && head.lines().all(|line| line.len() <= 78),
            "{head}"
        );
        assert!(body.starts_with("This is a test"), "{body}");
        assert_eq!(header("[mixlaw] p: 3 alerts"), "[mixlaw] p: 3 alerts");
    }
}
