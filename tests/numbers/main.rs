//! Published tables: what laws make of them, and project files that read them.

mod best_mixtures;
mod beyond;
#[path = "../../benches/common/truths.rs"]
mod drawn;
mod evaluations;
mod few_lines;
mod fronts;
mod hyper;
mod isoflop_sets;
mod merging;
mod nothing_to_mix;
mod optima;
mod phases;
#[path = "../published/mod.rs"]
mod published;
mod routing;
mod shapes;
mod table_projects;
mod tables;
#[path = "../../benches/tables/truths.rs"]
mod truths;
