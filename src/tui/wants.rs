//! What is on screen wants to know: curves, a place, answers to questions.

use super::model::Model;
use super::question::{Asked, Question};
use crate::ipc::protocol::PredictQuery;
use crate::ipc::series::SeriesQuery;

impl Model {
    /// The curves that what is on screen needs.
    #[must_use]
    pub fn needs(&self) -> Option<SeriesQuery> {
        self.shared.snapshot.as_ref()?;
        let seen = self.on_screen().into_iter();
        seen.filter_map(|(id, inner)| self.slot(id)?.view.needs(&self.shared, inner)).next_back()
    }

    /// The place that what is on screen asks about.
    #[must_use]
    pub fn place(&self) -> Option<PredictQuery> {
        self.shared.snapshot.as_ref()?;
        let seen = self.on_screen().into_iter();
        seen.filter_map(|(id, _)| self.slot(id)?.view.place(&self.shared)).next_back()
    }

    /// What is on screen asks the daemon.
    #[must_use]
    pub fn questions(&self) -> Option<Asked> {
        let snapshot = self.shared.snapshot.as_ref()?;
        let mut asked: Vec<Question> = Vec::new();
        for (id, inner) in self.on_screen() {
            let of_view = self.slot(id).map(|slot| slot.view.asks(&self.shared, inner)).unwrap_or_default();
            asked.extend(of_view.into_iter().filter(|question| !asked.contains(question)).collect::<Vec<_>>());
        }
        let is_live = asked.iter().any(Question::is_live);
        let logged = if is_live { snapshot.seq } else { 0 };
        (!asked.is_empty()).then(|| Asked { questions: asked, fits: self.fits(), logged })
    }

    /// A number that differs with other fits, by what they say of the target.
    #[must_use]
    pub fn fits(&self) -> u64 {
        let said = self.shared.snapshot.iter().flat_map(|snapshot| &snapshot.forecasts);
        let numbers =
            said.flat_map(|forecast| [forecast.interval.value, forecast.interval.low, forecast.interval.high]);
        numbers.fold(0, |sum: u64, number| sum.rotate_left(5) ^ number.to_bits())
    }
}
