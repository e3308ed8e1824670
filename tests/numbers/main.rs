//! Published tables: what laws make of them, and project files that read them.

#[path = "../published/mod.rs"]
mod published;
mod table_projects;
mod tables;
