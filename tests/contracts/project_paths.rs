//! What a path may name, what is said where it names nothing, and reloading after an edit.

use mixlaw::project::{Project, ProjectError, reload};
use std::fs;
use std::path::Path;

const GOOD: &str = "project: one\nruns:\n  - path: runs/*\n";

fn scratch(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a scratch directory");
    for (name, content) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
        fs::write(path, content).expect("a file");
    }
    directory
}

fn refusal(path: &Path) -> String {
    match Project::load(path) {
        Ok(_) => panic!("{} loads", path.display()),
        Err(error) => {
            assert!(error.help().is_some_and(|h| !h.is_empty()), "no help: {error}");
            error.report()
        }
    }
}

fn refused(path: &Path, says: &[&str]) {
    let text = refusal(path);
    for part in says {
        assert!(text.contains(part), "'{part}' is not in: {text}");
    }
}

#[test]
fn the_example_loads_by_its_file_and_by_its_directory() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/code-cpt");
    let project = Project::load(&directory).expect("the example");
    let by_file = Project::load(&directory.join("mixlaw.yaml")).expect("the example");
    assert_eq!(project, by_file);
    assert_eq!(project.name, "code-cpt");
    assert_eq!(project.domains, ["prose", "rust"]);
    assert_eq!(project.metric_of("rust"), Some("eval/rust/loss"));
    assert_eq!((project.target.params, project.target.tokens), (Some(2e6), Some(1.64e6)));
    assert_eq!(project.objective_text(), "minimise rust, while prose <= start + 3%");
    assert_eq!(project.runs[0].at, Some((4, 11)));
    assert_eq!(project.named, directory.join("mixlaw.yaml"));
    assert!(project.root.is_absolute());
}

#[test]
fn a_bare_directory_is_a_project_of_the_runs_in_it() {
    let runs = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/code-cpt/runs");
    let project = Project::load(&runs).expect("runs");
    assert_eq!((project.name.as_str(), project.file.as_deref()), ("runs", None));
    let patterns: Vec<&str> = project.runs.iter().map(|r| r.path.as_str()).collect();
    assert_eq!(patterns, ["*"]);
}

#[test]
fn what_is_not_there_is_said_with_what_may_have_been_meant() {
    let d = scratch(&[("mixlaw.yaml", GOOD.as_bytes()), ("notes/readme.txt", b"")]);
    refused(&d.path().join("mixlw.yaml"), &["no such file or directory", "did you mean", "mixlaw.yaml?"]);
    refused(&d.path().join("elsewhere"), &["no such file or directory", "mixlaw init DIR"]);
    refused(&d.path().join("mixlaw.yaml/x"), &["ls -ld"]);
    refused(&scratch(&[("README.md", b"")]).path().join("."), &["mixlaw.yaml: no such file", "mixlaw init"]);
}

#[test]
fn what_is_no_project_file_is_said_before_it_is_parsed() {
    let d = scratch(&[("run/metrics.jsonl", b"{\"step\": 1}\n{\"step\": 2}\n")]);
    refused(&d.path().join("run/metrics.jsonl"), &["a project is a YAML file or a directory", "give their directory"]);
    let d = scratch(&[("mixlaw.yaml/inside", b"")]);
    refused(d.path(), &["mixlaw.yaml: a directory"]);
    let d = scratch(&[("mixlaw.yaml", GOOD.as_bytes()), ("mixlaw.yml", GOOD.as_bytes())]);
    refused(d.path(), &["this directory contains both mixlaw.yaml and mixlaw.yml"]);
    let d = scratch(&[("mixlaw.yaml", &vec![b' '; (1 << 20) + 1])]);
    refused(d.path(), &["larger than 1 MiB"]);
}

#[test]
fn a_table_that_is_not_there_is_said_with_its_place() {
    let yaml = b"tables:\n  - path: rnus.csv\n    params: N\n    metrics: { data: loss }\n";
    let d = scratch(&[("mixlaw.yaml", yaml), ("runs.csv", b"N,loss\n1,2\n")]);
    refused(d.path(), &["mixlaw.yaml:2:11: file not found: rnus.csv", "runs.csv?"]);
}

#[test]
fn a_file_that_may_not_be_read_says_who_may() {
    use std::os::unix::fs::PermissionsExt;
    let d = scratch(&[("mixlaw.yaml", GOOD.as_bytes())]);
    let file = d.path().join("mixlaw.yaml");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).expect("permissions");
    if fs::read(&file).is_ok() {
        println!("skipped: this user may read everything");
        return;
    }
    refused(d.path(), &["permission denied", "ls -ld"]);
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_do_no_harm() {
    let text = format!("\u{feff}{}", GOOD.replace('\n', "\r\n"));
    let d = scratch(&[("mixlaw.yaml", text.as_bytes())]);
    assert_eq!(Project::load(d.path()).expect("a project").name, "one");
}

#[test]
fn an_edit_is_taken_up_and_a_bad_one_leaves_the_last_good_project() {
    let d = scratch(&[("mixlaw.yaml", GOOD.as_bytes())]);
    let file = d.path().join("mixlaw.yaml");
    let project = Project::load(d.path()).expect("a project");
    assert_eq!(reload(&project), Ok(None), "nothing changed");

    fs::write(&file, GOOD.replace("one", "two")).expect("an edit");
    let edited = reload(&project).expect("a good edit").expect("a change");
    assert_eq!(edited.name, "two");

    fs::write(&file, "runs: [").expect("an edit");
    assert!(matches!(reload(&edited), Err(ProjectError::Invalid { .. })));
    fs::remove_file(&file).expect("removal");
    assert!(matches!(reload(&edited), Err(ProjectError::Missing { .. })));
    fs::write(&file, GOOD.replace("one", "two")).expect("an edit");
    assert_eq!(reload(&edited), Ok(None), "back to what it was");
}

#[test]
fn a_bare_directory_becomes_a_project_when_its_file_is_written() {
    let d = scratch(&[("a/metrics.jsonl", b"")]);
    let bare = Project::load(d.path()).expect("a bare directory");
    assert_eq!(reload(&bare), Ok(None));
    fs::write(d.path().join("mixlaw.yaml"), GOOD).expect("a file");
    assert_eq!(reload(&bare).expect("a good file").map(|p| p.name).as_deref(), Some("one"));
}
