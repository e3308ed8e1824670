//! A socket that the service manager made and gives to the daemon that it starts (`LISTEN_FDS`): clients connect before there is
//! a daemon, and it is started for them.

use std::os::unix::net::UnixListener;
use std::path::Path;

/// The socket at this path, where it was given; another one that was given is not listened at.
pub fn listener(path: &Path) -> Option<UnixListener> {
    let mut given = listenfd::ListenFd::from_env();
    for index in 0..given.len() {
        let Ok(Some(listener)) = given.take_unix_listener(index) else { continue };
        let is_ours = listener.local_addr().is_ok_and(|address| address.as_pathname() == Some(path));
        // Programs that tell people are not to inherit it.
        let kept = rustix::io::fcntl_setfd(&listener, rustix::io::FdFlags::CLOEXEC).is_ok();
        if is_ours && kept && listener.set_nonblocking(false).is_ok() {
            return Some(listener);
        }
        tracing::warn!("the socket that the service manager gave is not {}", path.display());
    }
    None
}
