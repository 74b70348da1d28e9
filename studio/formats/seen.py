"""Which ids and texts have been there: 16 bytes a row, so that a million fit in 32 MiB."""

from __future__ import annotations

from array import array
from typing import Literal

_MASK = (1 << 64) - 1


class Seen:
    """An open-addressing table from 64-bit hashes of ids to 64-bit hashes of their texts.

    A dict of the same costs ten times the memory. Two ids that share a hash would be taken for one;
    among ten million rows that has a chance of 1 in 370,000.
    """

    def __init__(self) -> None:
        self._count = 0
        self._size = 1 << 12
        self._ids = array("Q", bytes(8 * self._size))
        self._texts = array("Q", bytes(8 * self._size))

    def add(self, outside_id: str, *text: str) -> Literal["new", "same", "other"]:
        """Remembers an id with its text: ``same`` and ``other`` speak of the text it had before."""
        key, value = (hash(outside_id) & _MASK) or 1, hash(text) & _MASK
        slot = self._slot(key)
        if self._ids[slot]:
            return "same" if self._texts[slot] == value else "other"
        self._ids[slot], self._texts[slot] = key, value
        self._count += 1
        if self._count * 2 > self._size:
            self._grow()
        return "new"

    def _slot(self, key: int) -> int:
        """Where the key is or would go (linear probing; the size is a power of two)."""
        last = self._size - 1
        slot = key & last
        while self._ids[slot] not in (0, key):
            slot = (slot + 1) & last
        return slot

    def _grow(self) -> None:
        ids, texts = self._ids, self._texts
        self._size *= 2
        self._ids = array("Q", bytes(8 * self._size))
        self._texts = array("Q", bytes(8 * self._size))
        for key, value in zip(ids, texts, strict=True):
            if key:
                slot = self._slot(key)
                self._ids[slot], self._texts[slot] = key, value
