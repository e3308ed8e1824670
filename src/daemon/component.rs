//! Component: one part of the daemon's work, with state of its own. It learns of everything by events and says everything
//! by events; none names another one.

use super::event::Event;
use super::shared::Shared;
use crate::store::StoreError;

/// A part of the daemon's work.
pub trait Component {
    /// Its name, for the log.
    fn name(&self) -> &'static str;

    /// Begins: the store is open, and nothing has been read.
    ///
    /// # Errors
    /// What the store says.
    fn start(&mut self, _shared: &Shared, _out: &mut Outbox) -> Result<(), StoreError> {
        Ok(())
    }

    /// Does what an event asks of it; events that do not concern it are left alone.
    ///
    /// # Errors
    /// What the store says.
    fn handle(&mut self, event: &Event, shared: &Shared, out: &mut Outbox) -> Result<(), StoreError>;

    /// Ends: saves what it has that the store has not.
    ///
    /// # Errors
    /// What the store says.
    fn stop(&mut self, _shared: &Shared) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Events that a component sends.
#[derive(Default)]
pub struct Outbox(Vec<Event>);

impl Outbox {
    /// Sends an event: it is handled after those sent before.
    pub fn send(&mut self, event: Event) {
        self.0.push(event);
    }

    /// What was sent, in that order.
    pub fn sent(self) -> Vec<Event> {
        self.0
    }
}

/// Starts components, each after the events of those before it were handled.
///
/// # Errors
/// The first thing that a component could not do.
pub fn start(all: &mut [&mut dyn Component], shared: &mut Shared) -> Result<(), StoreError> {
    for index in 0..all.len() {
        let mut out = Outbox::default();
        all[index].start(shared, &mut out)?;
        for event in out.sent() {
            dispatch(all, shared, event, &mut |_| {})?;
        }
    }
    Ok(())
}

/// Gives an event to every component, in their order; then the events that they sent, each with all that follows from it
/// before the next. `heard` is told of each event.
///
/// # Errors
/// The first thing that a component could not do; events that were waiting are dropped.
pub fn dispatch(
    all: &mut [&mut dyn Component],
    shared: &mut Shared,
    event: Event,
    heard: &mut dyn FnMut(&Event),
) -> Result<(), StoreError> {
    let mut waiting = vec![event];
    while let Some(event) = waiting.pop() {
        shared.take(&event);
        heard(&event);
        let mut out = Outbox::default();
        for component in all.iter_mut() {
            if let Err(error) = component.handle(&event, shared, &mut out) {
                tracing::debug!(component = component.name(), event = event.name(), %error, "failed");
                return Err(error);
            }
        }
        waiting.extend(out.sent().into_iter().rev());
    }
    Ok(())
}

/// Stops every component; all are stopped, whatever one of them says.
///
/// # Errors
/// The first thing that a component could not do.
pub fn stop(all: &mut [&mut dyn Component], shared: &Shared) -> Result<(), StoreError> {
    all.iter_mut().map(|component| component.stop(shared)).fold(Ok(()), Result::and)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::Project;
    use crate::store::SledStore;

    /// Answers some events with others, and remembers all.
    struct Toy {
        answers: fn(&Event) -> Vec<Event>,
        heard: Vec<&'static str>,
    }

    impl Component for Toy {
        fn name(&self) -> &'static str {
            "toy"
        }

        fn start(&mut self, _: &Shared, out: &mut Outbox) -> Result<(), StoreError> {
            out.send(Event::AnswerOnce);
            Ok(())
        }

        fn handle(&mut self, event: &Event, shared: &Shared, out: &mut Outbox) -> Result<(), StoreError> {
            self.heard.push(event.name());
            if let Event::Progress(progress) = event {
                assert_eq!(&shared.progress, progress, "what an event says is known when it is handled");
            }
            (self.answers)(event).into_iter().for_each(|event| out.send(event));
            Ok(())
        }

        fn stop(&mut self, _: &Shared) -> Result<(), StoreError> {
            self.heard.push("stopped");
            Err(StoreError::Damaged(String::new()))
        }
    }

    #[test]
    fn what_follows_from_an_event_is_handled_before_the_next_event() {
        let answers = |event: &Event| match event {
            Event::Idle => vec![Event::AlertsChanged, Event::Save],
            Event::AlertsChanged => vec![Event::Progress(None), Event::KeepFits],
            _ => Vec::new(),
        };
        let mut first = Toy { answers, heard: Vec::new() };
        let mut second = Toy { answers: |_| Vec::new(), heard: Vec::new() };
        let mut shared = Shared::new(Project::default(), SledStore::temporary().unwrap());
        let all: &mut [&mut dyn Component] = &mut [&mut first, &mut second];
        start(all, &mut shared).unwrap();
        let mut told = Vec::new();
        dispatch(all, &mut shared, Event::Idle, &mut |event| told.push(event.name())).unwrap();
        assert!(stop(all, &shared).is_err(), "what could not be saved is said");
        assert_eq!(told, ["idle", "alerts changed", "progress", "keep fits", "save"]);
        for heard in [first.heard, second.heard] {
            assert_eq!(heard[..2], ["answer once", "answer once"]);
            assert_eq!(heard[2..7], told);
            assert_eq!(heard[7..], ["stopped"], "each is stopped, whatever another says");
        }
    }
}
