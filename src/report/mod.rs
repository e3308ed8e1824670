//! Snapshots as text, JSON and pictures.
