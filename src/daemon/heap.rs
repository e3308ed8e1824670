//! Giving memory back. glibc gives back what is free at the end of its heap, and keeps what is free in between: after a month of
//! runs that come and go, half of a daemon's heap was holes among what lives long (`cargo bench --bench month`).

/// Gives whole pages that are free back to the system. It takes some milliseconds, and what was given back is taken again page by
/// page: once a second is often enough.
pub fn give_back() {
    trim();
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
