//! `mixlaw advice`: the advice with its id and since when it stands; `accept` and `dismiss` say what comes of it.

use super::output::{print, print_json, table};
use super::session::Session;
use super::{Outcome, ProjectArg, time};
use crate::daemon::StateDir;
use crate::daemon::accept::{Acceptance, Step};
use crate::daemon::state_dir::Lock;
use crate::ipc::protocol::{Failure, Query};
use crate::project::Project;
use crate::vocab::number::show_probability;
use crate::vocab::text::printable;
use crate::vocab::{
    Advice as Advised, AdviceAnswer, AdviceState, AdviceView, AutoView, DecidedAnswer, Decision, Follower, Mixture,
    Ordered, RecommendAnswer, Recommendation,
};
use clap::{Args, Subcommand};
use std::path::Path;
use std::time::SystemTime;

/// Fewest characters of an id that stand for it.
const SHORTEST: usize = 4;

/// Arguments of `advice`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Advice {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    list: List,
}

/// Which advice to list.
#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    project: ProjectArg,
    /// Print JSON (schemas/advice.schema.json)
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Write the recommended mixture where the project file says (accept: write, key, hook)
    Accept {
        /// Id of the advice, or its first characters [default: what is advised now]
        #[arg(value_name = "ID")]
        id: Option<String>,
        #[command(flatten)]
        project: ProjectArg,
        /// Show what would be written, and do nothing
        #[arg(long)]
        dry_run: bool,
        /// Accept advice that is accepted already: ask the hook and write again
        #[arg(long)]
        again: bool,
        /// Accept only what `apply: auto` allows (max_step, cooldown, each advice once), as a running daemon does
        #[arg(long, conflicts_with = "again")]
        auto: bool,
        /// Print JSON (schemas/decided.schema.json)
        #[arg(long, conflicts_with = "dry_run")]
        json: bool,
    },
    /// Say that advice is not wanted; it stays in the history
    Dismiss {
        /// Id of the advice, or its first characters
        #[arg(value_name = "ID")]
        id: String,
        #[command(flatten)]
        project: ProjectArg,
        /// The reason, for the history
        #[arg(long, value_name = "TEXT", default_value = "")]
        why: String,
        /// Print JSON (schemas/decided.schema.json)
        #[arg(long)]
        json: bool,
    },
}

impl Advice {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        match self.verb {
            None => list(&self.list.project.project, self.list.json),
            // `mixlaw advice accept DIR` is about that project, as it would be for every other command.
            Some(Verb::Accept { id: Some(path), project, dry_run, again, auto, json })
                if project.is_default() && Path::new(&path).exists() =>
            {
                accept(None, Path::new(&path), How { dry_run, again, auto, json })
            }
            Some(Verb::Accept { id, project, dry_run, again, auto, json }) => {
                accept(id.as_deref(), &project.project, How { dry_run, again, auto, json })
            }
            Some(Verb::Dismiss { id, project, why, json }) => dismiss(&id, &project.project, &why, json),
        }
    }
}

fn list(project: &Path, json: bool) -> Result<Outcome, Failure> {
    let answer: AdviceAnswer = Session::open(project)?.ask(Query::Advice)?;
    let stands = answer.advice.iter().any(|one| one.stands);
    if json {
        print_json(&answer)?;
    } else {
        let unit = Project::load(project).map_or_else(|_| String::new(), |p| format!(" {}", p.objective_unit()));
        print(&show(&answer, unit.trim_end()))?;
    }
    Ok(if stands { Outcome::Done } else { Outcome::Abstained })
}

/// How advice is accepted.
struct How {
    dry_run: bool,
    again: bool,
    auto: bool,
    json: bool,
}

fn accept(id: Option<&str>, path: &Path, how: How) -> Result<Outcome, Failure> {
    let project = Project::load(path)?;
    let mut session = Session::open(path)?;
    let known: AdviceAnswer = session.ask(Query::Advice)?;
    let newest: RecommendAnswer = session.ask(Query::Recommend { extrapolate: false, top: None })?;
    let Advised::Recommendation(advised) = newest.mixture else {
        let help = "see why, and what would help: mixlaw recommend".to_owned();
        return Err(Failure::new("nothing is advised at present, so there is nothing to accept", help));
    };
    if let Some(id) = id {
        let found = find(&known, id)?;
        if found.id != advised.id {
            let help = format!("to accept what is advised now: mixlaw advice accept {}", advised.id);
            return Err(Failure::usage(format!("advice {} no longer stands", found.id), help));
        }
    }
    let _lock = lock(&project)?;
    let mut acceptance = Acceptance::of(&project, &advised, how.again, now())?;
    if how.auto {
        acceptance = acceptance.without_asking();
    }
    if how.dry_run {
        print(&would(&acceptance, project.accept.is_some()))?;
        return Ok(Outcome::Done);
    }
    while acceptance.next() != Step::Done {
        acceptance.advance(&mut |decision| session.decide(decision), now())?;
    }
    let answer = DecidedAnswer {
        id: advised.id.clone(),
        state: AdviceState::Accepted,
        mixture: Some(acceptance.mixture().clone()),
        written: acceptance.file().map(str::to_owned),
    };
    if how.json {
        print_json(&answer)?;
    } else {
        print(&accepted(&advised, &answer, project.accept.is_some()))?;
    }
    Ok(Outcome::Done)
}

