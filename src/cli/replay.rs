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

/// How long the end is seen before a repeated replay begins again.
const BETWEEN: Duration = Duration::from_secs(5);

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
    /// Play the whole recording in so many minutes, instead of at a speed
    #[arg(long, value_name = "M", conflicts_with = "speed", value_parser = minutes)]
    minutes: Option<f64>,
    /// Begin again when the last run has ended, until Ctrl-C; what was written before is removed
    #[arg(long)]
    repeat: bool,
    /// Runs that train at the same time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..))]
    jobs: u16,
}

fn speed(text: &str) -> Result<f64, ArgumentError> {
    above_zero(text.trim_end_matches('x')).ok_or_else(|| ArgumentError::NotASpeed(text.to_owned()))
}

fn minutes(text: &str) -> Result<f64, ArgumentError> {
    above_zero(text).ok_or_else(|| ArgumentError::NotMinutes(text.to_owned()))
}

fn above_zero(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0)
}

impl Replay {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let project = Project::load(&self.project.project)?;
        let into = self.into;
        refuse_what_is_there(&into)?;
        let failed = |e: std::io::Error| Failure::new(format!("cannot replay: {e}"), None);
        // Before anything is read, so that whoever wants to watch it can begin.
        std::fs::create_dir_all(&into).map_err(failed)?;
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
        let whole = appends.last().map_or(0.0, |append| append.at);
        let speed = self.minutes.map_or(self.speed, |minutes| (whole / (60.0 * minutes)).max(1e-9));
        let last = whole / speed;
        print(&format!(
            "replaying {}, {}, {last:.0} s; watch them: mixlaw watch {}\n",
            counted(runs.len(), "run"),
            counted(appends.len(), "line"),
            into.display()
        ))?;
        loop {
            let began = Instant::now();
            replay::play(&runs, &appends, &into, speed, |due: Duration| {
                std::thread::sleep(due.saturating_sub(began.elapsed()));
                true
            })
            .map_err(failed)?;
            if !self.repeat {
                return Ok(Outcome::Done);
            }
            std::thread::sleep(BETWEEN);
            replay::remove(&runs, &into).map_err(failed)?;
        }
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
