//! The end that signals ask for, also where the terminal takes no output: a write to it then never returns, and whoever
//! waits for the writer would wait for ever.

use super::terminal;
use super::update::Event;
use crossbeam_channel::Sender;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long the loop may take to leave by itself.
const GRACE: Duration = Duration::from_millis(700);

/// What is to be done before the process ends without its loop.
pub type LastWill = Box<dyn FnOnce() + Send>;

/// Turns SIGTERM, SIGHUP and SIGINT into an event; where nothing comes of it, does what is to be done and ends the process.
/// A second signal ends it at once. Listens to the end of the process, as the last lines may be hard to write, too.
///
/// # Errors
/// Where no handler can be set, or no thread started.
pub fn on_signals(to: Sender<Event>, left: Arc<AtomicBool>, will: LastWill) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGHUP, SIGINT])?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let mut signals = signals.forever();
        signals.next();
        // The loop may be in the middle of a write, and the channel full of keys.
        let _ = to.try_send(Event::Terminate);
        let again = std::thread::Builder::new().name("ending".to_owned()).spawn(move || {
            std::thread::sleep(GRACE);
            if !left.load(Ordering::SeqCst) {
                terminal::restore_without_waiting();
            }
            will();
            std::process::exit(0);
        });
        if again.is_ok() {
            signals.next();
        }
        terminal::restore_without_waiting();
        std::process::exit(1);
    })?;
    Ok(())
}
