//! Validation of the `notify` section.

use super::ProjectError;
use super::check::{Checker, Place};
use super::notify::{About, Address, Notify, NotifyFile, Webhook, WebhookFile};
use super::source::At;
use std::path::Path;
use std::time::Duration;

/// Most webhooks, and most recipients of e-mail: whoever needs more has a list server.
const MOST: usize = 16;
/// Longest pause, seconds.
const LONGEST_PAUSE: u64 = 86_400;

impl Checker<'_> {
    /// Whom to tell. `root` is the directory that file names are relative to.
    pub(super) fn notify(&self, file: &NotifyFile, root: &Path) -> Result<Notify, ProjectError> {
        let place = self.root().key("notify");
        let wrong = |at: At, message: String, help: &str| Err(self.source.invalid(at, message, help));
        let mut notify = Notify { desktop: file.desktop.unwrap_or(false), ..Notify::default() };
        for (index, webhook) in file.webhooks.iter().flatten().enumerate() {
            let place = place.key("webhooks").item(index);
            let webhook = self.webhook(webhook, place, root)?;
            if notify.webhooks.iter().any(|other| other.address == webhook.address) {
                return wrong(place.value, "two webhooks have the same address".to_owned(), "remove one of the two");
            }
            notify.webhooks.push(webhook);
        }
        if let Some(command) = &file.command {
            let place = place.key("command");
            if command.first().is_none_or(|program| program.trim().is_empty()) {
                let help = "write a program and its arguments, such as command: [/usr/local/bin/page, --quiet]";
                return wrong(place.value, "`notify.command` names no program".to_owned(), help);
            }
            notify.command.clone_from(command);
        }
        for (index, address) in file.email.iter().flatten().enumerate() {
            if !is_address(address) {
                let help = "write one address for each recipient, such as email: [me@example.org]";
                let at = place.key("email").item(index).value;
                return wrong(at, format!("'{address}' is not an e-mail address"), help);
            }
            notify.email.push(address.clone());
        }
        for (key, count) in [("webhooks", notify.webhooks.len()), ("email", notify.email.len())] {
            if count > MOST {
                let message = format!("`notify.{key}` has {count} entries; at most {MOST} are allowed");
                return wrong(place.key(key).value, message, "write to a list or a channel that more people read");
            }
        }
        notify.severity = file.severity.unwrap_or(notify.severity);
        if let Some(about) = &file.about {
            if about.is_empty() {
                let help = "write about: [alerts, advice], or remove the line";
                return wrong(place.key("about").value, "`notify.about` is empty".to_owned(), help);
            }
            notify.alerts = about.contains(&About::Alerts);
            notify.advice = about.contains(&About::Advice);
        }
        if let Some(pause) = file.pause {
            if pause > LONGEST_PAUSE {
                let message = format!("`notify.pause` is {pause}; it must be 0 to {LONGEST_PAUSE} seconds");
                return wrong(place.key("pause").value, message, "write pause: 60, or remove the line");
            }
            notify.pause = Duration::from_secs(pause);
        }
        if !notify.is_on() {
            let help = "write a channel, such as desktop: true, or remove `notify`";
            return wrong(place.key, "`notify` has no channel".to_owned(), help);
        }
        Ok(notify)
    }

    fn webhook(&self, file: &WebhookFile, place: Place<'_>, root: &Path) -> Result<Webhook, ProjectError> {
        const HELP: &str = "put the address into an environment variable and write its name, such as url_env: SLACK_URL; or \
                            into a file that only you can read (chmod 600): url_file: slack.url";
        let wrong = |key: &str, message: &str| Err(self.source.invalid(place.key(key).value, message, HELP));
        let secret = "the address of a webhook is a secret, and does not belong in this file";
        let is_url = |text: &str| text.contains("://");
        let address = match (&file.url, &file.url_env, &file.url_file) {
            (Some(_), ..) => return wrong("url", secret),
            (None, Some(name), None) if is_url(name) => return wrong("url_env", secret),
            (None, None, Some(name)) if is_url(name) => return wrong("url_file", secret),
            (None, Some(name), None) if !is_variable(name) => {
                return wrong("url_env", "this is not the name of an environment variable");
            }
            (None, Some(name), None) => Address::Variable(name.clone()),
            (None, None, Some(path)) if path.trim().is_empty() => return wrong("url_file", "the path is empty"),
            (None, None, Some(path)) if path.starts_with('~') || path.contains('$') => {
                return wrong("url_file", "`~` and variables are not expanded in paths");
            }
            (None, None, Some(path)) => Address::File(root.join(path)),
            (None, Some(_), Some(_)) => return wrong("url_file", "a webhook has both `url_env` and `url_file`"),
            (None, None, None) => return wrong("url_env", "a webhook has neither `url_env` nor `url_file`"),
        };
        Ok(Webhook { address, format: file.format.unwrap_or_default() })
    }
}

/// Whether a shell could set it.
fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Whether it is one plain address: `sendmail` gets it as an argument, and a header holds it.
fn is_address(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "@.+-_=".contains(c);
    let parts: Vec<&str> = text.split('@').collect();
    !text.starts_with('-')
        && text.len() <= 254
        && text.chars().all(allowed)
        && parts.len() == 2
        && parts.iter().all(|part| !part.is_empty())
}
