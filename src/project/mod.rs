//! The YAML project file: what it says ([`mod@file`]), what that means ([`Project`]), and what is wrong with it
//! ([`ProjectError`], with line, column and a suggestion).

//!
//! | file | what it does |
//! |---|---|
//! | [`load`] | paths to a [`Project`]: YAML file, directory, bare directory of runs; reloading |
//! | [`parse`] | text to types, by serde_yaml |
//! | [`settings`] | a project as everything else uses it |
//! | [`locate`] | where every key and value stands; limits |
//! | [`shape`] | unknown and missing keys, values of the wrong kind, from the schema of the types ([`grammar`]) |
//! | [`init`] | a project file from what was found |
//! | [`table`], [`tabular`] | what a table of finished runs means; its cells |
//! | [`sidecar`] | `mixlaw.run.yaml`: facts that somebody states about one run |
//! | `destination`, `accept`, `automatic` | where accepted advice goes, and when without anybody asking |
//! | [`edit`] | replaces weights in a YAML or JSON file of somebody else's, and nothing else |
//! | `metrics` | what is measured |
//! | `together` | whether limits on a mixture leave any |
//! | [`notify`] | whom to tell of alerts and changed advice |
//! | [`check`] | what the words mean, and whether they can be meant |

mod accept;
mod automatic;
mod bare;
pub mod check;
mod check_notify;
mod check_online;
pub mod conditions;
pub mod constraint;
mod destination;
pub mod edit;
pub mod error;
pub mod file;
pub(crate) mod flat;
mod formats;
pub mod goal;
mod grammar;
mod groups;
pub mod init;
pub mod line_format;
pub mod load;
pub mod locate;
mod metrics;
pub mod notify;
pub mod parse;
pub mod server;
mod settings;
pub mod shape;
pub mod sidecar;
pub mod source;
pub mod suggest;
pub mod syntax;
pub mod table;
pub mod tabular;
mod target;
mod together;
pub mod weights;

pub use destination::{Accept, Auto, OnlineWrite};
pub use error::ProjectError;
pub use load::reload;
pub use notify::Notify;
pub use settings::{
    Base, Budget, Constraint, FactSource, FitSettings, Group, Objective, Project, Retention, RunSource, Slack, Stage,
    StreamSource, Target, Wanted, WatchMode,
};
pub use table::TableSource;
