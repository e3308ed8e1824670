//! One file per law: form, gradient, bounds, starts, and what the data can and cannot identify.
