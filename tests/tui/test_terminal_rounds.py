"""Rounds in a real terminal: judge, edit, look at the figures, be killed, and come back."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.project import Project
from studio.tui import memory
from tests.support import rounds
from tests.tui.test_terminal import Terminal


@pytest.fixture(autouse=True)
def toured() -> None:
    """Nobody opens a project for the first time here."""
    memory.keep(toured=True)


@pytest.fixture
def resting(tmp_path: Path) -> Path:
    """The folder of a project whose run rests."""
    made = rounds.project(tmp_path / "opinions")
    rounds.resting(made)
    made.close()
    return made.path


@pytest.fixture
def terminal(resting: Path) -> Iterator[Terminal]:
    started = Terminal(resting)
    yield started
    with contextlib.suppress(OSError):
        started.child.close(force=True)


def test_judge_edit_be_killed_and_come_back(terminal: Terminal, resting: Path) -> None:
    # A labelled project opens at its rounds.
    terminal.expect("waits for you")
    terminal.expect("never begs for tears")
    terminal.settle(0.5)
    terminal.press("r")
    terminal.expect("2 of 5")
    terminal.press("w")
    terminal.expect("{+")
    terminal.press("z")
    terminal.expect("Accuracy by round")
    terminal.press("z")
    terminal.expect("Extrapolations: 1")
    terminal.press("e")
    terminal.expect("tab next")
    terminal.press(" typed")
    terminal.settle(1)
    os.kill(terminal.child.pid, signal.SIGKILL)
    terminal.end()
    again = Terminal(resting)
    try:
        again.expect("unfinished edit")
        again.expect("rejected")
        again.press("q")
        assert again.end() == 0
    finally:
        again.child.close(force=True)
    store = Project.open(resting).store
    texts = [one.text for one in store.records.of_stage(1, "extrapolation", kept=None)]
    assert "一整个晚上像一刻钟那样过去了 typed" in texts
    assert store.records.run_reasons(1, "extrapolation", 0) == {"person": 1, "copied": 1}
