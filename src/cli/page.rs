//! `mixlaw page`: the dashboard's pictures for a browser on this machine.

use super::output::print;
use super::session::Session;
use super::watch::SessionAnswers;
use super::watch::thread::thread;
use super::{Outcome, ProjectArg};
use crate::daemon::{lifecycle, seconds};
use crate::ipc::IpcError;
use crate::ipc::client::Client;
use crate::ipc::protocol::{Failure, Query};
use crate::ipc::series::{Axis, SeriesQuery};
use crate::ipc::topic::Subscription;
use crate::page::cache::Cache;
use crate::page::changes::Changes;
use crate::page::{self, Data, Picture, Source};
use crate::project::Project;
use crate::report;
use crate::tui::{Depth, Model, STOPPED, Theme, ThemeName};
use crate::vocab::Snapshot;
use clap::Args;
use rustix::rand::{GetRandomFlags, getrandom};
use serde_json::value::RawValue;
use std::fmt::Write;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// Between two looks for a daemon that is lost.
const AGAIN: Duration = Duration::from_millis(500);
/// The environment variable with a token of one's own, and the least that it has.
const TOKEN: &str = "MIXLAW_PAGE_TOKEN";
const SHORTEST: usize = 16;

/// Arguments of `page`.
#[derive(Debug, Args)]
#[command(
    after_help = "The address has a token in it: whoever has the address can read everything that the dashboard shows. \
                        MIXLAW_PAGE_TOKEN sets it (16 letters and digits or more); else it is another one at each start.\n\n\
                        From another machine: ssh -L 7310:127.0.0.1:7310 HOST, then the same address there."
)]
pub struct Page {
    #[command(flatten)]
    project: ProjectArg,
    /// Port on 127.0.0.1; 0 takes one that is free
    #[arg(long, value_name = "N", default_value_t = 7310)]
    port: u16,
}

impl Page {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let project = Project::load(&self.project.project)?;
        let token = token(std::env::var(TOKEN).ok())?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).map_err(|e| {
            let help = match e.kind() {
                ErrorKind::AddrInUse => "another program has it; take one that is free: mixlaw page --port 0",
                _ => "take one that is free: mixlaw page --port 0",
            };
            Failure::new(format!("cannot listen on port {}: {e}", self.port), help.to_owned())
        })?;
        let port = listener.local_addr().map_or(self.port, |address| address.port());
        let client = lifecycle::ensure(&project)?;
        let changes = Arc::new(Changes::default());
        let newest = Arc::new(Mutex::new(None));
        follow(&project, client, Arc::clone(&changes), Arc::clone(&newest))?;
        let source = Daemons { project, newest };
        print(&format!(
            "http://127.0.0.1:{port}/{token}/\n\
             Whoever has this address can read the dashboard. Ctrl-C ends the page; the daemon keeps running.\n\
             From another machine: ssh -L {port}:127.0.0.1:{port} HOST, then the same address there.\n"
        ))?;
        page::server::serve(&listener, page::server::Page { token, cache: Cache::of(Box::new(source)), changes });
        Ok(Outcome::Done)
    }
}

/// The token: one's own, or 128 random bits.
fn token(own: Option<String>) -> Result<String, Failure> {
    if let Some(own) = own.filter(|own| !own.is_empty()) {
        let sound = own.len() >= SHORTEST && own.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        return if sound {
            Ok(own)
        } else {
            Err(Failure::usage(
                format!("{TOKEN} is not {SHORTEST} or more letters, digits, '-' and '_'"),
                format!("unset it, or: export {TOKEN}=$(openssl rand -hex 16)"),
            ))
        };
    }
    let mut bytes = [0; 16];
    let filled = getrandom(&mut bytes, GetRandomFlags::empty()).ok();
    if filled != Some(bytes.len()) {
        return Err(Failure::new("the system has no random bytes for the page's address", format!("set {TOKEN}")));
    }
    let mut text = String::new();
    bytes.iter().for_each(|byte| {
        let _ = write!(text, "{byte:02x}");
    });
    Ok(text)
}

/// The newest snapshot.
type Newest = Arc<Mutex<Option<Arc<Snapshot>>>>;

/// Keeps the newest snapshot of the project's daemon, whichever that is.
fn follow(project: &Project, client: Client, changes: Arc<Changes>, newest: Newest) -> Result<(), Failure> {
    let project = project.clone();
    thread("page feed", move || {
        let mut found = Some(client);
        loop {
            let why = match found.take().map(|client| follow_one(client, &changes, &newest)) {
                Some(IpcError::Stopped) => format!("{STOPPED}; start it: mixlaw daemon start"),
                Some(other) => other.to_string(),
                None => String::new(),
            };
            if !why.is_empty() {
                changes.lost(&why);
            }
            std::thread::sleep(AGAIN);
            found = lifecycle::find(&project).ok().flatten();
        }
    })
}

