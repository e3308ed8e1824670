//! `mixlaw completions` and `mixlaw man`, generated from the clap command table.

use super::Outcome;
use super::output::print;
use crate::ipc::protocol::Failure;
use clap::Args;
use clap_complete::Shell;

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub struct Completions {
    /// Shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self, mut cli: clap::Command) -> Result<Outcome, Failure> {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut cli, "mixlaw", &mut text);
        print(&String::from_utf8_lossy(&text))?;
        Ok(Outcome::Done)
    }
}

/// Arguments of `man`.
#[derive(Debug, Args)]
pub struct Man {}

impl Man {
    pub(super) fn run(self, cli: clap::Command) -> Result<Outcome, Failure> {
        let mut text = Vec::new();
        clap_mangen::Man::new(cli)
            .render(&mut text)
            .map_err(|e| Failure::new(format!("cannot generate the manual page: {e}"), None))?;
        print(&String::from_utf8_lossy(&text))?;
        Ok(Outcome::Done)
    }
}
