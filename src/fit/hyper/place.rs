//! Places in (ln lr, ln batch).

use crate::laws::step_law;
use crate::vocab::Recipe;

/// (ln lr, ln batch); NaN where a coordinate is not known.
pub(super) type Place = [f64; 2];

/// ln of what the published law says.
pub(super) fn published(params: f64, tokens: f64) -> Place {
    [step_law::learning_rate(params, tokens).ln(), step_law::batch_tokens(tokens).ln()]
}

/// As numbers.
pub(super) fn recipe(at: Place) -> Recipe {
    let known = |value: f64| Some(value.exp()).filter(|v| v.is_finite());
    Recipe { learning_rate: known(at[0]), batch_tokens: known(at[1]) }
}
