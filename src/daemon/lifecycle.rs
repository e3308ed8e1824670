//! Starting, finding and stopping a daemon.

use super::event::Event;
use super::log;
use super::metrics::{self, Listen};
use super::service::Service;
use super::state_dir::{Lock, StateDir};
use crate::ipc::IpcError;
use crate::ipc::client::Client;
use crate::ipc::protocol::{self, Failure};
use crate::project::Project;
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// For glibc, which else keeps a heap for each of a daemon's many threads, takes large buffers from those heaps once one was
/// given back, where they leave holes, and keeps up to 200 kB of small pieces for each thread: twice as much memory after a month
/// (`cargo bench --bench month`).
pub const ALLOCATOR: [(&str, &str); 4] = [
    ("MALLOC_ARENA_MAX", "1"),
    ("MALLOC_MMAP_THRESHOLD_", "65536"),
    ("MALLOC_TRIM_THRESHOLD_", "131072"),
    ("GLIBC_TUNABLES", "glibc.malloc.tcache_count=2"),
];

/// Files that a daemon may have open at a time, where the system lets it.
const FILES: u64 = 8192;
/// How long a daemon may take from its start to its first greeting.
const START: Duration = Duration::from_secs(10);
/// How long a daemon may take to write everything out.
const STOP: Duration = Duration::from_secs(20);
/// How often to look meanwhile.
const LOOK: Duration = Duration::from_millis(10);

/// Runs a daemon in this process, apart from its terminal if `detached`, until it is told to stop: by a client, or by SIGTERM or SIGINT. A second signal ends
/// the process at once, which loses nothing: what was not written is read again.
///
/// # Errors
/// Where another process has the store, or something cannot be had.
pub fn run(project: Project, detached: bool, metrics: Option<&Listen>) -> Result<(), Failure> {
    let place = StateDir::of(&project)?;
    let Some(lock) = place.own()? else {
        let owner = place.owner().map_or_else(String::new, |pid| format!(" (process {pid})"));
        return Err(Failure::new(
            format!("a daemon is already running for this project{owner}"),
            "open its dashboard: mixlaw watch; or stop it: mixlaw daemon stop".to_owned(),
        ));
    };
    if detached {
        // In a session of its own it outlives the terminal it was started from.
        let _ = rustix::process::setsid();
    }
    log::begin(&place)?;
    open_more_files();
    tracing::info!(version = env!("CARGO_PKG_VERSION"), pid = std::process::id(), root = %project.root.display(), "started");
    let ended = serve(project, &place, lock, metrics);
    match &ended {
        Ok(()) => tracing::info!("stopped"),
        Err(failure) => tracing::error!(help = failure.help, "stopped: {}", failure.message),
    }
    ended
}

/// Raises what this process may have open to what it may raise it to: the usual 1,024 are from a time of programs that could
/// not wait for more.
fn open_more_files() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.unwrap_or(FILES).min(FILES);
    if limit.current.is_some_and(|current| current < wanted)
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), ..limit })
    {
        tracing::warn!(%error, "could not raise how many files may be open");
    }
}

fn serve(project: Project, place: &StateDir, lock: Lock, metrics: Option<&Listen>) -> Result<(), Failure> {
    let service = Service::start(project, place, lock, false)?;
    on_signals(&service)?;
    if let Some(listen) = metrics {
        // A port that is taken is no reason to watch nothing.
        if let Err(failure) = metrics::serve(listen, Arc::clone(&service.publisher)) {
            tracing::error!(help = failure.help, "{}", failure.message);
        }
    }
    service.wait()
}

/// Turns SIGTERM, SIGINT and SIGHUP into a stop; the second one ends the process.
///
/// # Errors
/// Where no handler can be set.
pub fn on_signals(service: &Service) -> Result<(), Failure> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let failed = |e: std::io::Error| Failure::new(format!("cannot handle signals: {e}"), None);
    let mut signals = signal_hook::iterator::Signals::new([SIGTERM, SIGINT, SIGHUP]).map_err(failed)?;
    let events = service.events();
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            let mut signals = signals.forever();
            signals.next();
            let _ = events.send(Event::Stop);
            signals.next();
            std::process::exit(1);
        })
        .map_err(failed)?;
    Ok(())
}

/// A conversation with the daemon of a project, starting one if there is none. However many clients try at once, one
/// daemon is started.
///
/// # Errors
/// Where none answers in time; the message holds what it said last.
pub fn ensure(project: &Project) -> Result<Client, Failure> {
    ensure_with(project, None)
}

