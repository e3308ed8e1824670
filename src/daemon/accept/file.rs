//! The file that accepted weights are written to: replaced whole, so that whoever reads it sees the old one or the new one.

use crate::ipc::protocol::Failure;
use crate::open::{self, OpenError};
use crate::project::edit::MAX_BYTES;
use crate::vocab::text::printable;
use serde_json::Value;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

/// Ending of the file that says where the weights come from.
const PROVENANCE: &str = ".mixlaw.json";

/// A file of the user's that is to be replaced.
#[derive(Debug)]
pub(super) struct Target {
    /// As the project names it.
    named: PathBuf,
    /// Where it is: a link is followed, so that it stays one.
    real: PathBuf,
    bytes: Vec<u8>,
}

impl Target {
    /// Reads it. `file` is relative to `root`.
    ///
    /// # Errors
    /// Where it cannot be read, or cannot be replaced without changing what it is.
    pub fn open(root: &Path, file: &str) -> Result<Self, Failure> {
        let named = PathBuf::from(file);
        let wrong = |what: String| {
            Failure::new(format!("{}: {what}", printable(file)), "see accept.write in the project file".to_owned())
        };
        let real = fs::canonicalize(root.join(file)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                wrong("no such file; mixlaw replaces weights in a file that is there".to_owned())
            }
            _ => wrong(error.to_string()),
        })?;
        // It could be replaced nevertheless, by another file of that name.
        let is_read_only = fs::metadata(&real).is_ok_and(|meta| meta.permissions().readonly());
        if is_read_only {
            let help =
                format!("if mixlaw may replace its weights: chmod u+w {}", printable(&real.display().to_string()));
            return Err(Failure::new(format!("{}: the file is read-only", printable(file)), help));
        }
        let bytes = open::whole(&real, MAX_BYTES).map_err(|error| match error {
            OpenError::Io(error) => wrong(error.to_string()),
            other => wrong(other.to_string()),
        })?;
        Ok(Self { named, real, bytes })
    }

    /// Its path, as the project names it.
    pub fn named(&self) -> &Path {
        &self.named
    }

    /// Its text.
    ///
    /// # Errors
    /// Where it is no text.
    pub fn text(&self) -> Result<&str, Failure> {
        let help = "save the file as UTF-8".to_owned();
        std::str::from_utf8(&self.bytes).map_err(|_| self.failed("it is not UTF-8 text", help))
    }

    /// Puts another text in its place, and says beside it where that comes from. Owner, group and mode stay; access control
    /// lists beyond them do not.
    ///
    /// # Errors
    /// What is in the way; the file is as it was then.
    pub fn replace(&self, text: &str, provenance: &Value) -> Result<(), Failure> {
        let failed =
            |error: io::Error| self.failed(&error.to_string(), format!("check: ls -l {}", self.real.display()));
        let before = fs::metadata(&self.real).map_err(failed)?;
        if before.nlink() > 1 {
            let help = "name a file of its own, or use a hook that writes it".to_owned();
            return Err(self.failed("it has other names (hard links), which would keep the old weights", help));
        }
        let (new, note) = (self.beside(".new"), self.beside(".note"));
        let written =
            self.put(&new, text.as_bytes(), Some(&before)).and_then(|()| self.put(&note, &as_text(provenance), None));
        let swapped = written.map_err(failed).and_then(|()| {
            // Somebody else may have edited it while the hook was asked.
            let same = open::whole(&self.real, MAX_BYTES).is_ok_and(|now| now == self.bytes);
            if !same {
                let help = "look at it, and accept again".to_owned();
                return Err(self.failed("it was changed meanwhile", help));
            }
            fs::rename(&new, &self.real).map_err(failed)
        });
        if swapped.is_err() {
            let _ = fs::remove_file(&new);
            let _ = fs::remove_file(&note);
            return swapped;
        }
        // The weights are in place: what goes wrong from here on takes nothing back.
        let told = fs::rename(&note, self.provenance()).and_then(|()| self.sync());
        if let Err(error) = told {
            tracing::warn!(%error, "could not write where the weights come from");
        }
        Ok(())
    }

    /// Says beside the file where its weights come from.
    ///
    /// # Errors
    /// What is in the way.
    pub fn explain(&self, provenance: &Value) -> Result<(), Failure> {
        let note = self.beside(".note");
        let told = self
            .put(&note, &as_text(provenance), None)
            .and_then(|()| fs::rename(&note, self.provenance()))
            .and_then(|()| self.sync());
        let _ = fs::remove_file(self.beside(".new"));
        told.map_err(|error| self.failed(&error.to_string(), "check the folder's permissions".to_owned()))
    }

    fn failed(&self, what: &str, help: String) -> Failure {
        Failure::new(format!("cannot write {}: {what}", printable(&self.named.display().to_string())), help)
    }

    fn provenance(&self) -> PathBuf {
        let mut name = self.real.as_os_str().to_owned();
        name.push(PROVENANCE);
        name.into()
    }

    /// A hidden name in the same folder; whoever accepts holds a lock, so that nobody else has it.
    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = std::ffi::OsString::from(".");
        name.push(self.real.file_name().unwrap_or_default());
        name.push(".mixlaw");
        name.push(ending);
        self.real.with_file_name(name)
    }

    /// Writes a file and waits until it is on disk, with the owner and mode of another.
    fn put(&self, path: &Path, bytes: &[u8], like: Option<&fs::Metadata>) -> io::Result<()> {
        let _ = fs::remove_file(path);
        let mode = if like.is_some() { 0o600 } else { 0o644 };
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
        if let Some(like) = like {
            let own = file.metadata()?;
            if (own.uid(), own.gid()) != (like.uid(), like.gid()) {
                let other = |e: io::Error| io::Error::new(e.kind(), format!("its owner and group cannot be kept: {e}"));
                fchown(&file, Some(like.uid()), Some(like.gid())).map_err(other)?;
            }
            file.set_permissions(fs::Permissions::from_mode(like.mode() & 0o7777))?;
        }
        file.write_all(bytes)?;
        file.sync_all()
    }

    fn sync(&self) -> io::Result<()> {
        self.real.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    }
}

fn as_text(value: &Value) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(value).unwrap_or_default();
    text.push(b'\n');
    text
}
