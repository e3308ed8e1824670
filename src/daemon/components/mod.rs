//! Parts of the engine that own their state: nobody else writes it, and they know nothing of each other.

pub mod files;
pub mod fits;
pub mod tables;
