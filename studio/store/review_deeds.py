"""Deeds: what a person does to records, one or a million, and undo of it.

A deed never changes a row that another deed wrote. It adds verdicts, flags or edits that carry its
number; what is in force is the latest of them that is not undone. So undo and redo only turn marks,
and the deeds of several people can be undone in any order.

A long deed is written in short transactions, so that nobody waits for it. Each of them is whole:
when the program is killed between two, the deed stays ``doing``, and undo takes back exactly what
was done.
"""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.store.db import now, one, rows, value, write
from studio.store.review_pace import Pace, room
from studio.store.review_shapes import Deed, DeedKind
from studio.store.review_turns import turn

if TYPE_CHECKING:
    from studio.store.db import Database

Ids = Sequence[int]
OnStep = Callable[[int, int], bool]
"""(records done, records asked for) → whether to go on. False ends it there."""
Step = Callable[[sqlite3.Connection, int, str], int]
"""(connection, deed, record ids as JSON) → records changed."""

_process = ""


def this_process() -> str:
    """A name of this run of the program: what other runs do makes a window stale."""
    global _process
    if not _process.startswith(f"{os.getpid()}-"):
        _process = f"{os.getpid()}-{secrets.token_hex(4)}"
    return _process


@dataclass(frozen=True, slots=True)
class Plan:
    """A deed before it is done."""

    kind: DeedKind
    reviewer: str
    words: str
    """The verb, such as ``Rejected``; the number of records follows."""
    step: Step
    filter: str = ""
    """Whose threshold is moved."""
    better: str = ""
    """Which end of its scores that filter keeps."""
    warning: str = ""


