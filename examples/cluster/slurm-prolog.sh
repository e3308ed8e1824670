#!/usr/bin/env bash
# TaskProlog= of Slurm, or the first lines of a batch script: a collector beside the job, one for each node of it.
# The state is on the node's own disk and stays, so that the next job of the node goes on where this one was.
set -euo pipefail
: "${SWEEP:=/scratch/sweep}" "${MIXLAW_NATS:=nats://head:4222/sweep}"
export MIXLAW_NATS MIXLAW_STATE="${MIXLAW_STATE:-/scratch/mixlaw-$USER}"
mkdir -p "$SWEEP"
# A second one for the same node and project ends at once and says so.
setsid nohup mixlaw collect "$SWEEP" --node "${SLURMD_NODENAME:-$(hostname)}" >>"/tmp/mixlaw-collect-$USER.log" 2>&1 </dev/null &
echo "$!" >"/tmp/mixlaw-collect-$USER.pid"
