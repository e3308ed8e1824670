//! Channel: a way to reach somebody.

use super::message::Batch;
use super::undelivered::Undelivered;

/// A way to reach somebody.
pub trait Channel: Send {
    /// What it is called, to people and in the queue: the same as long as it leads to the same place. Not a secret.
    fn name(&self) -> &str;

    /// Delivers a batch, within seconds.
    ///
    /// # Errors
    /// Why it was not, or may not have been, delivered.
    fn deliver(&self, batch: &Batch) -> Result<(), Undelivered>;

    /// What the user should know although it may work.
    fn remark(&self) -> Option<String> {
        None
    }

    /// The environment variable that it needs.
    fn variable(&self) -> Option<&str> {
        None
    }
}
