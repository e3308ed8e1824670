//! Whether people who are to be told can be reached.

use super::finding::Findings;
use super::patient::Patient;
use crate::daemon::seconds;
use crate::notifications::channels;
use crate::notifications::outbox;
use crate::open;
use crate::vocab::count::counted;
use std::time::SystemTime;

/// Attempts in a row that may fail before it is said.
const FAILURES: u32 = 3;
/// How long a message may wait, seconds.
const LONG: f64 = 3600.0;
const TRY: &str = "try it: mixlaw alerts test";

pub(super) fn look(patient: &Patient, found: &mut Findings) {
    let (Some(place), Ok(project)) = (patient.place(), &patient.project) else { return };
    let channels = match channels::all(project) {
        Ok(channels) => channels,
        Err(error) => {
            return found.warn(format!("notifications are off: {error}"), error.help.as_deref().unwrap_or(TRY));
        }
    };
    if channels.is_empty() {
        return;
    }
    for remark in channels.iter().filter_map(|channel| channel.remark()) {
        found.warn(remark, "use an address with https://");
    }
    if let Ok(hello) = &patient.daemon
        && let Ok(environment) = open::whole(format!("/proc/{}/environ", hello.pid).as_ref(), 1 << 22)
    {
        let has = |name: &str| {
            environment.split(|byte| *byte == 0).any(|pair| pair.starts_with(format!("{name}=").as_bytes()))
        };
        for name in channels.iter().filter_map(|channel| channel.variable()).filter(|name| !has(name)) {
            let text = format!("the daemon was started without the environment variable {name}");
            found.warn(text, format!("export {name}=…; mixlaw daemon stop; mixlaw daemon start"));
        }
    }
    let Some(view) = outbox::look(&place.outbox()) else { return };
    for (name, record) in view.channels.iter().filter(|(_, record)| record.failures >= FAILURES) {
        let why = record.error.as_deref().unwrap_or_default();
        let text = format!("{name} failed {} times in a row: {why}", record.failures);
        found.warn(text, record.help.as_deref().unwrap_or(TRY));
    }
    let waits = view.oldest.is_some_and(|at| seconds(SystemTime::now()) - at > LONG);
    if waits && patient.daemon.is_err() {
        let text = format!("{} wait to be delivered, and no daemon runs", counted(view.waiting, "message"));
        found.warn(text, "mixlaw daemon start");
    } else if waits {
        found.warn(format!("{} wait to be delivered for more than an hour", counted(view.waiting, "message")), TRY);
    }
    if view.dropped > 0 {
        let text = format!("{} were dropped, as too many waited", view.dropped);
        found.warn(text, "list them: mixlaw alerts");
    }
}
