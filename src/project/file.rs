//! The project file as it is written: serde types, from which the JSON Schema is generated.
