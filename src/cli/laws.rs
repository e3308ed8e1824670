//! `mixlaw laws`: formula, inputs, outputs and paper of each law.

use super::Outcome;
use super::argument::ArgumentError;
use super::output::{print, table};
use crate::ipc::protocol::Failure;
use crate::laws::{self, LawInfo};
use crate::project::suggest;
use clap::{Args, Subcommand};

/// Arguments of `laws`.
#[derive(Debug, Args)]
pub struct Laws {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show one law
    Show {
        /// Name of the law
        name: String,
    },
}

impl Laws {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let laws = laws::table();
        match self.verb {
            None => {
                let mut rows = vec![["law", "needs", "gives", "source"].map(str::to_owned).to_vec()];
                rows.extend(laws.iter().map(|c| [c.name, c.needs, c.gives, c.source].map(str::to_owned).to_vec()));
                print(&table(&rows))?;
            }
            Some(Verb::Show { name }) => match laws.iter().find(|law| law.name == name) {
                Some(law) => print(&page(law))?,
                None => return Err(Failure::usage(format!("unknown law '{name}'"), closest(&name))),
            },
        }
        Ok(Outcome::Done)
    }
}

/// The name of a law, as an argument.
pub(super) fn named(text: &str) -> Result<String, ArgumentError> {
    match laws::get(text) {
        Some(_) => Ok(text.to_owned()),
        None => Err(ArgumentError::NoLaw(closest(text))),
    }
}

/// What to type in place of a name that no law has.
fn closest(name: &str) -> String {
    match suggest::closest(name, laws::table().iter().map(|law| law.name)) {
        Some(close) => format!("did you mean '{close}'?"),
        None => "list them: mixlaw laws".to_owned(),
    }
}

fn page(law: &LawInfo) -> String {
    let mut out = format!("{} · {}\n\n  {}\n\n", law.name, law.title, law.form);
    for (what, text) in [("requires", law.needs), ("predicts", law.gives), ("source", law.source)] {
        out.push_str(&format!("{what:<8} {text}\n"));
    }
    for caveat in law.caveats {
        out.push_str(&format!("note     {caveat}\n"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::Cli;
    use clap::Parser;

    #[test]
    fn a_law_that_there_is_not_is_refused_by_every_command_that_fits_or_designs_for_one() {
        for command in ["fit", "design"] {
            let refused = Cli::try_parse_from(["mixlaw", command, "--law", "dctp"]).expect_err("a slip").to_string();
            assert!(refused.contains("did you mean 'dcpt'?"), "{command}: {refused}");
            assert!(Cli::try_parse_from(["mixlaw", command, "--law", "dcpt"]).is_ok(), "{command}");
        }
    }
}