/// Keeps what one daemon says until it is lost; says why it is.
fn follow_one(client: Client, changes: &Changes, newest: &Newest) -> IpcError {
    let updates = client.subscribe(Subscription::dashboard(Vec::new()));
    let mut updates = match updates {
        Ok(updates) => updates,
        Err(error) => return error,
    };
    let mut before = None;
    loop {
        let snapshot = match updates.wait() {
            Ok(copy) => copy.snapshot(seconds(SystemTime::now())),
            Err(error) => return error,
        };
        // Now and then a daemon says that nothing is new.
        if before.replace(updates.replica.generation) != Some(updates.replica.generation) {
            *newest.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(snapshot));
            changes.happened();
        }
    }
}

/// What is asked of the project's daemon, on a line of its own each time.
struct Daemons {
    project: Project,
    newest: Newest,
}

impl Daemons {
    fn snapshot(&self) -> Result<Arc<Snapshot>, Failure> {
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner).clone();
        newest.ok_or_else(|| Failure::new("the daemon has said nothing yet", "try again in a second".to_owned()))
    }

    fn session(&self) -> Result<Session, Failure> {
        let client = lifecycle::find(&self.project)?;
        let client = client.ok_or_else(|| lifecycle::speak(&IpcError::NoDaemon))?;
        Ok(Session::Daemon(Box::new(client)))
    }

    fn raw(&self, query: Query) -> Result<String, Failure> {
        Ok(self.session()?.ask::<Box<RawValue>>(query)?.get().to_owned())
    }
}

impl Source for Daemons {
    fn picture(&self, picture: &Picture) -> Result<String, Failure> {
        let snapshot = self.snapshot()?;
        let mut session = self.session()?;
        let mut answers = SessionAnswers(&mut session);
        let asked = (picture.size, picture.theme(), picture.view);
        Ok(report::svg::write(&report::picture::without_keys(snapshot, asked.0, asked.1, asked.2, &mut answers)))
    }

    fn data(&self, data: &Data) -> Result<String, Failure> {
        let text = |value: serde_json::Result<String>| {
            value.map_err(|e| Failure::new(format!("cannot write the answer as JSON: {e}"), None))
        };
        match data {
            Data::Snapshot => text(serde_json::to_string(&self.snapshot()?.aged())),
            Data::Advice => self.raw(Query::Advice),
            Data::Views => {
                let snapshot = self.snapshot()?;
                let project = snapshot.project.clone();
                let model = Model::showing(snapshot, Theme::new(ThemeName::Dark, Depth::True), (140, 42));
                let there: Vec<serde_json::Value> = model
                    .stops()
                    .into_iter()
                    .filter_map(|id| model.slot(id))
                    .map(|slot| slot.view.spec())
                    .map(|spec| serde_json::json!({ "id": spec.id.0, "name": spec.name, "about": spec.about }))
                    .collect();
                let headline = model.headline().unwrap_or_default();
                text(serde_json::to_string(
                    &serde_json::json!({ "project": project, "headline": headline, "views": there }),
                ))
            }
            Data::Series { run, metric, pixels } => {
                let snapshot = self.snapshot()?;
                let id = snapshot.runs.iter().find(|view| view.name == *run).map(|view| view.id);
                let id = id.ok_or_else(|| {
                    Failure::usage(format!("no run '{run}'"), "runs are in snapshot.json under runs[].name".to_owned())
                })?;
                self.raw(Query::Series(SeriesQuery {
                    runs: vec![id],
                    metrics: vec![metric.clone()],
                    x: Axis::Step,
                    from: None,
                    to: None,
                    pixels: *pixels,
                    smoothing: 0.0,
                }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::token;

    #[test]
    fn a_token_is_random_or_ones_own_if_it_is_long() {
        let (one, two) = (token(None).unwrap(), token(Some(String::new())).unwrap());
        assert!(one.len() == 32 && one != two && one.bytes().all(|b| b.is_ascii_hexdigit()), "{one}");
        assert_eq!(token(Some("0123456789abcdef".to_owned())).unwrap(), "0123456789abcdef");
        for wrong in ["short", "0123456789abcde/", "0123456789abcdef ", "0123456789abcd\r\n"] {
            assert_eq!(token(Some(wrong.to_owned())).unwrap_err().status, 2, "{wrong}");
        }
    }
}
