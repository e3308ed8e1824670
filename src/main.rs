//! Parses arguments, calls one function, prints one error.

fn main() {}
