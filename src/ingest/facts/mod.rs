//! What a run's own files say of it besides metrics.
//!
//! Pure, like the formats: bytes or parsed values in, facts out, each with its place in the file. Which file is opened,
//! and in which order of trust the findings are offered to [`crate::vocab::Facts`], is for [`crate::ingest`] to say.

pub mod architecture;
pub mod blend;
pub mod command_line;
pub mod config;
pub mod families;
pub mod hf_args;
pub mod llamafactory;
pub mod megatron;
pub mod megatron_kin;
pub mod mixture;
pub mod mlflow;
pub mod msswift;
pub mod olmo;
pub mod plain;
pub mod tensorboard;
pub mod torchtitan;

use crate::vocab::{FactName, FactValue};

/// A fact and the place in its file, such as `hidden_size`.
pub type Found = (FactName, FactValue, String);
