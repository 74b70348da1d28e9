"""The record ids of a view, found by a thread of its own while the first are already shown."""

from __future__ import annotations

import threading
from array import array
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from studio.store import db as _db
from studio.store.faults import explained
from studio.store.review_query import Query, is_everything, of_one_type, queries
from studio.store.review_shapes import View

FIRST = 256
"""Ids that are looked for alone where all must be sorted: more than a screen."""
BATCH = 4_096
"""Ids that are handed over at once."""


class Ids:
    """Ids in the view's order as of one moment; :attr:`found` grows until :attr:`done`."""

    def __init__(self, path: Path, view: View) -> None:
        """Begin to look."""
        self.found: Sequence[int] = array("q")
        self.done = False
        self._news = threading.Condition()
        self._stopped = False
        self._error: BaseException | None = None
        self._db = _db.connect(path)
        view = of_one_type(self._db, view)
        # The view of everything is a range: nothing to look for, nothing to keep.
        everything = self._range() if is_everything(view) else None
        if everything is not None and view.sort in ("id", "-id"):
            self.found = everything if view.sort == "id" else everything[::-1]
            self.done = True
            self._db.close()
            return
        self._thread = threading.Thread(target=self._look, args=(view,), daemon=True)
        self._thread.start()

    def wait(self, count: int | None) -> None:
        """Come back when so many are found, or all. Raises what went wrong in the search."""
        with self._news:
            self._news.wait_for(
                lambda: self.done or (count is not None and len(self.found) >= count)
            )
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """Give up the search; what is found so far stays."""
        self._stopped = True
        with self._news:
            if not self.done:
                self._db.conn.interrupt()

    def _range(self) -> range | None:
        """All ids, if none is missing between the first and the last."""
        # One question each: a lone min or max is read off the end of the table.
        first = _db.value(self._db, "SELECT ifnull(min(id), 1) FROM records")
        last = _db.value(self._db, "SELECT ifnull(max(id), 0) FROM records")
        count = _db.value(self._db, "SELECT count(*) FROM records")
        return range(first, last + 1) if last - first + 1 == count else None

    def _look(self, view: View) -> None:
        try:
            # One moment for all queries: what another program writes meanwhile would shift rows.
            self._db.conn.execute("BEGIN")
            for query in queries(view):
                self._run(query)
        except BaseException as error:  # It is raised where somebody waits.
            if not self._stopped:
                self._error = error
        with self._news:
            self.done = True
            self._news.notify_all()
            self._db.close()

    def _run(self, query: Query) -> None:
        head = 0
        if query.slow_start and not self.found:
            for batch in self._batches(query.first(FIRST)):
                self._add(batch)
            head = len(self.found)
            if head < FIRST:
                return
        for batch in self._batches(query):
            self._add(batch[head:])
            head = max(head - len(batch), 0)

    def _batches(self, query: Query) -> Iterator[list[tuple[int]]]:
        cursor = self._db.conn.cursor()
        cursor.row_factory = None
        with explained(_db.path_of(self._db)):
            cursor.execute(query.sql, query.parameters)
            # The first ones at once: somebody waits for a screenful.
            size = FIRST
            while not self._stopped and (batch := cursor.fetchmany(size)):
                yield batch
                size = BATCH

    def _add(self, batch: list[tuple[int]]) -> None:
        assert isinstance(self.found, array)
        with self._news:
            self.found.extend(chain.from_iterable(batch))
            self._news.notify_all()