/// The same; one that is started serves its figures there.
///
/// # Errors
/// As of [`ensure`].
pub fn ensure_with(project: &Project, metrics: Option<&Listen>) -> Result<Client, Failure> {
    let place = StateDir::of(project)?;
    let deadline = Instant::now() + START;
    let mut child: Option<Child> = None;
    let mut starting = None;
    loop {
        match Client::connect(place.socket()) {
            Ok(client) => return Ok(client),
            Err(IpcError::NoDaemon) => {}
            // One that is on its way out, or was just killed: there will be no daemon in a moment.
            Err(IpcError::Broken(_) | IpcError::Ended(_) | IpcError::Stopped) if Instant::now() < deadline => {
                std::thread::sleep(LOOK);
                continue;
            }
            Err(error) => return Err(speak(&error)),
        }
        if starting.is_none() {
            starting = place.starting()?;
            if starting.is_some() {
                child = Some(spawn(project, &place, metrics)?);
            }
        }
        let ended = match &mut child {
            Some(child) => child.try_wait().ok().flatten(),
            None => None,
        };
        if ended.is_some() || Instant::now() > deadline {
            let said = std::fs::read_to_string(place.words()).unwrap_or_default();
            let words = said.lines().last().unwrap_or("it printed no error").to_owned();
            return Err(Failure::new(
                format!("the daemon did not start: {words}"),
                "start it in the foreground to see why: mixlaw daemon run; or run without a daemon: mixlaw watch --embedded".to_owned(),
            ));
        }
        std::thread::sleep(LOOK);
    }
}

fn spawn(project: &Project, place: &StateDir, metrics: Option<&Listen>) -> Result<Child, Failure> {
    let failed = |e: std::io::Error| {
        Failure::new(format!("cannot start a daemon: {e}"), "run without a daemon: mixlaw watch --embedded".to_owned())
    };
    let words =
        OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(place.words()).map_err(failed)?;
    let also = words.try_clone().map_err(failed)?;
    Command::new(std::env::current_exe().map_err(failed)?)
        .args(["daemon", "run", "--detached"])
        .args(metrics.map(|listen| format!("--metrics={listen}")))
        .envs(ALLOCATOR.into_iter().filter(|(name, _)| std::env::var_os(name).is_none()))
        .arg(project.file.as_ref().unwrap_or(&project.root))
        .stdin(Stdio::null())
        .stdout(words)
        .stderr(also)
        .spawn()
        .map_err(failed)
}

/// A conversation with the daemon of a project, if one is running.
///
/// # Errors
/// Where one is running and cannot be talked to.
pub fn find(project: &Project) -> Result<Option<Client>, Failure> {
    let place = StateDir::of(project)?;
    let deadline = Instant::now() + START;
    loop {
        match Client::connect(place.socket()) {
            Ok(client) => return Ok(Some(client)),
            Err(IpcError::NoDaemon) => return Ok(None),
            // No daemon can be there.
            Err(IpcError::Broken(error))
                if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::NotADirectory) =>
            {
                let folder = place.socket().parent().unwrap_or(Path::new("")).display().to_string();
                let help = "set MIXLAW_STATE to a directory that you can write to".to_owned();
                let what =
                    format!("cannot use the state directory {}: {error}", crate::vocab::text::printable(&folder));
                return Err(Failure::new(what, help));
            }
            // Like in `ensure`: one that is on its way out.
            Err(IpcError::Broken(_) | IpcError::Ended(_) | IpcError::Stopped) if Instant::now() < deadline => {
                std::thread::sleep(LOOK)
            }
            Err(error) => return Err(speak(&error)),
        }
    }
}

/// Stops the daemon of a project and waits until it has written everything out. `false` where none was running.
///
/// # Errors
/// Where it does not stop.
pub fn stop(project: &Project) -> Result<bool, Failure> {
    let place = StateDir::of(project)?;
    match Client::connect(place.socket()) {
        Ok(mut client) => {
            client.command(protocol::Command::Stop).map_err(|e| speak(&e))?;
        }
        Err(IpcError::NoDaemon) if place.own()?.is_some() => return Ok(false),
        // It has the store and does not talk (an older version, a full socket): a signal is the way left.
        Err(_) => {
            let pid = place.owner().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
            let Some(pid) = pid else { return Ok(false) };
            kill_process(pid, Signal::TERM)
                .map_err(|e| Failure::new(format!("cannot stop process {}: {e}", pid.as_raw_nonzero()), None))?;
        }
    }
    let deadline = Instant::now() + STOP;
    while Instant::now() < deadline {
        if place.own()?.is_some() {
            return Ok(true);
        }
        std::thread::sleep(LOOK);
    }
    let owner = place.owner().unwrap_or_default();
    Err(Failure::new(format!("process {owner} does not stop"), format!("kill it; no data is lost: kill -9 {owner}")))
}

/// A broken conversation as a message.
#[must_use]
pub fn speak(error: &IpcError) -> Failure {
    let help = match error {
        IpcError::NoDaemon | IpcError::Stopped => "start it: mixlaw daemon start",
        IpcError::Version { .. } => "restart it with this version: mixlaw daemon stop, then the command again",
        IpcError::Stranger(_) => "set MIXLAW_STATE to a directory that you own",
        IpcError::Broken(_) | IpcError::Behind(_) | IpcError::Ended(_) => {
            "try again; if it fails again: mixlaw daemon stop"
        }
    };
    Failure::new(error.to_string(), help.to_owned())
}

/// A conversation with whoever has just taken the store, or `None` where it was given back without a daemon coming up
/// (another one-shot command).
///
/// # Errors
/// Where a daemon is running and cannot be talked to.
pub fn wait_for(project: &Project) -> Result<Option<Client>, Failure> {
    let deadline = Instant::now() + START;
    while Instant::now() < deadline {
        if let Some(client) = find(project)? {
            return Ok(Some(client));
        }
        std::thread::sleep(LOOK);
    }
    Ok(None)
}
