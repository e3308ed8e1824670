//! The ratio chart as a vector picture.
