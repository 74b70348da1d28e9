"""An open view: its record ids in order, and its rows by position.

The ids stay as they are until the view is opened again, so that a row does not jump away when it
is decided; the rows themselves are read anew each time. A million ids take 8 MB; a view of
everything takes none, since ids are consecutive: no record is ever deleted.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import weakref
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from studio.store import db as _db
from studio.store.db import from_json, rows, value
from studio.store.query_types import QueryTypes
from studio.store.review_changes import this_process
from studio.store.review_ids import FIRST, Ids
from studio.store.review_shapes import ReviewRow, View, decision_of

if TYPE_CHECKING:
    from studio.store.db import Database

MOST_AT_ONCE = 20_000
"""Ids in one look for an undecided record."""

ROWS = (
    "SELECT r.id, r.document_id, d.outside_id, r.text, r.kept, r.reason, r.person, r.flagged,"
    " r.edited, r.type, r.fields, r.note != '' AS noted FROM json_each(?) j"
    " CROSS JOIN records r ON r.id = j.value LEFT JOIN documents d ON d.id = r.document_id"
    " ORDER BY j.key"
)
SCORES = (
    "SELECT record_id, filter, score FROM verdicts WHERE in_force = 1 AND score IS NOT NULL"
    " AND record_id IN (SELECT value FROM json_each(?)) ORDER BY id"
)
UNDECIDED = (
    "SELECT j.key FROM json_each(?) j WHERE EXISTS (SELECT 1 FROM records r"
    " INDEXED BY records_review WHERE r.person = 0 AND r.id = j.value) LIMIT 1"
)


class Window:
    """One open view, with a connection of its own. Any thread may ask it, one at a time."""

    def __init__(self, path: Path, view: View) -> None:
        """Open the view; comes back when the first rows are known."""
        self.view = view
        self._db = _db.connect(path)
        self._ids = Ids(path, view)
        self._marks = _Marks(self._db)
        self._lock = threading.Lock()
        self._closer = weakref.finalize(self, _close, self._ids, self._db, self._lock)
        self._ids.wait(FIRST)

    def close(self) -> None:
        """Stop looking and close the connection; a window that is let go closes itself."""
        self._closer()

    def count(self) -> int:
        """How many records the view has; waits until all have been found."""
        return len(self.ids())

    def known(self) -> tuple[int, bool]:
        """How many have been found so far, and whether that is all; never waits."""
        done = self._ids.done
        return len(self._ids.found), done

    def ids(self) -> Sequence[int]:
        """All record ids in the view's order; waits until all have been found."""
        self._ids.wait(None)
        return self._ids.found

    def at(self, position: int, limit: int) -> list[ReviewRow]:
        """The rows from this position on, as they stand now; waits until they have been found."""
        return self.rows(self._part(max(position, 0), limit))

    def _part(self, position: int, limit: int) -> Sequence[int]:
        self._ids.wait(position + limit)
        return self._ids.found[position : position + limit]

    def rows(self, record_ids: Sequence[int]) -> list[ReviewRow]:
        """These records in this order, as they stand now; unknown ones are left out."""
        with self._lock:
            return read_rows(self._db, record_ids, self.view.filter)

    def position_of(self, record_id: int) -> int | None:
        """Where a record stands in the view; None when it is not there. Waits for all."""
        ids = self.ids()
        if self.view.sort == "id":
            place = bisect_left(ids, record_id)
            return place if place < len(ids) and ids[place] == record_id else None
        try:
            return ids.index(record_id)
        except ValueError:
            return None

    def next_undecided(self, after_position: int) -> int | None:
        """The next position with no person's word yet; None when there is none further down."""
        position, size = after_position + 1, 16
        while part := self._part(position, size):
            if isinstance(part, range) and part.step > 0:
                return self._next_in_range(part[0])
            with self._lock:
                found = value(self._db, UNDECIDED, (json.dumps(list(part)),))
            if found is not None:
                return position + int(found)
            position, size = position + len(part), min(size * 4, MOST_AT_ONCE)
        return None

    def _next_in_range(self, first: int) -> int | None:
        sql = (
            "SELECT id FROM records INDEXED BY records_review WHERE person = 0 AND id >= ?"
            " ORDER BY id LIMIT 1"
        )
        with self._lock:
            found = value(self._db, sql, (first,))
        ids = self._ids.found
        # A record that came in since the window opened is not in it.
        return ids.index(found) if found is not None and found in ids else None

    def stale(self) -> bool:
        """Whether new records came, filters judged, or another program decided since it opened.

        What this program decides does not count: those rows show their state at once.
        """
        with self._lock:
            return self._marks.moved()


def read_rows(db: Database, record_ids: Sequence[int], filter_name: str) -> list[ReviewRow]:
    """These records in this order; each with its scores, and the one of the filter apart."""
    ids = json.dumps(list(record_ids))
    scores: dict[int, dict[str, float]] = {}
    for record_id, name, score in rows(db, SCORES, (ids,)):
        scores.setdefault(record_id, {})[name] = score
    types = QueryTypes(db).of_records(record_ids)
    return [
        _row(row, scores.get(row["id"], {}), filter_name, types.get(row["id"], ""))
        for row in rows(db, ROWS, (ids,))
    ]


def _row(
    row: sqlite3.Row, scores: dict[str, float], filter_name: str, query_type: str
) -> ReviewRow:
    return ReviewRow(
        id=row["id"],
        document_id=row["document_id"],
        document_outside_id=row["outside_id"] or "",
        text=row["text"],
        kept=bool(row["kept"]),
        reason=row["reason"],
        word=decision_of(row["person"], row["kept"]),
        flagged=bool(row["flagged"]),
        edited=bool(row["edited"]),
        score=scores.get(filter_name),
        scores=scores,
        type=row["type"],
        fields=from_json(row["fields"], "records.fields"),
        noted=bool(row["noted"]),
        query_type=query_type,
    )


class _Marks:
    """Where the file stood, to see what others have done since."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._record = self._last("records", "id")
        self._verdict = self._last("verdicts", "id")
        self._stamp = self._last("changes", "stamp")
        self._moved = False

    def moved(self) -> bool:
        """Whether anybody else wrote what Review shows; once true, it stays so."""
        self._moved = self._moved or self._look()
        return self._moved

    def _look(self) -> bool:
        verdict, stamp = self._last("verdicts", "id"), self._last("changes", "stamp")
        judged = "SELECT 1 FROM verdicts WHERE id > ? AND change_id IS NULL LIMIT 1"
        decided = "SELECT 1 FROM changes WHERE stamp > ? AND process != ? LIMIT 1"
        found = (
            self._last("records", "id") > self._record
            or value(self._db, judged, (self._verdict,)) is not None
            or value(self._db, decided, (self._stamp, this_process())) is not None
        )
        # Looked at once: a long change of one's own is not walked through again.
        self._verdict, self._stamp = verdict, stamp
        return found

    def _last(self, table: str, column: str) -> int:
        return int(value(self._db, f"SELECT ifnull(max({column}), 0) FROM {table}"))


def _close(ids: Ids, db: Database, lock: threading.Lock) -> None:
    ids.stop()
    with lock:
        db.close()
