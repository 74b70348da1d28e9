"""How a long change keeps out of others' way: short transactions, and a rest after each."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager

FIRST = 1_000
"""Records in the first transaction; a change on fewer is one transaction."""
LEAST, MOST = 500, 5_000
"""Bounds of the later ones."""
TARGET_S = 0.015
"""How long one transaction should hold the lock."""
REST_S = 0.005
"""Between two, so that another writer gets its turn: SQLite's lock is no queue."""
CACHE_KIB = 32_000
"""Memory for pages during a long change."""


class WriteThrottle:
    """The size of the next step, by how long the last one took."""

    def __init__(self) -> None:
        self.size = FIRST

    @contextmanager
    def step(self) -> Iterator[None]:
        """Time one step."""
        began = time.perf_counter()
        yield
        change = TARGET_S / max(time.perf_counter() - began, 1e-9)
        self.size = max(LEAST, min(MOST, int(self.size * min(max(change, 0.5), 2))))

    def rest(self) -> None:
        """Let others write."""
        time.sleep(REST_S)


@contextmanager
def room(conn: sqlite3.Connection, records: int) -> Iterator[None]:
    """A larger page cache during a long change: it touches pages all over the file."""
    if records <= FIRST:
        yield
        return
    before = conn.execute("PRAGMA cache_size").fetchone()[0]
    conn.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
    try:
        yield
    finally:
        conn.execute(f"PRAGMA cache_size={before}")
        conn.execute("PRAGMA shrink_memory")
