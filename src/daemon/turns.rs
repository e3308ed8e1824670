//! Turns: how many questions of one process are worked on at a time. One that asks without end on many connections takes no
//! more of the cores from others than one that asks on two.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Questions of one process that are worked on at a time.
const AT_A_TIME: usize = 2;
/// How long a question waits for its turn at most: some take minutes, and nobody waits for those of others.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whose questions are worked on.
#[derive(Debug, Default)]
pub struct Turns {
    at_work: Mutex<HashMap<i32, usize>>,
    over: Condvar,
}

/// A turn, over when this is let go of.
#[derive(Debug)]
pub struct Turn<'a> {
    of: &'a Turns,
    process: i32,
}

impl Turns {
    fn lock(&self) -> MutexGuard<'_, HashMap<i32, usize>> {
        self.at_work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a turn of a process.
    pub fn take(&self, process: i32) -> Turn<'_> {
        let until = Instant::now() + PATIENCE;
        let mut at_work = self.lock();
        while at_work.get(&process).is_some_and(|count| *count >= AT_A_TIME) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            at_work = self.over.wait_timeout(at_work, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        *at_work.entry(process).or_default() += 1;
        Turn { of: self, process }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut at_work = self.of.lock();
        if let Some(count) = at_work.get_mut(&self.process) {
            *count -= 1;
        }
        at_work.retain(|_, count| *count > 0);
        drop(at_work);
        self.of.over.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn a_process_gets_two_turns_at_a_time_and_others_do_not_wait_for_it() {
        let turns = Turns::default();
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let _turn = turns.take(1);
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_millis(20));
                    now.fetch_sub(1, Ordering::SeqCst);
                });
            }
            let began = Instant::now();
            drop(turns.take(2));
            assert!(began.elapsed() < PATIENCE / 2);
        });
        assert_eq!(most.into_inner(), AT_A_TIME);
        assert!(turns.lock().is_empty());
    }

    #[test]
    fn nobody_waits_for_long_for_those_that_take_long() {
        let turns = Turns::default();
        let _long = [turns.take(1), turns.take(1)];
        let began = Instant::now();
        drop(turns.take(1));
        assert!((PATIENCE..10 * PATIENCE).contains(&began.elapsed()));
    }
}
