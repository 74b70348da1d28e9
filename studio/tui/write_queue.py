"""Writes that wait, off the screen's back, for another program to let go of the project.

SQLite has one writer at a time, and an import holds it for seconds. Whoever waits for it on the
screen's own thread shows no key meanwhile. So a write is tried; while the file is held it stands
in a row, and what was typed in it is never lost: at the program's end it goes to a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from studio.records import StudioError
from studio.store import Store

T = TypeVar("T")

PATIENCE_MS = 20
"""The longest that the screen's own connection waits for another program."""
SECOND_MS = 1_000
"""The same once the file was free a moment ago: a deed of several writes is not done by halves."""


@dataclass(frozen=True, slots=True)
class Write:
    """Something to be done to the project."""

    deed: Callable[[], Any]
    then: Callable[[Any], object]
    """Gets what the deed gives back."""
    name: str = ""
    """A later one of the same name takes its place."""
    typed: str = ""
    """What a person wrote in it."""


class WriteQueue:
    """Writes in the order in which they were asked for."""

    def __init__(self, refused: Callable[[StudioError, str], None]) -> None:
        """``refused`` gets why a write that waited cannot be done, and what was typed in it."""
        self._waiting: list[Write] = []
        self._refused = refused

    def __len__(self) -> int:
        return len(self._waiting)

    def do(self, store: Store, write: Write) -> bool:
        """Do it at once, or let it wait; True when it is done. Raises StudioError as the deed."""
        if self.is_free(store):
            write.then(self.now(store, write.deed))
            return True
        self._waiting = [one for one in self._waiting if not one.name or one.name != write.name]
        self._waiting.append(write)
        return False

    def is_free(self, store: Store) -> bool:
        """Whether nothing waits, now that what can be done is done, and no other program writes."""
        self.go_on(store)
        return not self._waiting and store.is_free()

    def now(self, store: Store, deed: Callable[[], T]) -> T:
        """Do it, with longer patience for the later ones of its writes. Raises as the deed."""
        before = store.patience_ms
        store.be_patient(max(before, SECOND_MS))
        try:
            return deed()
        finally:
            store.be_patient(before)

    def go_on(self, store: Store) -> None:
        """Do what waits, as far as it goes."""
        while self._waiting:
            try:
                free = store.is_free()
            except StudioError as error:
                self._refused(error, self._waiting.pop(0).typed)
                continue
            if not free:
                return
            write = self._waiting.pop(0)
            try:
                write.then(self.now(store, write.deed))
            except StudioError as error:
                self._refused(error, write.typed)

    def typed(self) -> Iterator[str]:
        """Give up what still waits, for the end of the program: the texts in it."""
        waiting, self._waiting = self._waiting, []
        return (write.typed for write in waiting if write.typed.strip())
