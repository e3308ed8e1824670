//! mixlaw: htop for your data mixture.
//!
//! A daemon watches the directories that training runs log into, keeps every metric, and refits mixture and
//! mixture-of-experts scaling laws as the numbers arrive; a terminal dashboard shows what the target run will reach,
//! how sure that is, and which ratio to change.
//!
//! The whole of it, once, in ten lines of Rust:
//!
//! ```
//! use mixlaw::{Study, vocab::Advice};
//!
//! let study = Study::open("examples/table")?; // reads the logs and tables of a project
//! let laws = study.fit();
//! laws.choices().for_each(|choice| println!("{}", choice.why)); // "additive: 1.3 % error on mixtures held out …"
//! for f in laws.predict(2e6, 1.64e6, &"prose=0.5,rust=0.5".parse()?) {
//!     println!("{} by {}: {:.3} nats ({:.3} to {:.3})", f.metric, f.law, f.interval.value, f.interval.low, f.interval.high);
//! }
//! if let Advice::Recommendation(advised) = laws.recommend() {
//!     println!("{:?}, probability of improvement {:.2}", advised.mixture, advised.p_better);
//! }
//! # assert!(matches!(laws.recommend(), Advice::Recommendation(_)), "{:?}", laws.recommend());
//! # assert!(laws.choices().all(|choice| !choice.no_skill));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The modules, in the order in which data meets them; each names only those above it:
//!
//! | module | what it is |
//! |---|---|
//! | [`vocab`] | the words of the project as plain values: runs, facts, points, observations, fits, advice, snapshots |
//! | [`laws`] | one file per law: form, gradient, bounds, starts |
//! | [`open`] | the one way in which files of the user are opened |
//! | [`project`] | the YAML project file: types, defaults, validation with line and column, JSON Schema |
//! | [`schema`] | JSON Schemas of everything that people write and scripts read |
//! | [`store`] | what is kept: points in column blocks, cursors of files, the journal of what cannot be rebuilt |
//! | [`stream`] | points of many machines over NATS: messages, subjects, and how they are taken up exactly once |
//! | [`ingest`] | logs in: discovery, watching, tailing, and one file per log format |
//! | [`observe`] | from points and facts to the rows a law is fitted to |
//! | [`fit`] | robust objective, starts, argmin's L-BFGS, intervals, held-out skill |
//! | [`forecast`] | where runs in progress and the target will end |
//! | [`advise`] | which ratio to change, by how much, and why, or why not |
//! | [`ipc`] | how clients and the daemon talk |
//! | [`notifications`] | messages about alerts and advice: a queue on disk, and one file per channel |
//! | [`daemon`] | the process that does all this continuously, and the snapshots it publishes |
//! | [`study`] | the same, once: the library without the daemon |
//! | [`tui`] | the dashboard |
//! | [`report`] | snapshots as text, JSON and pictures: the dashboard's view without a terminal, and plots |
//! | [`page`] | the same pictures for a browser, read-only, on a loopback port |
//! | [`cli`] | one file per command |
//!
//! The library needs none of the last four, and of the daemon only its engine: `default-features = false` leaves out
//! clap, ratatui and notify, which the features `cli`, `tui` and `daemon` bring.
//!
//! `vocab`, `laws`, `fit`, `forecast`, `advise` and `ingest::formats` are pure: values in, values out; no clock, file,
//! thread they did not get from rayon, or screen.

#![cfg_attr(not(feature = "daemon"), forbid(unsafe_code))]

#[cfg(test)]
// Writers of formats are shared with the tests of the library from without, which know it by its name.
extern crate self as mixlaw;

pub mod advise;
#[cfg(feature = "cli")]
pub mod cli;
pub mod daemon;
pub mod fit;
pub mod forecast;
pub mod ingest;
pub mod ipc;
pub mod laws;
pub mod notifications;
pub mod observe;
pub mod open;
#[cfg(feature = "cli")]
pub mod page;
pub mod project;
#[cfg(feature = "tui")]
pub mod report;
pub mod schema;
pub mod store;
pub mod stream;
pub mod study;
#[cfg(feature = "tui")]
pub mod tui;
pub mod vocab;

pub use study::Study;
