//! Components: each owns its state, and nobody else writes it; none names another one.

pub mod decisions;
pub mod fit_keeper;
pub mod forecasts;
pub mod health_check;
pub mod journal;
pub mod labels;
pub mod ledger;
pub mod logs;
pub mod notifications;
pub mod retention;
pub mod run_index;
pub mod tables;
