//! What views ask the daemon while they are on screen, beside curves and places, and what it says.

use crate::ipc::drift::DriftAnswer;
use crate::ipc::fitted::{FittedAnswer, FittedQuery};
use crate::ipc::log::{LogAnswer, LogQuery};
use crate::ipc::protocol::{Failure, HistoryQuery, MomentsAnswer, Query, read};
use crate::ipc::router::{RouterAnswer, RouterQuery};
use crate::ipc::slices::{SlicesAnswer, SlicesQuery};
use crate::ipc::surface::{SurfaceAnswer, SurfaceQuery};
use crate::vocab::{HistoryAnswer, KeptFit};

/// A question of a view.
#[derive(Debug, Clone, PartialEq)]
pub enum Question {
    /// Lines of a run's log.
    Log(LogQuery),
    /// How the routers of a run share out tokens.
    Router(RouterQuery),
    /// Losses of many mixtures at the target.
    Surface(SurfaceQuery),
    /// The objective along the share of each corpus.
    Slices(SlicesQuery),
    /// The best mixture at several sizes, or amounts of data.
    Drift,
    /// What the law in use says of each run beside what was measured.
    Fitted(FittedQuery),
    /// When fits were made.
    Moments,
    /// The fits that stood at a time, seconds since 1970.
    FitsAt(f64),
}

/// The questions of everything that is on screen.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Asked {
    /// Each once.
    pub questions: Vec<Question>,
    /// A number that differs with other fits, of which most answers are made.
    pub fits: u64,
    /// A number that differs where something was logged, of which [live](Question::is_live) answers are made; 0 where there is
    /// none of these.
    pub logged: u64,
}

/// What was said.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// See [`Question::Log`].
    Log(LogAnswer),
    /// See [`Question::Router`].
    Router(RouterAnswer),
    /// See [`Question::Surface`].
    Surface(SurfaceAnswer),
    /// See [`Question::Slices`].
    Slices(SlicesAnswer),
    /// See [`Question::Drift`].
    Drift(DriftAnswer),
    /// See [`Question::Fitted`].
    Fitted(FittedAnswer),
    /// See [`Question::Moments`]; ascending.
    Moments(Vec<f64>),
    /// See [`Question::FitsAt`].
    Fits(Vec<KeptFit>),
    /// Why there is no answer, as a sentence.
    Failed(String),
}

/// A question with its answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// What was asked.
    pub question: Question,
    /// What was said.
    pub answer: Answer,
}

impl Question {
    /// As the daemon understands it.
    #[must_use]
    pub fn query(&self) -> Query {
        match self {
            Self::Log(query) => Query::Log(query.clone()),
            Self::Router(query) => Query::Router(query.clone()),
            Self::Surface(query) => Query::Surface(*query),
            Self::Slices(query) => Query::Slices(*query),
            Self::Drift => Query::Drift,
            Self::Fitted(query) => Query::Fitted(query.clone()),
            Self::Moments => Query::Moments,
            Self::FitsAt(at) => Query::History(HistoryQuery { until: Some(*at), metric: None, standing: true }),
        }
    }

    /// Takes the daemon's answer, as JSON, or why there is none.
    #[must_use]
    pub fn answered(&self, said: Result<&str, Failure>) -> Answered {
        let answer = said.and_then(|text| match self {
            Self::Log(_) => read(text).map(Answer::Log),
            Self::Router(_) => read(text).map(Answer::Router),
            Self::Surface(_) => read(text).map(Answer::Surface),
            Self::Slices(_) => read(text).map(Answer::Slices),
            Self::Drift => read(text).map(Answer::Drift),
            Self::Fitted(_) => read(text).map(Answer::Fitted),
            Self::Moments => read(text).map(|answer: MomentsAnswer| Answer::Moments(answer.moments)),
            Self::FitsAt(_) => read(text).map(|answer: HistoryAnswer| Answer::Fits(answer.history)),
        });
        Answered { question: self.clone(), answer: answer.unwrap_or_else(|failure| Answer::Failed(failure.message)) }
    }

    /// Whether the answer takes seconds where there is much to search; those that come at once do not wait for it.
    #[must_use]
    pub fn is_slow(&self) -> bool {
        matches!(self, Self::Surface(_) | Self::Slices(_) | Self::Drift | Self::Fitted(_))
    }

    /// Whether the answer is another one whenever something was logged, rather than with other fits.
    #[must_use]
    pub fn is_live(&self) -> bool {
        matches!(self, Self::Log(_) | Self::Router(_))
    }
}
