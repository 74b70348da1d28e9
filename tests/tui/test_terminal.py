"""The program in a real terminal: start, every pane, quit, and signals while typing."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest

from studio.project import Project
from studio.tui import memory
from studio.tui.title import RESTORE, SAVE
from tests.support.screen import Screen
from tests.support.waiting import PATIENCE_S

RUN = "from pathlib import Path; from studio.tui.app import run; raise SystemExit(run({path}))"
ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_=>])")

TOOK_SCREEN, LEFT_SCREEN = "\x1b[?1049h", "\x1b[?1049l"


@pytest.fixture(autouse=True)
def toured() -> None:
    """Nobody opens a project for the first time here."""
    memory.keep(toured=True)


class Terminal:
    """A studio in a pty of 100×30."""

    def __init__(self, path: Path | None) -> None:
        code = RUN.format(path=f"Path({str(path)!r})" if path else None)
        self.child = pexpect.spawn(
            sys.executable,
            ["-c", code],
            env=environment(),
            dimensions=(30, 100),
            encoding="utf-8",
            codec_errors="replace",
            timeout=PATIENCE_S,
        )
        self.seen = ""

    def expect(self, text: str) -> None:
        """Wait until the text has been drawn."""
        self.wait(lambda: text in ESCAPES.sub("", self.seen), text)

    def wait(self, condition: Callable[[], object], what: str = "") -> None:
        """Take what the program writes until it holds: who is not read from stands still."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            seen = ESCAPES.sub("", self.seen)[-800:]
            assert time.monotonic() < deadline, f"{what!r} never came: {seen!r}"
            self.read()

    def read(self, seconds: float = 0.2) -> None:
        """Take what the program has written meanwhile."""
        try:
            self.seen += self.child.read_nonblocking(100_000, timeout=seconds)
        except (pexpect.TIMEOUT, pexpect.EOF):
            return

    def settle(self, seconds: float) -> None:
        """Take everything that comes within that time."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.read(left)

    def press(self, keys: str) -> None:
        """Send keys and forget what was drawn before."""
        self.seen = ""
        self.child.send(keys)

    def end(self) -> int:
        """Wait for the exit status; a signal is its number, negative."""
        deadline = time.monotonic() + PATIENCE_S
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


def environment() -> dict[str, str]:
    """Parallel test workers have a COLUMNS of their own, which would overrule the pty's size."""
    kept = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}
    return {**kept, "TERM": "xterm-256color", "COLORTERM": "truecolor"}


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
    # What stood under it is drawn; an escape and a key at once would be another key.
    terminal.expect("room")
    terminal.press("q")
    assert terminal.end() == 0


@pytest.mark.parametrize(
    ("key", "seen"),
    [
        ("0", "Recent projects"),
        ("1", "Helped to make"),
        ("2", "── instruction"),
        ("3", "3 Generate"),
        ("4", "4 Review"),
        ("6", "6 Train"),
        ("7", "7 Search"),
        ("8", "Nothing has run yet"),
    ],
)
def test_a_pane_opens_survives_a_signal_and_says_its_keys(
    terminal: Terminal, key: str, seen: str
) -> None:
    terminal.expect("spare room")
    if key == "1":
        terminal.press("8")
        terminal.expect("Nothing has run yet")
    terminal.press(key)
    terminal.expect(seen)
    terminal.expect("Quit")
    os.kill(terminal.child.pid, signal.SIGHUP)
    assert terminal.end() == 128 + signal.SIGHUP


def test_suspend_gives_the_shell_back_and_fg_brings_everything_again(project: Project) -> None:
    project.close()
    shell = pexpect.spawn(
        "bash", ["--norc", "-i"], env={**environment(), "PS1": "$ "}, dimensions=(30, 100),
        encoding="utf-8", codec_errors="replace", timeout=PATIENCE_S,
    )  # fmt: skip
    try:
        code = RUN.format(path=f"Path({str(project.path)!r})")
        shell.sendline(f'{sys.executable} -c "{code}"')
        shell.expect("spare room")
        shell.expect("Quit")
        shell.send("\x1a")
        shell.expect_exact(LEFT_SCREEN)
        shell.expect("Stopped")
        shell.sendline("echo shell-is-$((40+2))")
        shell.expect("shell-is-42")
        shell.sendline("fg")
        shell.expect_exact(TOOK_SCREEN)
        shell.expect("spare room")
        shell.expect("Quit")
        shell.send("8")
        shell.expect("Nothing has run")
        shell.send("q")
        shell.expect_exact(LEFT_SCREEN)
        shell.sendline("echo ended-$?")
        shell.expect("ended-0")
    finally:
        shell.close(force=True)


