//! The project's vocabulary as plain data types: run, point, observation, fit, forecast, recommendation.
//!
//! Every other room uses these types. They do no I/O and start no threads. Types that leave the process as JSON derive
//! `Serialize`, `Deserialize` and `JsonSchema`. Their field names are a stable interface: fields may be added, never
//! renamed.
//!
//! Units, everywhere: losses in nats, sizes in parameters, data in tokens, time in seconds.

pub mod advice;
pub mod answer;
pub mod audit;
mod automatic;
mod beyond;
mod by_number;
mod collecting;
pub mod count;
pub mod date;
pub mod decision;
pub mod design;
mod error;
pub mod facts;
mod figures;
pub mod fit;
pub mod front;
pub mod hyper;
pub mod isoflop;
pub mod labels;
pub mod ledger;
pub mod metric;
pub mod metrics;
pub mod mixture;
pub mod next;
pub mod number;
pub mod observation;
pub mod online;
pub mod outsiders;
pub mod phase;
mod phased;
mod phasing;
pub mod point;
pub mod proxies;
pub mod recipe;
pub mod run;
mod run_list;
pub mod scale;
pub mod shape;
pub mod signal;
pub mod snapshot;
pub mod speed;
pub mod step_metric;
pub mod step_series;
pub mod text;
pub mod upcycled;

pub use advice::{
    Abstention, Advice, AdviceState, EXTRAPOLATES, Expected, MeanOfBest, RecommendAnswer, Recommendation, ShapeAdvice,
    ShapeRecommendation,
};
pub use answer::{
    AckAnswer, AlertsTestAnswer, ChannelTest, CheckAnswer, Checkup, DaemonStatus, DoctorAnswer, FileView, FitAnswer,
    HistoryAnswer, KeptFit, LedgerAnswer, PredictAnswer, RunsAnswer, SpeedUp,
};
pub use audit::{AuditAnswer, CorpusShare, DomainAudit, EstimatedShare, EstimatedShares, RunAudit, TokenizerAudit};
pub use automatic::AutoView;
pub use beyond::BeyondRuns;
pub use by_number::ByNumber;
pub use collecting::{CollectAnswer, CollectStatus};
pub use decision::{
    AcceptView, AdviceAnswer, AdviceView, DecidedAnswer, Decision, Follower, FollowerLoss, Intention, StandingAdvice,
};
pub use design::{DesignAnswer, DesignMethod, DesignQuery, DesignedRun, PriorView};
pub use error::ValueError;
pub use facts::{Conflict, FactName, FactValue, Facts, Sourced};
pub use figures::Figures;
pub use fit::{
    AUTO, BetterPicks, Candidate, CandidateKind, Choice, Extrapolation, FitView, FoldView, Forecast, Interval,
    Measured, ParameterView, STACK, ScaleTestView, Unit,
};
pub use front::{FrontAnswer, FrontCost, FrontPoint, ShapeFront};
pub use hyper::{
    Held, HyperAdvice, HyperAnswer, HyperCell, HyperFit, HyperLaw, HyperQuery, HyperRun, HyperTrial, Optimum,
    OptimumKind, Regret,
};
pub use isoflop::{
    IsoFlopGroup, IsoFlopRun, IsoFlops, Optima, OptimumAt, OptimumCurve, OptimumMethod, Parabola, ShapeAnswer,
    ShapeMixture, Worth, WorthRun,
};
pub use labels::Labels;
pub use ledger::LedgerView;
pub use metric::{Better, Measure, Metric, MetricUnit};
pub use metrics::{MetricView, Metrics};
pub use mixture::{Mixture, thousandths};
pub use next::{CandidateRun, CostUnit, Knowledge, NextAnswer, NextQuery, Plan, ProposedRun, Purpose};
pub use number::Ordered;
pub use observation::{Exposure, Observation, Observations, Probe, Proxies, ProxyKind};
pub use online::{OnlineAnswer, OnlineRule, OnlineStep};
pub use outsiders::{FactsOfRun, FactsPlace, Outsiders, RunFacts};
pub use phase::{PHASE_END_HELP, Phase, PhaseEnd, PhaseError};
pub use phasing::{AnnealsAnswer, PhaseFit, PhaseForm, PhaseMove, PhasesAnswer, PhasesQuery, Tail};
pub use point::{Point, RawPoint, Series};
pub use proxies::ProxyView;
pub use recipe::Recipe;
pub use run::{PathPoint, RunForecast, RunState, RunView, minutes_silent, newest_first};
pub use run_list::RunList;
pub use scale::{Moe, Scale};
pub use shape::{Estimate, MeasuredShape, NearestRun, Range, ShapeOptimum, Standing};
pub use signal::Severity;
pub use snapshot::{ChartPoint, DaemonView, IngestProgress, Notice, RatioChart, Snapshot, TargetView, WatchedRoot};
pub use speed::{MeasuredMfu, RunSpeed, Speeds};
pub use step_series::StepSeries;
pub use upcycled::{Beside, Upcycled, UpcycledRun};
