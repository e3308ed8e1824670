//! Accepting advice: the hook is asked, the weights are written where the project says, and each step is journaled before
//! what follows from it.
//!
//! | step | what is done | killed behind it, the acceptance ends as |
//! |---|---|---|
//! | intend | the journal says what will be done | withdrawn: the file is as it was |
//! | ask | the hook runs, and agrees or refuses | withdrawn: the hook may have taken effect, and that is said |
//! | agree | the journal says that it agreed | withdrawn: the file is as it was |
//! | write | the file has the new weights, with its provenance beside it | accepted: the file says so |
//! | complete | the journal says that it is done | accepted |
//!
//! A process that is killed leaves an intention; whoever reads the journal next looks at the file and ends it
//! ([`Decisions::resolve`](crate::advise::decisions::Decisions::resolve)).

mod file;
mod hook;

use crate::advise::decisions::{Decisions, Refusal};
use crate::ipc::protocol::Failure;
use crate::project::edit::{self, Edited};
use crate::project::{Accept, Project};
use crate::vocab::{Decision, Intention, Mixture, Recommendation};
use file::Target;
use serde_json::{Value, json};

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The journal says what will be done.
    Intend,
    /// The hook is asked.
    Ask,
    /// The journal says that it agreed.
    Agree,
    /// The file is written.
    Write,
    /// The journal says that it is done.
    Complete,
    /// Nothing is left to do.
    Done,
}

/// An acceptance, step by step.
#[derive(Debug)]
pub struct Acceptance {
    next: Step,
    intention: Intention,
    change: Option<(Target, Edited)>,
    accept: Option<Accept>,
    /// What the hook gets.
    told: Value,
    provenance: Value,
    root: std::path::PathBuf,
}

/// Where a step is journaled; it is on disk when this returns.
pub type Journal<'a> = dyn FnMut(Decision) -> Result<(), Failure> + 'a;

impl Acceptance {
    /// Prepares everything that can go wrong before anything is done. `at`: now, seconds since 1970.
    ///
    /// # Errors
    /// What is in the way, with its place.
    pub fn of(project: &Project, advised: &Recommendation, again: bool, at: f64) -> Result<Self, Failure> {
        let accept = project.accept.clone();
        let write = accept.as_ref().and_then(|accept| accept.write.as_ref());
        let change = match write {
            Some(write) => {
                let target = Target::open(&project.root, &write.file)?;
                let text = target.text()?;
                let edited =
                    edit::write(target.named(), text, write.format, &write.key, &advised.mixture).map_err(|error| {
                        Failure { help: error.help().map(str::to_owned), ..Failure::new(error.message(), None) }
                    })?;
                Some((target, edited))
            }
            None => None,
        };
        let mixture = change.as_ref().map_or_else(|| advised.mixture.clone(), |(_, edited)| edited.mixture.clone());
        let intention = Intention {
            advice: advised.id.clone(),
            at,
            mixture,
            file: write.map(|write| write.file.clone()),
            key: write.map(|write| write.key.clone()),
            hook: accept.as_ref().is_some_and(|accept| !accept.hook.is_empty()),
            again,
            auto: false,
        };
        let told = json!({
            "advice": advised.id,
            "project": project.name,
            "root": project.root,
            "at": at,
            "mixture": intention.mixture,
            "current": advised.current,
            "write": intention.file,
            "key": intention.key,
            "recommendation": advised,
        });
        let provenance = provenance(project, &intention);
        Ok(Self { next: Step::Intend, intention, change, accept, told, provenance, root: project.root.clone() })
    }

    /// The same without anybody asking: the journal refuses it where something holds it back.
    #[must_use]
    pub fn without_asking(mut self) -> Self {
        self.intention.auto = true;
        self.told["automatic"] = true.into();
        self
    }

    /// What is done next.
    #[must_use]
    pub fn next(&self) -> Step {
        self.next
    }

    /// The weights that are written.
    #[must_use]
    pub fn mixture(&self) -> &Mixture {
        &self.intention.mixture
    }

    /// The file, as the project names it.
    #[must_use]
    pub fn file(&self) -> Option<&str> {
        self.intention.file.as_deref()
    }

    /// Lines of the file that change: number from 1, before, after.
    #[must_use]
    pub fn lines(&self) -> &[(usize, String, String)] {
        self.change.as_ref().map_or(&[], |(_, edited)| &edited.lines)
    }

