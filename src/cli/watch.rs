//! `mixlaw watch`: the dashboard, live or as one frame.

mod curves;
mod follow;
mod keys;
mod places;
mod questions;
mod remember;
pub(super) mod thread;

use super::output::{print, print_json, waits};
use super::session::Session;
use super::{ArgumentError, Outcome, ProjectArg};
use crate::daemon::answer::labelled;
use crate::daemon::event::Event;
use crate::daemon::lifecycle;
use crate::daemon::service::Service;
use crate::daemon::state_dir::StateDir;
use crate::ipc::protocol::{Command, Failure, PredictQuery, Query, Which};
use crate::ipc::series::{SeriesAnswer, SeriesQuery};
use crate::project::{Project, ProjectError};
use crate::report;
use crate::report::text::Answers;
use crate::tui::model::Slot;
use crate::tui::views::Presence;
use crate::tui::{
    self, Answered, CurveSet, Depth, Exit, LastWill, Latest, Model, Prediction, Question, Theme, ThemeName, ViewId,
    views,
};
use crate::vocab::{PredictAnswer, Snapshot};
use clap::Args;
use serde_json::value::RawValue;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use thread::thread;

/// Between two looks for a project that does not exist yet.
const LOOK: Duration = Duration::from_millis(250);

/// Arguments of `watch`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("picture").args(["svg", "png"]).multiple(true))]
pub struct Watch {
    #[command(flatten)]
    project: ProjectArg,
    /// Read and fit in this process instead of in a daemon
    #[arg(long, visible_alias = "foreground")]
    embedded: bool,
    /// Print one frame and exit
    #[arg(long)]
    once: bool,
    /// With --once: print a snapshot as JSON (schemas/snapshot.schema.json)
    #[arg(long, requires = "once", conflicts_with_all = ["svg", "png"])]
    json: bool,
    /// With --once: print only this view
    #[arg(long, requires = "once", conflicts_with = "json", value_name = "ID", value_parser = parse_view)]
    view: Option<ViewId>,
    /// With --once: write the frame to an SVG file
    #[arg(long, requires = "once", value_name = "FILE")]
    svg: Option<PathBuf>,
    /// With --once: write the frame to a PNG file
    #[arg(long, requires = "once", value_name = "FILE")]
    png: Option<PathBuf>,
    /// Theme: dark, light, ansi (the terminal's 16 colours) or mono [default: chosen from the environment]
    #[arg(long, value_name = "NAME", value_parser = parse_theme)]
    theme: Option<ThemeName>,
    /// Leave the mouse to the terminal, for selecting text (F2 does the same in the dashboard)
    #[arg(long, conflicts_with = "once")]
    no_mouse: bool,
    /// The mouse is on without it; kept for scripts
    #[arg(long, hide = true, conflicts_with_all = ["once", "no_mouse"])]
    mouse: bool,
    /// Keys of the dashboard, a YAML file [default: mixlaw/keys.yaml in the configuration directory, if it is there]
    #[arg(long, value_name = "FILE", conflicts_with = "once")]
    keys: Option<PathBuf>,
    /// Print every action of the dashboard with its keys, as such a file
    #[arg(long, conflicts_with_all = ["once", "keys"])]
    list_keys: bool,
    /// With --once: width of the frame in columns
    #[arg(long, requires = "once", value_name = "N", value_parser = clap::value_parser!(u16).range(20..=500))]
    width: Option<u16>,
    /// With --svg or --png: height of the frame in rows
    #[arg(long, requires = "picture", value_name = "N", value_parser = clap::value_parser!(u16).range(5..=500))]
    height: Option<u16>,
}

