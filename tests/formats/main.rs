//! Structured log formats against real files, against files cut anywhere, and against arbitrary bytes.

mod arbitrary;
mod architecture;
mod content;
mod cuts;
mod examples;
mod support;
mod truth;
mod writers;
