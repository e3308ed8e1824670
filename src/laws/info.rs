//! Descriptions of laws, for users.

/// Description of a law, for users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LawInfo {
    /// Name in project files and on the command line.
    pub name: &'static str,
    /// Full name.
    pub title: &'static str,
    /// The formula.
    pub form: &'static str,
    /// The data that the law requires of each run, and how much of it must vary.
    pub needs: &'static str,
    /// The quantities that the law predicts.
    pub gives: &'static str,
    /// The paper.
    pub source: &'static str,
    /// Limits of the law, and parameters that are not identifiable although predictions are.
    pub caveats: &'static [&'static str],
}
