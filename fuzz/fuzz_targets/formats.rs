#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| mixlaw_fuzz::run(bytes));
