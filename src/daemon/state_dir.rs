//! State directory of a project's daemon.
//!
//! Under `$MIXLAW_STATE`, else `$XDG_STATE_HOME/mixlaw`, else `~/.local/state/mixlaw`: not beside the project, which may
//! lie on a shared file system where an embedded database and a socket have no business. One directory a project, named
//! for the eye and told apart by a hash of the project's path:
//!
//! ```text
//! code-cpt-0123456789abcdef/
//!     lock            held by the owner of the store; holds its process id
//!     starting        held by a client while it starts a daemon, so that many clients start one
//!     socket          where clients connect
//!     daemon.log      what a daemon has done (see `daemon::log`); the log before it is daemon.log.1
//!     words           what the last daemon in the background said on its standard output and error
//!     dashboard.json  how the dashboard was arranged when it was left
//!     outbox          messages to people that are not delivered yet (see `notifications::outbox`)
//!     store/          the database, and beside it in the same folder:
//!       accepting     held by a command from the moment it begins to accept or dismiss advice to the end; while nobody
//!                     holds it, an acceptance that has begun was interrupted
//! ```

pub use super::lock::Lock;

use super::lock::ACCEPTING;
use crate::ipc::protocol::Failure;
use crate::project::Project;
use rustix::fs::Mode;
use std::fs::DirBuilder;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Longest path that fits a socket address on every Unix we know (104 bytes on BSD, with the final zero).
const LONGEST_SOCKET_PATH: usize = 103;

/// The directory of one project's daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateDir {
    /// The directory.
    pub directory: PathBuf,
    socket: PathBuf,
}

impl StateDir {
    /// The place of a project; nothing is created.
    ///
    /// # Errors
    /// Where no home directory is known.
    pub fn of(project: &Project) -> Result<Self, Failure> {
        let base = state_base().ok_or_else(|| {
            Failure::new(
                "no directory for state: MIXLAW_STATE, XDG_STATE_HOME and HOME are not set",
                "set MIXLAW_STATE to a directory on a local disk".to_owned(),
            )
        })?;
        let what = project.file.as_deref().unwrap_or(&project.root);
        let path = std::path::absolute(what).unwrap_or_else(|_| what.to_owned());
        let path = path.canonicalize().unwrap_or(path);
        let hash = xxhash_rust::xxh3::xxh3_64(path.as_os_str().as_bytes());
        let slug: String =
            project.name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(24).collect();
        let directory = base.join(format!("{slug}-{hash:016x}"));
        let mut socket = directory.join("socket");
        if socket.as_os_str().len() > LONGEST_SOCKET_PATH {
            let uid = rustix::process::geteuid().as_raw();
            socket = std::env::temp_dir().join(format!("mixlaw-{uid}")).join(format!("{hash:016x}"));
        }
        Ok(Self { directory, socket })
    }

    /// Where clients connect.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Where the database is.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.directory.join("store")
    }

    /// How the dashboard was arranged when it was left.
    #[must_use]
    pub fn dashboard(&self) -> PathBuf {
        self.directory.join("dashboard.json")
    }

    /// Messages to people that are not delivered yet.
    #[must_use]
    pub fn outbox(&self) -> PathBuf {
        self.directory.join("outbox")
    }

    /// The log of the daemon.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.directory.join("daemon.log")
    }

    /// What the last daemon in the background said on its standard output and error: why it did not start, if it did not.
    #[must_use]
    pub fn words(&self) -> PathBuf {
        self.directory.join("words")
    }

    /// Creates the directories, for this user alone.
    ///
    /// # Errors
    /// Where the disk says no, or a directory belongs to someone else.
    pub fn create(&self) -> Result<(), Failure> {
        private_directory(&self.directory)?;
        if let Some(parent) = self.socket.parent()
            && parent != self.directory
        {
            private_directory(parent)?;
        }
        Ok(())
    }

    /// Becomes the owner of the store; `None` where another process is. Ownership ends with the returned lock, or with
    /// the process, however it ends.
    ///
    /// # Errors
    /// Where the disk says no.
    pub fn own(&self) -> Result<Option<Lock>, Failure> {
        self.create()?;
        Lock::take(&self.directory.join("lock"))
    }

    /// Becomes the one client that starts a daemon; `None` while another one does.
    ///
    /// # Errors
    /// Where the disk says no.
    pub fn starting(&self) -> Result<Option<Lock>, Failure> {
        self.create()?;
        Lock::take(&self.directory.join("starting"))
    }

    /// Becomes the one command that decides on advice; `None` while another one does.
    ///
    /// # Errors
    /// Where the disk says no.
    pub fn accepting(&self) -> Result<Option<Lock>, Failure> {
        self.create()?;
        private_directory(&self.store())?;
        Lock::take(&self.store().join(ACCEPTING))
    }

    /// The process that owns the store, as it wrote itself down; only meaningful while [`StateDir::own`] gives `None`.
    #[must_use]
    pub fn owner(&self) -> Option<u32> {
        std::fs::read_to_string(self.directory.join("lock")).ok()?.trim().parse().ok()
    }
}

fn state_base() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    set("MIXLAW_STATE")
        .or_else(|| set("XDG_STATE_HOME").map(|d| d.join("mixlaw")))
        .or_else(|| set("HOME").map(|d| d.join(".local/state/mixlaw")))
}

/// Creates a directory (and its parents) that only this user can enter.
fn private_directory(path: &Path) -> Result<(), Failure> {
    let refused = |reason: String| {
        Failure::new(
            format!("cannot use the state directory {}: {reason}", path.display()),
            "set MIXLAW_STATE to a directory that you own on a local disk".to_owned(),
        )
    };
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|e| refused(e.to_string()))?;
    let stat = rustix::fs::lstat(path).map_err(|e| refused(e.to_string()))?;
    if stat.st_uid != rustix::process::geteuid().as_raw() {
        return Err(refused(format!("it belongs to user {}", stat.st_uid)));
    }
    rustix::fs::chmod(path, Mode::RWXU).map_err(|e| refused(e.to_string()))
}
