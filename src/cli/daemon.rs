//! `mixlaw daemon run|start|stop|status|logs|unit`.

mod logs;
mod unit;

use super::output::{print, print_json};
use super::{Outcome, ProjectArg};
use crate::daemon::figures::prometheus;
use crate::daemon::metrics::Listen;
use crate::daemon::seconds;
use crate::daemon::{StateDir, lifecycle, rewriter};
use crate::ipc::protocol::{self, Failure, Query, Response, StatusAnswer};
use crate::project::Project;
use crate::store::SledStore;
use crate::vocab::DaemonStatus;
use crate::vocab::count::counted;
use crate::vocab::number::{duration, show_amount};
use crate::vocab::text::printable;
use clap::{Args, Subcommand};
use std::path::PathBuf;
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
        /// Serve the daemon's own figures to Prometheus: a loopback address with a port, or the path of a Unix socket
        #[arg(long, value_name = "PLACE")]
        metrics: Option<Listen>,
    },
    /// Start the daemon in the background
    Start {
        #[command(flatten)]
        project: ProjectArg,
        /// Serve the daemon's own figures to Prometheus: a loopback address with a port, or the path of a Unix socket
        #[arg(long, value_name = "PLACE")]
        metrics: Option<Listen>,
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
        /// Print JSON (schemas/status.schema.json)
        #[arg(long)]
        json: bool,
        /// Print the figures in Prometheus' text format, for a textfile collector
        #[arg(long, conflicts_with = "json")]
        prometheus: bool,
    },
    /// Print the daemon's log; set the level with MIXLAW_LOG (error, warn, info or debug)
    Logs {
        #[command(flatten)]
        project: ProjectArg,
        /// Follow the log until Ctrl-C
        #[arg(long, short)]
        follow: bool,
    },
    /// Copy what counts of a store's database; asked for by a daemon that writes it anew
    #[command(hide = true)]
    CopyStore { database: PathBuf },
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
            Verb::Run { project, detached, metrics } => {
                lifecycle::run(Project::load(&project.project)?, detached, metrics.as_ref())?;
            }
            Verb::Start { project, metrics } => {
                let client = lifecycle::ensure_with(&Project::load(&project.project)?, metrics.as_ref())?;
                print(&format!("daemon started, process {}\n", client.daemon.pid))?;
            }
            Verb::Stop { project } => {
                let stopped = lifecycle::stop(&Project::load(&project.project)?)?;
                print(if stopped { "stopped\n" } else { "the daemon was not running\n" })?;
            }
            Verb::Logs { project, follow } => {
                logs::show(&StateDir::of(&Project::load(&project.project)?)?.log(), follow)?;
            }
            Verb::CopyStore { database } => {
                let failed = |e: std::io::Error| Failure::new(format!("cannot copy {}: {e}", database.display()), None);
                rewriter::end_with_whoever_asked().map_err(failed)?;
                SledStore::copy_database(&database).map_err(failed)?;
            }
            Verb::Unit { project, write } => unit::run(&Project::load(&project.project)?, write)?,
            Verb::Status { project, json, prometheus } => {
                let project = Project::load(&project.project)?;
                if prometheus { scraped(&project)? } else { status(&project, json)? }
            }
        }
        Ok(Outcome::Done)
    }
}

/// The figures as Prometheus reads them, whether a daemon runs or not.
fn scraped(project: &Project) -> Result<(), Failure> {
    let status = match lifecycle::find(project)? {
        None => None,
        Some(mut client) => match client.query(Query::Status).map_err(|e| lifecycle::speak(&e))? {
            Response::Answer(answer) => protocol::read::<StatusAnswer>(answer.get()).ok(),
            _ => None,
        },
    };
    print(&prometheus(&project.name, status.as_ref()))
}

fn status(project: &Project, json: bool) -> Result<(), Failure> {
    let Some(mut client) = lifecycle::find(project)? else {
        return if json {
            print_json(&DaemonStatus::default())
        } else {
            print("no daemon is running for this project\n")
        };
    };
    let pid = client.daemon.pid;
    let daemon = match client.query(Query::Status).map_err(|e| lifecycle::speak(&e))? {
        Response::Answer(answer) => protocol::read::<StatusAnswer>(answer.get()).ok(),
        // It is starting.
        _ => None,
    };
    let daemon = daemon.map(|status| {
        let mut daemon = status.daemon;
        // It has been up since that was published, too, which may be long ago where nothing changes.
        daemon.uptime += (seconds(SystemTime::now()) - status.at).max(0.0);
        (daemon, status.runs, status.faults, status.figures)
    });
    if json {
        let answer = DaemonStatus { running: true, pid: Some(pid), ..DaemonStatus::default() };
        return print_json(&match daemon {
            None => answer,
            Some((daemon, runs, faults, figures)) => {
                DaemonStatus { runs: Some(runs), daemon: Some(daemon), faults: Some(faults), figures, ..answer }
            }
        });
    }
    let mut text = format!("process {pid}, mixlaw {}\n", client.daemon.build);
    if let Some((daemon, runs, faults, figures)) = daemon {
        text.push_str(&format!(
            "up {} · {} · {} · {} points\n",
            duration(daemon.uptime),
            counted(runs, "run"),
            counted(usize::try_from(daemon.files).unwrap_or(usize::MAX), "file"),
            show_amount(daemon.points as f64)
        ));
        if let Some(own) = figures {
            let mb = |bytes: u64| format!("{:.1} MB", bytes as f64 / 1e6);
            let memory = own.memory_bytes.map_or_else(|| "unknown".to_owned(), mb);
            text.push_str(&format!(
                "memory {memory} · store {} · journal {}\n",
                mb(own.store_bytes),
                mb(own.journal_bytes)
            ));
        }
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
