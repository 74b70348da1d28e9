"""What the Search pane knows of gold: read in a thread, marked at a key, undone at another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from studio.jobs import gold
from studio.jobs.gold import MarkChange, Same, Wordings
from studio.jobs.leaks import wording
from studio.records import Gold, Split
from studio.store import Store


class GoldRead(NamedTuple):
    """What a thread has read."""

    version: int
    wordings: Wordings


class GoldMarks:
    """The gold queries by their words, the session's split, and what can be undone."""

    def __init__(self) -> None:
        self._version = -1
        self._wordings: Wordings = {}
        self._deeds: list[MarkChange] = []
        self.split: Split | None = None
        """Where the marks of this session go; None until it is asked."""

    @property
    def queries(self) -> list[Gold]:
        """All of them, validation first, in the order in which they came."""
        return sorted(self._wordings.values(), key=lambda one: (one.split == "test", one.id))

    def of(self, text: str) -> Gold | None:
        """The gold query with these words."""
        return self._wordings.get(wording(text)) if text.strip() else None

    def read(self, path: Path) -> GoldRead | None:
        """Runs in a thread: all gold anew, or None when it is as it was."""
        store = Store(path)
        try:
            version = store.gold.version()
            if version == self._version:
                return None
            return GoldRead(version, gold.wordings(store))
        finally:
            store.close()

    def take(self, read: GoldRead) -> None:
        """What a thread has read is in force."""
        self._version, self._wordings = read

    def mark(
        self, store: Store, text: str, document_id: int, grade: int | None, reviewer: str
    ) -> MarkChange | None:
        """Mark a document for a query; None when nothing changes. The split must be known."""
        known = self.of(text)
        split = known.split if known is not None else self.split
        assert split is not None
        deed = gold.mark(store, known, text, split, document_id, grade, reviewer)
        if deed is not None:
            self._deeds.append(deed)
            self._look_again(store, deed)
        return deed

    def undo(self, store: Store) -> MarkChange | None:
        """Take the last mark of this session back; None when there is none."""
        if not self._deeds:
            return None
        deed = self._deeds[-1]
        gold.undo(store, deed)
        self._deeds.pop()
        self._look_again(store, deed)
        return deed

    def move(self, store: Store, text: str, split: Split) -> bool:
        """Put a query that was marked in Search into a split; whether it was in the other one."""
        known = self.of(text)
        if known is None or known.origin != "search" or known.split == split:
            return False
        store.gold.move(known.outside_id, split)
        self._wordings[wording(text)] = replace(known, split=split)
        self._deeds = [
            replace(deed, split=split) if deed.outside_id == known.outside_id else deed
            for deed in self._deeds
        ]
        return True

    def _look_again(self, store: Store, deed: MarkChange) -> None:
        """This program's own writes are not among the changes that it watches for."""
        now = store.gold.named(deed.outside_id)
        words = wording(deed.text)
        if now is None:
            self._wordings.pop(words, None)
        else:
            self._wordings[words] = now


def same_words(path: Path, text: str) -> Same:
    """Runs in a thread: who else asks these words."""
    store = Store(path)
    try:
        return gold.same_words(store, text)
    finally:
        store.close()
