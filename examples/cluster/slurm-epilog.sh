#!/usr/bin/env bash
# TaskEpilog= of Slurm, or the last lines of a batch script: ends the collector, and sends what it had not sent yet. If the server is
# away, this fails after a few seconds and nothing is lost as long as the logs stay: the next collector of this node sends them.
set -euo pipefail
: "${SWEEP:=/scratch/sweep}" "${MIXLAW_NATS:=nats://head:4222/sweep}"
export MIXLAW_NATS MIXLAW_STATE="${MIXLAW_STATE:-/scratch/mixlaw-$USER}"
pid=$(cat "/tmp/mixlaw-collect-$USER.pid" 2>/dev/null || true)
if [ -n "$pid" ] && kill -TERM "$pid" 2>/dev/null; then
    for _ in $(seq 50); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
fi
mixlaw collect "$SWEEP" --node "${SLURMD_NODENAME:-$(hostname)}" --once
