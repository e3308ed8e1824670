//! `mixlaw replay`: writes recorded logs again, as if the runs were training now.

use super::output::print;
use super::{ArgumentError, Outcome, ProjectArg};
use crate::ingest::replay;
use crate::ipc::protocol::Failure;
use crate::project::Project;
use crate::vocab::count::counted;
use clap::Args;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, Instant};

/// Arguments of `replay`.
#[derive(Debug, Args)]
pub struct Replay {
    #[command(flatten)]
    project: ProjectArg,
    /// Output directory; must not exist or must be empty
    #[arg(long, value_name = "DIR")]
    into: PathBuf,
    /// Speed relative to the recording
    #[arg(long, value_name = "X", default_value_t = 50.0, value_parser = speed)]
    speed: f64,
    /// Runs that train at the same time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..))]
    jobs: u16,
}

fn speed(text: &str) -> Result<f64, ArgumentError> {
    match text.trim_end_matches('x').parse::<f64>() {
        Ok(speed) if speed.is_finite() && speed > 0.0 => Ok(speed),
        _ => Err(ArgumentError::NotASpeed(text.to_owned())),
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
                "nothing to replay: no run has a log in a known format",
                "list the logs found: mixlaw check".to_owned(),
            ));
        }
        if let Some(run) = runs.iter().find(|run| !below(Path::new(&run.name))) {
            return Err(Failure::usage(
                format!("the run '{}' is outside the project directory", run.name),
                "replay only works on runs below the project file's directory".to_owned(),
            ));
        }
        replay::prepare(&project, &runs, &into).map_err(failed)?;
        let appends = replay::schedule(&runs, usize::from(self.jobs));
        let last = appends.last().map_or(0.0, |append| append.at / self.speed);
        print(&format!(
            "replaying {}, {}, {last:.0} s; watch them: mixlaw watch {}\n",
            counted(runs.len(), "run"),
            counted(appends.len(), "line"),
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

/// Rejects a directory that is not empty: a replay appends, so existing logs would mix with the new ones.
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
        "give a directory that does not exist yet or is empty".to_owned(),
    ))
}

/// Whether a relative path stays below its starting directory.
fn below(path: &Path) -> bool {
    path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}
