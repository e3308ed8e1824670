//! Parses arguments, calls one function, prints one error.

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    mixlaw::cli::run(mixlaw::cli::Cli::parse())
}
