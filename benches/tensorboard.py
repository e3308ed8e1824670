"""Times reading TensorBoard event files: mixlaw, TensorBoard's Rust data server, and its Python EventAccumulator.

    pip install tensorboard tensorboard-data-server
    cargo build --release
    python benches/tensorboard.py [--points 5000000] [--repeats 5] [--accumulator-points 500000]

The files are written by TensorBoard's own writer: runs of 20 tags, 5,000 steps each. All readers get the same files, in
turn, so that whatever else the machine does falls on all of them. What they do differs, in mixlaw's disfavour: the data
server keeps 1,000 points per series in memory, mixlaw stores every point and fits what it can; its time is that of the
whole process, from an empty store to its answer. The accumulator is slow: it gets a part of the files, once per repeat.
"""

import argparse
import json
import os
import pathlib
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time

# This file has the name of the package it measures; without this, `import tensorboard` would find it.
sys.path.pop(0)

TAGS, STEPS = 20, 5000


def write(root, runs):
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    for run in range(runs):
        writer = EventFileWriter(str(root / f"run{run:03}"), max_queue_size=10_000)
        for step in range(STEPS):
            for tag in range(TAGS):
                value = Summary.Value(tag=f"train/metric_{tag:02}", simple_value=3.0 / (1 + step) + tag)
                writer.add_event(Event(wall_time=1.7e9 + step, step=step, summary=Summary(value=[value])))
        writer.close()


def data_server(root):
    """Seconds until the server says that its first load cycle has ended."""
    import tensorboard_data_server

    command = [tensorboard_data_server.server_binary(), "--logdir", str(root), "--port", "0", "--reload", "once", "-vv"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as server:
        began = time.perf_counter()
        try:
            for line in server.stderr:
                if re.search(r"finished load cycle", line, re.IGNORECASE):
                    return time.perf_counter() - began
        finally:
            server.kill()
    raise SystemExit("the data server ended without saying that it had loaded")


def accumulator(root, runs):
    from tensorboard.backend.event_processing.event_accumulator import SCALARS, EventAccumulator

    began = time.perf_counter()
    for run in range(runs):
        EventAccumulator(str(root / f"run{run:03}"), size_guidance={SCALARS: 0}).Reload()
    return time.perf_counter() - began


def mixlaw(binary, root, points):
    """Seconds of the whole process; checks that every point is in its answer."""
    with tempfile.TemporaryDirectory() as state:
        began = time.perf_counter()
        answer = subprocess.run(
            [binary, "runs", str(root), "--json"], env={**os.environ, "MIXLAW_STATE": state}, capture_output=True, check=True
        )
        seconds = time.perf_counter() - began
    stored = sum(metric["points"] for run in json.loads(answer.stdout)["runs"] for metric in run["metrics"].values())
    if stored != points:
        raise SystemExit(f"mixlaw stored {stored} of {points} points")
    return seconds


def timed(call, *arguments):
    """What it says it took by the clock, and the processor time of this process and of those it has waited for."""

    def spent():
        usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(usage.ru_utime + usage.ru_stime for usage in usages)

    began = spent()
    seconds = call(*arguments)
    return seconds, spent() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=5_000_000)
    parser.add_argument("--accumulator-points", type=int, default=500_000)
    parser.add_argument("--repeats", type=int, default=5)
    here = pathlib.Path(__file__).resolve().parent.parent
    parser.add_argument("--mixlaw", default=str(here / "target/release/mixlaw"))
    arguments = parser.parse_args()
    runs = max(1, arguments.points // (TAGS * STEPS))
    few = max(1, min(runs, arguments.accumulator_points // (TAGS * STEPS)))
    points, few_points = runs * TAGS * STEPS, few * TAGS * STEPS
    with tempfile.TemporaryDirectory() as scratch:
        root = pathlib.Path(scratch) / "runs"
        write(root, runs)
        size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
        print(f"{runs} runs, {points} points, {size / 1e6:.0f} MB; the accumulator gets {few} runs")
        times = {"mixlaw": [], "data server": [], "EventAccumulator": []}
        for _ in range(arguments.repeats):
            times["mixlaw"].append(timed(mixlaw, arguments.mixlaw, root, points))
            times["data server"].append(timed(data_server, root))
            times["EventAccumulator"].append(timed(accumulator, root, few))
    for kind, what in enumerate(("by the clock", "by processor time, all threads")):
        rates = {}
        for name, pairs in times.items():
            seconds = [pair[kind] for pair in pairs]
            median = statistics.median(seconds)
            rates[name] = (few_points if name == "EventAccumulator" else points) / median
            spread = f"{min(seconds):.2f} to {max(seconds):.2f}"
            print(f"{name:<17} {median:8.2f} s ({spread})  {rates[name] / 1e6:8.3f} M points/s {what}")
        for name in ("data server", "EventAccumulator"):
            print(f"mixlaw is {rates['mixlaw'] / rates[name]:.1f} x {name} {what}")


if __name__ == "__main__":
    main()
