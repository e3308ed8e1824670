//! What stands around the views: header, footer, frames and tabs, the help, and what is left on a tiny screen. All of it
//! is made from the tables of views and actions.

pub mod footer;
pub mod frame;
pub mod header;
pub mod help;
pub mod palette;
pub mod tiny;
