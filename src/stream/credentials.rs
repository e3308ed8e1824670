//! Who we are to a NATS server: from the environment and files it names, never from the project file, and never printed.

use crate::open;
use std::fmt;
use std::path::{Path, PathBuf};

/// Most bytes of a file of credentials.
const MOST: u64 = 1 << 20;

/// Who we are, and whom we trust.
#[derive(Clone, Default)]
pub struct Credentials {
    /// Who we are.
    pub who: Who,
    /// Certificates of authorities to trust instead of the system's.
    pub roots: Option<PathBuf>,
}

/// Who we are.
#[derive(Clone, Default)]
pub enum Who {
    /// The server asks for nothing.
    #[default]
    Nobody,
    /// A user and a password.
    User(String, String),
    /// The seed of an nkey.
    Nkey(String),
    /// A `.creds` file: a token and an nkey.
    Creds(String),
}

impl fmt::Debug for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.who.kind())
    }
}

impl Who {
    /// What it is, without what is secret.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Nobody => "no credentials",
            Self::User(..) => "a user and a password",
            Self::Nkey(_) => "an nkey",
            Self::Creds(_) => "a credentials file",
        }
    }
}

/// Why credentials cannot be had. Says which variable, and nothing of what is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {reason}")]
pub struct NoCredentials {
    variable: &'static str,
    reason: String,
}

/// The variables, and what each is; for help.
pub const VARIABLES: &str = "MIXLAW_NATS_CREDS=FILE (a .creds file), MIXLAW_NATS_NKEY=FILE (the seed of an nkey), \
     MIXLAW_NATS_USER with MIXLAW_NATS_PASSWORD, MIXLAW_NATS_CA=FILE (certificates to trust instead of the system's)";

impl Credentials {
    /// From the environment.
    ///
    /// # Errors
    /// Where a file that is named cannot be read, or half of a pair is missing.
    pub fn from_environment() -> Result<Self, NoCredentials> {
        Self::from(&|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn from(value: &dyn Fn(&str) -> Option<String>) -> Result<Self, NoCredentials> {
        let text = |variable: &'static str, path: String| {
            let failed = |reason: String| NoCredentials { variable, reason: format!("{path}: {reason}") };
            let bytes = open::whole(Path::new(&path), MOST).map_err(|error| failed(error.to_string()))?;
            String::from_utf8(bytes).map_err(|_| failed("it is not text".to_owned()))
        };
        let roots = value("MIXLAW_NATS_CA").map(PathBuf::from);
        if let Some(path) = &roots {
            let found = text("MIXLAW_NATS_CA", path.display().to_string())?;
            if !found.contains("-----BEGIN CERTIFICATE-----") {
                let reason = format!("{}: there is no certificate in it (-----BEGIN CERTIFICATE-----)", path.display());
                return Err(NoCredentials { variable: "MIXLAW_NATS_CA", reason });
            }
        }
        let missing = |variable, other: &str| NoCredentials { variable, reason: format!("{other} is not set") };
        let who = if let Some(path) = value("MIXLAW_NATS_CREDS") {
            Who::Creds(text("MIXLAW_NATS_CREDS", path)?)
        } else if let Some(path) = value("MIXLAW_NATS_NKEY") {
            Who::Nkey(text("MIXLAW_NATS_NKEY", path)?.trim().to_owned())
        } else {
            match (value("MIXLAW_NATS_USER"), value("MIXLAW_NATS_PASSWORD")) {
                (None, None) => Who::Nobody,
                (Some(user), Some(password)) => Who::User(user, password),
                (Some(_), None) => return Err(missing("MIXLAW_NATS_USER", "MIXLAW_NATS_PASSWORD")),
                (None, Some(_)) => return Err(missing("MIXLAW_NATS_PASSWORD", "MIXLAW_NATS_USER")),
            }
        };
        Ok(Self { who, roots })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_read_and_not_shown() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("seed");
        std::fs::write(&file, "SUAhunter2\n").unwrap();
        let file = file.display().to_string();
        let with = |set: &[(&str, &str)]| {
            let set: Vec<(String, String)> = set.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            Credentials::from(&move |name| set.iter().find(|(k, _)| k == name).map(|(_, v)| v.clone()))
        };
        assert!(matches!(with(&[]).unwrap().who, Who::Nobody));
        let user = with(&[("MIXLAW_NATS_USER", "me"), ("MIXLAW_NATS_PASSWORD", "hunter2")]).unwrap();
        assert!(matches!(&user.who, Who::User(user, password) if user == "me" && password == "hunter2"));
        let nkey = with(&[("MIXLAW_NATS_NKEY", &file)]).unwrap();
        assert!(matches!(&nkey.who, Who::Nkey(seed) if seed == "SUAhunter2"));
        let creds = with(&[("MIXLAW_NATS_CREDS", &file)]).unwrap();
        for shown in [format!("{user:?}{nkey:?}"), format!("{creds:?}{:?}", creds.who)] {
            assert!(!shown.contains("hunter2"), "{shown}");
        }
        let error = with(&[("MIXLAW_NATS_PASSWORD", "hunter2")]).unwrap_err();
        assert_eq!(error.to_string(), "MIXLAW_NATS_PASSWORD: MIXLAW_NATS_USER is not set");
        assert!(
            with(&[("MIXLAW_NATS_CREDS", "/none")]).unwrap_err().to_string().starts_with("MIXLAW_NATS_CREDS: /none")
        );
    }
}
