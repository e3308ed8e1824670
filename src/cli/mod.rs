//! The command line: one file per command. A command reads its arguments, queries a [`session::Session`], and prints text
//! or, with `--json`, JSON that follows a published schema.

pub mod advice;
pub mod alerts;
pub mod anneals;
mod argument;
pub mod audit;
pub mod backup;
mod budget;
mod candidates;
pub mod check;
mod choice;
pub mod collect;
pub mod completions;
pub mod daemon;
pub mod design;
pub mod doctor;
pub mod export;
pub mod fit;
mod history;
pub mod hyper;
pub mod init;
pub mod laws;
pub mod ledger;
pub mod next;
mod npy;
mod online;
mod outcome;
pub mod output;
pub mod page;
mod pareto;
pub mod phases;
pub mod predict;
mod priors;
mod project_arg;
pub mod rebuild;
pub mod recommend;
pub mod reference;
mod remixed;
pub mod replay;
pub mod runs;
mod samples;
pub mod schema;
pub mod session;
pub mod shape;
pub mod show;
mod sweep;
mod tag;
mod template;
mod time;
mod tokenizer;
mod upcycled;
pub mod watch;
mod worth;

pub use argument::ArgumentError;
pub use outcome::Outcome;
pub use project_arg::ProjectArg;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use std::process::ExitCode;

/// htop for your data mixture: reads training logs live, fits scaling laws for mixtures and mixture-of-experts models,
/// forecasts the target run's loss with an interval, and recommends which mixture weight to change.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, disable_help_subcommand = true, arg_required_else_help = true)]
#[command(after_help = "Exit status: 0 success, 1 error, 2 wrong usage, 3 no advice (the runs don't support any yet).")]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

impl Cli {
    /// The command line of this process. A number below zero is a value, which is refused as one, and no option that is not known.
    ///
    /// # Errors
    /// What is wrong with it; help and version.
    pub fn read() -> Result<Self, clap::Error> {
        Self::read_from(std::env::args_os())
    }

    fn read_from<T: Into<std::ffi::OsString> + Clone>(typed: impl IntoIterator<Item = T>) -> Result<Self, clap::Error> {
        let mut command = with_negative_numbers(Self::command());
        let matches = command.try_get_matches_from_mut(typed)?;
        Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    }
}

fn with_negative_numbers(command: clap::Command) -> clap::Command {
    let takes = |arg: &clap::Arg| arg.get_action().takes_values() && !arg.is_positional();
    let command = command.mut_args(|arg| if takes(&arg) { arg.allow_negative_numbers(true) } else { arg });
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    names.into_iter().fold(command, |command, name| command.mut_subcommand(name, with_negative_numbers))
}