@dataclass(frozen=True, slots=True)
class Deeds:
    """All deeds of the project."""

    db: Database

    def carry_out(self, plan: Plan, ids: Ids, on_step: OnStep | None = None) -> Deed:
        """Do it: in one transaction when it is short, else step by step.

        Raises StudioError when the file cannot be written; whole steps before that stay, and can
        be undone.
        """
        with room(self.db.conn, len(ids)):
            # In the order of the file: neighbours share pages.
            deed = self._carry_out(plan, array("q", sorted(ids)), on_step)
        nothing = Deed(0, _nothing(plan, len(ids)), 0, plan.kind, plan.reviewer)
        return self.get(deed) or nothing

    def _carry_out(self, plan: Plan, ids: array[int], on_step: OnStep | None) -> int:
        pace, deed, done, asked = Pace(), 0, 0, len(ids)
        while done < asked:
            chunk = ids[done : done + pace.size]
            done += len(chunk)
            # What the last step flushes to the disk holds all before it.
            with pace.step(), write(self.db, durable=done == asked) as conn:
                if not deed:
                    deed = self._begin(conn, plan, ids)
                elif self._state(deed) != "doing":
                    break  # Somebody undoes it already.
                self._add(conn, deed, plan.step(conn, deed, json.dumps(chunk.tolist())))
                if done == asked:
                    self._end(conn, deed)
            if done == asked:
                break
            if on_step is not None and not on_step(done, asked):
                self._stop(deed)
                break
            pace.rest()
        return deed

    def _stop(self, deed: int) -> None:
        """The person wants no more of it: what is done is the deed."""
        with write(self.db, durable=True) as conn:
            if self._state(deed) == "doing":
                self._end(conn, deed)

    def _begin(self, conn: sqlite3.Connection, plan: Plan, ids: Ids) -> int:
        cursor = conn.execute(
            "INSERT INTO deeds(reviewer, kind, state, words, asked, record_id, filter, better,"
            " warning, stamp, process, created) VALUES (?, ?, 'doing', ?, ?,"
            " (SELECT id FROM records WHERE id = ?), ?, ?, ?, (SELECT ifnull(max(stamp), 0) + 1"
            " FROM deeds), ?, ?)",
            (
                plan.reviewer,
                plan.kind,
                plan.words,
                len(ids),
                ids[0] if len(ids) == 1 else None,
                plan.filter,
                plan.better,
                plan.warning,
                this_process(),
                now(),
            ),
        )
        return int(cursor.lastrowid or 0)

    def _add(self, conn: sqlite3.Connection, deed: int, changed: int) -> None:
        """Count what a step has changed; what was undone before it can't be redone any more."""
        if not changed:
            return
        conn.execute("UPDATE deeds SET count = count + ? WHERE id = ?", (changed, deed))
        conn.execute(
            "UPDATE deeds SET state = 'gone' WHERE state = 'undone'"
            " AND reviewer = (SELECT reviewer FROM deeds WHERE id = ?)",
            (deed,),
        )

    def _end(self, conn: sqlite3.Connection, deed: int) -> None:
        """Close it; a deed that changed nothing leaves nothing behind."""
        conn.execute("DELETE FROM deeds WHERE id = ? AND count = 0", (deed,))
        self._stamp(conn, deed, "done")

    def _stamp(self, conn: sqlite3.Connection, deed: int, state: str) -> None:
        conn.execute(
            "UPDATE deeds SET state = ?, process = ?, stamp = (SELECT max(stamp) + 1 FROM deeds)"
            " WHERE id = ?",
            (state, this_process(), deed),
        )

    def _state(self, deed: int) -> str:
        return str(value(self.db, "SELECT state FROM deeds WHERE id = ?", (deed,)))

    def undo(self, reviewer: str, on_step: OnStep | None = None) -> Deed | None:
        """Take back this reviewer's last deed that is not undone; None when there is none.

        A deed that was interrupted is taken back as far as it came.
        """
        sql = (
            "SELECT id FROM deeds WHERE reviewer = ?"
            " AND state IN ('doing', 'done', 'undoing', 'redoing') ORDER BY id DESC LIMIT 1"
        )
        found = value(self.db, sql, (reviewer,))
        return found and self._turn(found, "undoing", "undone", on_step)

    def redo(self, reviewer: str, on_step: OnStep | None = None) -> Deed | None:
        """Do again what was undone last; None when there is nothing, or a new deed came after."""
        sql = (
            "SELECT min(id) FROM deeds WHERE reviewer = ?1"
            " AND state IN ('undone', 'undoing', 'redoing') AND id > (SELECT ifnull(max(id), 0)"
            " FROM deeds WHERE reviewer = ?1 AND state IN ('doing', 'done'))"
        )
        found = value(self.db, sql, (reviewer,))
        return found and self._turn(found, "redoing", "done", on_step)

    def _turn(self, deed: int, going: str, gone: str, on_step: OnStep | None) -> Deed | None:
        """Turn the marks of all that the deed wrote, step by step."""
        row = one(self.db, "SELECT kind, filter, count FROM deeds WHERE id = ?", (deed,))
        assert row is not None
        with room(self.db.conn, row["count"]):
            self._turn_steps(deed, row, going, gone, on_step)
        return self.get(deed)

    def _turn_steps(
        self, deed: int, row: sqlite3.Row, going: str, gone: str, on_step: OnStep | None
    ) -> None:
        pace, after, done = Pace(), 0, 0
        while True:
            last = row["count"] - done <= pace.size
            with pace.step(), write(self.db, durable=last) as conn:
                if not done:
                    self._stamp(conn, deed, going)
                elif self._state(deed) != going:
                    break  # Somebody turns it the other way.
                back, size = gone == "undone", pace.size
                turned = turn(conn, deed, row[0], row[1], undone=back, after=after, limit=size)
                if not turned.more:
                    self._stamp(conn, deed, gone)
                    break
            after, done = turned.last, done + turned.count
            if on_step is not None and not on_step(done, row["count"]):
                break
            pace.rest()

    def get(self, deed: int) -> Deed | None:
        """One deed."""
        row = one(self.db, "SELECT * FROM deeds WHERE id = ?", (deed,))
        return _deed(row) if row else None

    def last(self, count: int) -> list[Deed]:
        """The latest deeds of everybody, the newest first, undone ones too."""
        sql = "SELECT * FROM deeds ORDER BY id DESC LIMIT ?"
        return [_deed(row) for row in rows(self.db, sql, (count,))]


def _deed(row: sqlite3.Row) -> Deed:
    return Deed(
        id=row["id"],
        words=_words(row),
        count=row["count"],
        kind=row["kind"],
        reviewer=row["reviewer"],
        created=row["created"],
        warning=row["warning"],
        record_id=row["record_id"],
        undone=row["state"] in ("undone", "gone"),
        unfinished=row["state"] in ("doing", "undoing", "redoing"),
    )


def _words(row: sqlite3.Row) -> str:
    if row["kind"] == "threshold":
        return f"{row['words']}: {_records(row['count'])} judged anew"
    if row["record_id"] is not None:
        return f"{row['words']} record {row['record_id']}"
    if row["state"] == "doing":
        return f"{row['words']} {row['count']:,} of {_records(row['asked'])}"
    return f"{row['words']} {_records(row['count'])}"


def _records(count: int) -> str:
    return "1 record" if count == 1 else f"{count:,} records"


def _nothing(plan: Plan, asked: int) -> str:
    """A deed that changed nothing, in words."""
    if not asked:
        return "There was nothing to change."
    return f"Nothing changed: {_records(asked)} stood so already."
