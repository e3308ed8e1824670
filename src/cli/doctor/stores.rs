//! Stores that were damaged and moved aside.

use super::finding::Findings;
use super::patient::Patient;

pub(super) fn look(patient: &Patient, found: &mut Findings) {
    let Some(place) = patient.place() else { return };
    let entries = std::fs::read_dir(place.store()).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().contains(".damaged-")) {
        let files = walkdir::WalkDir::new(entry.path()).into_iter().flatten();
        let bytes: u64 = files.filter_map(|file| file.metadata().ok()).filter(|m| m.is_file()).map(|m| m.len()).sum();
        let size = bytes as f64 / 1e6;
        let text = format!("a damaged store was moved aside and rebuilt from the logs; the old one has {size:.1} MB");
        let help = format!(
            "when you no longer need it: rm -r {}; if it happens again, look at the disk",
            entry.path().display()
        );
        found.warn(text, help);
    }
}
