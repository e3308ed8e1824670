//! Parses arguments, calls one function, prints one error.

use std::process::ExitCode;

fn main() -> ExitCode {
    match mixlaw::cli::Cli::read() {
        Ok(cli) => mixlaw::cli::run(cli),
        Err(error) => mixlaw::cli::output::misused(&error),
    }
}
