//! `mixlaw audit`: declared against realised shares and epochs; with `--tokenizer`, what a tokenizer was trained on.

use super::output::{print, print_json, table};
use super::session::Session;
use super::tokenizer::OfTokenizer;
use super::{Outcome, ProjectArg};
use crate::ipc::protocol::{Failure, Query};
use crate::vocab::count;
use crate::vocab::number::{show_amount, significant};
use crate::vocab::text::printable;
use crate::vocab::{AuditAnswer, DomainAudit, EstimatedShares, Ordered, RunAudit};
use clap::Args;
use std::collections::BTreeMap;

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
    let counted: Vec<&RunAudit> = answer.runs.iter().filter(|run| !run.domains.is_empty()).collect();
    let (tried, others): (Vec<&RunAudit>, Vec<&RunAudit>) =
        answer.runs.iter().filter(|run| run.domains.is_empty()).partition(|run| run.estimated.is_some());
    let parts = [counts(&counted), estimates(&tried), not_counted(&others, answer.runs.len())];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    if parts.is_empty() { "There are no logs of runs to audit.\n".to_owned() } else { parts.join("\n") }
}

/// A realised mixture that is so much of the weight away from the declared one is another.
const APART: f64 = 0.01;
/// Runs that are named.
const SHOWN: usize = 6;
/// Tokens that were used more often say little more (Muennighoff et al. 2023).
const OFTEN: f64 = 4.0;

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "–".to_owned(), |share| format!("{:.1} %", 100.0 * share))
}

/// Runs whose tokens are counted.
fn counts(counted: &[&RunAudit]) -> String {
    if counted.is_empty() {
        return String::new();
    }
    let head = ["run", "domain", ">declared", ">realised", ">first quarter", ">last quarter", ">tokens", ">epochs"];
    let mut rows: Vec<Vec<String>> = vec![head.map(str::to_owned).to_vec()];
    for run in counted {
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
    let mut out = table(&rows);
    let mut apart: Vec<(&RunAudit, f64)> =
        counted.iter().filter_map(|run| Some((*run, run.apart.filter(|apart| *apart >= APART)?))).collect();
    apart.sort_by_cached_key(|each| std::cmp::Reverse(Ordered(each.1)));
    let shown: Vec<String> =
        apart.iter().take(SHOWN).map(|(run, by)| format!("{} by {:.1} %", printable(&run.run), 100.0 * by)).collect();
    if !shown.is_empty() {
        let more = apart.len() - shown.len();
        out.push_str(&format!(
            "\n{} of {} trained on another mixture than declared (part of the weight): {}{}.\n",
            apart.len(),
            count::counted(counted.len(), "counted run"),
            shown.join(", "),
            if more > 0 { format!(" and {more} others") } else { String::new() }
        ));
    }
    let mut often: Vec<String> = Vec::new();
    for run in counted {
        let over = |(domain, audit): (&String, &DomainAudit)| {
            let epochs = audit.epochs.filter(|epochs| *epochs > OFTEN)?;
            Some(format!("{} {} times in {}", printable(domain), significant(epochs, 3), printable(&run.run)))
        };
        often.extend(run.domains.iter().filter_map(over));
    }
    if !often.is_empty() {
        let more = often.len().saturating_sub(SHOWN);
        often.truncate(SHOWN);
        let more = if more > 0 { format!(" and {more} others") } else { String::new() };
        out.push_str(&format!(
            "Used more than {OFTEN:.0} times, after which tokens say little more: {}{more}.\n",
            often.join(", ")
        ));
    }
    out
}

/// Runs whose shares are estimated from their losses, and those of which the losses do not tell them.
fn estimates(tried: &[&RunAudit]) -> String {
    let estimated = |run: &&RunAudit| Some((printable(&run.run), run.estimated.clone()?));
    let all: Vec<(String, EstimatedShares)> = tried.iter().filter_map(estimated).collect();
    let (told, not): (Vec<_>, Vec<_>) = all.iter().partition(|(_, of)| of.why_not.is_none());
    let mut out = String::new();
    if let Some((_, first)) = told.first() {
        let head = ["run", "domain", ">declared", ">estimated", "90 % range", ">steps", ""];
        let mut rows: Vec<Vec<String>> = vec![head.map(str::to_owned).to_vec()];
        for (name, of) in &told {
            for (domain, share) in &of.domains {
                rows.push(vec![
                    name.clone(),
                    domain.clone(),
                    percent(share.declared),
                    percent(Some(share.share)),
                    format!("{:.1}–{:.1} %", 100.0 * share.low, 100.0 * share.high),
                    of.steps.to_string(),
                    if share.differs { "differs".to_owned() } else { String::new() },
                ]);
            }
        }
        out.push_str(&table(&rows));
        out.push_str(&format!(
            "\nEstimated from losses, as no tokens are counted: {} is taken for the mean of the domains' training losses \
             over the tokens of each batch.\n",
            printable(&first.total)
        ));
        let wrong: Vec<&str> = told
            .iter()
            .filter(|(_, of)| of.domains.values().any(|share| share.differs))
            .map(|(name, _)| name.as_str())
            .collect();
        if !wrong.is_empty() {
            let (names, have) = (named(&wrong), if wrong.len() == 1 { "does" } else { "do" });
            out.push_str(&format!("{names} {have} not look like the declared mixture.\n"));
        }
    }
    let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, of) in not {
        by_reason.entry(of.why_not.as_deref().unwrap_or_default()).or_default().push(name);
    }
    for (why, runs) in by_reason {
        out.push_str(&format!("Losses do not tell the shares of {}: {}.\n", named(&runs), printable(why)));
    }
    out
}

/// Runs of which nothing is known.
fn not_counted(others: &[&RunAudit], of: usize) -> String {
    if others.is_empty() {
        return String::new();
    }
    let names: Vec<String> = others.iter().map(|run| printable(&run.run)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    format!(
        "Tokens of each domain are not counted in the logs of {} of {of} runs: {}.\nTo have them audited, log a counter a \
         domain, such as tokens/web and tokens/code (or its training loss, to have its share estimated).\n",
        others.len(),
        named(&names)
    )
}

/// The first names.
fn named(names: &[&str]) -> String {
    let more = if names.len() > NAMED { format!(" and {} more", names.len() - NAMED) } else { String::new() };
    format!("{}{more}", names[..names.len().min(NAMED)].join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_counted_is_said() {
        let run = |n: usize| RunAudit {
            run: format!("r{n}"),
            domains: Default::default(),
            estimated: None,
            declared: None,
            apart: None,
            drift: None,
        };
        let text = show(&AuditAnswer { runs: (0..8).map(run).collect() });
        assert!(text.starts_with("Tokens of each domain are not counted in the logs of 8 of 8 runs: r0"), "{text}");
        assert!(text.contains("r5 and 2 more"), "{text}");
    }
}
