//! What a file was recognised as, for `check`.

/// What a file was recognised as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is read.
    Read {
        /// Name of its format.
        format: String,
        /// Why it was recognised; empty where that was in an earlier process: ask [`super::why`].
        why: String,
    },
    /// It is left out; why.
    Refused(String),
}

impl Verdict {
    /// Name of the format that it is read as.
    #[must_use]
    pub fn format(&self) -> Option<&str> {
        if let Self::Read { format, .. } = self { Some(format) } else { None }
    }
}
