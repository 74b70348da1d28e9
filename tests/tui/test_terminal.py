"""The program in a real terminal: start, every pane, quit, and signals while typing."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from studio.project import Project

RUN = "from pathlib import Path; from studio.tui.app import run; raise SystemExit(run({path}))"
ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_=>])")


class Terminal:
    """A studio in a pty of 100×30."""

    def __init__(self, path: Path | None) -> None:
        code = RUN.format(path=f"Path({str(path)!r})" if path else None)
        # Parallel test workers have a COLUMNS of their own, which would overrule the pty's size.
        kept = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}
        environment = {**kept, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        self.child = pexpect.spawn(
            sys.executable,
            ["-c", code],
            env=environment,
            dimensions=(30, 100),
            encoding="utf-8",
            codec_errors="replace",
            timeout=15,
        )
        self.seen = ""

    def expect(self, text: str) -> None:
        """Wait until the text has been drawn."""
        deadline = time.monotonic() + 40
        while text not in ESCAPES.sub("", self.seen):
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"{text!r} was not drawn: {ESCAPES.sub('', self.seen)[-800:]!r}"
                )
            self.read()

    def read(self, seconds: float = 0.2) -> None:
        """Take what the program has written meanwhile."""
        try:
            self.seen += self.child.read_nonblocking(100_000, timeout=seconds)
        except (pexpect.TIMEOUT, pexpect.EOF):
            return

    def press(self, keys: str) -> None:
        """Send keys and forget what was drawn before."""
        self.seen = ""
        self.child.send(keys)

    def end(self) -> int:
        """Wait for the exit status; a signal is its number, negative."""
        deadline = time.monotonic() + 30
        while self.child.isalive():
            assert time.monotonic() < deadline, "it does not end"
            self.read(0.1)
        self.child.close()
        status = self.child.exitstatus
        return status if status is not None else -int(self.child.signalstatus or 0)


@pytest.fixture
def terminal(project: Project) -> Iterator[Terminal]:
    project.close()
    started = Terminal(project.path)
    yield started
    with contextlib.suppress(OSError):
        started.child.close(force=True)


def stored_query(project: Project) -> str:
    opened = Project.open(project.path)
    try:
        return opened.store.examples.all()[0].query
    finally:
        opened.close()


def test_every_pane_opens_and_q_leaves(terminal: Terminal) -> None:
    terminal.expect("spare room")
    terminal.press("2")
    terminal.expect("── instruction")
    terminal.press("8")
    terminal.expect("Nothing has run yet")
    terminal.press("0")
    terminal.expect("Recent projects")
    terminal.press("1")
    terminal.expect("Helped to make")
    terminal.press("?")
    terminal.expect("esc closes")
    terminal.press("\x1b")
    time.sleep(0.3)
    terminal.press("q")
    assert terminal.end() == 0


def test_without_a_project_it_opens_at_home(own_folders: None) -> None:
    started = Terminal(None)
    try:
        started.expect("No project yet")
        started.press("\x11")
        assert started.end() == 0
    finally:
        started.child.close(force=True)


def test_ctrl_c_does_not_quit(terminal: Terminal) -> None:
    terminal.expect("spare room")
    terminal.press("\x03")
    terminal.expect("Nothing is selected")
    assert terminal.child.isalive()
    terminal.press("q")
    assert terminal.end() == 0


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_typing_loses_nothing(
    terminal: Terminal, project: Project, number: signal.Signals
) -> None:
    terminal.expect("spare room")
    terminal.press("e")
    time.sleep(0.5)
    terminal.read()
    terminal.press("XYZ")
    terminal.expect("XYZ")
    os.kill(terminal.child.pid, number)
    assert terminal.end() == 128 + number
    assert stored_query(project).endswith("XYZ")


def test_a_terminal_that_goes_away_loses_nothing(terminal: Terminal, project: Project) -> None:
    terminal.expect("spare room")
    terminal.press("e")
    time.sleep(0.5)
    terminal.read()
    terminal.press("XYZ")
    terminal.expect("XYZ")
    pid = terminal.child.pid
    os.close(terminal.child.child_fd)
    deadline = time.monotonic() + 30
    while _lives(pid):
        assert time.monotonic() < deadline, "it outlives its terminal"
        time.sleep(0.1)
    assert stored_query(project).endswith("XYZ")


def test_kill_loses_at_most_the_last_300_milliseconds(terminal: Terminal, project: Project) -> None:
    terminal.expect("spare room")
    terminal.press("e")
    time.sleep(0.5)
    terminal.read()
    terminal.press("XYZ")
    terminal.expect("XYZ")
    time.sleep(0.5)
    os.kill(terminal.child.pid, signal.SIGKILL)
    terminal.end()
    assert stored_query(project).endswith("XYZ")


def test_no_colour_is_honoured(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    project.close()
    started = Terminal(project.path)
    try:
        started.expect("spare room")
        colours = re.findall(r"\x1b\[(?:\d+;)*[34]8;2;(\d+);(\d+);(\d+)[;m]", started.seen)
        assert [colour for colour in colours if len(set(colour)) > 1] == []
        started.press("q")
        assert started.end() == 0
    finally:
        started.child.close(force=True)


def _lives(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG) == (0, 0)
    except ChildProcessError:
        return False
