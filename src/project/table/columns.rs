//! Columns of a table that belong to domains.

use std::collections::BTreeMap;

/// Columns that belong to domains.
#[derive(Debug, Clone, PartialEq)]
pub enum DomainColumns {
    /// All columns with this prefix and suffix; the part in between is the domain.
    Affix {
        /// Prefix; may be empty.
        prefix: String,
        /// Suffix; may be empty.
        suffix: String,
    },
    /// By domain.
    Named(BTreeMap<String, String>),
}

/// Columns of the weights.
#[derive(Debug, Clone, PartialEq)]
pub enum MixtureColumns {
    /// One column per domain.
    Wide(DomainColumns),
    /// One column with all weights in the order of the project's domains.
    Joined {
        /// The column.
        column: String,
        /// Separator between two weights.
        separator: String,
    },
}

/// An error in one key of a table: key, message and help.
pub type TableError = (&'static str, String, String);

/// Domains by a prefix and a suffix, or by name.
pub(super) fn affix(map: &BTreeMap<String, String>) -> DomainColumns {
    if map.keys().all(|key| key == "prefix" || key == "suffix") {
        let part = |key| map.get(key).cloned().unwrap_or_default();
        return DomainColumns::Affix { prefix: part("prefix"), suffix: part("suffix") };
    }
    DomainColumns::Named(map.clone())
}

/// Columns of weights.
///
/// # Errors
/// A mapping that names no column.
pub(super) fn mixture(map: &BTreeMap<String, String>) -> Result<MixtureColumns, TableError> {
    match (map.get("column"), map.get("separator"), map.len()) {
        (Some(column), Some(separator), 2) if !separator.is_empty() => {
            Ok(MixtureColumns::Joined { column: column.clone(), separator: separator.clone() })
        }
        (Some(_), _, 1) | (_, Some(_), 1..=2) => {
            let help = "write { column: ratio, separator: \"-\" }".to_owned();
            Err(("mixture", "weights in one column need both `column` and `separator`".to_owned(), help))
        }
        _ => nonempty("mixture", map).map(|()| MixtureColumns::Wide(affix(map))),
    }
}

/// Whether a mapping names columns.
///
/// # Errors
/// It is empty, or a domain has no column.
pub(super) fn nonempty(key: &'static str, map: &BTreeMap<String, String>) -> Result<(), TableError> {
    if map.is_empty() {
        return Err((
            key,
            format!("`{key}` names no column"),
            "write { prefix: weight_ } or { rust: rust_loss }".into(),
        ));
    }
    match map.iter().find(|(_, column)| column.is_empty()) {
        Some((domain, _)) => Err((key, format!("`{domain}` names no column"), "write the column's name".into())),
        None => Ok(()),
    }
}
