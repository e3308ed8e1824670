//! `mixlaw replay`: recorded logs written again as if they were being trained now.

use super::output::print;
use super::{Outcome, ProjectArg};
use crate::ingest::replay;
use crate::ipc::protocol::Failure;
use crate::project::Project;
use clap::Args;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, Instant};

/// Arguments of `replay`.
#[derive(Debug, Args)]
pub struct Replay {
    #[command(flatten)]
    project: ProjectArg,
    /// Directory to write to; it must not exist yet, or be empty
    #[arg(long, value_name = "DIR")]
    into: PathBuf,
    /// How many times as fast as recorded
    #[arg(long, value_name = "X", default_value_t = 50.0, value_parser = speed)]
    speed: f64,
    /// Runs that are trained at a time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..))]
    jobs: u16,
}

fn speed(text: &str) -> Result<f64, String> {
    match text.trim_end_matches('x').parse::<f64>() {
        Ok(speed) if speed.is_finite() && speed > 0.0 => Ok(speed),
        _ => Err(format!("'{text}' is no speed; write a number above zero, like 50")),
    }
}

impl Replay {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let project = Project::load(&self.project.project)?;
        let into = self.into;
        refuse_what_is_there(&into)?;
        let failed = |e: std::io::Error| Failure::new(format!("cannot replay: {e}"), None);
        let runs = replay::record(&project).map_err(failed)?;
        if runs.iter().all(|run| run.logs.is_empty()) {
            return Err(Failure::new(
                "there is nothing to replay: no run has a log that is recognised",
                "see what was found: mixlaw check".to_owned(),
            ));
        }
        if let Some(run) = runs.iter().find(|run| !below(Path::new(&run.name))) {
            return Err(Failure::usage(
                format!("the run '{}' lies outside the project's directory", run.name),
                "only runs below the project file can be replayed".to_owned(),
            ));
        }
        replay::prepare(&project, &runs, &into).map_err(failed)?;
        let appends = replay::schedule(&runs, usize::from(self.jobs));
        let last = appends.last().map_or(0.0, |append| append.at / self.speed);
        print(&format!(
            "{} runs, {} lines, {last:.0} s; watch them: mixlaw watch {}\n",
            runs.len(),
            appends.len(),
            into.display()
        ))?;
        let began = Instant::now();
        replay::play(&runs, &appends, &into, self.speed, |due: Duration| {
            std::thread::sleep(due.saturating_sub(began.elapsed()));
            true
        })
        .map_err(failed)?;
        Ok(Outcome::Done)
    }
}

/// A replay appends to files: into a directory that has some already it would mix two trainings.
fn refuse_what_is_there(into: &Path) -> Result<(), Failure> {
    let empty = match std::fs::read_dir(into) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
        Err(error) => return Err(Failure::usage(format!("cannot replay into {}: {error}", into.display()), None)),
    };
    if empty {
        return Ok(());
    }
    Err(Failure::usage(
        format!("{} is not empty", into.display()),
        "name a directory that does not exist yet, or an empty one".to_owned(),
    ))
}

/// Whether a relative path stays below where it starts.
fn below(path: &Path) -> bool {
    path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}
