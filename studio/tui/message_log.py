"""All that the program told in a session: a notification is never the only copy of an error."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

KEPT = 1_000
"""Messages of one session that the list shows."""
LONGEST_LOG = 512 * 1024
"""Bytes after which the log begins anew; one older file is kept beside it."""
SECRET_NAMES = ("KEY", "TOKEN", "SECRET", "PASSWORD")
_LOOKS_SECRET = re.compile(r"\b(?:sk|pk|hf|gsk|xai)[-_][\w-]{12,}|(?<=Bearer )[\w.~+/=-]{8,}")


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
        message = Notice(datetime.now(), without_secrets(text), bad)
        self._messages.append(message)
        with suppress(OSError):
            _append(self._file(), message)


def without_secrets(text: str) -> str:
    """The text with dots for what looks like a key or stands in a secret environment variable."""
    for name, value in os.environ.items():
        if len(value) >= 8 and any(word in name.upper() for word in SECRET_NAMES):
            text = text.replace(value, "•••")
    return _LOOKS_SECRET.sub("•••", text)


def _append(file: Path, message: Notice) -> None:
    """One line, with every control written out, so that reading the log is harmless too."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.exists() and file.stat().st_size > LONGEST_LOG:
        file.replace(file.with_suffix(".log.1"))
    line = (
        message.text.encode("unicode_escape").decode("ascii")
        if not _plain(message.text)
        else message.text
    )
    with file.open("a", encoding="utf-8") as log:
        log.write(f"{message.time:%Y-%m-%d %H:%M:%S} {'ERROR' if message.bad else 'INFO'} {line}\n")


def _plain(text: str) -> bool:
    return text.isprintable()
