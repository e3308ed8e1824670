#!/usr/bin/env python3
"""mixlaw beside W&B's own dashboard in the terminal (`wandb leet`), on the same offline runs, in a real terminal (tmux).

    python3 benches/leet.py make DIR [RUNS] [POINTS]     offline runs, by wandb itself (20 of 50,000 points)
    python3 benches/leet.py time DIR MIXLAW              MIXLAW: the built program; `wandb` and `tmux` are on PATH

Prints for each program: seconds from its start to the first curve on the screen (mixlaw: with nothing stored, and again with the
daemon that it leaves running), seconds of processor time in 30 s with nothing new and in 30 s in which one run logs 10 points a
second, and memory. Processor time and memory are those of all its processes: the dashboard, and mixlaw's daemon or wandb-core.
"""
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SIZE = (200, 50)
WINDOW = 30.0
# Cells that curves are drawn with: braille.
DRAWN = range(0x2801, 0x2900)


def log(run, step):
    noise = ((step * 2654435761) % 1000) / 5000
    run.log({"train/loss": 1.8 + 6 / (1 + 0.01 * step) ** 0.7 + noise, "lr": 1e-3 * math.exp(-step / 5e4)})


def start(directory, name):
    import wandb

    os.environ["WANDB_SILENT"] = "true"
    settings = wandb.Settings(mode="offline", x_disable_stats=True, console="off", save_code=False)
    config = {"learning_rate": 1e-3, "name": name}
    return wandb.init(project="bench", name=name, dir=str(directory), config=config, settings=settings)


def make(directory, runs, points):
    Path(directory).mkdir(parents=True, exist_ok=True)
    for i in range(runs):
        run = start(directory, f"run-{i:02}")
        for step in range(points):
            log(run, step)
        run.finish()


def write(directory, seconds):
    """One run that logs ten points a second."""
    run = start(directory, "live")
    end = time.time() + seconds
    step = 0
    while time.time() < end:
        log(run, step)
        step += 1
        time.sleep(0.1)
    os._exit(0)


class Screen:
    """A program in a terminal of its own."""

    def __init__(self, command, environment):
        self.name = f"leet{os.getpid()}"
        sets = [part for key, value in environment.items() for part in ("-e", f"{key}={value}")]
        subprocess.run(
            ["tmux", "-L", self.name, "-f", "/dev/null", "new-session", "-d", "-x", str(SIZE[0]), "-y", str(SIZE[1])]
            + sets + [command],
            check=True,
        )

    def tmux(self, *words):
        return subprocess.run(["tmux", "-L", self.name, *words], capture_output=True, text=True).stdout

    def text(self):
        return self.tmux("capture-pane", "-p")

    def keys(self, *keys):
        for key in keys:
            self.tmux("send-keys", key)
            time.sleep(0.3)

    def pid(self):
        return int(self.tmux("list-panes", "-F", "#{pane_pid}").split()[0])

    def end(self):
        self.tmux("kill-server")


def curve(text):
    return sum(ord(c) in DRAWN for c in text) >= 20


def wait(screen, limit=300.0):
    began = time.time()
    while time.time() < began + limit:
        if curve(screen.text()):
            return time.time() - began
        time.sleep(0.02)
    print(screen.text())
    raise SystemExit("no curve came")


def family(pid):
    """A process and all that it started."""
    children = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found, queue = [], [pid]
    while queue:
        one = queue.pop()
        found.append(one)
        queue.extend(children.get(one, []))
    return found


def used(pids):
    """Processor seconds and MiB of memory."""
    seconds, memory = 0.0, 0.0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            seconds += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            memory += int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 2**20
        except OSError:
            pass
    return seconds, memory


def over(pids, seconds=WINDOW):
    before = used(pids)[0]
    time.sleep(seconds)
    after, memory = used(pids)
    return after - before, memory


def daemons(environment):
    """Processes of mixlaw's daemons with this state."""
    locks = Path(environment["MIXLAW_STATE"]).glob("*/lock")
    return [int(lock.read_text().split()[0]) for lock in locks if lock.read_text().split()]


def all_of(screen, environment):
    pids = family(screen.pid())
    if "MIXLAW_STATE" in environment:
        pids += [pid for one in daemons(environment) for pid in family(one)]
    return pids


def measure(name, command, environment, directory, keys, after=()):
    began = time.time()
    screen = Screen(command, environment)
    time.sleep(0.2)
    screen.keys(*keys)
    wait(screen)
    first = time.time() - began
    # What follows the first curve: other runs are read, laws are fitted.
    screen.keys(*after)
    time.sleep(30)
    idle, memory = over(all_of(screen, environment))
    screen.end()
    # The live run is there before the dashboard is: the newest run is what leet shows first.
    with open(os.devnull, "w") as nowhere:
        writer = subprocess.Popen(
            [sys.executable, __file__, "write", str(directory), str(WINDOW + 55)], stdout=nowhere, stderr=nowhere
        )
        time.sleep(12)
        screen = Screen(command, environment)
        time.sleep(1)
        screen.keys(*keys)
        wait(screen)
        screen.keys(*after)
        time.sleep(25)
        live, grown = over(all_of(screen, environment))
        writer.wait()
    print(f"{name:<28} first curve {first:6.2f} s   idle {idle:5.2f} s   live {live:5.2f} s   "
          f"{max(memory, grown):5.0f} MiB", flush=True)
    if os.environ.get("SHOW"):
        print(screen.text())
    screen.end()


def main():
    what, directory, *rest = sys.argv[1:]
    if what == "make":
        runs, points = (int(n) for n in (rest + ["20", "50000"][len(rest):]))
        make(directory, runs, points)
    elif what == "write":
        write(directory, float(rest[0]))
    elif what == "time":
        mixlaw = rest[0]
        directory = Path(directory).resolve()
        wandb = directory / "wandb"
        with tempfile.TemporaryDirectory() as state:
            environment = {"MIXLAW_STATE": state}
            watch = f"{mixlaw} watch {wandb}"
            # What is printed first need not be a curve: C draws them.
            measure("mixlaw, nothing stored", watch, environment, directory, ["C"])
            measure("mixlaw, daemon running", watch, environment, directory, [])
            subprocess.run([mixlaw, "daemon", "stop", str(wandb)], env={**os.environ, **environment})
        measure("wandb leet, one run", f"wandb leet {wandb}", {}, directory, [])
        # All runs on the charts, as mixlaw has them.
        measure("wandb leet, all runs", f"wandb leet {wandb}", {}, directory, [], ["C-a", "y"])
    else:
        raise SystemExit(__doc__)


main()
