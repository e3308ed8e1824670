//! The process that watches, keeps, fits and publishes.
