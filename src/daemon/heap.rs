//! Giving memory back. glibc gives back what is free at the end of its heap, and keeps what is free in between: after a month of
//! runs that come and go, half of a daemon's heap was holes among what lives long (`cargo bench --bench month`).

use std::time::{Duration, Instant};

/// How often at most: it takes some milliseconds, and what was given back is taken again page by page.
const OFTEN: Duration = Duration::from_secs(1);

/// When memory was given back last.
#[derive(Debug)]
pub struct Heap(Instant);

impl Heap {
    /// One that has nothing to give back yet.
    #[must_use]
    pub fn new() -> Self {
        Self(Instant::now())
    }

    /// Gives whole pages that are free back to the system, where that was last done a while ago.
    pub fn give_back(&mut self) {
        if self.0.elapsed() >= OFTEN {
            trim();
            self.0 = Instant::now();
        }
    }
}

/// The only unsafe code of this crate: no crate wraps this function, which takes no pointer, and whose locks are its own.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "a declaration of glibc's malloc_trim, which is safe to call")]
fn trim() {
    unsafe extern "C" {
        safe fn malloc_trim(pad: usize) -> i32;
    }
    malloc_trim(0);
}

/// Other allocators give memory back by themselves, or have no such call.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn trim() {}
