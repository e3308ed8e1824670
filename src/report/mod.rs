//! Snapshots as text and pictures, points as Parquet. [`text`] and [`svg`] draw nothing of their own: they show the
//! dashboard's cells, so a picture in a README is what a user sees; [`plot`] draws the ratio chart with the same scales.

pub mod glyph;
#[cfg(feature = "parquet")]
pub mod parquet;
pub mod plot;
pub mod svg;
pub mod text;
