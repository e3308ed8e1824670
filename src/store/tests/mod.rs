//! Tests of the whole store.

mod mutated;
