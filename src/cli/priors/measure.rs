//! Measures that shares are by.

use crate::ipc::protocol::Failure;
use crate::vocab::text::printable;
use clap::ValueEnum;

/// What is measured of a domain's samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Measure {
    /// Entropy of a token given the one before; best in BiMix (--samples)
    #[value(name = "conditional-entropy")]
    Conditional,
    /// Entropy of pairs of adjacent tokens (--samples)
    #[value(name = "joint-entropy")]
    Joint,
    /// Entropy of tokens (--samples)
    #[value(name = "shannon-entropy")]
    Shannon,
    /// Entropy of the eigenvalues of vectors (--embeddings)
    #[value(name = "von-neumann-entropy")]
    VonNeumann,
    /// What each domain adds to the others by its mean vector (--embeddings)
    #[value(name = "smart")]
    Smart,
    /// Quality and diversity of samples (--scores)
    #[value(name = "samplemix")]
    SampleMix,
}

impl Measure {
    /// Its name, as it is typed.
    pub(in crate::cli) fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// The argument that it is measured on.
    pub(super) fn argument(self) -> &'static str {
        match self {
            Self::Conditional | Self::Joint | Self::Shannon => "--samples DIR",
            Self::VonNeumann | Self::Smart => "--embeddings DIR",
            Self::SampleMix => "--scores FILE",
        }
    }
}

/// A domain has none of what shares are by.
pub(super) fn missing(what: &str, domain: &str, help: &str) -> Failure {
    Failure::usage(format!("there is no {what} of '{}'", printable(domain)), help.to_owned())
}
