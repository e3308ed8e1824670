//! Figures of this process, and all of a daemon's as text for Prometheus.

use super::publisher::CurrentState;
use crate::ipc::protocol::StatusAnswer;
use crate::vocab::Figures;
use rustix::time::{ClockId, clock_gettime};
use std::fmt::Write;

/// What this process takes, keeps and has to deliver.
#[must_use]
pub fn of(current: &CurrentState) -> Figures {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line =
        |name: &str| status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok());
    let cpu = clock_gettime(ClockId::ProcessCPUTime);
    let outbox = current.outbox.as_ref().map(|outbox| outbox.view()).unwrap_or_default();
    let open = |run: &crate::vocab::RunView| run.unacknowledged().filter(|alert| alert.over.is_none()).count();
    Figures {
        memory_bytes: line("VmRSS:").map(|kib: u64| kib << 10),
        cpu_seconds: cpu.tv_sec as f64 + 1e-9 * cpu.tv_nsec as f64,
        threads: line("Threads:"),
        descriptors: std::fs::read_dir("/proc/self/fd").ok().map(|all| all.count() as u64),
        store_bytes: current.store.size_on_disk().unwrap_or(0),
        journal_bytes: current.store.journal_bytes(),
        open_alerts: current.snapshot.runs.iter().map(|run| open(run)).sum::<usize>() as u64,
        messages_waiting: outbox.waiting as u64,
        messages_dropped: outbox.dropped,
        deliveries: outbox.channels.values().map(|channel| channel.delivered).sum(),
        failing_channels: outbox.channels.values().filter(|channel| channel.failures > 0).count() as u64,
    }
}

/// What a daemon says of itself in Prometheus' text format; `None` where none runs.
#[must_use]
pub fn prometheus(project: &str, status: Option<&StatusAnswer>) -> String {
    let project = project.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let mut text = String::new();
    let mut put = |name: &str, kind: &str, help: &str, value: Option<f64>| {
        let Some(value) = value else { return };
        let _ = writeln!(
            text,
            "# HELP mixlaw_{name} {help}\n# TYPE mixlaw_{name} {kind}\nmixlaw_{name}{{project=\"{project}\"}} {value}"
        );
    };
    put("up", "gauge", "Whether a daemon runs for the project.", Some(f64::from(u8::from(status.is_some()))));
    let Some(StatusAnswer { daemon, runs, faults, figures, .. }) = status else { return text };
    put("uptime_seconds", "gauge", "Time since the daemon started.", Some(daemon.uptime));
    put("runs", "gauge", "Runs that the daemon knows.", Some(*runs as f64));
    put("files", "gauge", "Files that are followed.", Some(daemon.files as f64));
    put("points", "gauge", "Points in the store.", Some(daemon.points as f64));
    put("faults", "gauge", "Setup notes that are errors.", Some(faults.len() as f64));
    put("refit_age_seconds", "gauge", "Time since the last refit.", daemon.last_refit);
    put("refit_seconds", "gauge", "Duration of the last refit.", daemon.refit_seconds);
    let Some(own) = figures else { return text };
    put("memory_bytes", "gauge", "Resident memory.", own.memory_bytes.map(|n| n as f64));
    put("cpu_seconds_total", "counter", "Processor time used.", Some(own.cpu_seconds));
    put("threads", "gauge", "Threads.", own.threads.map(|n| n as f64));
    put("open_files", "gauge", "Open file descriptors.", own.descriptors.map(|n| n as f64));
    put("store_bytes", "gauge", "Size of the store on disk.", Some(own.store_bytes as f64));
    put("journal_bytes", "gauge", "Size of the journal.", Some(own.journal_bytes as f64));
    put("open_alerts", "gauge", "Alerts that are neither over nor dismissed.", Some(own.open_alerts as f64));
    put("messages_waiting", "gauge", "Messages that wait to be delivered.", Some(own.messages_waiting as f64));
    put("messages_dropped_total", "counter", "Messages dropped as too many waited.", Some(own.messages_dropped as f64));
    put("deliveries_total", "counter", "Deliveries that succeeded.", Some(own.deliveries as f64));
    put("failing_channels", "gauge", "Channels whose last attempt failed.", Some(own.failing_channels as f64));
    text
}

#[cfg(test)]
mod tests {
    use super::prometheus;

    #[test]
    fn a_name_stays_a_label_whatever_is_in_it() {
        let text = prometheus("a\"} 1\nmixlaw_up 7\\", None);
        assert_eq!(text.lines().last(), Some("mixlaw_up{project=\"a\\\"} 1\\nmixlaw_up 7\\\\\"} 0"), "{text}");
        assert_eq!(text.lines().count(), 3);
    }
}
