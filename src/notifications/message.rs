//! Message: what people are told, and how it reads.

use crate::vocab::count::counted;
use crate::vocab::signal::Alert;
use crate::vocab::text::printable;
use crate::vocab::{Ordered, Severity};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// Messages that are listed one by one in a digest; the others are counted.
pub const LISTED: usize = 20;
/// Longest text of one message, characters: names and evidence come from logs.
const LONGEST: usize = 400;

/// One thing that people are told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Identifier: two messages with the same one are the same.
    pub key: String,
    /// When it happened, seconds since 1970.
    pub at: f64,
    /// What it is about: `alert`, `advice` or `test`.
    pub about: Subject,
    /// How much it matters.
    pub severity: Severity,
    /// Name of the run, for an alert.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// In two or three words.
    pub what: String,
    /// Sentence with numbers.
    pub text: String,
}

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// An alert of a run.
    Alert,
    /// Changed advice.
    Advice,
    /// A test of the channels.
    Test,
}

impl Message {
    /// The message about an alert. `project` identifies the project: alerts of two have the same numbers.
    #[must_use]
    pub fn of_alert(alert: &Alert, project: &str) -> Self {
        let signal = &alert.signal;
        Self {
            key: key(&format!("{project}\0alert\0{}\0{:x}", alert.id, alert.at.to_bits())),
            at: alert.at,
            about: Subject::Alert,
            severity: signal.severity,
            run: Some(shortened(&signal.run)),
            what: signal.kind.word().to_owned(),
            text: shortened(&signal.evidence),
        }
    }

    /// The message about changed advice.
    #[must_use]
    pub fn of_advice(text: &str, at: f64, project: &str) -> Self {
        Self {
            key: key(&format!("{project}\0advice\0{:x}", at.to_bits())),
            at,
            about: Subject::Advice,
            severity: Severity::Info,
            run: None,
            what: "changed advice".to_owned(),
            text: shortened(text),
        }
    }

    /// The message of a test.
    #[must_use]
    pub fn test(at: f64) -> Self {
        Self {
            key: key(&format!("test\0{:x}\0{}", at.to_bits(), std::process::id())),
            at,
            about: Subject::Test,
            severity: Severity::Info,
            run: None,
            what: "test".to_owned(),
            text: "This is a test: alerts of this project will come here.".to_owned(),
        }
    }

    /// The message on one line.
    #[must_use]
    pub fn line(&self) -> String {
        match &self.run {
            Some(run) => format!("{run}: {}: {}", self.what, self.text),
            None => self.text.clone(),
        }
    }
}

/// Sixteen digits that identify a text.
#[must_use]
pub fn key(text: &str) -> String {
    format!("{:016x}", xxh3_64(text.as_bytes()))
}

fn shortened(text: &str) -> String {
    let text = printable(text);
    match text.char_indices().nth(LONGEST) {
        None => text,
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// Messages that go out together.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Identifier: it stays when the batch is sent again.
    pub key: String,
    /// Name of the project.
    pub project: String,
    /// The messages, oldest first; never empty.
    pub messages: Vec<Message>,
}

impl Batch {
    /// The most severe of the messages.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.messages.iter().map(|message| message.severity).max().unwrap_or(Severity::Info)
    }

    /// One line that says what it is about.
    #[must_use]
    pub fn title(&self) -> String {
        let what = match self.messages.as_slice() {
            [one] => match &one.run {
                Some(run) => format!("{} in {run}", one.what),
                None => one.what.clone(),
            },
            several => {
                let count = |subject| several.iter().filter(|message| message.about == subject).count();
                let alerts = counted(count(Subject::Alert), "alert");
                match count(Subject::Advice) {
                    0 => alerts,
                    _ if count(Subject::Alert) == 0 => "changed advice".to_owned(),
                    _ => format!("{alerts}, changed advice"),
                }
            }
        };
        format!("{}: {what}", printable(&self.project))
    }

    /// The messages that are listed, the most severe first and then the newest, and how many are not.
    #[must_use]
    pub fn listed(&self) -> (Vec<&Message>, usize) {
        let mut all: Vec<&Message> = self.messages.iter().collect();
        all.sort_by_cached_key(|each| std::cmp::Reverse((each.severity, Ordered(each.at))));
        let left_out = all.len().saturating_sub(LISTED);
        all.truncate(LISTED);
        (all, left_out)
    }

    /// All of it below its title, a line each.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let (listed, left_out) = self.listed();
        let mut lines: Vec<String> = listed.into_iter().map(Message::line).collect();
        if left_out > 0 {
            lines.push(format!("and {left_out} more; list them: mixlaw alerts"));
        }
        lines
    }

    /// The batch as JSON, as commands and plain webhooks get it.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        let (listed, left_out) = self.listed();
        serde_json::json!({
            "version": 1,
            "key": self.key,
            "project": printable(&self.project),
            "title": self.title(),
            "severity": self.severity(),
            "messages": listed,
            "left_out": left_out,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocab::signal::{Signal, SignalKind};

    fn alert(id: u64, severity: Severity) -> Alert {
        let signal = Signal {
            kind: SignalKind::Divergence,
            run: format!("runs/{id}\u{1b}[2J"),
            metric: "loss".to_owned(),
            step: 10,
            severity,
            evidence: "x\u{202e}".repeat(500),
            start: 0,
            saves: None,
        };
        Alert { id, at: id as f64, signal, over: None, acknowledged: None }
    }

    fn batch(count: u64) -> Batch {
        let severity = |id| if id == 3 { Severity::Error } else { Severity::Warning };
        let messages = (1..=count).map(|id| Message::of_alert(&alert(id, severity(id)), "/p")).collect();
        Batch { key: "k".to_owned(), project: "p".to_owned(), messages }
    }

    #[test]
    fn a_digest_lists_the_most_severe_first_and_counts_the_rest() {
        assert_eq!(batch(1).title(), "p: divergence in runs/1[2J");
        let many = batch(25);
        assert_eq!(many.title(), "p: 25 alerts");
        let lines = many.lines();
        assert!(lines[0].starts_with("runs/3[2J: divergence: xxx") && lines[1].starts_with("runs/25"), "{lines:?}");
        assert_eq!(lines.last().unwrap(), "and 5 more; list them: mixlaw alerts");
        assert!(lines.len() == 21 && lines.iter().all(|line| line.chars().count() < 450));
        assert_eq!((&many.json()["left_out"], &many.json()["severity"]), (&5.into(), &"error".into()));
    }

    #[test]
    fn alerts_of_two_projects_or_times_are_two_messages() {
        let of = |id, project| Message::of_alert(&alert(id, Severity::Error), project).key;
        assert_eq!(of(1, "/p"), of(1, "/p"));
        assert!(of(1, "/p") != of(2, "/p") && of(1, "/p") != of(1, "/q"));
    }
}