    /// Takes the next step. `now`: seconds since 1970.
    ///
    /// # Errors
    /// Why it is not accepted; the journal says so, too.
    pub fn advance(&mut self, journal: &mut Journal<'_>, now: f64) -> Result<(), Failure> {
        let advice = self.intention.advice.clone();
        self.next = match self.next {
            Step::Intend => {
                journal(Decision::Intended(self.intention.clone()))?;
                if self.intention.hook { Step::Ask } else { Step::Write }
            }
            Step::Ask => {
                let accept = self.accept.as_ref();
                let asked = accept.map_or(Ok(()), |a| hook::ask(&a.hook, &self.root, a.timeout, &self.told));
                self.or_withdraw(asked, journal, now)?;
                Step::Agree
            }
            Step::Agree => {
                journal(Decision::Agreed { advice, at: now })?;
                Step::Write
            }
            Step::Write => {
                let written = match &self.change {
                    Some((target, edited)) => target.replace(&edited.text, &self.provenance),
                    None => Ok(()),
                };
                self.or_withdraw(written, journal, now)?;
                Step::Complete
            }
            Step::Complete | Step::Done => {
                if self.next == Step::Complete {
                    journal(Decision::Accepted { advice, at: now, earlier: Vec::new() })?;
                }
                Step::Done
            }
        };
        Ok(())
    }

    fn or_withdraw(&self, done: Result<(), Failure>, journal: &mut Journal<'_>, now: f64) -> Result<(), Failure> {
        let Err(failure) = done else { return Ok(()) };
        let why = format!("It was not accepted: {}.", failure.message);
        let advice = self.intention.advice.clone();
        journal(Decision::Withdrawn { advice, at: now, why, interrupted: false })?;
        Err(failure)
    }
}

/// The weights that the file of an intention has now; `None` where there is no file, or they cannot be read.
#[must_use]
pub fn there(project: &Project, intention: &Intention) -> Option<Mixture> {
    let (file, key) = (intention.file.as_deref()?, intention.key.as_deref()?);
    let target = Target::open(&project.root, file).ok()?;
    edit::read(target.named(), target.text().ok()?, edit::Format::of(file)?, key).ok()
}

/// The weights in use that accepted ones would replace: those of the file, else those accepted last, else the current
/// ones of the advice that stands.
#[must_use]
pub fn in_use(project: &Project, decisions: &Decisions) -> Option<Mixture> {
    let write = project.accept.as_ref().and_then(|accept| accept.write.as_ref());
    if let Some(write) = write {
        let target = Target::open(&project.root, &write.file).ok()?;
        return edit::read(target.named(), target.text().ok()?, write.format, &write.key).ok();
    }
    let accepted = decisions.last_applied().and_then(|(one, _)| one.accepted.clone());
    accepted.or_else(|| decisions.standing().map(|one| one.advice.current.clone()))
}

/// Writes the provenance of an acceptance beside its file, where a kill came between both. What cannot be written is left.
pub fn explain(project: &Project, intention: &Intention) {
    let Some(file) = intention.file.as_deref() else { return };
    let explained =
        Target::open(&project.root, file).and_then(|target| target.explain(&provenance(project, intention)));
    if let Err(failure) = explained {
        tracing::warn!(error = failure.message, "could not write the provenance of accepted advice");
    }
}

fn provenance(project: &Project, intention: &Intention) -> Value {
    json!({
        "written_by": concat!("mixlaw ", env!("CARGO_PKG_VERSION")),
        "project": project.file.as_ref().unwrap_or(&project.root),
        "advice": intention.advice,
        "at": intention.at,
        "key": intention.key,
        "mixture": intention.mixture,
    })
}

/// What the user is told of a step that is not possible.
#[must_use]
pub fn refused(refusal: &Refusal) -> Failure {
    let help = match refusal {
        Refusal::Unknown(_) => "list the advice: mixlaw advice".to_owned(),
        Refusal::Superseded { stands, .. } => format!("to accept what is advised now: mixlaw advice accept {stands}"),
        Refusal::Accepted(id) => format!("to do it again all the same: mixlaw advice accept {id} --again"),
        Refusal::Held(id, _) => format!("to apply it all the same: mixlaw advice accept {id}"),
        Refusal::Busy(_) => "wait until the other command has ended".to_owned(),
        Refusal::NotBegun(_) => "begin again: mixlaw advice accept".to_owned(),
    };
    Failure::usage(refusal.to_string(), help)
}

#[cfg(test)]
mod tests;
