//! Snapshots as text and pictures, points as Parquet. [`text`] and [`picture`] draw nothing of their own: they show the
//! dashboard's cells, so a picture in a README is what a user sees. [`svg`] and [`png`] write one and the same picture;
//! [`plot`] draws the ratio chart with the same scales.

pub mod glyph;
mod letters;
#[cfg(feature = "parquet")]
pub mod parquet;
pub mod picture;
pub mod plot;
pub mod png;
mod raster;
pub mod svg;
pub mod text;