fn dismiss(id: &str, path: &Path, why: &str, json: bool) -> Result<Outcome, Failure> {
    let project = Project::load(path)?;
    let mut session = Session::open(path)?;
    let known: AdviceAnswer = session.ask(Query::Advice)?;
    let id = find(&known, id)?.id.clone();
    let _lock = lock(&project)?;
    session.decide(Decision::Dismissed { advice: id.clone(), at: now(), why: printable(why.trim()) })?;
    if json {
        print_json(&DecidedAnswer { id, state: AdviceState::Dismissed, mixture: None, written: None })?;
    } else {
        print(&format!("Advice {id} is dismissed.\n"))?;
    }
    Ok(Outcome::Done)
}

/// The lock of the one command that decides.
fn lock(project: &Project) -> Result<Lock, Failure> {
    StateDir::of(project)?.accepting()?.ok_or_else(|| {
        Failure::new(
            "another mixlaw command is accepting or dismissing advice of this project",
            "wait until it has ended, then: mixlaw advice".to_owned(),
        )
    })
}

fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// The advice of an id, or the only one whose id begins so.
fn find<'a>(known: &'a AdviceAnswer, id: &str) -> Result<&'a AdviceView, Failure> {
    let wrong =
        |what: &str| Failure::usage(format!("{what} '{}'", printable(id)), "list the advice: mixlaw advice".to_owned());
    if let Some(exact) = known.advice.iter().find(|one| one.id == id) {
        return Ok(exact);
    }
    let begin: Vec<&AdviceView> = known.advice.iter().filter(|one| !id.is_empty() && one.id.starts_with(id)).collect();
    match begin[..] {
        [one] if id.len() >= SHORTEST => Ok(one),
        [] => Err(wrong("there is no advice")),
        [_] => Err(wrong(&format!("type at least {SHORTEST} characters of an id; advice begins with"))),
        _ => Err(wrong("type more of the id; several begin with")),
    }
}

/// `unit`: that of the gain, with a space before it; empty where there is none.
fn show(answer: &AdviceAnswer, unit: &str) -> String {
    let stands = answer.advice.iter().find(|one| one.stands);
    let mut out = match stands {
        Some(one) => standing(one, unit),
        None => "Nothing is advised at present. See why: mixlaw recommend\n".to_owned(),
    };
    if let Some(one) = stands.filter(|one| one.state == AdviceState::Open) {
        out.push_str(&format!("\naccept:  mixlaw advice accept {}\n", one.id));
        out.push_str(&format!("dismiss: mixlaw advice dismiss {} --why TEXT\n", one.id));
    }
    match &answer.accept {
        Some(accept) => {
            let file = accept.write.as_deref().zip(accept.key.as_deref());
            if let Some((file, key)) = file {
                out.push_str(&format!("Accepting writes {} (key {}).\n", printable(file), printable(key)));
            }
            if !accept.hook.is_empty() {
                out.push_str(&format!("The hook is asked first: {}\n", printable(&accept.hook.join(" "))));
            }
            out.extend(answer.auto.as_ref().map(automatic));
        }
        None => out.push_str("Accepting writes nothing: the project file has no `accept:`.\n"),
    }
    if let Some(id) = &answer.accepting {
        out.push_str(&format!("Advice {} is being accepted.\n", printable(id)));
    }
    let before: Vec<&AdviceView> = answer.advice.iter().filter(|one| !one.stands).collect();
    if !before.is_empty() {
        out.push_str("\nBefore\n");
        let mut rows: Vec<Vec<String>> = vec![["id", "since", "", "mixture", "why"].map(str::to_owned).to_vec()];
        for one in &before {
            let why = one.why.as_deref().map(printable).unwrap_or_default();
            rows.push(vec![one.id.clone(), time::show(one.since), decided(one), weights(&one.mixture), why]);
        }
        out.push_str(&table(&rows));
    }
    let followed: Vec<&AdviceView> = answer.advice.iter().filter(|one| !one.followed.is_empty()).collect();
    for one in followed {
        out.push_str(&format!("\nRuns that followed advice {}\n", one.id));
        out.push_str(&followers(&one.followed));
    }
    out
}

/// Whether a running daemon applies it, and why not now.
pub(super) fn automatic(auto: &AutoView) -> String {
    let mut out = "A running daemon applies advice by itself (apply: auto).".to_owned();
    match &auto.last {
        Some(last) => out.push_str(&format!(" Last applied {}.", time::show(*last))),
        None => out.push_str(" Nothing was applied yet."),
    }
    match (&auto.held, auto.until) {
        (_, Some(until)) => {
            out.push_str(&format!("\nNot applied before {}, when the cooldown ends.\n", time::show(until)))
        }
        (Some(held), None) => out.push_str(&format!("\nNot applied now: {}.\n", printable(held.trim_end_matches('.')))),
        (None, None) => out.push_str("\nNothing holds this advice back: it is applied next.\n"),
    }
    out
}

