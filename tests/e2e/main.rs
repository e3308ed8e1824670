//! Whole processes: the real binary on real files, as a person would use it.

mod common;

mod answers;
mod daemon;
mod kill;
mod terminal;
mod wrong;
