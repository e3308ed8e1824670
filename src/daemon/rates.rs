//! Learning rates of runs in progress, beside what laws advise for their size and tokens.
//!
//! By the user's own runs, where they vary in the learning rate at three pairs of size and tokens or more; else by the published
//! Step Law, which was fitted to other people's dense models: that is a setup note, no alert.

use super::health::RunContext;
use crate::fit::hyper::RateLaw;
use crate::laws::step_law;
use crate::observe::{self, Observed};
use crate::project::Project;
use crate::store::RunId;
use crate::vocab::number::{show_amount, significant};
use crate::vocab::text::printable;
use crate::vocab::{FactName, Notice, Severity};
use std::collections::BTreeMap;

/// Factor from which on a learning rate is off, and below which it is not any more.
const OFF: (f64, f64) = (3.0, 2.0);
/// Part of a run after which a learning rate that is only logged has reached its peak.
const RISEN: f64 = 0.2;
/// Runs that a note names before it counts.
const NAMED: usize = 3;

/// See the [module](self).
#[derive(Debug, Default)]
pub struct Rates {
    /// The law of the user's runs, and how many runs it was asked of.
    law: Option<(usize, Option<RateLaw>)>,
    /// Runs whose learning rate is off: by whose law, and the sentence.
    off: BTreeMap<RunId, Off>,
}

#[derive(Debug)]
struct Off {
    published: bool,
    name: String,
    times: f64,
    evidence: String,
}

impl Rates {
    /// Looks at a run: the sentence of an alert, where the law of the user's own runs says that it is off.
    pub fn look(&mut self, run: RunId, of: &RunContext<'_>, observed: &Observed, project: &Project) -> Option<String> {
        let was = self.off.remove(&run).is_some();
        if of.has_ended() || of.record.facts.text(FactName::Ended).is_some() {
            return None;
        }
        let facts = &of.record.facts;
        let (params, tokens) = (facts.params()?, facts.planned_tokens()?);
        let rate = observe::recipe(of.record).learning_rate?;
        let routed = facts.moe().is_some();
        let own = self.law(observed, project).and_then(|law| law.learning_rate(params, tokens, routed));
        let published = own.is_none();
        let advised = own.or_else(|| (!routed).then(|| step_law::learning_rate(params, tokens)))?;
        let times = rate / advised;
        let stated = facts.number(FactName::LearningRate).is_some() || of.progress().is_some_and(|p| p > RISEN);
        let bound = if was { OFF.1 } else { OFF.0 };
        if times < bound && (times > 1.0 / bound || !stated) {
            return None;
        }
        let how = if times > 1.0 { format!("{times:.1} ×") } else { format!("1/{:.1} of", 1.0 / times) };
        let who = if published { "the published Step Law advises" } else { "your runs advise" };
        let evidence = format!(
            "learning rate {} is {how} the {} that {who} for N {}, D {}",
            significant(rate, 2),
            significant(advised, 2),
            show_amount(params),
            show_amount(tokens)
        );
        let name = of.record.name.to_string();
        let alert = (!published).then(|| evidence.clone());
        self.off.insert(run, Off { published, name, times, evidence });
        alert
    }

    fn law(&mut self, observed: &Observed, project: &Project) -> Option<&RateLaw> {
        let weights = project.objective_weights();
        let heaviest = (0..weights.len()).max_by(|a, b| weights[*a].total_cmp(&weights[*b])).unwrap_or(0);
        let rows = observed.fitted.get(heaviest)?;
        let runs = rows.runs_present();
        if self.law.as_ref().is_none_or(|(known, _)| *known != runs) {
            self.law = Some((runs, RateLaw::of(rows)));
        }
        self.law.as_ref()?.1.as_ref()
    }

    /// Runs that are gone.
    pub fn retain(&mut self, there: impl Fn(RunId) -> bool) {
        self.off.retain(|run, _| there(*run));
    }

    /// What the published law has to say, as one setup note.
    pub fn notice(&self) -> Option<Notice> {
        let off: Vec<&Off> = self.off.values().filter(|off| off.published).collect();
        let text = match off.as_slice() {
            [] => return None,
            [one] => format!("{}: {}", printable(&one.name), one.evidence),
            many => {
                let named: Vec<String> =
                    many.iter().take(NAMED).map(|o| format!("{} ({:.2} ×)", printable(&o.name), o.times)).collect();
                let more = if many.len() > NAMED { format!(" and {} more", many.len() - NAMED) } else { String::new() };
                format!(
                    "learning rates more than {:.0} × above or below what the published Step Law advises: {}{more}",
                    OFF.0,
                    named.join(", ")
                )
            }
        };
        Some(Notice { severity: Severity::Info, text, help: Some("see what it rests on: mixlaw hyper".to_owned()) })
    }
}
