"""Only what changed is sent to the terminal, and the terminal shows what it would show anyway."""

from __future__ import annotations

import random
import signal
import sys
from pathlib import Path

import pytest

from studio.project import Project
from studio.tui.textual_patches import Painted
from tests.support.screen import Screen

RUN = "from pathlib import Path; from studio.tui.app import run; raise SystemExit(run(Path({!r})))"
KEYS = ["j", "k", "G", "g", "tab", "1", "2", "4", "7", "8", "z", "down", "up", "right", "escape"]


def test_the_same_cells_are_not_sent_twice() -> None:
    painted = Painted()
    assert painted.is_new(3, 0, 10, "one")
    assert not painted.is_new(3, 0, 10, "one")
    assert painted.is_new(3, 0, 10, "two")


def test_what_was_painted_over_is_sent_again() -> None:
    painted = Painted()
    assert painted.is_new(3, 0, 10, "one")
    assert painted.is_new(3, 5, 15, "over it")
    assert painted.is_new(3, 0, 10, "one")
    assert painted.is_new(3, 5, 15, "over it")


def test_neighbours_stay() -> None:
    painted = Painted()
    painted.is_new(3, 0, 10, "left")
    painted.is_new(3, 10, 20, "right")
    assert not painted.is_new(3, 0, 10, "left")
    painted.forget()
    assert painted.is_new(3, 0, 10, "left")


@pytest.mark.parametrize("seed", [1, 2])
def test_after_any_keys_the_screen_is_as_if_drawn_anew(project: Project, seed: int) -> None:
    project.close()
    drawn = random.Random(seed)
    with Screen([sys.executable, "-c", RUN.format(str(project.path))]) as screen:
        screen.wait(lambda s: "Quit" in s.text)
        screen.press("escape")
        for _ in range(40):
            screen.press(drawn.choice(KEYS))
            screen.settle(0.08)
        screen.press("escape")
        screen.press("1")
        screen.settle(2)
        before = screen.lines
        # Another size and back again: everything is drawn anew.
        for columns in (119, 120):
            screen.child.setwinsize(40, columns)
            screen.child.kill(signal.SIGWINCH)
            screen.settle(1)
        assert screen.lines == before


def test_moving_in_a_list_sends_little(project: Project, tmp_path: Path) -> None:
    project.close()
    with Screen([sys.executable, "-c", RUN.format(str(project.path))]) as screen:
        screen.wait(lambda s: "Quit" in s.text)
        screen.press("escape")
        screen.settle(2)
        screen.press("8")
        screen.settle(2)
        screen.press("1")
        screen.settle(2)
        screen.press("j")
        screen.settle(1)
        written = screen.written
        screen.press("k")
        screen.settle(1)
        assert 0 < screen.written - written < 8_000
