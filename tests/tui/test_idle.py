"""A studio that nobody touches sends nothing to the terminal and takes no CPU time to speak of."""

from __future__ import annotations

import sys
import time

import psutil

from studio.project import Project
from studio.tui import memory
from studio.tui.importing_ahead import REST_S
from tests.support.screen import Screen
from tests.support.work_time import slowness

QUIET_S = 1.2
"""Seconds without a byte after which a pane counts as drawn."""
WATCHED_S = 2.5
MOST_CPU = 0.01
LOOK_S = 0.5


def test_nothing_moves_while_nobody_touches_it(project: Project) -> None:
    """Home, a cursor in a field of Examples, Review, Jobs."""
    project.close()
    memory.keep(toured=True)
    used, watched, slow = 0.0, 0.0, slowness()
    command = [sys.executable, "-m", "studio", str(project.path)]
    with Screen(command, columns=100, lines=30) as screen:
        screen.wait(lambda screen: "Quit" in screen.text)
        process = psutil.Process(screen.child.pid)
        imported_ahead(screen, process)
        for keys in (["0"], ["1", "e"], ["escape", "4"], ["8"]):
            for key in keys:
                screen.press(key)
            drawn(screen)
            before, written, began = cpu_time(process), screen.written, time.monotonic()
            screen.settle(WATCHED_S)
            assert screen.written == written, f"{keys} still draws:\n{screen.text}"
            used += cpu_time(process) - before
            watched += time.monotonic() - began
    assert used / watched < MOST_CPU * slow


def imported_ahead(screen: Screen, process: psutil.Process) -> None:
    """Wait until it has imported what the panes are made of."""
    screen.settle(REST_S)
    before = 0.0
    while cpu_time(process) - before > LOOK_S * MOST_CPU:
        before = cpu_time(process)
        screen.settle(LOOK_S)


def drawn(screen: Screen) -> None:
    """Wait until nothing has come for a while."""
    written = -1
    while written != screen.written:
        written = screen.written
        screen.settle(QUIET_S)


def cpu_time(process: psutil.Process) -> float:
    """Seconds of CPU time so far."""
    times = process.cpu_times()
    return float(times.user + times.system)
