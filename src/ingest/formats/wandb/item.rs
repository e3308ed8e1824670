//! Items of a history, a configuration or a sample.

use crate::ingest::formats::protobuf::{Fields, Malformed, Wire};

/// A key with its value.
pub(super) struct Item<'a> {
    /// Parts of a nested key are joined by dots.
    pub key: String,
    /// The value as it was written.
    pub json: &'a [u8],
}

impl<'a> Item<'a> {
    pub fn read(message: &'a [u8]) -> Result<Self, Malformed> {
        let (mut key, mut json) = (String::new(), &[][..]);
        for field in Fields::new(message) {
            match field? {
                (1, Wire::Bytes(bytes)) => key = String::from_utf8_lossy(bytes).into_owned(),
                (2, Wire::Bytes(bytes)) => {
                    if !key.is_empty() {
                        key.push('.');
                    }
                    key.push_str(&String::from_utf8_lossy(bytes));
                }
                (16, Wire::Bytes(bytes)) => json = bytes,
                _ => {}
            }
        }
        Ok(Self { key, json })
    }
}
