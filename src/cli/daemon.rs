//! `mixlaw daemon run|start|stop|status|logs`.

mod logs;

use super::output::{print, print_json};
use super::{Outcome, ProjectArg};
use crate::daemon::engine::seconds;
use crate::daemon::{StateDir, lifecycle};
use crate::ipc::protocol::{Failure, Query, Response, StatusAnswer};
use crate::project::Project;
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
    /// Watch in this process until told to stop
    Run {
        #[command(flatten)]
        project: ProjectArg,
        /// Leave the terminal; for `start`
        #[arg(long, hide = true)]
        detached: bool,
    },
    /// Watch in the background
    Start {
        #[command(flatten)]
        project: ProjectArg,
    },
    /// Stop watching; everything is written out first
    Stop {
        #[command(flatten)]
        project: ProjectArg,
    },
    /// Say whether a daemon is running and what it has
    Status {
        #[command(flatten)]
        project: ProjectArg,
        /// Print the answer as JSON
        #[arg(long)]
        json: bool,
    },
    /// Print what the daemon has written down of itself (MIXLAW_LOG sets how much: error, warn, info, debug)
    Logs {
        #[command(flatten)]
        project: ProjectArg,
        /// Go on with what it writes, until Ctrl-C
        #[arg(long, short)]
        follow: bool,
    },
}

impl Daemon {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        match self.verb {
            Verb::Run { project, detached } => lifecycle::run(Project::load(&project.project)?, detached)?,
            Verb::Start { project } => {
                let client = lifecycle::ensure(&Project::load(&project.project)?)?;
                print(&format!("watching in the background, process {}\n", client.daemon.pid))?;
            }
            Verb::Stop { project } => {
                let stopped = lifecycle::stop(&Project::load(&project.project)?)?;
                print(if stopped { "stopped\n" } else { "no daemon was running\n" })?;
            }
            Verb::Logs { project, follow } => {
                logs::show(&StateDir::of(&Project::load(&project.project)?)?.log(), follow)?;
            }
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
        Response::Answer(answer) => serde_json::from_str::<StatusAnswer>(answer.get()).ok(),
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
            "up {:.0} s · {runs} runs · {} files · {} points\n",
            daemon.uptime,
            daemon.files,
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
