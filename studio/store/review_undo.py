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
    table, follow = WRITTEN_TO.get(kind, ("verdicts", ""))
    found = conn.execute(
        f"SELECT id, record_id FROM {table} WHERE change_id = ? AND id > ? AND undone = ?"
        " ORDER BY id LIMIT ?",
        (change_id, after, not undone, limit),
    ).fetchall()
    ids, records = json.dumps([row[0] for row in found]), json.dumps([row[1] for row in found])
    if table == "verdicts":
        _turn_verdicts(conn, ids, records, filter_name or PERSON, undone=undone)
    else:
        conn.execute(f"UPDATE {table} SET undone = ? WHERE id IN {MARKS}", (undone, ids))
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

LATEST = (
    "SELECT e.field, e.before AS original, ifnull((SELECT f.after FROM record_edits f"
    " WHERE f.record_id = records.id AND f.field = e.field AND f.undone = 0"
    " ORDER BY f.id DESC LIMIT 1), e.before) AS now"
    " FROM record_edits e WHERE e.record_id = records.id AND e.id = (SELECT min(g.id)"
    " FROM record_edits g WHERE g.record_id = records.id AND g.field = e.field)"
)
"""For each field that was ever edited: as it was generated, before its first edit, and as it is."""

NOTES = (
    "UPDATE records SET note = ifnull((SELECT n.note FROM record_notes n"
    " WHERE n.record_id = records.id AND n.undone = 0 ORDER BY n.id DESC LIMIT 1), '')"
)

FIELDS = (
    f"UPDATE records SET text = ifnull((SELECT now FROM ({LATEST}) WHERE field = ''), text),"
    " fields = json_patch(fields, (SELECT json_group_object(field, nullif(now, ''))"
    f" FROM ({LATEST}) WHERE field != '')),"
    f" edited = EXISTS (SELECT 1 FROM ({LATEST}) WHERE now IS NOT original)"
)

WRITTEN_TO = {
    "flag": ("record_flags", FLAGS),
    "unflag": ("record_flags", FLAGS),
    "edit": ("record_edits", FIELDS),
    "note": ("record_notes", NOTES),
}
"""Kind of change → where its rows are, and how records follow them; all others give verdicts."""
