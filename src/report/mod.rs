//! Snapshots as text, JSON and pictures.

pub mod export;
