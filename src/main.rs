//! Parses arguments, calls one function, prints one error.

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    match mixlaw::cli::Cli::try_parse() {
        Ok(cli) => mixlaw::cli::run(cli),
        Err(error) => mixlaw::cli::output::misused(&error),
    }
}
