//! What others rely on: project files and their messages, schemas and the reference, and the direction of the code's own arrows.

mod layers;
mod mutated;
mod project;
mod project_paths;
mod schemas;
mod supply;
mod terminal;
mod unsafe_code;
