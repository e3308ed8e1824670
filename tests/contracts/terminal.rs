//! One way to a terminal: text is written to standard output and error in two files alone, which take only text that was made
//! harmless (`vocab::text::Harmless`), or cells that were.

use std::path::Path;

/// Files that may name the outputs.
const DOORS: [&str; 2] = ["src/cli/output.rs", "src/tui/terminal.rs"];
/// Files that hand an output on to a program of the user's, which says there what it wants.
const HANDED_ON: [&str; 1] = ["src/daemon/accept/hook.rs"];
/// What would write to them.
const WRITES: [&str; 6] = ["println!(", "print!(", "eprintln!(", "eprint!(", "stdout()", "stderr()"];

/// Lines of code that write to an output or look at it. Looking whether it is a terminal is no writing.
fn writes(text: &str) -> Vec<&str> {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.filter(|line| WRITES.iter().any(|write| line.replace("stdout().is_terminal()", "").contains(write))).collect()
}

#[test]
fn nothing_is_printed_but_through_the_doors() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut seen = 0;
    for entry in walkdir::WalkDir::new(root.join("src")).into_iter().flatten() {
        let path = entry.path().strip_prefix(root).expect("a file of ours").display().to_string();
        let is_test = path.contains("/tests/") || path.ends_with("/tests.rs");
        if !path.ends_with(".rs") || is_test || DOORS.contains(&path.as_str()) {
            continue;
        }
        seen += 1;
        let text = std::fs::read_to_string(entry.path()).expect("a source");
        let handed_on = HANDED_ON.contains(&path.as_str());
        let lines = writes(&text).into_iter().filter(|line| !(handed_on && line.contains("std::io::stderr().as_fd()")));
        found.extend(lines.map(|line| format!("{path}: {}", line.trim())));
    }
    assert!(seen > 200, "the source was not read");
    assert!(found.is_empty(), "text may reach a terminal past the filter:\n{}", found.join("\n"));
}

#[test]
fn writes_are_found() {
    assert_eq!(writes("fn f() { println!(\"{x}\") }\n// stdout()\nlet out = io::stdout().lock();").len(), 2);
    assert!(writes("if std::io::stdout().is_terminal() {}\n#[cfg(test)]\nmod tests { eprintln!(\"x\") }").is_empty());
}
