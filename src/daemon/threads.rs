//! Threads for fits. A daemon's own give way to whatever else the machine does: training, dashboards, its reading of logs. Those that
//! clients ask for with a number of threads are no more at a time, of all clients together, than the machine has cores.

use crate::fit::Stop;
use crate::ipc::protocol::Failure;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often a client that waits for threads is looked at: whether it is still there.
const LOOK: Duration = Duration::from_millis(100);

/// How much further down threads that fit are in the queue for a core: at 10, nine tenths of one that others want, too, are theirs.
const NICE: i32 = 10;

/// Lets this thread give way to those of other work on the machine. On Linux that is of a thread; elsewhere nothing is done.
pub fn give_way() {
    if cfg!(target_os = "linux") {
        // One that may not is as quick as before.
        let _ = rustix::process::nice(NICE);
    }
}

/// Lets the threads that fits are spread over give way, too. To be called before the first fit; later, nothing happens.
#[cfg(feature = "daemon")]
pub fn all_give_way() {
    let _ = giving_way().build_global();
}

#[cfg(feature = "daemon")]
fn giving_way() -> rayon::ThreadPoolBuilder {
    rayon::ThreadPoolBuilder::new().start_handler(|_| give_way())
}

static LENT: Lent = Lent { threads: Mutex::new(0), returned: Condvar::new() };

/// How many threads are lent.
struct Lent {
    threads: Mutex<usize>,
    returned: Condvar,
}

/// Threads that go back when this is dropped.
struct Loan<'a> {
    from: &'a Lent,
    threads: usize,
}

impl Lent {
    fn count(&self) -> MutexGuard<'_, usize> {
        // Whoever panicked has left a number that is right: it is changed in one step.
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `threads` of `cores` are free; `None` where it was stopped before.
    fn take(&self, threads: usize, cores: usize, stop: Stop<'_>) -> Option<Loan<'_>> {
        let mut count = self.count();
        while *count + threads > cores {
            if stop() {
                return None;
            }
            count = self.returned.wait_timeout(count, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
        *count += threads;
        Some(Loan { from: self, threads })
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        *self.from.count() -= self.threads;
        self.from.returned.notify_all();
    }
}

/// Does `work` on `wanted` threads, or on as many as there are cores where that is fewer. `None` where it was stopped while
/// it waited for threads that others use.
///
/// # Errors
/// Where the threads cannot be started.
pub fn lend<T: Send>(
    wanted: usize,
    stop: Stop<'_>,
    work: impl FnOnce() -> Option<T> + Send,
) -> Result<Option<T>, Failure> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = wanted.clamp(1, cores);
    let Some(_loan) = LENT.take(threads, cores, stop) else { return Ok(None) };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|e| Failure::new(format!("cannot start {threads} threads: {e}"), None))?;
    Ok(pool.install(work))
}

/// What is said to a client that has hung up; it is written down nowhere else.
pub fn given_up() -> Failure {
    Failure::new("cancelled: the client has disconnected", "run the command again".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::never;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[cfg(all(target_os = "linux", feature = "daemon"))]
    #[test]
    fn threads_that_fit_give_way_and_no_others_do() {
        let of_this_thread = || rustix::process::getpriority_process(None).unwrap();
        let before = of_this_thread();
        let pool = giving_way().num_threads(2).build().unwrap();
        assert_eq!(pool.broadcast(|_| of_this_thread()), [(before + NICE).min(19); 2]);
        assert_eq!(of_this_thread(), before);
    }

    #[test]
    fn no_more_threads_than_cores_are_lent_at_a_time() {
        let lent = Lent { threads: Mutex::new(0), returned: Condvar::new() };
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for wanted in [3, 2, 4, 1, 4, 2] {
                let (lent, now, most) = (&lent, &now, &most);
                scope.spawn(move || {
                    let _loan = lent.take(wanted, 4, &never).unwrap();
                    most.fetch_max(now.fetch_add(wanted, Ordering::SeqCst) + wanted, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_millis(20));
                    now.fetch_sub(wanted, Ordering::SeqCst);
                });
            }
        });
        assert_eq!(*lent.count(), 0, "all are back");
        assert_eq!(most.into_inner(), 4);
    }

    #[test]
    fn whoever_hangs_up_while_waiting_is_waited_for_no_longer() {
        let lent = Lent { threads: Mutex::new(0), returned: Condvar::new() };
        let _all = lent.take(4, 4, &never).unwrap();
        assert!(lent.take(1, 4, &|| true).is_none());
    }

    #[test]
    fn a_wish_for_a_hundred_thousand_threads_gets_the_cores() {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let got = lend(100_000, &never, || Some(rayon::current_num_threads())).unwrap();
        assert_eq!(got, Some(cores));
    }
}
