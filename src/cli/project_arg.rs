//! The project, named the same way for every command.

use clap::Args;
use std::path::PathBuf;

/// The project, named the same way for every command.
#[derive(Debug, Clone, Args)]
pub struct ProjectArg {
    /// Project file, or a directory with a mixlaw.yaml or with runs
    #[arg(value_name = "PROJECT", default_value = ".")]
    pub project: PathBuf,
}

impl ProjectArg {
    /// Whether no project was named.
    pub(super) fn is_default(&self) -> bool {
        self.project.as_os_str() == "."
    }
}
