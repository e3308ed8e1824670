//! `mixlaw daemon run|start|stop|status|logs|unit`.

mod logs;
mod unit;

use super::output::{print, print_json};
use super::{Outcome, ProjectArg};
use crate::daemon::seconds;
use crate::daemon::{StateDir, lifecycle};
use crate::ipc::protocol::{Failure, Query, Response, StatusAnswer};
use crate::project::Project;
use crate::vocab::count::counted;
use crate::vocab::number::show_amount;
use crate::vocab::text::printable;
use clap::{Args, Subcommand};
use std::time::SystemTime;

/// Arguments of `daemon`.
#[derive(Debug, Args)]
pub struct Daemon {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the daemon in the foreground until it is stopped
    Run {
        #[command(flatten)]
        project: ProjectArg,
        /// Detach from the terminal; used by `start`
        #[arg(long, hide = true)]
        detached: bool,
    },
    /// Start the daemon in the background
    Start {
        #[command(flatten)]
        project: ProjectArg,
    },
    /// Stop the daemon after it has saved everything
    Stop {
        #[command(flatten)]
        project: ProjectArg,
    },
    /// Show whether the daemon is running and what it has read
    Status {
        #[command(flatten)]
        project: ProjectArg,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the daemon's log; set the level with MIXLAW_LOG (error, warn, info or debug)
    Logs {
        #[command(flatten)]
        project: ProjectArg,
        /// Follow the log until Ctrl-C
        #[arg(long, short)]
        follow: bool,
    },
    /// Print units for systemd's user manager: socket activation, restart, hardening
    Unit {
        #[command(flatten)]
        project: ProjectArg,
        /// Write them to ~/.config/systemd/user instead
        #[arg(long)]
        write: bool,
    },
}

impl Daemon {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        match self.verb {
            Verb::Run { project, detached } => lifecycle::run(Project::load(&project.project)?, detached)?,
            Verb::Start { project } => {
                let client = lifecycle::ensure(&Project::load(&project.project)?)?;
                print(&format!("daemon started, process {}\n", client.daemon.pid))?;
            }
            Verb::Stop { project } => {
                let stopped = lifecycle::stop(&Project::load(&project.project)?)?;
                print(if stopped { "stopped\n" } else { "the daemon was not running\n" })?;
            }
            Verb::Logs { project, follow } => {
                logs::show(&StateDir::of(&Project::load(&project.project)?)?.log(), follow)?;
            }
            Verb::Unit { project, write } => unit::run(&Project::load(&project.project)?, write)?,
            Verb::Status { project, json } => status(&Project::load(&project.project)?, json)?,
        }
        Ok(Outcome::Done)
    }
}

fn status(project: &Project, json: bool) -> Result<(), Failure> {
    let Some(mut client) = lifecycle::find(project)? else {
        return if json {
            print_json(&serde_json::json!({ "running": false }))
        } else {
            print("no daemon is running for this project\n")
        };
    };
    let pid = client.daemon.pid;
    let daemon = match client.query(Query::Status).map_err(|e| lifecycle::speak(&e))? {
        Response::Answer(answer) => serde_json::from_slice::<StatusAnswer>(answer.get().as_bytes()).ok(),
        // It is starting.
        _ => None,
    };
    let daemon = daemon.map(|status| {
        let mut daemon = status.daemon;
        // It has been up since that was published, too, which may be long ago where nothing changes.
        daemon.uptime += (seconds(SystemTime::now()) - status.at).max(0.0);
        (daemon, status.runs, status.faults)
    });
    if json {
        return print_json(&match &daemon {
            None => serde_json::json!({ "running": true, "pid": pid }),
            Some((daemon, runs, faults)) => serde_json::json!({
                "running": true, "pid": pid, "runs": runs, "daemon": daemon, "faults": faults
            }),
        });
    }
    let mut text = format!("process {pid}, mixlaw {}\n", client.daemon.build);
    if let Some((daemon, runs, faults)) = daemon {
        text.push_str(&format!(
            "up {:.0} s · {} · {} · {} points\n",
            daemon.uptime,
            counted(runs, "run"),
            counted(usize::try_from(daemon.files).unwrap_or(usize::MAX), "file"),
            show_amount(daemon.points as f64)
        ));
        for root in &daemon.watching {
            text.push_str(&printable(&format!("{}: {} ({})", root.path, root.mode, root.why)));
            text.push('\n');
        }
        for fault in faults {
            text.push_str(&format!("error: {}\n", printable(&fault.text)));
            text.extend(fault.help.map(|help| format!("help: {}\n", printable(&help))));
        }
    }
    print(&text)
}
