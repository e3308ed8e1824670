//! What the laws say of a place that the screen asked about.

use crate::ipc::protocol::PredictQuery;
use crate::vocab::Forecast;

/// The losses at a place.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// The place.
    pub query: PredictQuery,
    /// A forecast for each loss and law.
    pub forecasts: Vec<Forecast>,
    /// Why there is none, as a sentence.
    pub failed: Option<String>,
}