impl Watch {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        if self.list_keys {
            print(&tui::keymap::written())?;
        } else if self.once {
            self.frame()?
        } else {
            self.live()?
        }
        Ok(Outcome::Done)
    }

    fn frame(self) -> Result<(), Failure> {
        let mut session = Session::open(&self.project.project)?;
        let snapshot = session.snapshot()?;
        if self.json {
            return print_json(&snapshot.aged());
        }
        if let Some(id) = self.view {
            is_there(&snapshot, id)?;
        }
        let mut answers = SessionAnswers(&mut session);
        if self.svg.is_none() && self.png.is_none() {
            return print(&report::text::frame(snapshot, self.width.unwrap_or(120), self.view, &mut answers));
        }
        let theme = self.theme.unwrap_or(ThemeName::Dark);
        let size = (self.width.unwrap_or(140), self.height.unwrap_or(42));
        let picture = report::picture::dashboard(snapshot, size, theme, self.view, &mut answers);
        let write = |path: &Path, bytes: Vec<u8>| {
            std::fs::write(path, bytes).map_err(|e| Failure::new(format!("cannot write {}: {e}", path.display()), None))
        };
        if let Some(path) = &self.svg {
            write(path, report::svg::write(&picture).into_bytes())?;
        }
        if let Some(path) = &self.png {
            write(path, report::png::write(&picture))?;
        }
        Ok(())
    }

    fn live(self) -> Result<(), Failure> {
        if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
            return Err(Failure::usage(
                "the dashboard needs a terminal, and standard output is not one",
                "print one frame: mixlaw watch --once; JSON: --once --json; a picture: --once --png FILE or --svg FILE"
                    .to_owned(),
            ));
        }
        let keymap = keys::read(self.keys.as_deref())?;
        let project = awaited(&self.project.project)?;
        let place = StateDir::of(&project).ok().map(|place| place.dashboard());
        let options = tui::Options {
            theme: theme(self.theme),
            is_asked: self.theme.is_some(),
            no_mouse: self.no_mouse,
            memory: place.as_deref().map(remember::read).unwrap_or_default(),
            keymap,
        };
        if self.embedded {
            return embedded(project, options);
        }
        let client = lifecycle::ensure(&project)?;
        let (to_screen, snapshots) = tui::latest();
        follow::daemon(&project, client, to_screen)?;
        let ours = project.clone();
        let order = move |command: Command| {
            let project = ours.clone();
            // A line of its own: the other one waits for snapshots. Where it fails, the alerts still wait on screen.
            let _ = thread("order", move || {
                if let Ok(Some(mut client)) = lifecycle::find(&project) {
                    let _ = client.command(command);
                }
            });
        };
        // The daemon goes on; there is nothing to be written out here.
        match show(snapshots, options, &order, Box::new(|| {}), place.as_deref())? {
            Exit::Detached => {
                // It may be another one than at the start, or none: daemons are killed and started under a dashboard.
                let said = match lifecycle::find(&project) {
                    Ok(Some(client)) => format!(
                        "dashboard closed; the daemon (process {}) keeps running; stop it: mixlaw daemon stop\n",
                        client.daemon.pid
                    ),
                    Ok(None) => "dashboard closed; no daemon is running; mixlaw watch starts one\n".to_owned(),
                    Err(_) => "dashboard closed\n".to_owned(),
                };
                // A terminal that is gone need not be told.
                let _ = print(&said);
            }
            Exit::Stop => {
                lifecycle::stop(&project)?;
                print("stopped watching\n")?;
            }
        }
        Ok(())
    }
}

/// The project, once there is one: whoever looks at a screen may have started the training a second ago.
fn awaited(path: &Path) -> Result<Project, Failure> {
    let mut said = false;
    loop {
        match Project::load(path) {
            Err(ProjectError::Missing { path, help }) => {
                if !said {
                    waits(&format!("{} does not exist yet; Ctrl-C ends", path.display()), &help);
                }
                said = true;
                std::thread::sleep(LOOK);
            }
            other => return Ok(other?),
        }
    }
}

/// Refuses a view that has nothing to show in the project: another one in its place would be taken for it.
fn is_there(snapshot: &Arc<Snapshot>, id: ViewId) -> Result<(), Failure> {
    let model = Model::showing(Arc::clone(snapshot), Theme::new(ThemeName::Mono, Depth::True), (140, 42));
    if model.presence(id) != Presence::Gone {
        return Ok(());
    }
    let there = model.views.iter().map(Slot::id).filter(|id| model.presence(*id) != Presence::Gone);
    let there: Vec<&str> = there.map(|id| id.0).collect();
    Err(Failure::new(
        format!("the view '{}' has nothing to show in this project", id.0),
        Some(format!("views that have something: {}", there.join(", "))),
    ))
}

fn parse_view(text: &str) -> Result<ViewId, ArgumentError> {
    let ids: Vec<ViewId> = views::all().iter().map(|view| view.spec().id).collect();
    let names: Vec<&str> = ids.iter().map(|id| id.0).collect();
    ids.iter().find(|id| id.0 == text).copied().ok_or_else(|| ArgumentError::NoView(names.join(", ")))
}

