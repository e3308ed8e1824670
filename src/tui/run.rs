//! The loop: waits for keys, snapshots and signals, updates, and draws when something changed, at most every 16 ms.
//! While nothing happens it sleeps; the one thing that happens by itself is that "2 s ago" grows old.

use super::ending::on_signals;
use super::terminal::Session;
use super::theme::Theme;
use super::update::{Effect, Event, update};
use super::view::view;
use super::{Exit, Incoming, Keymap, LastWill, Latest, Memory, Model};
use crate::ipc::protocol::{Command, Which};
use crossbeam_channel::{Receiver, Sender, bounded, never, select};
use crossterm::event;
use signal_hook::consts::SIGTSTP;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The least time between two frames.
pub const FRAME: Duration = Duration::from_millis(16);
/// The same where a key is answered: who types is not to wait for a frame of what has been logged. Keys come at thirty a second at most.
const ANSWER: Duration = Duration::from_millis(4);

/// How the dashboard is to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The looks.
    pub theme: Theme,
    /// Whether the looks are what the user asked for now, whatever is remembered.
    pub is_asked: bool,
    /// Whether clicks and the wheel are left to the terminal, for selecting text; else as remembered.
    pub no_mouse: bool,
    /// What the dashboard was like when it was left.
    pub memory: Memory,
    /// The user's keys.
    pub keymap: Keymap,
}

/// Shows what `snapshots` brings until the user leaves or the process is asked to end. Returns how, and what to remember
/// where there is still somebody to remember it for.
///
/// `order` has the daemon do something; it returns at once. `will` is done where the process is asked to
/// end and this does not return, as the terminal takes no output.
///
/// # Errors
/// If the terminal cannot be controlled or written to. One that is gone is no error: nobody looks any more.
pub fn run(
    snapshots: Latest,
    options: Options,
    order: &dyn Fn(Command),
    will: LastWill,
) -> io::Result<(Exit, Option<Memory>)> {
    let left = Arc::new(AtomicBool::new(false));
    let (sender, receiver) = bounded(256);
    on_signals(sender.clone(), Arc::clone(&left), will)?;
    let shown = show(snapshots, options, order, sender, receiver);
    left.store(true, Ordering::SeqCst);
    match shown {
        Err(error) if is_gone(&error) => Ok((Exit::Detached, None)),
        shown => shown.map(|(exit, memory)| (exit, Some(memory))),
    }
}

/// Whether the terminal was closed.
fn is_gone(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let gone = [Errno::IO, Errno::NXIO, Errno::PIPE].map(Errno::raw_os_error);
    error.raw_os_error().is_some_and(|errno| gone.contains(&errno))
}

fn show(
    snapshots: Latest,
    options: Options,
    order: &dyn Fn(Command),
    sender: Sender<Event>,
    receiver: Receiver<Event>,
) -> io::Result<(Exit, Memory)> {
    let mut model = Model::new(options.theme, (0, 0));
    options.memory.arrange(&mut model);
    model.keymap = options.keymap;
    if options.is_asked {
        model.shared.theme = options.theme;
    }
    model.mouse &= !options.no_mouse;
    let mut session = Session::start(model.mouse)?;
    let events = Events::start(sender, receiver)?;
    model.shared.size = session.size()?;
    let mut state = Loop {
        model,
        pacer: Pacer::new(Instant::now()),
        bell: snapshots.bell().clone(),
        snapshots,
        newest: Instant::now(),
    };
    loop {
        for effect in state.wait(&events.receiver) {
            match effect {
                Effect::Render => {}
                Effect::Redraw => session.repaint()?,
                Effect::Dismiss(ids) => order(Command::Dismiss(Which::Ids(ids))),
                Effect::Label(command) => order(Command::Label(command)),
                Effect::Copy(text) => session.copy(&text)?,
                Effect::Mouse(on) => session.take_mouse(on)?,
                Effect::Leave(exit) => return Ok((exit, Memory::of(&state.model))),
                Effect::Suspend => {
                    session.leave();
                    let _ = signal_hook::low_level::emulate_default_handler(SIGTSTP);
                    session.enter()?;
                    state.pacer.changed(FRAME);
                }
            }
        }
        if state.pacer.due(Instant::now()) {
            session.draw(|area, buffer| view(&state.model, area, buffer))?;
            state.pacer.drawn(Instant::now());
        }
    }
}

