//! Why an argument of the command line is refused.

use super::sweep::MOST;
use crate::vocab::ValueError;

/// An argument that cannot be used. `Display` says what was typed and what would be read.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ArgumentError {
    /// A part of it is no value.
    #[error(transparent)]
    NoValue(#[from] ValueError),
    /// A weight is no number, or too small or too large a one.
    #[error("the weight of '{domain}' is '{text}', not a number from 0 to 1")]
    NotAWeight {
        /// The domain.
        domain: String,
        /// What was typed.
        text: String,
    },
    /// No domain is named.
    #[error("no weights; write them like prose=0.7,rust=0.3 or rust=0:1:0.05")]
    NoWeights,
    /// A range has not two or three parts.
    #[error("'{0}' is not a range; write from:to:step, like 0:1:0.05")]
    NotARange(String),
    /// A range has no places.
    #[error("the range '{0}' is empty: `to` must be at least `from`, and the step above zero")]
    EmptyRange(String),
    /// More places than are predicted at once.
    #[error("the ranges give {0} predictions; the maximum is {MOST}")]
    TooMany(usize),
    /// A time cannot be read.
    #[error("'{0}' is not a time; write it like 14:00, '2026-11-24 14:00' or '2h ago'")]
    NotATime(String),
    /// A number of bytes cannot be read, or is too small.
    #[error("'{0}' is no number of bytes; write it like 50G, at least 1M")]
    NotBytes(String),
    /// A speed cannot be read, or is not above zero.
    #[error("'{0}' is not a speed; write a number above zero, like 50")]
    NotASpeed(String),
    /// A number of minutes cannot be read, or is not above zero.
    #[error("'{0}' is no number of minutes; write one above zero, like 2")]
    NotMinutes(String),
    /// A number that is not what is asked for.
    #[error("'{text}' is not {wanted}")]
    Outside {
        /// What was typed.
        text: String,
        /// What would be read.
        wanted: &'static str,
    },
    /// A part of a whole cannot be read, or is not between 0 and 1.
    #[error("'{0}' is not a part of a whole; write a percentage like 95%, or a number between 0 and 1")]
    NotAPart(String),
    /// An amount is not above zero.
    #[error("'{0}' is not above zero; write a number like 1e20")]
    NotAboveZero(String),
    /// There is no such law.
    #[error("there is no law of that name; {0}")]
    NoLaw(String),
    /// There is no such view.
    #[error("the views are {0}")]
    NoView(String),
    /// There is no such theme.
    #[error("the themes are dark, light, ansi and mono")]
    NoTheme,
}