/// The commands.
#[derive(Debug, Subcommand)]
enum Command {
    /// Open the dashboard; starts the daemon if it is not running
    Watch(watch::Watch),
    /// Serve the dashboard's pictures to a browser on this machine, read-only
    Page(page::Page),
    /// Start, stop or inspect the background daemon
    Daemon(daemon::Daemon),
    /// Write a project file for a directory of runs
    Init(init::Init),
    /// Validate a project: the format of each log, the source of each fact, and every problem
    Check(check::Check),
    /// Find what keeps mixlaw from working well, and say what to type for each
    Doctor(doctor::Doctor),
    /// List the runs: state, size, tokens, mixture, loss and forecast
    Runs(runs::Runs),
    /// Show one run: facts, metrics and forecasts
    Show(show::Show),
    /// Fit the laws: parameters, intervals and held-out error
    Fit(fit::Fit),
    /// List the laws, or show one: formula, inputs, outputs and paper
    Laws(laws::Laws),
    /// Predict the losses of a run from its size, token count and mixture
    Predict(predict::Predict),
    /// List alerts (NaN, divergence, a stalled writer, …) and dismiss them
    Alerts(alerts::Alerts),
    /// The name of `alerts` in earlier releases
    #[command(hide = true)]
    Ack(alerts::Ack),
    /// Give a run tags and a note: kept in the project's journal, shown and filtered by in the dashboard
    Tag(tag::Tag),
    /// Grade past forecasts: error and interval coverage, by law, loss and progress of the run
    Ledger(ledger::Ledger),
    /// Recommend a mixture, or say which run to launch next to decide
    Recommend(recommend::Recommend),
    /// List the advice and since when it stands; accept it (writes the mixture) or dismiss it
    Advice(advice::Advice),
    /// Find the compute-optimal size, tokens and experts: by laws, and from runs grouped by compute (isoFLOP)
    Shape(Box<shape::Shape>),
    /// Find the learning rate and batch for a size and tokens: by the published Step Law, and by your runs
    Hyper(hyper::Hyper),
    /// Design the first sweep: mixtures, sizes and tokens, with launch files from a template
    Design(Box<design::Design>),
    /// Say what moving a share of a run's last phase to a corpus would do, from runs that change their mixture
    Phases(phases::Phases),
    /// Rank short tails of one model (microanneals) by their difference from a baseline tail
    Anneals(anneals::Anneals),
    /// Compare the mixtures that runs declare with the tokens that their logs count; infer what a tokenizer was trained on
    Audit(audit::Audit),
    /// Compare the weights that online rules (ODM, ADO, Aioli) give for a run so far with its own and with the advice
    Online(online::Online),
    /// Propose the runs to launch next: those that decide most for what they cost
    Next(next::Next),
    /// Export every point as JSON lines, CSV or Parquet
    Export(export::Export),
    /// Send the points of this machine's runs to a stream, for daemons elsewhere (feature `nats`)
    Collect(collect::Collect),
    /// Replay recorded logs as if the runs were training now
    Replay(replay::Replay),
    /// Write what cannot be rebuilt from logs (forecasts, grades, alerts, dismissals, decisions) to a file
    Backup(backup::Backup),
    /// Bring back what `backup` wrote
    Restore(backup::Restore),
    /// Read all logs again into a new store; what cannot be rebuilt is kept
    Rebuild(rebuild::Rebuild),
    /// Print the JSON Schemas of the project file and of every JSON output
    Schema(schema::Schema),
    /// Print shell completions
    Completions(completions::Completions),
    /// Print the manual page
    Man(completions::Man),
}

/// Runs the command line.
#[must_use]
pub fn run(cli: Cli) -> ExitCode {
    let result = match cli.command {
        Command::Watch(command) => command.run(),
        Command::Page(command) => command.run(),
        Command::Daemon(command) => command.run(),
        Command::Init(command) => command.run(),
        Command::Check(command) => command.run(),
        Command::Doctor(command) => command.run(),
        Command::Runs(command) => command.run(),
        Command::Show(command) => command.run(),
        Command::Fit(command) => command.run(),
        Command::Laws(command) => command.run(),
        Command::Predict(command) => command.run(),
        Command::Alerts(command) => command.run(),
        Command::Ack(command) => command.run(),
        Command::Tag(command) => command.run(),
        Command::Ledger(command) => command.run(),
        Command::Recommend(command) => command.run(),
        Command::Advice(command) => command.run(),
        Command::Shape(command) => command.run(),
        Command::Hyper(command) => command.run(),
        Command::Design(command) => command.run(),
        Command::Phases(command) => command.run(),
        Command::Anneals(command) => command.run(),
        Command::Audit(command) => command.run(),
        Command::Online(command) => command.run(),
        Command::Next(command) => command.run(),
        Command::Export(command) => command.run(),
        Command::Collect(command) => command.run(),
        Command::Replay(command) => command.run(),
        Command::Backup(command) => command.run(),
        Command::Restore(command) => command.run(),
        Command::Rebuild(command) => command.run(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_below_zero_is_refused_as_a_value() {
        for typed in [
            &["next", "--until", "-1"][..],
            &["next", "--budget", "-1e20"],
            &["hyper", "--tokens", "-5"],
            &["design", "-n", "-3"],
        ] {
            let refused = Cli::read_from(["mixlaw"].iter().chain(typed)).expect_err("below zero").to_string();
            assert!(refused.contains("invalid value '-") && !refused.contains("unexpected"), "{refused}");
        }
        assert!(Cli::read_from(["mixlaw", "predict", "--params", "7B"]).is_ok());
    }
}
