//! A full disk under the state directory: what is known is shown, it is said, and what came meanwhile is read once there is
//! room. Needs leave to mount a small file system in memory; elsewhere it says that it was skipped.

use crate::common::{World, eventually, stderr, stdout};
use crate::kill::{exported_points, logged_points};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A directory on a file system of its own.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` where nothing may be mounted.
    pub fn under(world: &World, name: &str, megabytes: u32) -> Option<Self> {
        let path = world.path().join(name);
        std::fs::create_dir_all(&path).unwrap();
        let size = format!("size={megabytes}m,mode=700");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&path).output();
        if mounted.is_ok_and(|o| o.status.success()) {
            return Some(Self(path));
        }
        println!("skipped: this user may not mount a file system");
        None
    }

    pub fn fill(&self) {
        let mut filler = std::fs::File::create(self.0.join("filler")).unwrap();
        while filler.write_all(&[0; 4096]).is_ok() {}
        // The last page may fit by halves.
        while filler.write_all(&[0]).is_ok() {}
    }

    pub fn make_room(&self) {
        std::fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// The example with a law that is fitted in no time.
fn quick_example(world: &World) {
    let project = world.example("p");
    let yaml = std::fs::read_to_string(project.join("mixlaw.yaml")).unwrap();
    world.write("p/mixlaw.yaml", yaml.replace("laws: auto", "laws: [additive]\nfit: { starts: 1, bootstraps: 20 }"));
}

/// Writes a good line to a run's log.
fn log(project: &Path, run: &str, step: usize) {
    let mut file =
        std::fs::OpenOptions::new().append(true).open(project.join("runs").join(run).join("metrics.jsonl")).unwrap();
    writeln!(file, "{{\"step\": {step}, \"train/loss\": {}}}", 2.0 + step as f64 * 1e-6).unwrap();
}

fn runs(world: &World) -> usize {
    world.json(&["runs", "p", "--json"])["runs"].as_array().unwrap().len()
}

fn all_points_are_there_once(world: &World) -> bool {
    let mut got = exported_points(&stdout(&world.run(&["export", "p"])));
    let mut expected = logged_points(&world.path().join("p/runs"));
    got.sort();
    expected.sort();
    got == expected
}

#[test]
fn a_daemon_on_a_full_disk_shows_what_it_has_says_so_and_catches_up() {
    let world = World::new();
    let Some(disk) = SmallDisk::under(&world, "state", 12) else { return };
    quick_example(&world);
    assert!(world.run(&["daemon", "start", "p"]).status.success());
    let pid = world.owner().unwrap();
    eventually("all runs are read", || all_points_are_there_once(&world));
    disk.fill();
    let mut step = 1_000_000;
    let status = || world.json(&["daemon", "status", "p", "--json"]);
    eventually("the full disk is told", || {
        // sled finds room for a while in what it has.
        (0..500).for_each(|n| log(&world.path().join("p"), "n25k-r050", step + n));
        step += 500;
        status()["faults"].to_string().contains("no new data is read")
    });
    assert_eq!(runs(&world), 36, "what is known is shown");
    let said = stdout(&world.run(&["daemon", "status", "p"]));
    assert!(said.contains("No space left") && said.contains("help: free some space"), "{said}");
    assert_eq!(status()["pid"].as_i64(), Some(i64::from(pid)), "it is the same process");
    disk.make_room();
    eventually("everything is there once", || all_points_are_there_once(&world));
    eventually("and all is well", || status()["faults"].as_array().is_some_and(Vec::is_empty));
    assert_eq!(world.owner(), Some(pid));
    log(&world.path().join("p"), "n25k-r050", step + 1);
    eventually("it goes on", || all_points_are_there_once(&world));
    assert!(world.run(&["daemon", "stop", "p"]).status.success());
    assert!(all_points_are_there_once(&world), "and it is on disk");
}

#[test]
fn a_command_on_a_full_disk_answers_and_says_that_nothing_is_kept() {
    for beforehand in [false, true] {
        let world = World::new();
        let Some(disk) = SmallDisk::under(&world, "state", 12) else { return };
        quick_example(&world);
        if beforehand {
            assert_eq!(runs(&world), 36);
            (0..5_000).for_each(|n| log(&world.path().join("p"), "n25k-r050", 1_000_000 + n));
        }
        disk.fill();
        let output = world.run(&["export", "p"]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let mut got = exported_points(&stdout(&output));
        let mut expected = logged_points(&world.path().join("p/runs"));
        got.sort();
        expected.sort();
        assert!(got == expected);
        if beforehand {
            assert!(stderr(&output).contains("nothing is saved"), "{}", stderr(&output));
            assert_eq!(stderr(&output).matches("help:").count(), 1, "{}", stderr(&output));
        }
    }
}

#[test]
fn a_daemon_that_starts_on_a_full_disk_reads_into_memory_and_moves_to_disk_when_there_is_room() {
    let world = World::new();
    let Some(disk) = SmallDisk::under(&world, "state", 12) else { return };
    quick_example(&world);
    // The place of the project is there, with a store that was never more than begun.
    let scratch = world.run(&["daemon", "start", "p"]);
    assert!(scratch.status.success(), "{}", stderr(&scratch));
    assert!(world.run(&["daemon", "stop", "p"]).status.success());
    let place = std::fs::read_dir(world.path().join("state")).unwrap().flatten().next().unwrap().path();
    std::fs::remove_dir_all(place.join("store")).unwrap();
    disk.fill();
    let start = world.run(&["daemon", "start", "p"]);
    assert!(start.status.success(), "{}", stderr(&start));
    eventually("the logs are read", || all_points_are_there_once(&world));
    let faults = || world.json(&["daemon", "status", "p", "--json"])["faults"].to_string();
    assert!(faults().contains("nothing is saved"), "{}", faults());
    disk.make_room();
    eventually("the store is on disk", || faults() == "[]");
    eventually("everything is there once", || all_points_are_there_once(&world));
    assert!(world.run(&["daemon", "stop", "p"]).status.success());
    assert!(place.join("store/points.sled").exists());
}
