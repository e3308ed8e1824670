//! `mixlaw recommend`: which ratio to change, or why none is advised.

use super::output::{print, print_json, table};
use super::session::Session;
use super::{Outcome, ProjectArg};
use crate::ipc::protocol::{Failure, Query};
use crate::vocab::{Abstention, Advice, Recommendation};
use clap::Args;

/// Arguments of `recommend`.
#[derive(Debug, Args)]
pub struct Recommend {
    #[command(flatten)]
    project: ProjectArg,
    /// Look outside the weights that the runs have explored
    #[arg(long)]
    extrapolate: bool,
    /// Print the answer as JSON (schemas/recommend.schema.json)
    #[arg(long)]
    json: bool,
}

impl Recommend {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let query = Query::Recommend { extrapolate: self.extrapolate };
        let advice: Advice = Session::open(&self.project.project)?.ask(query)?;
        if self.json {
            print_json(&advice)?;
        } else {
            print(&match &advice {
                Advice::Recommendation(advised) => show(advised),
                Advice::Abstained(abstained) => show_abstention(abstained),
            })?;
        }
        Ok(if matches!(advice, Advice::Abstained(_)) { Outcome::Abstained } else { Outcome::Done })
    }
}

fn show(advised: &Recommendation) -> String {
    let mut rows: Vec<Vec<String>> = vec![["weight", ">now", ">advised"].map(str::to_owned).to_vec()];
    for (domain, weight) in &advised.mixture.0 {
        rows.push(vec![
            domain.clone(),
            format!("{:.1} %", advised.current.weight(domain) * 100.0),
            format!("{:.1} %", weight * 100.0),
        ]);
    }
    let mut out = table(&rows);
    out.push('\n');
    let mut rows: Vec<Vec<String>> =
        vec![["loss at the target", ">now", ">advised", ">5 %", ">95 %", ">limit"].map(str::to_owned).to_vec()];
    for (metric, expected) in &advised.expected {
        rows.push(vec![
            metric.clone(),
            format!("{:.4}", expected.now),
            format!("{:.4}", expected.value),
            format!("{:.4}", expected.low),
            format!("{:.4}", expected.high),
            expected.limit.map_or_else(String::new, |l| format!("{l:.4}")),
        ]);
    }
    out.push_str(&table(&rows));
    out.push_str(&format!(
        "\nodds that it is better {:.0} % · that every limit holds {:.0} % · gain {:.4} nats · id {}\n\n",
        advised.p_better * 100.0,
        advised.p_within_limits * 100.0,
        advised.gain,
        advised.id
    ));
    for reason in &advised.reasons {
        out.push_str(&format!("- {}\n", crate::vocab::text::printable(reason)));
    }
    out
}

fn show_abstention(abstained: &Abstention) -> String {
    let mut out = "No change is advised: there is not enough to go on.\n".to_owned();
    for (title, sentences) in [("", &abstained.reasons), ("\nWhat would help:\n", &abstained.would_help)] {
        if !sentences.is_empty() {
            out.push_str(title);
        }
        for sentence in sentences {
            out.push_str(&format!("- {}\n", crate::vocab::text::printable(sentence)));
        }
    }
    out
}
