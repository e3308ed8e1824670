//! Desktop notifications, by `notify-send`.

use super::channel::Channel;
use super::message::Batch;
use super::process;
use super::undelivered::Undelivered;
use crate::vocab::Severity;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(10);
/// Lines that are shown; a notification is a few lines high.
const SHOWN: usize = 5;

/// The desktop of the daemon's user.
#[derive(Debug)]
pub struct Desktop;

impl Channel for Desktop {
    fn name(&self) -> &str {
        "desktop"
    }

    fn deliver(&self, batch: &Batch) -> Result<(), Undelivered> {
        let urgency = match batch.severity() {
            Severity::Error => "critical",
            Severity::Warning => "normal",
            Severity::Info => "low",
        };
        let lines = batch.lines();
        let mut body = lines.iter().take(SHOWN).map(|line| unmarked(line)).collect::<Vec<_>>().join("\n");
        if lines.len() > SHOWN {
            body.push_str("\n…");
        }
        let mut command = Command::new("notify-send");
        command.args(["--app-name=mixlaw", &format!("--urgency={urgency}"), "--", &batch.title(), &body]);
        process::run(&mut command, "notify-send", Vec::new(), LIMIT).map(drop)
    }
}

/// Text in which nothing is markup, which the body of a notification may have.
fn unmarked(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
