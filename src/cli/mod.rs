//! One file per command. Each takes its arguments, asks a [`session::Session`], and prints either JSON of a published
//! shape or text for people.

pub mod alerts;
pub mod check;
mod choice;
pub mod completions;
pub mod daemon;
pub mod export;
pub mod fit;
mod history;
pub mod init;
pub mod laws;
pub mod ledger;
mod outcome;
pub mod output;
pub mod predict;
mod project_arg;
pub mod recommend;
pub mod reference;
pub mod replay;
pub mod runs;
pub mod schema;
pub mod session;
pub mod show;
mod sweep;
mod time;
pub mod watch;

pub use outcome::Outcome;
pub use project_arg::ProjectArg;

use clap::{CommandFactory, Parser, Subcommand};
use std::process::ExitCode;

/// htop for your data mixture: watches training logs, fits mixture and mixture-of-experts scaling laws as the numbers
/// arrive, and shows what the target run will reach, how sure that is, and which ratio to change.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, disable_help_subcommand = true, arg_required_else_help = true)]
#[command(after_help = "Exit status: 0 done, 1 failed, 2 used wrongly, 3 abstained (not enough evidence to advise).")]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
enum Command {
    /// Show the dashboard, on a daemon that is started if none is running
    Watch(watch::Watch),
    /// Run, start, stop or look at the background watcher
    Daemon(daemon::Daemon),
    /// Write a project file from what is found in a directory
    Init(init::Init),
    /// Validate a project: what each file was recognised as, where each fact came from, what is wrong
    Check(check::Check),
    /// List the runs
    Runs(runs::Runs),
    /// Show one run: facts, metrics, forecast
    Show(show::Show),
    /// Show the laws with parameters, intervals and held-out skill
    Fit(fit::Fit),
    /// List the laws, and show one: what it needs, gives and rests on
    Laws(laws::Laws),
    /// Predict losses for a size, an amount of data and a mixture
    Predict(predict::Predict),
    /// List the alerts of runs (NaN, divergence, a stalled writer, …), and dismiss them
    Alerts(alerts::Alerts),
    /// The name of `alerts` in earlier releases
    #[command(hide = true)]
    Ack(alerts::Ack),
    /// Show how forecasts have fared: error by part of the run seen, coverage, per law and loss
    Ledger(ledger::Ledger),
    /// Say which ratio to change, or why none is advised
    Recommend(recommend::Recommend),
    /// Write every point out
    Export(export::Export),
    /// Write recorded logs again as if they were being trained now
    Replay(replay::Replay),
    /// Print the JSON Schemas of the project file and of every answer
    Schema(schema::Schema),
    /// Print completions for a shell
    Completions(completions::Completions),
    /// Print the manual page
    Man(completions::Man),
}

/// Runs the command line.
#[must_use]
pub fn run(cli: Cli) -> ExitCode {
    let result = match cli.command {
        Command::Watch(command) => command.run(),
        Command::Daemon(command) => command.run(),
        Command::Init(command) => command.run(),
        Command::Check(command) => command.run(),
        Command::Runs(command) => command.run(),
        Command::Show(command) => command.run(),
        Command::Fit(command) => command.run(),
        Command::Laws(command) => command.run(),
        Command::Predict(command) => command.run(),
        Command::Alerts(command) => command.run(),
        Command::Ack(command) => command.run(),
        Command::Ledger(command) => command.run(),
        Command::Recommend(command) => command.run(),
        Command::Export(command) => command.run(),
        Command::Replay(command) => command.run(),
        Command::Schema(command) => command.run(),
        Command::Completions(command) => command.run(Cli::command()),
        Command::Man(command) => command.run(Cli::command()),
    };
    match result {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Abstained) => ExitCode::from(3),
        Err(failure) => {
            output::complain(&failure);
            ExitCode::from(failure.status)
        }
    }
}
