"""What each kind of change writes in one step. Records that stand so already are left alone."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from studio.store.db import now
from studio.store.review_changes import Step
from studio.store.review_undo import FIELDS, MARKS, NOTES
from studio.store.verdicts import LAST_WORD, OF_RECORD, PERSON, SETTLE

SAID = (
    f"SELECT 1 FROM {OF_RECORD} WHERE v.record_id = r.id AND v.filter = '{PERSON}'"
    " AND v.in_force = 1 AND v.kept = ? AND v.reason = ? AND v.reviewer = ?"
)
SUPERSEDE = (
    f"UPDATE verdicts SET in_force = 0 WHERE filter = '{PERSON}' AND in_force = 1"
    f" AND record_id IN {MARKS}"
)
"""For people's older words, before a new one goes in: cheaper than to find the latest after."""


def word_step(reviewer: str, *, kept: bool, reason: str) -> Step:
    """Accept or reject: the person's word wins over every filter's."""

    def step(conn: sqlite3.Connection, change_id: int, chunk: str) -> int:
        said = f"NOT (r.person = 1 AND EXISTS ({SAID}))"
        count, changed = _those(conn, chunk, said, kept, reason, reviewer)
        conn.execute(SUPERSEDE, (changed,))
        conn.execute(
            "INSERT INTO verdicts(record_id, filter, kept, reason, reviewer, change_id, created)"
            f" SELECT value, '{PERSON}', ?, ?, ?, ?, ? FROM json_each(?)",
            (kept, reason, reviewer, change_id, now(), changed),
        )
        # Where only the speaker changes, fewer indexes are written.
        conn.execute(
            f"UPDATE records SET person = 1 WHERE id IN {MARKS} AND kept = ? AND reason = ?",
            (changed, kept, reason),
        )
        conn.execute(
            "UPDATE records SET person = 1, kept = ?, reason = ?"
            f" WHERE id IN {MARKS} AND NOT (kept = ? AND reason = ?)",
            (kept, reason, changed, kept, reason),
        )
        return count

    return step


def clear_step(reviewer: str) -> Step:
    """Take the person's word back, whoever said it: the filters decide again."""

    def step(conn: sqlite3.Connection, change_id: int, chunk: str) -> int:
        count, changed = _those(conn, chunk, "r.person = 1")
        conn.execute(SUPERSEDE, (changed,))
        conn.execute(
            "INSERT INTO verdicts(record_id, filter, kept, clears, reviewer, change_id, created)"
            f" SELECT value, '{PERSON}', 1, 1, ?, ?, ? FROM json_each(?)",
            (reviewer, change_id, now(), changed),
        )
        conn.execute(f"{LAST_WORD} WHERE id IN {MARKS}", (changed,))
        return count

    return step


def flag_step(*, on: bool) -> Step:
    """Flag, or take the flag away."""

    def step(conn: sqlite3.Connection, change_id: int, chunk: str) -> int:
        count, changed = _those(conn, chunk, "r.flagged != ?", on)
        conn.execute(
            "INSERT INTO record_flags(record_id, change_id, flagged)"
            " SELECT value, ?, ? FROM json_each(?)",
            (change_id, on, changed),
        )
        conn.execute(f"UPDATE records SET flagged = ? WHERE id IN {MARKS}", (on, changed))
        return count

    return step


def edit_step(text: str, field: str = "") -> Step:
    """Give one record another text in a field, or in the first; former ones stay as history."""
    # A field that is not there is empty.
    path = f'$."{field}"'
    standing = "r.text" if not field else "ifnull(json_extract(r.fields, ?), '')"
    where = (path,) if field else ()

    def step(conn: sqlite3.Connection, change_id: int, chunk: str) -> int:
        count, changed = _those(conn, chunk, f"{standing} != ?", *where, text)
        conn.execute(
            "INSERT INTO record_edits(record_id, change_id, field, before, after, created)"
            f" SELECT r.id, ?, ?, {standing}, ?, ? FROM records r WHERE r.id IN {MARKS}",
            (change_id, field, *where, text, now(), changed),
        )
        conn.execute(f"{FIELDS} WHERE id IN {MARKS}", (changed,))
        return count

    return step


def note_step(text: str) -> Step:
    """Write a note on one record in place of the one before, which stays as history."""

    def step(conn: sqlite3.Connection, change_id: int, chunk: str) -> int:
        count, changed = _those(conn, chunk, "r.note != ?", text)
        conn.execute(
            "INSERT INTO record_notes(record_id, change_id, note, created)"
            " SELECT value, ?, ?, ? FROM json_each(?)",
            (change_id, text, now(), changed),
        )
        conn.execute(f"{NOTES} WHERE id IN {MARKS}", (changed,))
        return count

    return step


def threshold_step(filter_name: str, kept: tuple[float, float], reason: str) -> Step:
    """Judge anew by the stored scores, kept within the bounds; what stays so is not written."""

    def step(conn: sqlite3.Connection, change_id: int, chunk: str) -> int:
        changed = conn.execute(
            "INSERT INTO verdicts(record_id, filter, kept, score, reason, job_id, change_id,"
            " created) SELECT v.record_id, v.filter, 1 - v.kept, v.score,"
            " CASE WHEN v.kept THEN ? ELSE '' END, v.job_id, ?, ?"
            f" FROM {OF_RECORD} WHERE v.record_id IN {MARKS} AND v.filter = ? AND v.in_force = 1"
            " AND v.score IS NOT NULL AND v.kept != (v.score BETWEEN ? AND ?)",
            (reason, change_id, now(), chunk, filter_name, *kept),
        ).rowcount
        conn.execute(SETTLE, (chunk, filter_name))
        conn.execute(f"{LAST_WORD} WHERE id IN {MARKS}", (chunk,))
        return changed

    return step


def _those(
    conn: sqlite3.Connection, chunk: str, condition: str, *parameters: Any
) -> tuple[int, str]:
    """How many of these records exist and meet the condition, and which, as JSON."""
    sql = f"SELECT r.id FROM records r WHERE r.id IN {MARKS} AND {condition}"
    found = [row[0] for row in conn.execute(sql, (chunk, *parameters))]
    return len(found), json.dumps(found)
