//! What mixlaw is built from, checked offline: every crate comes from crates.io with a checksum, none is banned, and each
//! licence is on the list of `deny.toml`, which `cargo deny` reads, too.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

fn read(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect("a file of the repository")
}

/// The texts between quotes of a list in `deny.toml`, by its key and what follows it.
fn list(deny: &str, begins: &str) -> String {
    let start = deny.find(begins).expect("a list of deny.toml");
    let end = deny[start..].find("\n]").expect("its end");
    deny[start..start + end]
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n")
}

fn quoted(text: &str) -> Vec<&str> {
    text.split('"').skip(1).step_by(2).collect()
}

/// Packages of the lock file: name, and its other lines by key.
fn packages(lock: &str) -> Vec<BTreeMap<&str, &str>> {
    let blocks = lock.split("[[package]]").skip(1);
    blocks
        .map(|block| {
            block.lines().filter_map(|line| line.split_once(" = ")).map(|(k, v)| (k, v.trim_matches('"'))).collect()
        })
        .collect()
}

/// What is wrong with the crates of a lock file.
fn faults(lock: &str, banned: &BTreeSet<&str>) -> Vec<String> {
    let mut faults = Vec::new();
    for package in packages(lock) {
        let name = package["name"];
        if banned.contains(name) {
            faults.push(format!("{name} is banned"));
        }
        let sum =
            package.get("checksum").is_some_and(|sum| sum.len() == 64 && sum.bytes().all(|b| b.is_ascii_hexdigit()));
        let registry = package.get("source") == Some(&"registry+https://github.com/rust-lang/crates.io-index");
        if name != "mixlaw" && !(sum && registry) {
            faults.push(format!("{name} is not from crates.io, or has no checksum"));
        }
    }
    faults
}

/// Whether a licence as a crate states it can be met by those that are allowed.
fn is_met(stated: &str, allowed: &BTreeSet<&str>) -> bool {
    let terms = stated.replace('/', " OR ");
    let one = |all: &str| {
        let all = all.trim_matches(|c| matches!(c, '(' | ')' | ' '));
        all.split(" OR ").any(|term| allowed.contains(term.trim()))
    };
    // `A OR (B AND C)` does not occur: it would be taken for less than it allows.
    terms.split(" AND ").all(one)
}

#[test]
fn every_crate_is_from_the_registry_and_none_is_banned() {
    let (deny, lock) = (read("deny.toml"), read("Cargo.lock"));
    let banned = list(&deny, "\ndeny = [");
    let banned: BTreeSet<&str> = quoted(&banned).into_iter().collect();
    assert!(banned.contains("openssl-sys") && banned.len() >= 10, "{banned:?}");
    assert!(packages(&lock).len() > 100);
    let found = faults(&lock, &banned);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn each_licence_is_on_the_list() {
    let deny = read("deny.toml");
    let (allowed, exceptions) = (list(&deny, "\nallow = ["), list(&deny, "\nexceptions = ["));
    let allowed: BTreeSet<&str> = quoted(&allowed).into_iter().collect();
    let exceptions: Vec<Vec<&str>> = exceptions.lines().map(quoted).filter(|words| words.len() == 2).collect();
    let host = if cfg!(target_os = "linux") { "x86_64-unknown-linux-gnu" } else { "aarch64-apple-darwin" };
    // Only what was built is sure to be here without a network.
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", host])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    assert!(packages.len() > 100);
    let mut used = BTreeSet::new();
    let mut found = Vec::new();
    for package in packages {
        let (name, stated) =
            (package["name"].as_str().unwrap_or_default(), package["license"].as_str().unwrap_or_default());
        let exception = exceptions.iter().find(|words| words[0] == name && is_met(stated, &BTreeSet::from([words[1]])));
        used.extend(exception.map(|words| words[0]));
        if exception.is_none() && !is_met(stated, &allowed) {
            found.push(format!("{name}: {stated}"));
        }
    }
    // What only the client of NATS needs is in no build that does not ask for it.
    let named = |wanted: &str| packages.iter().any(|package| package["name"] == wanted);
    for heavy in ["async-nats", "tokio", "rustls", "ring"] {
        assert!(!named(heavy), "{heavy} is in the default build");
    }
    assert!(found.is_empty(), "licences that are not on the list of deny.toml:\n{}", found.join("\n"));
    assert!(exceptions.iter().all(|words| used.contains(words[0])), "an exception is no longer needed: {exceptions:?}");
}

#[test]
fn faults_are_found() {
    let lock = "[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"git+https://example.org\"\n\n[[package]]\nname = \"ring\"\n";
    let found = faults(lock, &BTreeSet::from(["ring"]));
    assert_eq!(found.len(), 3, "{found:?}");
    let allowed = BTreeSet::from(["MIT", "Unicode-3.0"]);
    for met in ["MIT", "MIT/Apache-2.0", "Apache-2.0 OR MIT", "(MIT OR Apache-2.0) AND Unicode-3.0"] {
        assert!(is_met(met, &allowed), "{met}");
    }
    for unmet in ["GPL-3.0", "", "MIT AND GPL-3.0", "(GPL-2.0 OR GPL-3.0) AND MIT"] {
        assert!(!is_met(unmet, &allowed), "{unmet}");
    }
}
