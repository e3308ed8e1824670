//! What a law is, for people.

/// What a law is, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LawInfo {
    /// Name in project files and on the command line.
    pub name: &'static str,
    /// Full name.
    pub title: &'static str,
    /// The formula.
    pub form: &'static str,
    /// What must be known of each run, and what must vary.
    pub needs: &'static str,
    /// What it answers.
    pub gives: &'static str,
    /// Where it is from.
    pub source: &'static str,
    /// What data of this kind do not pin down: predictions hold, these coefficients do not.
    pub caveats: &'static [&'static str],
}