fn standing(one: &AdviceView, unit: &str) -> String {
    let mut out = format!("Advice {}: {}, stands since {}\n", one.id, decided(one), time::show(one.since));
    let mut rows: Vec<Vec<String>> = vec![["weight", ">current", ">recommended"].map(str::to_owned).to_vec()];
    for (domain, weight) in &one.mixture.0 {
        rows.push(vec![
            domain.clone(),
            format!("{:.1} %", 100.0 * one.current.weight(domain)),
            format!("{:.1} %", 100.0 * weight),
        ]);
    }
    out.push_str(&table(&rows));
    let p = show_probability(one.p_better);
    out.push_str(&format!("probability of improvement {p} · gain {:.4}{unit}\n", one.gain));
    if let Some(why) = one.why.as_deref().filter(|why| !why.is_empty()) {
        out.push_str(&format!("Reason: {}\n", printable(why)));
    }
    out
}

/// `accepted 2026-11-28 22:00:00`, `open`.
fn decided(one: &AdviceView) -> String {
    match one.decided_at {
        Some(at) if one.automatic => format!("{} automatically {}", one.state.word(), time::show(at)),
        Some(at) => format!("{} {}", one.state.word(), time::show(at)),
        None => one.state.word().to_owned(),
    }
}

pub(super) fn followers(runs: &[Follower]) -> String {
    let header = ["run", "metric", ">final", ">expected", "in the 90 % interval"];
    let mut rows: Vec<Vec<String>> = vec![header.map(str::to_owned).to_vec()];
    for run in runs {
        for (metric, loss) in &run.losses {
            rows.push(vec![
                run.run.clone(),
                metric.clone(),
                format!("{:.4}", loss.value),
                loss.expected.map_or_else(|| "–".to_owned(), |expected| format!("{expected:.4}")),
                match loss.covered {
                    Some(true) => "yes".to_owned(),
                    Some(false) => "no".to_owned(),
                    None => "not graded: another size than the target's".to_owned(),
                },
            ]);
        }
    }
    table(&rows)
}

/// `rust 70 %, prose 30 %`.
pub(super) fn weights(mixture: &Mixture) -> String {
    let mut all: Vec<(&String, &f64)> = mixture.0.iter().collect();
    all.sort_by_cached_key(|each| std::cmp::Reverse(Ordered(*each.1)));
    let one = |(domain, weight): &(&String, &f64)| format!("{} {:.1} %", printable(domain), 100.0 * **weight);
    all.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn would(acceptance: &Acceptance, configured: bool) -> String {
    let mixture = weights(acceptance.mixture());
    match acceptance.file() {
        Some(file) => {
            let mut out = format!("Would write {mixture} to {}:\n", printable(file));
            for (number, before, after) in acceptance.lines() {
                out.push_str(&format!("{number:>5} - {}\n      + {}\n", printable(before), printable(after)));
            }
            if acceptance.lines().is_empty() {
                out.push_str("The file has these weights already.\n");
            }
            out
        }
        None if configured => format!("Would ask the hook, and record {mixture} as accepted.\n"),
        None => format!("Would record {mixture} as accepted, and write nothing: the project file has no `accept:`.\n"),
    }
}

fn accepted(advised: &Recommendation, answer: &DecidedAnswer, configured: bool) -> String {
    let mixture = answer.mixture.as_ref().unwrap_or(&advised.mixture);
    let mut out = format!("Advice {} is accepted: {}\n", answer.id, weights(mixture));
    match &answer.written {
        Some(file) => out.push_str(&format!(
            "Written to {}. Once a run uses these weights, write them as mixture.current in the project file.\n",
            printable(file)
        )),
        None if configured => out.push_str("The hook agreed.\n"),
        None => out.push_str(
            "Nothing was written: the project file has no `accept:`. Set these weights yourself, or say where they go: \
             accept: { write: train.yaml, key: data.mixture }\n",
        ),
    }
    out.push_str("Runs with this mixture that begin from now on grade it: mixlaw advice\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_by_their_beginning() {
        let view = |id: &str| AdviceView {
            id: id.to_owned(),
            stands: false,
            since: 0.0,
            state: AdviceState::Open,
            decided_at: None,
            automatic: false,
            why: None,
            mixture: Mixture::default(),
            current: Mixture::default(),
            p_better: 0.9,
            gain: 0.1,
            followed: Vec::new(),
        };
        let known = AdviceAnswer { advice: vec![view("0123aaaa"), view("0123bbbb")], ..AdviceAnswer::default() };
        assert_eq!(find(&known, "0123b").unwrap().id, "0123bbbb");
        assert_eq!(find(&known, "0123aaaa").unwrap().id, "0123aaaa");
        for wrong in ["0123", "012", "", "ffff", "\u{1b}[2J"] {
            let said = find(&known, wrong).unwrap_err();
            assert!(said.status == 2 && !said.message.contains('\u{1b}'), "{wrong}");
        }
    }
}
