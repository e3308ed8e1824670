//! Answers to what views ask: from a daemon, on lines of their own, or from the publisher of this process.
//!
//! What is answered at once is asked by one thread, what takes seconds (a search over mixtures) by another, so that a log grows on
//! the screen and past fits can be leafed through meanwhile. An answer stands until the fits that it was made of have changed.

use super::thread::thread;
use crate::daemon::answer::answer;
use crate::daemon::lifecycle;
use crate::daemon::publisher::Publisher;
use crate::ipc::IpcError;
use crate::ipc::client::Client;
use crate::ipc::protocol::{Failure, Response};
use crate::project::Project;
use crate::tui::{self, Answer, Answered, Asked, Incoming, Question};
use crossbeam_channel::{Receiver, Sender, bounded};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The least time between two rounds of the same questions. A log may grow without a point in it, so they are asked again.
const AGAIN: Duration = Duration::from_millis(1_000);
/// A round of questions takes at most this part of one core.
const BUSY: u32 = 8;
/// Answers that are remembered, those on screen among them.
const MOST: usize = 24;

/// What was said, for as long as it may be shown.
#[derive(Default)]
struct Board {
    /// With the number of the fits it was made of, the newest last.
    known: Vec<(u64, Answered)>,
    /// What was handed to the screen last.
    said: Vec<Answered>,
}

impl Board {
    fn learn(&mut self, fits: u64, answered: Answered) {
        self.known.retain(|(_, known)| known.question != answered.question);
        self.known.push((fits, answered));
        let over = self.known.len().saturating_sub(MOST);
        self.known.drain(..over);
    }

    /// Whether a question needs no asking: what failed is asked again, and what is live.
    fn knows(&self, question: &Question, fits: u64) -> bool {
        let answered = |(of, known): &(u64, Answered)| {
            *of == fits && known.question == *question && !matches!(known.answer, Answer::Failed(_))
        };
        !question.is_live() && self.known.iter().any(answered)
    }

    /// What there is to show for some questions, be it of earlier fits; nothing where that is what is shown.
    fn news(&mut self, questions: &[Question]) -> Option<Vec<Answered>> {
        let find = |question: &Question| self.known.iter().find(|(_, known)| known.question == *question);
        let answers: Vec<Answered> = questions.iter().filter_map(find).map(|(_, known)| known.clone()).collect();
        if answers.is_empty() || answers == self.said {
            return None;
        }
        self.said.clone_from(&answers);
        Some(answers)
    }
}

/// The side of the threads: what the screen asks, and what was said.
#[derive(Clone)]
struct Desk {
    feed: tui::Feed,
    board: Arc<Mutex<Board>>,
}

impl Desk {
    fn new(feed: &tui::Feed) -> Self {
        Self { feed: feed.clone(), board: Arc::default() }
    }

