//! Command: a program of the user's that gets the message as JSON.

use super::channel::Channel;
use super::message::Batch;
use super::process;
use super::undelivered::Undelivered;
use std::path::{Path, PathBuf};
use std::process::Command as Process;
use std::time::Duration;

/// How long it may take.
const LIMIT: Duration = Duration::from_secs(30);

/// A program with its arguments: they are given to it as they are, whatever the message says.
#[derive(Debug)]
pub struct Command {
    name: String,
    program: String,
    arguments: Vec<String>,
    directory: PathBuf,
}

impl Command {
    /// `None` where no program is named.
    #[must_use]
    pub fn new(words: &[String], directory: &Path) -> Option<Self> {
        let (program, arguments) = words.split_first()?;
        // A relative path with a slash is one from the project's directory, where the program runs.
        let place = if program.contains('/') { directory.join(program).display().to_string() } else { program.clone() };
        let (name, arguments) = (format!("command {program}"), arguments.to_vec());
        Some(Self { name, program: place, arguments, directory: directory.to_owned() })
    }
}

impl Channel for Command {
    fn name(&self) -> &str {
        &self.name
    }

    fn deliver(&self, batch: &Batch) -> Result<(), Undelivered> {
        let mut command = Process::new(&self.program);
        command.args(&self.arguments).current_dir(&self.directory).env("MIXLAW_KEY", &batch.key);
        process::run(&mut command, &self.program, batch.json().to_string().into_bytes(), LIMIT).map(drop)
    }
}