fn parse_theme(text: &str) -> Result<ThemeName, ArgumentError> {
    match text {
        "dark" => Ok(ThemeName::Dark),
        "light" => Ok(ThemeName::Light),
        "ansi" => Ok(ThemeName::Ansi),
        "mono" => Ok(ThemeName::Mono),
        _ => Err(ArgumentError::NoTheme),
    }
}

/// The requested theme at the terminal's colour depth, or by default the one the environment implies.
fn theme(asked: Option<ThemeName>) -> Theme {
    let environment = Theme::from_env(|name| std::env::var(name).ok());
    match asked {
        None => environment,
        Some(name) => {
            let deep = matches!(std::env::var("COLORTERM").as_deref(), Ok("truecolor" | "24bit"));
            Theme::new(name, if deep { Depth::True } else { Depth::Indexed })
        }
    }
}

/// Shows the dashboard, and keeps how it was arranged.
fn show(
    snapshots: Latest,
    options: tui::Options,
    order: &dyn Fn(Command),
    will: LastWill,
    place: Option<&Path>,
) -> Result<Exit, Failure> {
    let (exit, memory) = tui::run(snapshots, options, order, will).map_err(|e| {
        Failure::new(format!("the terminal failed: {e}"), "print one frame: mixlaw watch --once".to_owned())
    })?;
    if let (Some(memory), Some(place)) = (memory, place) {
        remember::write(place, &memory);
    }
    Ok(exit)
}

/// What a session says of what a view needs.
pub(super) struct SessionAnswers<'a>(pub &'a mut Session);

impl Answers for SessionAnswers<'_> {
    fn curves(&mut self, query: &SeriesQuery) -> Option<CurveSet> {
        let answer = self.0.ask::<SeriesAnswer>(Query::Series(query.clone())).ok()?;
        Some(CurveSet { query: query.clone(), curves: answer.curves, failed: None })
    }

    fn answer(&mut self, question: &Question) -> Option<Answered> {
        let said = self.0.ask::<Box<RawValue>>(question.query());
        Some(question.answered(said.as_ref().map(|value| value.get()).map_err(Clone::clone)))
    }

    fn prediction(&mut self, query: &PredictQuery) -> Option<Prediction> {
        let answer = self.0.ask::<PredictAnswer>(Query::Predict(vec![query.clone()]));
        let (forecasts, failed) = match answer {
            Ok(answer) => (answer.forecasts, None),
            Err(failure) => (Vec::new(), Some(failure.message)),
        };
        Some(Prediction { query: query.clone(), forecasts, failed })
    }
}

/// Dashboard and engine in one process.
fn embedded(project: Project, options: tui::Options) -> Result<(), Failure> {
    let place = StateDir::of(&project)?;
    let lock = place.own()?.ok_or_else(|| {
        Failure::new(
            "another mixlaw process is using this project's store",
            "open its dashboard: mixlaw watch; or stop it: mixlaw daemon stop".to_owned(),
        )
    })?;
    let service = Service::start(project, &place, lock, true)?;
    let (to_screen, snapshots) = tui::latest();
    let will = service.stopper();
    let publisher = Arc::clone(&service.publisher);
    let publisher_of_labels = Arc::clone(&publisher);
    curves::of_publisher(&publisher, &to_screen)?;
    places::of_publisher(&publisher, &to_screen)?;
    questions::of_publisher(&publisher, &to_screen)?;
    thread("screen feed", move || follow::publisher(&publisher, &to_screen))?;
    let events = service.events();
    let shown = show(
        snapshots,
        options,
        &|command| {
            let done = match command {
                Command::Dismiss(Which::Ids(ids)) => Some(Event::Dismiss(ids, None)),
                Command::Label(command) => publisher_of_labels.latest().and_then(|current| {
                    let at = crate::daemon::seconds(std::time::SystemTime::now());
                    Some(Event::Label(labelled(&command, &current, at).ok()?, None))
                }),
                Command::Dismiss(_) | Command::Decide(_) | Command::Stop => None,
            };
            if let Some(event) = done {
                let _ = events.send(event);
            }
        },
        will,
        Some(&place.dashboard()),
    );
    service.stop()?;
    shown.map(|_| ())
}
