//! Whether the system lets mixlaw watch and open as much as the project needs.

use super::finding::Findings;
use super::patient::Patient;
use crate::ingest::discover;
use crate::open;
use rustix::fs::inotify;
use rustix::process::{Resource, getrlimit};

/// Directories that are counted.
const MOST: usize = 100_000;
/// Fewer descriptors than this are few: clients, watches and the store's files need some each.
const DESCRIPTORS: u64 = 256;

pub(super) fn look(patient: &Patient, found: &mut Findings) {
    if getrlimit(Resource::Nofile).current.is_some_and(|most| most < DESCRIPTORS) {
        found.warn("a process may open few files here", "raise the limit before starting the daemon: ulimit -n 4096");
    }
    if let Ok(hello) = &patient.daemon {
        descriptors(hello.pid, found);
    }
    if let Err(rustix::io::Errno::MFILE) = inotify::init(inotify::CreateFlags::CLOEXEC) {
        let text = "no more inotify instances can be had, so that changes are looked for every 2 s";
        found.warn(text, "raise the limit: sudo sysctl fs.inotify.max_user_instances=1024");
    }
    let Ok(project) = &patient.project else { return };
    let Some(watches) = number("/proc/sys/fs/inotify/max_user_watches") else { return };
    let walk = |base| walkdir::WalkDir::new(base).follow_links(true).into_iter().flatten();
    let bases = discover::bases(&project.root, &project.runs);
    let directories = bases.into_iter().flat_map(walk).filter(|entry| entry.file_type().is_dir()).take(MOST).count();
    // Other programs of the user (editors) need some as well.
    if directories as u64 > watches / 10 * 8 {
        let text = format!("the runs have {directories} directories, and this user may watch {watches}");
        let help = format!("raise the limit: sudo sysctl fs.inotify.max_user_watches={}", 4 * directories.max(8192));
        found.warn(text, help);
    }
}

fn text(path: &str) -> Option<String> {
    String::from_utf8(open::whole(path.as_ref(), 1 << 16).ok()?).ok()
}

fn number(path: &str) -> Option<u64> {
    text(path)?.trim().parse().ok()
}

/// Whether the daemon is near its own limit.
fn descriptors(pid: u32, found: &mut Findings) {
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count) as u64;
    let limits = text(&format!("/proc/{pid}/limits")).unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let most: Option<u64> = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    if most.is_some_and(|most| open > most / 10 * 8) {
        let text = format!("the daemon has {open} files open, of {} that it may", most.unwrap_or_default());
        found.warn(text, "raise the limit and start it again: ulimit -n 4096; mixlaw daemon stop; mixlaw daemon start");
    }
}
