//! Console formats: one file per program.
//!
//! To add one: a file here with a type that implements [`ConsoleFormat`], its line among the modules, and its line in
//! [`FORMATS`]. Recognition, the search for the first line that tells, `check`, the tests of growing and broken files and
//! the fuzz target take it from there, examples and all.

pub mod build_nanogpt;
pub mod composer;
pub mod hf_dict;
pub mod levanter;
pub mod llmc;
pub mod megatron;
pub mod mindformers;
pub mod minimind;
pub mod modded_nanogpt;
pub mod nanogpt;
pub mod olmo;
pub mod open_instruct;
pub mod torchtitan;

mod announced;
mod evaluations;
mod guessed;
mod hf_start;
mod names;
mod queue;
mod signs;
mod stdout;
mod titles;
mod undecided;

#[cfg(test)]
pub use signs::Dialect;
pub use signs::{ConsoleFormat, Sign, Trust};
pub(super) use signs::{is_named_output, may_be_console};
pub use undecided::Console;
pub(super) use undecided::{is_one, parser_with, starting_as};

/// Every format of the console, from the most to the least particular: ties are broken in this order.
pub static FORMATS: &[&dyn ConsoleFormat] = &[
    &megatron::Megatron,
    &torchtitan::Torchtitan,
    &olmo::Olmo,
    &open_instruct::OpenInstruct,
    &composer::Composer,
    &modded_nanogpt::ModdedNanoGpt,
    &minimind::MiniMind,
    &mindformers::MindFormers,
    &levanter::Levanter,
    &llmc::LlmC,
    &llmc::LlmCLog,
    &nanogpt::NanoGpt,
    &build_nanogpt::BuildNanoGpt,
    &build_nanogpt::BuildNanoGptLog,
    &hf_dict::HfDict,
];