def test_a_resize_is_followed_and_one_too_small_is_said(terminal: Terminal) -> None:
    terminal.expect("spare room")
    for rows, columns in ((40, 160), (24, 80), (60, 200)):
        terminal.seen = ""
        terminal.child.setwinsize(rows, columns)
        terminal.expect("Quit")
        terminal.settle(0.3)
    terminal.seen = ""
    terminal.child.setwinsize(15, 60)
    terminal.expect("60×15; Studio needs 80×24")
    terminal.seen = ""
    terminal.child.setwinsize(30, 100)
    terminal.expect("spare room")
    terminal.press("q")
    assert terminal.end() == 0


def test_the_title_names_the_project_and_is_given_back(terminal: Terminal) -> None:
    terminal.expect("spare room")
    assert f"{SAVE}\x1b]2;Studio — Tax 税务 🧾\x1b\\" in terminal.seen
    terminal.press("q")
    terminal.end()
    assert RESTORE in terminal.seen


def test_a_hostile_title_sends_no_control(project: Project) -> None:
    project.store.values.set("title", "a\x1b]52;c;ZXZpbA==\x07b\x9c\u202ec\x1b\\d\nz")
    project.close()
    started = Terminal(project.path)
    try:
        started.expect("spare room")
        told = started.seen.partition("\x1b]2;")[2].partition("\x1b\\")[0]
        assert told.startswith("Studio — a␛]52;c;ZXZpbA==␇b")
        assert told.isprintable()
        assert "\x1b]52" not in started.seen
    finally:
        started.child.close(force=True)


def test_own_editor_and_pager_get_the_terminal_and_give_it_back(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\necho editor-has-$((40+2)); read x; printf "$x" > "$1"\n')
    editor.chmod(0o755)
    monkeypatch.setenv("EDITOR", str(editor))
    monkeypatch.setenv("PAGER", "less")
    project.close()
    started = Terminal(project.path)
    try:
        started.expect("spare room")
        started.settle(0.7)
        started.press("e")
        started.settle(0.7)
        started.press("\x1bOS")
        started.expect("editor-has-42")
        started.press("written outside\r")
        started.expect("written outside")
        started.expect("Quit")
        started.settle(0.7)
        assert stored_query(project) == "written outside"
        started.press("\x1bOR")
        started.expect("written outside")
        started.settle(0.7)
        started.press("q")
        started.expect("Quit")
        started.press("\x11")
        assert started.end() == 0
    finally:
        started.child.close(force=True)


def test_the_command_can_leave_the_mouse_to_the_terminal(project: Project) -> None:
    project.close()
    for arguments, asked in (["--no-mouse"], False), ([], True):
        command = [sys.executable, "-m", "studio", *arguments, str(project.path)]
        child = pexpect.spawn(
            command[0], command[1:], env=environment(), dimensions=(30, 100), encoding="utf-8"
        )
        try:
            child.expect("spare room", timeout=PATIENCE_S)
            assert ("\x1b[?1000h" in str(child.before)) is asked
        finally:
            child.close(force=True)


def test_without_the_mouse_no_mouse_is_asked_for(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUDIO_CONFIG", str(project.path))
    project.close()
    (project.path / "studio.toml").write_text("mouse = false\n")
    started = Terminal(project.path)
    try:
        started.expect("spare room")
        assert "\x1b[?1000h" not in started.seen
        for keys, seen in (("8", "Nothing has run"), ("1", "Helped to make"), ("?", "esc closes")):
            started.press(keys)
            started.expect(seen)
    finally:
        started.child.close(force=True)


def test_without_a_project_it_opens_at_home(own_folders: None) -> None:
    started = Terminal(None)
    try:
        started.expect("No project yet")
        started.press("\x11")
        assert started.end() == 0
    finally:
        started.child.close(force=True)


def test_the_terminals_size_wins_over_what_a_shell_has_exported(own_folders: None) -> None:
    exported = {"COLUMNS": "60", "LINES": "15"}
    command = [sys.executable, "-m", "studio"]
    with Screen(command, columns=100, lines=30, environment=exported) as screen:
        screen.wait(lambda seen: "No project yet" in seen.text)
        assert "Quit" in screen.lines[29]


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
    terminal.press("XYZ")
    terminal.expect("XYZ")
    os.kill(terminal.child.pid, number)
    assert terminal.end() == 128 + number
    assert stored_query(project).endswith("XYZ")


def test_no_colour_is_honoured(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    project.close()
    started = Terminal(project.path)
    try:
        started.expect("spare room")
        for keys, seen in (("8", "Nothing has run"), ("?", "esc closes")):
            started.child.send(keys)
            started.expect(seen)
        numbers = re.findall(r"\x1b\[([\d;]*)m", started.seen)
        used = {int(number) for one in numbers for number in one.split(";") if number}
        assert not used & {*range(30, 39), *range(40, 49), *range(90, 98), *range(100, 108)}
        assert 7 in used
    finally:
        started.child.close(force=True)
