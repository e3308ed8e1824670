//! The PROJECT argument, shared by all commands.

use clap::Args;
use std::path::PathBuf;

/// The PROJECT argument.
#[derive(Debug, Clone, Args)]
pub struct ProjectArg {
    /// Project file, or a directory that contains mixlaw.yaml or runs
    #[arg(value_name = "PROJECT", default_value = ".")]
    pub project: PathBuf,
}

impl ProjectArg {
    /// Whether the argument was omitted.
    pub(super) fn is_default(&self) -> bool {
        self.project.as_os_str() == "."
    }
}