    fn with<T>(&self, work: impl FnOnce(&mut Board) -> T) -> T {
        work(&mut self.board.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether the screen still asks this, of the same fits.
    fn wants(&self, question: &Question, fits: u64) -> bool {
        let (_, asked) = self.feed.questions.wanted();
        asked.is_some_and(|asked| asked.fits == fits && asked.questions.contains(question))
    }

    /// Shows what there is; `false` where the screen is gone.
    fn show(&self, questions: &[Question]) -> bool {
        match self.with(|board| board.news(questions)) {
            Some(answers) => self.feed.put(Incoming::Answers(Arc::new(answers))).is_ok(),
            None => true,
        }
    }

    /// Asks what is slow, or what is not, and shows each answer as it comes; `false` where the screen is gone.
    fn round(&self, asked: &Asked, slow: bool, ask: &mut Ask<'_>) -> bool {
        for question in asked.questions.iter().filter(|question| question.is_slow() == slow) {
            if self.with(|board| board.knows(question, asked.fits)) {
                continue;
            }
            let wanted = || self.wants(question, asked.fits);
            if let Some(answered) = ask(question, &wanted).filter(|_| wanted()) {
                self.with(|board| board.learn(asked.fits, answered));
            }
            if !self.show(&asked.questions) {
                return false;
            }
        }
        true
    }
}

/// Asks one question; nothing where it is not wanted any more.
type Ask<'a> = dyn FnMut(&Question, &(dyn Fn() -> bool + Sync)) -> Option<Answered> + 'a;

/// Asks what is answered at once until the screen is gone, and has what is slow asked.
fn quick(desk: &Desk, slow: &Sender<()>, ask: &mut Ask<'_>) {
    let mut pause = None;
    loop {
        let bell = desk.feed.questions.bell();
        let rung = match pause {
            None => bell.recv().map_err(|_| ()),
            Some(pause) => match bell.recv_timeout(pause) {
                Err(error) if !error.is_timeout() => Err(()),
                _ => Ok(()),
            },
        };
        if rung.is_err() {
            return;
        }
        let (_, Some(asked)) = desk.feed.questions.wanted() else {
            pause = None;
            desk.with(|board| board.said.clear());
            continue;
        };
        // Where it is full it rings already.
        let _ = slow.try_send(());
        let started = Instant::now();
        if !desk.show(&asked.questions) || !desk.round(&asked, false, ask) {
            return;
        }
        let live = asked.questions.iter().any(Question::is_live);
        pause = live.then(|| AGAIN.max(started.elapsed() * BUSY));
    }
}

/// Asks what is slow, whenever it rings.
fn slowly(desk: &Desk, bell: &Receiver<()>, ask: &mut Ask<'_>) {
    while bell.recv().is_ok() {
        let (_, Some(asked)) = desk.feed.questions.wanted() else { continue };
        if !desk.round(&asked, true, ask) {
            return;
        }
    }
}

/// Starts both threads.
fn start<A>(feed: &tui::Feed, asker: impl Fn() -> A) -> Result<(), Failure>
where
    A: FnMut(&Question, &(dyn Fn() -> bool + Sync)) -> Option<Answered> + Send + 'static,
{
    let desk = Desk::new(feed);
    let (ring, bell) = bounded(1);
    let (mut first, mut second) = (asker(), asker());
    let slow = desk.clone();
    thread("slow questions", move || slowly(&slow, &bell, &mut second))?;
    thread("questions", move || quick(&desk, &ring, &mut first))
}

/// Asks a daemon, until the screen is gone.
///
/// # Errors
/// Where there is no thread to be had.
pub(super) fn of_daemon(project: &Project, feed: &tui::Feed) -> Result<(), Failure> {
    start(feed, || {
        let project = project.clone();
        let mut line: Option<Client> = None;
        move |question: &Question, wanted: &(dyn Fn() -> bool + Sync)| {
            if !wanted() {
                return None;
            }
            // A line that was kept may have ended with its daemon: once more on a new one.
            let said = ask(&mut line, &project, question).or_else(|_| {
                line = None;
                ask(&mut line, &project, question)
            });
            Some(said.unwrap_or_else(|error| {
                line = None;
                question.answered(Err(Failure::new(error.to_string(), None)))
            }))
        }
    })
}

/// Asks on a line that is kept.
fn ask(line: &mut Option<Client>, project: &Project, question: &Question) -> Result<Answered, IpcError> {
    if line.is_none() {
        *line = lifecycle::find(project).ok().flatten();
    }
    let Some(client) = line else { return Ok(question.answered(Err(Failure::new("no daemon answers", None)))) };
    Ok(match client.query(question.query())? {
        Response::Answer(value) => question.answered(Ok(value.get())),
        Response::Failed(failure) => question.answered(Err(failure)),
        _ => question.answered(Err(Failure::new("the daemon answered something else", None))),
    })
}

/// Asks the publisher of this process, until either is gone.
///
/// # Errors
/// Where there is no thread to be had.
pub(super) fn of_publisher(publisher: &Arc<Publisher>, feed: &tui::Feed) -> Result<(), Failure> {
    start(feed, || {
        let publisher = Arc::clone(publisher);
        move |question: &Question, wanted: &(dyn Fn() -> bool + Sync)| {
            if publisher.closed() || !wanted() {
                return None;
            }
            let current = publisher.latest()?;
            let said = answer(&question.query(), &current, &|| !wanted());
            Some(match said {
                Ok(value) => question.answered(Ok(value.get())),
                Err(failure) => question.answered(Err(failure)),
            })
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::drift::DriftAnswer;
    use crate::ipc::log::{LogAnswer, LogQuery};
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn what_is_answered_at_once_does_not_wait_and_nothing_is_asked_twice_for_the_same_fits() {
        let (feed, screen) = tui::latest();
        let searched = Arc::new(AtomicUsize::new(0));
        let (hold, held) = bounded::<()>(0);
        start(&feed, || {
            let (searched, held) = (Arc::clone(&searched), held.clone());
            move |question: &Question, _: &(dyn Fn() -> bool + Sync)| {
                let answer = match question {
                    Question::Drift => {
                        searched.fetch_add(1, Ordering::SeqCst);
                        held.recv().unwrap();
                        Answer::Drift(DriftAnswer::default())
                    }
                    Question::Log(_) => Answer::Log(LogAnswer::default()),
                    _ => Answer::Moments(vec![1.0]),
                };
                Some(Answered { question: question.clone(), answer })
            }
        })
        .unwrap();
        let log = Question::Log(LogQuery { run: 1, file: 0, around: None, step: None, find: None, lines: 9 });
        let ask = |questions: &[Question], fits, logged| {
            screen.ask(Some(Asked { questions: questions.to_vec(), fits, logged }));
        };
        let answered = |count: usize| -> Vec<Question> {
            let until = Instant::now() + Duration::from_secs(20);
            loop {
                let left = until.saturating_duration_since(Instant::now());
                screen.bell().recv_timeout(left).expect("answers come");
                while let Some(incoming) = screen.take() {
                    if let Incoming::Answers(answers) = incoming
                        && answers.len() == count
                    {
                        return answers.iter().map(|answered| answered.question.clone()).collect();
                    }
                }
            }
        };
        let both = [Question::Drift, log.clone()];
        ask(&both, 1, 1);
        assert_eq!(answered(1), std::slice::from_ref(&log), "the log, while a search is under way");
        // What is logged neither ends the search nor begins another.
        ask(&[Question::Drift, Question::Moments, log.clone()], 1, 2);
        assert_eq!(answered(2), [Question::Moments, log.clone()]);
        for logged in 3..6 {
            ask(&[Question::Drift, Question::Moments, log.clone()], 1, logged);
            std::thread::sleep(Duration::from_millis(20));
        }
        hold.send(()).unwrap();
        assert_eq!(answered(3).len(), 3);
        assert_eq!(searched.load(Ordering::SeqCst), 1);
        // Other fits are another search; until it is done the earlier answer stands.
        ask(&[Question::Drift, log.clone()], 2, 9);
        assert_eq!(answered(2), [Question::Drift, log]);
        hold.send(()).unwrap();
        assert_eq!(searched.load(Ordering::SeqCst), 2);
    }
}