/// The part of the loop that needs no terminal.
struct Loop {
    model: Model,
    pacer: Pacer,
    snapshots: Latest,
    /// Rings when there is a snapshot.
    bell: Receiver<()>,
    /// When the newest snapshot came, on screen or held back while frozen.
    newest: Instant,
}

impl Loop {
    /// Sleeps until something is to be done, takes all that has come, and says what is to be done about it.
    fn wait(&mut self, events: &Receiver<Event>) -> Vec<Effect> {
        let timeout = self.pacer.timeout(Instant::now(), self.model.shared.age);
        let first = select! {
            recv(events) -> event => Some(event.unwrap_or(Event::Terminate)),
            recv(self.bell) -> rung => self.incoming(rung.is_ok()),
            default(timeout) => None,
        };
        let mut effects = Vec::new();
        let mut apart = FRAME;
        let mut next = first;
        while let Some(event) = next {
            if matches!(event, Event::Incoming(Incoming::Snapshot(_))) {
                self.newest = Instant::now();
            }
            if matches!(event, Event::Key(_) | Event::Paste(_)) {
                apart = ANSWER;
            }
            let before = self.model.shared.snapshot.as_ref().map(Arc::as_ptr);
            effects.extend(update(&mut self.model, event));
            if self.model.shared.snapshot.as_ref().map(Arc::as_ptr) != before {
                self.pacer.arrived(self.newest);
            }
            next = events.try_recv().ok().or_else(|| self.snapshots.take().map(Event::Incoming));
        }
        self.snapshots.choose(self.model.shared.runs.selected);
        self.snapshots.ask_for(self.model.needs());
        self.snapshots.name(self.model.shared.names());
        self.snapshots.ask(self.model.questions());
        self.snapshots.ask_about(self.model.place(), self.model.fits());
        if let Some(age) = self.pacer.age(Instant::now(), self.model.shared.age) {
            effects.extend(update(&mut self.model, Event::Age(age)));
        }
        if !effects.is_empty() {
            self.pacer.changed(apart);
        }
        effects
    }

    /// What has come; nothing where it was taken with what came before.
    fn incoming(&mut self, more: bool) -> Option<Event> {
        let incoming = self.snapshots.take().or_else(|| {
            (!more).then(|| {
                // A closed channel is always ready; waiting on it would be a busy loop.
                self.bell = never();
                Incoming::Lost("the connection to the data source has ended".to_owned())
            })
        });
        incoming.map(Event::Incoming)
    }
}

/// When to draw, and when a displayed age changes.
#[derive(Debug, Clone, Copy)]
struct Pacer {
    arrived: Instant,
    drawn: Option<Instant>,
    /// How long after the last frame the next is due, where something has changed.
    apart: Option<Duration>,
}

impl Pacer {
    fn new(now: Instant) -> Self {
        Self { arrived: now, drawn: None, apart: Some(FRAME) }
    }

    /// Something has changed that is to be seen so long after the last frame.
    fn changed(&mut self, apart: Duration) {
        self.apart = Some(self.apart.map_or(apart, |before| before.min(apart)));
    }

    fn drawn(&mut self, now: Instant) {
        self.drawn = Some(now);
        self.apart = None;
    }

    fn arrived(&mut self, now: Instant) {
        self.arrived = now;
    }

    fn due(&self, now: Instant) -> bool {
        self.apart.is_some_and(|apart| self.drawn.is_none_or(|at| now.duration_since(at) >= apart))
    }

    /// How long there is nothing to do: until the next frame may be drawn, or an age changes.
    fn timeout(&self, now: Instant, age: f64) -> Duration {
        if let Some(apart) = self.apart {
            return self.drawn.map_or(Duration::ZERO, |at| (at + apart).saturating_duration_since(now));
        }
        (self.arrived + Duration::from_secs_f64(age) + step(age)).saturating_duration_since(now)
    }

    /// The age to show from now on, where it differs from the one shown.
    fn age(&self, now: Instant, shown: f64) -> Option<f64> {
        let age = now.saturating_duration_since(self.arrived);
        (age >= Duration::from_secs_f64(shown) + step(shown)).then(|| age.as_secs_f64().floor())
    }
}

/// Ages below a minute are shown in seconds, above in minutes.
fn step(age: f64) -> Duration {
    if age < 60.0 { Duration::from_secs(1) } else { Duration::from_secs(15) }
}

