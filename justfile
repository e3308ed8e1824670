# Recipes for people who work on mixlaw. Everything here can also be typed by hand.

# the dashboard on the recorded sweep
demo:
    cargo run --release -- watch examples/code-cpt

# the tests, as the README gives them
test:
    cargo test --features parquet,nats

# the long checks: tests in full, splits, fuzzing (an hour and more)
soak *part:
    bash tests/soak.sh {{part}}

# all that is checked before a change lands
ci:
    bash .ci/run

# write schemas/ from the types, docs/reference.md from the tables
schemas:
    cargo run -- schema --write schemas
    cargo run -- schema --reference docs/reference.md

# the recorded sweep, trained again at fifty times its speed, into a scratch directory
replay dir="/tmp/mixlaw-replay":
    cargo run --release -- replay examples/code-cpt --into {{dir}} --speed 50

# the program as it is given to others, 21 MB
package:
    cargo build --profile dist --locked

# what is timed
bench name:
    cargo bench --bench {{name}}
