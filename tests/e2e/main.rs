//! Whole processes: the real binary on real files, as a person would use it.

#![allow(clippy::unwrap_used)] // A test that cannot go on has failed.

mod common;

mod advice;
mod answers;
mod burden;
#[cfg(feature = "nats")]
mod cluster;
mod compaction;
mod crowd;
mod daemon;
mod damaged;
mod doctor;
mod faults;
mod figures;
mod formats;
mod full;
mod hostile;
mod journal;
mod kept_fits;
mod kill;
mod left;
mod lifecycle;
mod notify;
mod outlook;
mod page;
mod shapes;
mod signals;
mod speed;
mod terminal;
mod wire;
mod wrong;
