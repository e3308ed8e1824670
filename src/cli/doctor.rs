//! `mixlaw doctor`: finds what keeps mixlaw from working well, and says what to type. Nothing is changed, and the store is not
//! opened.
//!
//! A check is a file in `doctor/` with a function that looks and says what it found, and its line in [`ALL`].

mod clock;
mod daemon;
mod files;
mod finding;
mod journal;
mod limits;
mod logs;
mod notifications;
mod patient;
mod project;
mod state;
mod stores;
mod streams;

use super::output::{print, print_json};
use super::{Outcome, ProjectArg};
use crate::ipc::protocol::Failure;
use crate::vocab::count::counted;
use crate::vocab::{Checkup, DoctorAnswer, Notice, Severity};
use clap::Args;
use finding::Findings;
use patient::Patient;

/// A check: its name, and the function that looks.
type Check = (&'static str, fn(&Patient, &mut Findings));

/// Every check, in the order in which they are made.
const ALL: [Check; 11] = [
    ("project", project::look),
    ("state directory", state::look),
    ("daemon", daemon::look),
    ("limits of the system", limits::look),
    ("file systems", files::look),
    ("streams", streams::look),
    ("logs", logs::look),
    ("clock", clock::look),
    ("journal", journal::look),
    ("old stores", stores::look),
    ("notifications", notifications::look),
];

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub struct Doctor {
    #[command(flatten)]
    project: ProjectArg,
    /// Print JSON (schemas/doctor.schema.json)
    #[arg(long)]
    json: bool,
}

impl Doctor {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let path = self.project.project;
        let patient = Patient::new(&path);
        let checks: Vec<Checkup> = ALL
            .iter()
            .map(|(name, look)| {
                let mut findings = Findings::default();
                look(&patient, &mut findings);
                Checkup { name: (*name).to_owned(), findings: findings.sorted() }
            })
            .collect();
        let to_do = checks.iter().flat_map(|check| &check.findings).filter(|found| needs_doing(found)).count();
        let answer = DoctorAnswer { project: path.display().to_string(), healthy: to_do == 0, checks };
        if self.json {
            print_json(&answer)?;
        } else {
            print(&shown(&answer))?;
        }
        match to_do {
            0 => Ok(Outcome::Done),
            count => Err(Failure::new(format!("{} to look at, listed above", counted(count, "thing")), None)),
        }
    }
}

fn needs_doing(found: &Notice) -> bool {
    found.severity >= Severity::Warning
}

fn shown(answer: &DoctorAnswer) -> String {
    let mut text = String::new();
    for check in &answer.checks {
        let well = !check.findings.iter().any(needs_doing);
        text.push_str(&format!("{} {}\n", if well { "ok" } else { "!!" }, check.name));
        for found in &check.findings {
            let word = format!("{:?}", found.severity).to_lowercase();
            text.push_str(&format!("   {word}: {}\n", found.text.replace('\n', "\n   ")));
            text.extend(found.help.iter().map(|help| format!("   help: {}\n", help.replace('\n', "\n         "))));
        }
    }
    text
}
