//! `mixlaw audit`: declared against realised shares and epochs; with `--tokenizer`, what a tokenizer was trained on.

use super::output::{print, print_json, table};
use super::session::Session;
use super::tokenizer::OfTokenizer;
use super::{Outcome, ProjectArg};
use crate::ipc::protocol::{Failure, Query};
use crate::vocab::number::{show_amount, significant};
use crate::vocab::{AuditAnswer, RunAudit};
use clap::Args;

/// Runs that are named where nothing is counted.
const NAMED: usize = 6;

/// Arguments of `audit`.
#[derive(Debug, Args)]
pub struct Audit {
    #[command(flatten)]
    project: ProjectArg,
    #[command(flatten)]
    of_tokenizer: OfTokenizer,
    /// Print JSON (schemas/audit.schema.json; with --tokenizer, schemas/tokenizer-audit.schema.json)
    #[arg(long)]
    json: bool,
}

impl Audit {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        if let Some(tokenizer) = &self.of_tokenizer.tokenizer {
            return self.of_tokenizer.run(tokenizer, self.json);
        }
        let answer: AuditAnswer = Session::open(&self.project.project)?.ask(Query::Audit)?;
        if self.json {
            print_json(&answer)?;
        } else {
            print(&show(&answer))?;
        }
        Ok(Outcome::Done)
    }
}

fn show(answer: &AuditAnswer) -> String {
    let (counted, others): (Vec<&RunAudit>, Vec<&RunAudit>) =
        answer.runs.iter().partition(|run| !run.domains.is_empty());
    let mut out = String::new();
    if !counted.is_empty() {
        let head = ["run", "domain", ">declared", ">realised", ">first quarter", ">last quarter", ">tokens", ">epochs"];
        let mut rows: Vec<Vec<String>> = vec![head.map(str::to_owned).to_vec()];
        let percent =
            |share: Option<f64>| share.map_or_else(|| "–".to_owned(), |share| format!("{:.1} %", 100.0 * share));
        for run in &counted {
            for (domain, audit) in &run.domains {
                rows.push(vec![
                    run.run.clone(),
                    domain.clone(),
                    percent(audit.declared),
                    percent(Some(audit.realised)),
                    percent(audit.quarters.first().copied()),
                    percent(audit.quarters.last().copied()),
                    show_amount(audit.tokens),
                    audit.epochs.map_or_else(|| "–".to_owned(), |epochs| significant(epochs, 3)),
                ]);
            }
        }
        out.push_str(&table(&rows));
        if let Some(worst) = counted.iter().filter(|run| run.apart.is_some_and(|apart| apart >= 0.01)).copied().next() {
            let name = crate::vocab::text::printable(&worst.run);
            let apart = 100.0 * worst.apart.unwrap_or_default();
            out.push_str(&format!("\n{name} is {apart:.1} % of weight away from what it declares.\n"));
        }
    }
    if !others.is_empty() {
        let names: Vec<String> = others.iter().take(NAMED).map(|run| crate::vocab::text::printable(&run.run)).collect();
        let more = if others.len() > NAMED { format!(" and {} more", others.len() - NAMED) } else { String::new() };
        let gap = if counted.is_empty() { "" } else { "\n" };
        out.push_str(&format!(
            "{gap}Tokens of each domain are not counted in the logs of {} of {} runs: {}{more}.\nTo have them audited, log a \
             counter a domain, such as tokens/web and tokens/code.\n",
            others.len(),
            answer.runs.len(),
            names.join(", ")
        ));
    }
    if answer.runs.is_empty() {
        out.push_str("no runs\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_counted_is_said() {
        let run = |n: usize| RunAudit {
            run: format!("r{n}"),
            domains: Default::default(),
            declared: None,
            apart: None,
            drift: None,
        };
        let text = show(&AuditAnswer { runs: (0..8).map(run).collect() });
        assert!(text.starts_with("Tokens of each domain are not counted in the logs of 8 of 8 runs: r0"), "{text}");
        assert!(text.contains("r5 and 2 more"), "{text}");
    }
}
