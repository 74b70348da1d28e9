"""A program in a pty with a terminal emulator behind it: press keys, read the screen, time it."""

from __future__ import annotations

import os
import re
import select
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import pexpect
import pyte

from tests.support.waiting import PATIENCE_S

KEYS = {
    "enter": "\r",
    "escape": "\x1b",
    "tab": "\t",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "shift+tab": "\x1b[Z",
    "f2": "\x1bOQ",
    "f6": "\x1b[17~",
}
"""Names of keys that are no character of their own."""


class Screen:
    """A program in a pty of that many columns and lines; a context manager."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        columns: int = 120,
        lines: int = 40,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        kept = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "TMUX")}
        terminal = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
        self.child = pexpect.spawn(
            command[0],
            list(command[1:]),
            env={**kept, **terminal, **(environment or {})},
            dimensions=(lines, columns),
            use_poll=True,
        )
        # One key after the other as a person's terminal sends them, not after a pause.
        self.child.delaybeforesend = None
        self.written = 0
        """Bytes that the program has sent to the terminal."""
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self._pieces: list[bytes] = []
        # select() knows no number above 1,023, and a long run of tests has many files open.
        self._poll = select.poll()
        self._poll.register(self.child.child_fd, select.POLLIN)

    def __enter__(self) -> Screen:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.child.close(force=True)
        except pexpect.ExceptionPexpect:
            # It is killed, and a busy machine has not got round to it within a tenth of a second.
            with suppress(ChildProcessError):
                os.waitpid(self.child.pid, 0)

    @property
    def lines(self) -> list[str]:
        """What a person sees."""
        self._draw()
        return list(self._screen.display)

    @property
    def text(self) -> str:
        """All lines as one text."""
        return "\n".join(self.lines)

    def _draw(self) -> None:
        """Let the emulator catch up: it is slow, and must not be timed with the program."""
        for piece in self._pieces:
            # pyte knows no private modes with these letters and would draw them.
            self._stream.feed(piece.replace(b"\x1b[>", b"\x1b[?").replace(b"\x1b[<", b"\x1b[?"))
        self._pieces.clear()

    def read(self, seconds: float) -> float | None:
        """Take what comes within that time, at most one piece; when it came, or None."""
        if not self._poll.poll(1000 * max(seconds, 0)):
            return None
        try:
            piece = os.read(self.child.child_fd, 1 << 20)
        except OSError:
            return None
        moment = time.perf_counter()
        self.written += len(piece)
        self._pieces.append(piece)
        return moment

    def answer(self, key: str, pattern: bytes, timeout: float = PATIENCE_S) -> float:
        """Send a key; milliseconds until the program has sent what matches.

        Raises TimeoutError when it does not.
        """
        self._draw()
        at = self.press(key)
        while (moment := self.read(at + timeout - time.perf_counter())) is not None:
            if re.search(pattern, b"".join(self._pieces)):
                return 1000 * (moment - at)
        raise TimeoutError(f"no answer to {key!r}; the screen shows:\n{self.text}")

    def settle(self, seconds: float) -> None:
        """Take everything that comes within that time."""
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            self.read(left)

    def wait(self, seen: Callable[[Screen], bool], timeout: float = PATIENCE_S) -> float:
        """Wait until the screen is so; when the piece came that made it so.

        Raises TimeoutError, with the screen, when it does not come to be.
        """
        moment = time.perf_counter()
        end = moment + timeout
        while not seen(self):
            if time.perf_counter() > end:
                raise TimeoutError(f"this never came; the screen shows:\n{self.text}")
            moment = self.read(0.05) or moment
        return moment

    def press(self, key: str) -> float:
        """Send a key by its name or as it is; the moment."""
        moment = time.perf_counter()
        os.write(self.child.child_fd, KEYS.get(key, key).encode())
        return moment
