//! What a collector says of itself: what `collect --status` shows.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Output of `collect --status`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct CollectAnswer {
    /// The collectors of the project on this machine, one for each stream, by its address.
    pub collectors: Vec<CollectStatus>,
}

/// What a collector is doing, as it last wrote it down.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CollectStatus {
    /// Whether it runs.
    pub running: bool,
    /// Its process id.
    pub pid: u32,
    /// Server and stream.
    pub to: String,
    /// Name of this machine in the stream.
    pub node: String,
    /// When this was written, seconds since 1970.
    pub at: f64,
    /// Messages sent since it began anew.
    pub messages: u64,
    /// Points sent since it started.
    pub points: u64,
    /// Bytes sent since it started.
    pub bytes: u64,
    /// Whether logs have more that is not sent yet.
    pub behind: bool,
    /// What is wrong at present.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// Since when, seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<f64>,
    /// What is wrong with the project file or with logs here, such as a file that cannot be read; a few of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Bytes in the stream when it connected.
    pub stream_bytes: u64,
    /// Most bytes of the stream, after which the oldest messages go; absent where only the server's own limit counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream_limit: Option<u64>,
}