/// The thread that turns what comes from the terminal into events.
struct Events {
    receiver: Receiver<Event>,
    ended: Arc<AtomicBool>,
}

impl Events {
    fn start(sender: Sender<Event>, receiver: Receiver<Event>) -> io::Result<Self> {
        let ended = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&ended);
        std::thread::Builder::new().name("keys".to_owned()).spawn(move || read_terminal(&sender, &flag))?;
        Ok(Self { receiver, ended })
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
    }
}

/// Reads until the dashboard ends. Looks up once a second, so that keys typed after that reach whoever reads next.
fn read_terminal(to: &Sender<Event>, ended: &AtomicBool) {
    while !ended.load(Ordering::SeqCst) {
        let event = match event::poll(Duration::from_secs(1)) {
            Ok(false) => continue,
            Ok(true) => event::read(),
            Err(error) => Err(error),
        };
        let event = match event {
            Ok(event::Event::Key(key)) => Event::Key(key),
            Ok(event::Event::Mouse(mouse)) => Event::Mouse(mouse),
            Ok(event::Event::Paste(text)) => Event::Paste(text),
            Ok(event::Event::Resize(columns, rows)) => Event::Resize(columns, rows),
            Ok(event::Event::FocusGained | event::Event::FocusLost) => continue,
            // The terminal is gone; so is whoever looked at it.
            Err(_) => Event::Terminate,
        };
        let last = matches!(event, Event::Terminate);
        if to.send(event).is_err() || last {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::{fixture, latest, theme};

    #[test]
    fn frames_are_apart_and_only_on_demand_and_keys_are_answered_sooner() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut pacer = Pacer::new(start);
        assert!(pacer.due(at(0)), "the first frame is drawn at once");
        pacer.drawn(at(0));
        assert!(!pacer.due(at(500)), "nothing changed");
        assert_eq!(pacer.timeout(at(0), 0.0), Duration::from_secs(1), "sleeps until an age changes");
        pacer.changed(FRAME);
        assert!(!pacer.due(at(10)));
        assert_eq!(pacer.timeout(at(10), 0.0), Duration::from_millis(6));
        assert!(pacer.due(at(16)));
        // A key is answered sooner, whatever else has changed before and after it.
        pacer.changed(ANSWER);
        pacer.changed(FRAME);
        assert!(!pacer.due(at(3)) && pacer.due(at(4)));
        pacer.drawn(at(4));
        assert!(!pacer.due(at(100)));
    }

    #[test]
    fn ages_are_told_when_their_text_changes() {
        let start = Instant::now();
        let pacer = Pacer::new(start);
        assert_eq!(pacer.age(start + Duration::from_millis(900), 0.0), None);
        assert_eq!(pacer.age(start + Duration::from_millis(1100), 0.0), Some(1.0));
        assert_eq!(pacer.age(start + Duration::from_secs(64), 60.0), None);
        assert_eq!(pacer.age(start + Duration::from_secs(75), 60.0), Some(75.0));
    }

    #[test]
    fn everything_that_waits_is_taken_before_a_frame() {
        let (to_events, events) = bounded(16);
        let (to_snapshots, snapshots) = latest();
        let theme = Theme::new(theme::ThemeName::Mono, theme::Depth::True);
        let now = Instant::now();
        let mut state = Loop {
            model: Model::new(theme, (80, 24)),
            pacer: Pacer::new(now),
            bell: snapshots.bell().clone(),
            snapshots,
            newest: now,
        };
        for seq in 1..=5 {
            let mut snapshot = fixture::sweep();
            snapshot.seq = seq;
            to_snapshots.put(Incoming::Snapshot(Arc::new(snapshot))).unwrap();
        }
        to_events.send(Event::Resize(100, 30)).unwrap();
        let effects = state.wait(&events);
        assert!(effects.contains(&Effect::Redraw));
        assert_eq!(state.model.shared.snapshot.as_ref().map(|s| s.seq), Some(5));
        assert_eq!(state.model.shared.size, (100, 30));

        drop(to_snapshots);
        state.pacer.drawn(Instant::now());
        state.wait(&events);
        assert!(matches!(state.model.shared.link, crate::tui::shared::Link::Lost(_)));
        drop(to_events);
        assert!(state.wait(&events).contains(&Effect::Leave(Exit::Detached)), "no keys can come any more");
    }
}
