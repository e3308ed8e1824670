//! Threads of the dashboard.

use crate::ipc::protocol::Failure;

/// Starts a thread that ends by itself.
///
/// # Errors
/// Where the process has none left.
pub(in crate::cli) fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map(|_| ())
        .map_err(|e| Failure::new(format!("cannot start a thread: {e}"), None))
}
