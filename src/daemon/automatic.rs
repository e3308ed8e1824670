//! What is known when advice might be applied without anybody asking.

use super::accept;
use super::as_logged;
use super::seconds;
use super::shared::Shared;
use crate::advise::automatic::Situation;
use crate::advise::decisions::Decisions;
use crate::advise::question;
use crate::vocab::{Advice, AutoView};

/// Puts it together, and asks. The file with the weights in use is read only where the project says `apply: auto`.
pub(super) fn situation<T>(shared: &Shared, decisions: &Decisions, ask: impl FnOnce(Situation<'_>) -> T) -> T {
    let project = &shared.project;
    let auto = project.accept.as_ref().and_then(|accept| accept.auto.as_ref());
    let in_use = auto.and_then(|_| accept::in_use(project, decisions));
    let advice = as_logged::advice(project, shared.fits.outlook.advice.as_ref());
    let newest = match &advice {
        Some(Advice::Recommendation(advised)) => Some((&*advised.id, advised.p_better)),
        _ => None,
    };
    ask(Situation {
        decisions,
        auto,
        question: &question(project),
        newest,
        settled: shared.fits.candidates.iter().all(|candidates| candidates.choice.unfinished.is_empty()),
        in_use: in_use.as_ref(),
        at: seconds(shared.now),
    })
}

/// What is shown of it; `None` where the project does not say `apply: auto`.
pub(super) fn view(shared: &Shared) -> Option<AutoView> {
    shared.project.accept.as_ref()?.auto.as_ref()?;
    situation(shared, &shared.decisions, |now| now.view())
}
