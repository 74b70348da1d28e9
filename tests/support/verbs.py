"""Verbs run inside the test's process: the same code as the command, without its start-up time."""

from __future__ import annotations

import io
import os
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from unittest import mock

import typer.main

from tests.support.command import Command, Done

BUILT_ONCE = cache(typer.main.get_command)
"""Most of what a quick verb takes is to build all commands, which a process does once."""


@dataclass(frozen=True)
class Verbs:
    """Calls ``studio.cli.app.run`` in a home of its own; jobs still run in their own processes."""

    home: Path

    def __call__(self, *arguments: object) -> Done:
        from studio.cli import output
        from studio.cli.app import run

        out, err = _stream(), _stream()
        environment = Command(self.home).environment
        with (
            mock.patch.dict(os.environ, environment, clear=True),
            redirect_stdout(out),
            redirect_stderr(err),
            mock.patch.object(typer.main, "get_command", BUILT_ONCE),
            # The consoles read COLUMNS once, when some test first imports them.
            mock.patch.object(output.out, "_width", 120),
            mock.patch.object(output.err, "_width", 120),
        ):
            code = run([str(argument) for argument in arguments])
        return Done(code, _text(out), _text(err))


def _stream() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)


def _text(stream: io.TextIOWrapper) -> str:
    assert isinstance(stream.buffer, io.BytesIO)
    return stream.buffer.getvalue().decode("utf-8")


def assert_one_sentence(done: Done, code: int, *words: str) -> None:
    """It failed with this code, nothing on stdout, and one line on stderr that has the words."""
    lines = [line for line in done.err.splitlines() if line.startswith("studio:")]
    assert done.code == code, done.err
    assert done.out == ""
    assert len(lines) == 1, done.err
    assert "Traceback" not in done.err
    for word in words:
        assert word in lines[0]
