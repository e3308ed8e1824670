//! Structured log formats against real files, against files cut anywhere, and against arbitrary bytes.

#![allow(clippy::unwrap_used)]

mod arbitrary;
mod architecture;
mod console_pieces;
mod console_truth;
mod content;
mod cuts;
mod examples;
mod support;
mod truth;
mod writers;
