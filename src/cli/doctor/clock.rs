//! Whether the clocks of this machine and of those that write the logs agree.

use super::finding::Findings;
use super::patient::Patient;
use crate::ingest::discover;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// How far in the future a time may be: other machines' clocks are a little off.
const AHEAD: Duration = Duration::from_secs(60);
/// Files that are looked at.
const MOST: usize = 100_000;
/// A clock before this (2024) was never set.
const UNSET: Duration = Duration::from_secs(1_704_067_200);

pub(super) fn look(patient: &Patient, found: &mut Findings) {
    let now = SystemTime::now();
    if now.duration_since(SystemTime::UNIX_EPOCH).is_ok_and(|since| since < UNSET) {
        found.fail("the clock of this machine is not set", "set it: timedatectl set-ntp true");
    }
    let Ok(project) = &patient.project else { return };
    let walk = |base| walkdir::WalkDir::new(base).max_depth(6).into_iter().flatten();
    let bases = discover::bases(&project.root, &project.runs);
    let files = bases.into_iter().flat_map(walk).filter(|entry| entry.file_type().is_file()).take(MOST);
    let ahead: Vec<(PathBuf, Duration)> = files
        .filter_map(|entry| {
            let ahead = entry.metadata().ok()?.modified().ok()?.duration_since(now).ok()?;
            (ahead > AHEAD).then(|| (entry.into_path(), ahead))
        })
        .collect();
    if let Some((path, by)) = ahead.iter().max_by_key(|(_, by)| *by) {
        let others = match ahead.len() - 1 {
            0 => String::new(),
            others => format!(", and {others} more files are in the future"),
        };
        let text = format!("{} was written {} s in the future{others}", path.display(), by.as_secs());
        let help = "the clocks of this machine and the writer's differ: timedatectl status on both; silence of these runs is \
                    noticed late";
        found.warn(text, help);
    }
    let state = patient.place().and_then(|place| std::fs::metadata(place.log()).ok()?.modified().ok());
    if state.is_some_and(|written| written.duration_since(now).is_ok_and(|ahead| ahead > AHEAD)) {
        let text = "the daemon's log was written in the future: the clock of this machine was set back";
        found.warn(text, "set it right: timedatectl set-ntp true");
    }
}
