//! Unsafe code is one declaration.

use std::path::Path;

/// The file that has it.
const EXCEPTED: &str = "src/daemon/heap.rs";

#[test]
fn there_is_one_unsafe_declaration() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for entry in ["src", "tests", "benches", "examples"].iter().flat_map(|part| walkdir::WalkDir::new(root.join(part)))
    {
        let Ok(entry) = entry else { continue };
        if entry.path().extension().is_none_or(|end| end != "rs") {
            continue;
        }
        let text = std::fs::read_to_string(entry.path()).expect("a source");
        let path = entry.path().strip_prefix(root).expect("a file of ours").display().to_string();
        let is_code = |line: &&str| !line.trim_start().starts_with("//");
        let lifts = |line: &&str| ["allow(unsafe_code", "expect(unsafe_code"].iter().any(|lift| line.contains(lift));
        found.extend(text.lines().filter(is_code).filter(lifts).map(|_| path.clone()));
    }
    // This file names what it looks for.
    found.retain(|path| !path.ends_with("contracts/unsafe_code.rs"));
    assert_eq!(found, [EXCEPTED], "the lint is lifted in other places than one");
}
