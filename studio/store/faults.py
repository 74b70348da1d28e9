"""What SQLite says is wrong with a file, as one sentence that a person can act on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from studio.records import StudioError


class Passing(StudioError):
    """Nothing was written, and the same may succeed a while later."""


class Locked(Passing):
    """Another connection held the file for longer than this one waits."""


class DiskFull(Passing):
    """There was no room for what was to be written."""


_CAUSES = {
    sqlite3.SQLITE_NOTADB: "{path} is not a studio file ({text}). Choose another project.",
    sqlite3.SQLITE_CORRUPT: (
        "{path} is damaged ({text}). Put a copy in its place, such as a .backup file beside it."
    ),
    sqlite3.SQLITE_READONLY: (
        "{path} cannot be written: it or its folder is read-only. It can be read, searched and "
        "exported to another place; copy the project to work on it."
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "{path} cannot be opened: it is not there any more, or may not be written. "
        "Check the path and its permissions."
    ),
    sqlite3.SQLITE_PERM: "{path} may not be opened. Check its permissions.",
    sqlite3.SQLITE_BUSY: (
        "{path} is locked by another program. Wait until that has finished, or close it."
    ),
    sqlite3.SQLITE_FULL: (
        "The disk that holds {path} is full; the last step was taken back whole. "
        "Free some space and try again."
    ),
    sqlite3.SQLITE_IOERR: (
        "The disk that holds {path} could not be read or written ({text}). "
        "Check its space and its health, then try again."
    ),
    sqlite3.SQLITE_TOOBIG: "A text is too long for {path}: SQLite holds at most 1 GB in one.",
}
"""Primary result code → what a person is told."""


_PASSING: dict[int, type[StudioError]] = {
    sqlite3.SQLITE_BUSY: Locked,
    sqlite3.SQLITE_FULL: DiskFull,
}
_DAMAGE = ("no such table", "no such column", "Could not decode to UTF-8", "no such index")
"""How SQLite begins what it says of a file that another hand has changed."""


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what a person can mend into one sentence; faults of the program stay as they are."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        explain(path, error)


def explain(path: Path, error: sqlite3.DatabaseError) -> NoReturn:
    """Raise the sentence for an error of SQLite, or the error itself where there is none."""
    sentence = _CAUSES.get(getattr(error, "sqlite_errorcode", -1) & 0xFF)
    if sentence is None and str(error).startswith(_DAMAGE):
        sentence = _CAUSES[sqlite3.SQLITE_CORRUPT]
    if sentence is None:
        raise error
    kind = _PASSING.get(getattr(error, "sqlite_errorcode", -1) & 0xFF, StudioError)
    raise kind(sentence.format(path=path, text=error)) from error
