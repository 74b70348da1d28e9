"""Time to the first painted screen and memory, beside a minimal Textual app, in one run.

    python tests/benchmarks/first_paint.py [--runs 5] [PROJECT]

Each run is a fresh process in a pty of 120×40. The clock starts before the process and stops when
the last line of the first screen has been drawn; memory is the peak resident size then.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import pexpect

MINIMAL = """
from textual.app import App
from textual.widgets import Static

class Minimal(App):
    def compose(self):
        yield Static("FIRST PAINT")

Minimal().run()
"""
STUDIO = """
from pathlib import Path
from studio.tui.app import run
run({path})
"""
MOST_SECONDS = 0.8
MOST_MIB = 60


def paint(code: str, mark: str) -> tuple[float, float]:
    """Seconds until ``mark`` is drawn, and the peak MiB of the process."""
    environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    started = time.perf_counter()
    child = pexpect.spawn(
        sys.executable, ["-c", code], env=environment, dimensions=(40, 120), encoding="utf-8"
    )
    child.expect_exact(mark, timeout=30)
    seconds = time.perf_counter() - started
    memory = peak_mib(child.pid)
    child.close(force=True)
    return seconds, memory


def peak_mib(pid: int) -> float:
    """The peak resident size of a process (Linux)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return float("nan")


def median(values: list[float]) -> float:
    """The middle one."""
    return statistics.median(values)


def main() -> int:
    """Alternate the programs, print a table; 1 when a bound is passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", nargs="?", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["STUDIO_CONFIG"] = os.environ["STUDIO_DATA"] = folder
        # An installed program has its byte code; so has this one after the first, uncounted run.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = folder
        path = options.project.absolute() if options.project else None
        programs = {"minimal Textual app": (MINIMAL, "FIRST PAINT")}
        programs["studio, Home"] = (STUDIO.format(path=None), "Quit")
        if path:
            programs["studio, Examples"] = (STUDIO.format(path=f"Path({str(path)!r})"), "Quit")
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in programs}
        for code, mark in programs.values():
            paint(code, mark)
        for _ in range(options.runs):
            for name, (code, mark) in programs.items():
                found[name].append(paint(code, mark))
    passed = False
    print(f"{'median of ' + str(options.runs):<22} {'seconds':>8} {'MiB':>7}")
    for name, runs in found.items():
        seconds, memory = median([run[0] for run in runs]), median([run[1] for run in runs])
        over = name != "minimal Textual app" and (seconds > MOST_SECONDS or memory > MOST_MIB)
        passed = passed or over
        print(f"{name:<22} {seconds:>8.2f} {memory:>7.1f}{'  over the bound' if over else ''}")
    return int(passed)


if __name__ == "__main__":
    raise SystemExit(main())
