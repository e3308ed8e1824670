//! What the law in use says of the runs that are drawn.

use crate::ipc::fitted::{FittedAnswer, FittedQuery, FittedRun};
use crate::tui::question::{Answer, Question};
use crate::tui::shared::Shared;
use std::collections::BTreeMap;

/// The question about a loss.
pub(super) fn question(key: &str) -> Question {
    Question::Fitted(FittedQuery { metric: key.to_owned() })
}

/// The answer, where it has come and says something.
pub(super) fn answer<'a>(shared: &'a Shared, key: &str) -> Option<&'a FittedAnswer> {
    match shared.answer(&question(key))? {
        Answer::Fitted(answer) => Some(answer).filter(|answer| !answer.runs.is_empty()),
        _ => None,
    }
}

/// What is said of each run, by its name.
pub(super) fn by_run(answer: Option<&FittedAnswer>) -> BTreeMap<&str, &FittedRun> {
    answer.iter().flat_map(|answer| &answer.runs).map(|one| (one.run.as_str(), one)).collect()
}

/// Mean of |measured / fitted − 1| over the runs.
pub(super) fn error(answer: &FittedAnswer) -> f64 {
    let all = answer.runs.iter().map(|run| (run.measured / run.fitted - 1.0).abs()).filter(|error| error.is_finite());
    let (sum, count) = all.fold((0.0, 0u32), |(sum, count), error| (sum + error, count + 1));
    sum / f64::from(count.max(1))
}
