#!/bin/sh
# One target per format: `fuzz/build_targets.sh csv llm.c ...` writes fuzz_targets/ and lists them in Cargo.toml.
set -e
cd "$(dirname "$0")"
target() {
    printf '#![no_main]\nlibfuzzer_sys::fuzz_target!(|bytes: &[u8]| %s);\n' "$2" >"fuzz_targets/$1.rs"
    grep -q "name = \"$1\"" Cargo.toml ||
        printf '\n[[bin]]\nname = "%s"\npath = "fuzz_targets/%s.rs"\ntest = false\ndoc = false\nbench = false\n' "$1" "$1" >>Cargo.toml
}
for format in "$@"; do
    target "$(printf %s "$format" | tr -c 'a-z0-9_' _)" "mixlaw_fuzz::run(mixlaw_fuzz::format(\"$format\"), bytes)"
done
# Formats with checksums: the input is what is inside the records, since a fuzzer does not find a checksum.
target tfevents_records 'mixlaw_fuzz::run(mixlaw_fuzz::format("tfevents"), &mixlaw_fuzz::tfevents_of(bytes))'
target wandb_records 'mixlaw_fuzz::run(mixlaw_fuzz::format("wandb"), &mixlaw_fuzz::wandb_of(bytes))'
