//! `mixlaw laws`: what each law is, needs, gives and rests on.

use super::Outcome;
use super::output::{print, table};
use crate::ipc::protocol::Failure;
use crate::laws::{self, Card};
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
        /// Its name
        name: String,
    },
}

impl Laws {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let cards = laws::table();
        match self.verb {
            None => {
                let mut rows = vec![["law", "needs", "gives", "source"].map(str::to_owned).to_vec()];
                rows.extend(cards.iter().map(|c| [c.name, c.needs, c.gives, c.source].map(str::to_owned).to_vec()));
                print(&table(&rows))?;
            }
            Some(Verb::Show { name }) => match cards.iter().find(|card| card.name == name) {
                Some(card) => print(&page(card))?,
                None => {
                    let help = match suggest::closest(&name, cards.iter().map(|card| card.name)) {
                        Some(close) => format!("did you mean '{close}'?"),
                        None => "list them: mixlaw laws".to_owned(),
                    };
                    return Err(Failure::usage(format!("there is no law called '{name}'"), help));
                }
            },
        }
        Ok(Outcome::Done)
    }
}

fn page(card: &Card) -> String {
    let mut out = format!("{} · {}\n\n  {}\n\n", card.name, card.title, card.form);
    for (what, text) in [("needs", card.needs), ("gives", card.gives), ("source", card.source)] {
        out.push_str(&format!("{what:<7} {text}\n"));
    }
    for caveat in card.caveats {
        out.push_str(&format!("note    {caveat}\n"));
    }
    out
}
