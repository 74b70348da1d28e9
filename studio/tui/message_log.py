"""All that the program told in a session: a notification is never the only copy of an error."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from studio.api_keys import blotted
from studio.folders import append_to

KEPT = 1_000
"""Messages of one session that the list shows."""
LONGEST_LOG = 512 * 1024
"""Bytes after which the log begins anew; one older file is kept beside it."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that was told."""

    time: datetime
    """Local time."""
    text: str
    """The whole text; it may be outside text."""
    bad: bool
    """Whether it is an error."""

    @property
    def mark(self) -> str:
        """What tells an error from the rest without colour."""
        return "✗" if self.bad else "·"


class MessageLog:
    """The messages of this session, and a log file of them in the project."""

    def __init__(self, file: Callable[[], Path]) -> None:
        self._file = file
        self._messages: deque[Notice] = deque(maxlen=KEPT)

    def __iter__(self) -> Iterator[Notice]:
        return iter(tuple(self._messages))

    @property
    def file(self) -> Path:
        """The log as it is written now."""
        return self._file()

    def add(self, text: str, *, bad: bool = False) -> None:
        """Keep a message. A log that cannot be written loses nothing of the session's list."""
        message = Notice(datetime.now(), blotted(text), bad)
        self._messages.append(message)
        with suppress(OSError):
            _append(self._file(), message)


def _append(file: Path, message: Notice) -> None:
    """One line, with every control written out, so that reading the log is harmless too."""
    if file.exists() and file.stat().st_size > LONGEST_LOG:
        file.replace(file.with_suffix(".log.1"))
    line = (
        message.text.encode("unicode_escape").decode("ascii")
        if not _plain(message.text)
        else message.text
    )
    with os.fdopen(append_to(file), "a", encoding="utf-8") as log:
        log.write(f"{message.time:%Y-%m-%d %H:%M:%S} {'ERROR' if message.bad else 'INFO'} {line}\n")


def _plain(text: str) -> bool:
    return text.isprintable()
