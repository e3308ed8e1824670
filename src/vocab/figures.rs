//! Figures of the daemon itself: what it takes, keeps and has to deliver.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Figures of the daemon itself, at the time of the answer.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Figures {
    /// Resident memory, bytes; `null` if the system does not say.
    pub memory_bytes: Option<u64>,
    /// Processor time used so far, seconds.
    pub cpu_seconds: f64,
    /// Threads; each client is one.
    pub threads: Option<u64>,
    /// Open file descriptors.
    pub descriptors: Option<u64>,
    /// Size of the store on disk, bytes.
    pub store_bytes: u64,
    /// Size of the journal, bytes.
    pub journal_bytes: u64,
    /// Alerts that are neither over nor dismissed.
    pub open_alerts: u64,
    /// Messages that wait to be delivered.
    pub messages_waiting: u64,
    /// Messages that were dropped because too many waited.
    pub messages_dropped: u64,
    /// Deliveries that succeeded.
    pub deliveries: u64,
    /// Channels whose last attempt failed.
    pub failing_channels: u64,
}
