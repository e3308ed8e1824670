#!/usr/bin/env python3
"""May this advice be applied? The answer is the exit status: 0 is yes, anything else is no, and what is printed goes to the log.

It gets the recommendation as JSON on standard input, and runs in the folder of the project file.
"""
import json
import pathlib
import sys

told = json.load(sys.stdin)
advised = told["recommendation"]

# A person stops everything by `touch HOLD`.
if pathlib.Path("HOLD").exists():
    sys.exit("there is a file HOLD")
# Stricter than mixlaw, which asks for 80 %.
if told.get("automatic") and advised["p_better"] < 0.95:
    sys.exit(f"better with a probability of {advised['p_better']:.2f} only")
if told["mixture"]["prose"] < 0.5:
    sys.exit("less than half prose")
