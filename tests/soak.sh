#!/usr/bin/env bash
# The long checks, hours of them: every test in full and optimised where `cargo test` takes a sample, with two hundred kills;
# recorded runs and published tables held out in all splits; an hour of fuzzing. `tests/soak.sh tests|splits|fuzz`
# is one part. MIXLAW_SEED, MIXLAW_KILLS, MIXLAW_AWAY_SECONDS (how long a server of streams is away), MIXLAW_ROUNDS (how often
# one of three servers is lost) and MIXLAW_FUZZ_SECONDS change what is drawn, how many kills, how long.
set -euo pipefail
cd "$(dirname "$0")/.."

export MIXLAW_SOAK=1 MIXLAW_KILLS="${MIXLAW_KILLS:-200}"

tests() {
    # The one that is left out panics in a terminal of its own; another test runs it there.
    cargo test --release --locked --features parquet,nats -- --include-ignored --skip panicking_dashboard
}

splits() {
    cargo bench --locked --bench coverage
    cargo bench --locked --bench forecast
    cargo bench --locked --bench scoreboard
}

fuzz() {
    # Texts, frames, journals, stores and values of stores that were damaged or made to harm; one kind after another.
    MIXLAW_FUZZ_SECONDS="${MIXLAW_FUZZ_SECONDS:-600}" \
        cargo test --release --locked --lib --test contracts mutated -- --nocapture --test-threads 1
    if ! cargo +nightly fuzz --version >/dev/null 2>&1; then
        echo "not fuzzed: it needs a nightly toolchain and cargo-fuzz (cargo install cargo-fuzz)" >&2
        return 1
    fi
    cargo run --manifest-path fuzz/Cargo.toml --bin seeds
    mkdir -p fuzz/corpus/formats
    cargo +nightly fuzz run formats fuzz/corpus/formats fuzz/seeds -- -max_total_time="${MIXLAW_FUZZ_SECONDS:-900}"
}

case "${1:-all}" in
    tests | splits | fuzz) "$1" ;;
    all) tests && splits && fuzz ;;
    *) echo "usage: tests/soak.sh [tests|splits|fuzz]" >&2 && exit 2 ;;
esac
