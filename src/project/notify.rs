//! Whom to tell of alerts and changed advice: the `notify:` key, and what it means.

use crate::vocab::Severity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// Whom to tell of alerts and changed advice. Nobody is told unless a channel is written here.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a mapping with webhooks, command, desktop or email, such as { desktop: true }")]
pub struct NotifyFile {
    /// Addresses that get a POST request.
    #[schemars(title = "a list, such as `- { url_env: SLACK_URL, format: slack }`")]
    pub webhooks: Option<Vec<WebhookFile>>,
    /// Program and arguments. It runs as the user of the daemon, in the project's directory and without a shell, and gets the
    /// message as JSON on standard input.
    #[schemars(title = "a list of a program and its arguments, such as [/usr/local/bin/page, --quiet]")]
    pub command: Option<Vec<String>>,
    /// Desktop notifications, by `notify-send`. Default: false.
    pub desktop: Option<bool>,
    /// Recipients of e-mail, which is handed to the system's `sendmail`.
    #[schemars(title = "a list of addresses, such as [me@example.org]")]
    pub email: Option<Vec<String>>,
    /// The least severity of alerts that are told: `info`, `warning` or `error`. Default: `warning`.
    pub severity: Option<Severity>,
    /// What is told: `alerts`, `advice` (when the recommended mixture changes). Default: both.
    #[schemars(title = "a list of alerts and advice, such as [alerts]")]
    pub about: Option<Vec<About>>,
    /// Least time between two messages to one channel, seconds; what happens in between is one message. Default: 60.
    pub pause: Option<u64>,
}

/// An address that gets a POST request. It is a secret: name an environment variable or a file that holds it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a mapping, such as { url_env: SLACK_URL, format: slack }")]
pub struct WebhookFile {
    /// Name of the environment variable of the daemon that holds the address.
    pub url_env: Option<String>,
    /// File whose first line is the address, relative to this one; only its owner may be able to read it.
    pub url_file: Option<String>,
    /// Always an error: an address is a secret and does not belong in this file. Use `url_env` or `url_file`.
    pub url: Option<String>,
    /// What the receiver understands: `json`, `slack` or `discord`. Default: `json`.
    pub format: Option<BodyFormat>,
}

/// What a message can be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// Alerts of runs.
    Alerts,
    /// Changes of the recommended mixture.
    Advice,
}

/// Body of a POST request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BodyFormat {
    /// The messages as JSON.
    #[default]
    Json,
    /// A text for Slack and what is compatible with it (Mattermost, Rocket.Chat).
    Slack,
    /// A text for Discord.
    Discord,
}

/// Whom to tell, validated. By default nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notify {
    /// Addresses that get a POST request.
    pub webhooks: Vec<Webhook>,
    /// Program and arguments; empty for none.
    pub command: Vec<String>,
    /// Whether to show desktop notifications.
    pub desktop: bool,
    /// Recipients of e-mail.
    pub email: Vec<String>,
    /// The least severity of alerts that are told.
    pub severity: Severity,
    /// Whether alerts are told.
    pub alerts: bool,
    /// Whether changed advice is told.
    pub advice: bool,
    /// Least time between two messages to one channel.
    pub pause: Duration,
}

/// An address that gets a POST request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Where the address is kept.
    pub address: Address,
    /// What the receiver understands.
    pub format: BodyFormat,
}

/// Where an address is kept: never the address itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// An environment variable.
    Variable(String),
    /// The first line of a file.
    File(PathBuf),
}

impl Default for Notify {
    fn default() -> Self {
        Self {
            webhooks: Vec::new(),
            command: Vec::new(),
            desktop: false,
            email: Vec::new(),
            severity: Severity::Warning,
            alerts: true,
            advice: true,
            pause: Duration::from_secs(60),
        }
    }
}

impl Notify {
    /// Whether anybody is told.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.desktop || !(self.webhooks.is_empty() && self.command.is_empty() && self.email.is_empty())
    }
}
