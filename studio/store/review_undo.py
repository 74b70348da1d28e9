"""Undo and redo of what one change wrote: its rows are marked, and what is in force follows."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass

from studio.store.verdicts import LAST_WORD, PERSON, SETTLE

MARKS = "(SELECT value FROM json_each(?))"


@dataclass(frozen=True, slots=True)
class UndoStep:
    """One step."""

    count: int
    """Rows that were turned."""
    last: int
    """The last of them: the next step begins after it."""
    more: bool
    """There may be more."""


def turn(
    conn: sqlite3.Connection,
    change_id: int,
    kind: str,
    filter_name: str,
    *,
    undone: bool,
    after: int,
    limit: int,
) -> UndoStep:
    """Mark the next rows of a change as undone or not, and bring their records up to date."""
    table = {"flag": "record_flags", "unflag": "record_flags", "edit": "record_edits"}.get(
        kind, "verdicts"
    )
    found = conn.execute(
        f"SELECT id, record_id FROM {table} WHERE deed_id = ? AND id > ? AND undone = ?"
        " ORDER BY id LIMIT ?",
        (change_id, after, not undone, limit),
    ).fetchall()
    ids, records = json.dumps([row[0] for row in found]), json.dumps([row[1] for row in found])
    if table == "verdicts":
        _turn_verdicts(conn, ids, records, filter_name or PERSON, undone=undone)
    else:
        conn.execute(f"UPDATE {table} SET undone = ? WHERE id IN {MARKS}", (undone, ids))
        follow = FLAGS if table == "record_flags" else TEXTS
        conn.execute(f"{follow} WHERE id IN {MARKS}", (records,))
    return UndoStep(len(found), found[-1][0] if found else after, more=len(found) == limit)


def _turn_verdicts(
    conn: sqlite3.Connection, ids: str, records: str, filter_name: str, *, undone: bool
) -> None:
    if undone:
        sql = f"UPDATE verdicts SET undone = 1, in_force = 0 WHERE id IN {MARKS}"
        conn.execute(sql, (ids,))
        conn.execute(BEFORE, (records, filter_name))
    else:
        conn.execute(f"UPDATE verdicts SET undone = 0 WHERE id IN {MARKS}", (ids,))
        conn.execute(SETTLE, (records, filter_name))
    conn.execute(f"{LAST_WORD} WHERE id IN {MARKS}", (records,))


BEFORE = (
    "UPDATE verdicts SET in_force = 1 WHERE id IN (SELECT max(w.id) FROM verdicts w"
    f" WHERE w.record_id IN {MARKS} AND w.filter = ? AND w.undone = 0 GROUP BY w.record_id)"
)
"""After an undo, the word before is in force again: the latest that is not undone."""

FLAGS = (
    "UPDATE records SET flagged = ifnull((SELECT f.flagged FROM record_flags f"
    " WHERE f.record_id = records.id AND f.undone = 0 ORDER BY f.id DESC LIMIT 1), 0)"
)

ORIGINAL = (
    "(SELECT e.before FROM record_edits e WHERE e.record_id = records.id ORDER BY e.id LIMIT 1)"
)
"""The text as it was generated: before the first edit."""

LATEST = (
    "ifnull((SELECT e.after FROM record_edits e WHERE e.record_id = records.id AND e.undone = 0"
    f" ORDER BY e.id DESC LIMIT 1), {ORIGINAL})"
)

TEXTS = f"UPDATE records SET text = {LATEST}, edited = {LATEST} IS NOT {ORIGINAL}"
