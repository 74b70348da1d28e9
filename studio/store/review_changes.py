"""Changes: what a person does to records, one or a million, and undo of it.

A change never touches a row that another one wrote. It adds verdicts, flags or edits that carry its
number; what is in force is the latest of them that is not undone. So undo and redo only turn marks,
and the changes of several people can be undone in any order.

A long change is written in short transactions, so that nobody waits for it. Each of them is whole:
when the program is killed between two, the change stays ``doing``, and undo takes back exactly what
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

from studio.plurals import so_many
from studio.store.db import now, one, rows, value, write
from studio.store.review_shapes import Change, ChangeKind
from studio.store.review_throttle import WriteThrottle, room
from studio.store.review_undo import turn

if TYPE_CHECKING:
    from studio.store.db import Database

Ids = Sequence[int]
OnStep = Callable[[int, int], bool]
"""(records done, records asked for) → whether to go on. False ends it there."""
Step = Callable[[sqlite3.Connection, int, str], int]
"""(connection, the change's id, record ids as JSON) → records changed."""

_process = ""


def this_process() -> str:
    """A name of this run of the program: what other runs do makes a window stale."""
    global _process
    if not _process.startswith(f"{os.getpid()}-"):
        _process = f"{os.getpid()}-{secrets.token_hex(4)}"
    return _process


@dataclass(frozen=True, slots=True)
class ChangePlan:
    """A change before it is done."""

    kind: ChangeKind
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
class ReviewChanges:
    """All changes of the project."""

    db: Database

    def carry_out(self, plan: ChangePlan, ids: Ids, on_step: OnStep | None = None) -> Change:
        """Do it: in one transaction when it is short, else step by step.

        Raises StudioError when the file cannot be written; whole steps before that stay, and can
        be undone.
        """
        with room(self.db.conn, len(ids)):
            # In the order of the file: neighbours share pages.
            change_id = self._carry_out(plan, array("q", sorted(ids)), on_step)
        nothing = Change(0, _nothing(plan, len(ids)), 0, plan.kind, plan.reviewer)
        return self.get(change_id) or nothing

    def _carry_out(self, plan: ChangePlan, ids: array[int], on_step: OnStep | None) -> int:
        throttle, change_id, done, asked = WriteThrottle(), 0, 0, len(ids)
        while done < asked:
            chunk = ids[done : done + throttle.size]
            done += len(chunk)
            # What the last step flushes to the disk holds all before it.
            with throttle.step(), write(self.db, durable=done == asked) as conn:
                if not change_id:
                    change_id = self._begin(conn, plan, ids)
                elif self._state(change_id) != "doing":
                    break  # Somebody undoes it already.
                self._add(conn, change_id, plan.step(conn, change_id, json.dumps(chunk.tolist())))
                if done == asked:
                    self._end(conn, change_id)
            if done == asked:
                break
            if on_step is not None and not on_step(done, asked):
                self._stop(change_id)
                break
            throttle.rest()
        return change_id

    def _stop(self, change_id: int) -> None:
        """The person wants no more of it: what is done is the change."""
        with write(self.db, durable=True) as conn:
            if self._state(change_id) == "doing":
                self._end(conn, change_id)

    def _begin(self, conn: sqlite3.Connection, plan: ChangePlan, ids: Ids) -> int:
        cursor = conn.execute(
            "INSERT INTO changes(reviewer, kind, state, words, asked, record_id, filter, better,"
            " warning, stamp, process, created) VALUES (?, ?, 'doing', ?, ?,"
            " (SELECT id FROM records WHERE id = ?), ?, ?, ?, (SELECT ifnull(max(stamp), 0) + 1"
            " FROM changes), ?, ?)",
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

    def _add(self, conn: sqlite3.Connection, change_id: int, changed: int) -> None:
        """Count what a step has changed; what was undone before it can't be redone any more."""
        if not changed:
            return
        conn.execute("UPDATE changes SET count = count + ? WHERE id = ?", (changed, change_id))
        conn.execute(
            "UPDATE changes SET state = 'gone' WHERE state = 'undone'"
            " AND reviewer = (SELECT reviewer FROM changes WHERE id = ?)",
            (change_id,),
        )

    def _end(self, conn: sqlite3.Connection, change_id: int) -> None:
        """Close it; one that changed nothing leaves nothing behind."""
        conn.execute("DELETE FROM changes WHERE id = ? AND count = 0", (change_id,))
        self._stamp(conn, change_id, "done")

    def _stamp(self, conn: sqlite3.Connection, change_id: int, state: str) -> None:
        conn.execute(
            "UPDATE changes SET state = ?, process = ?,"
            " stamp = (SELECT max(stamp) + 1 FROM changes) WHERE id = ?",
            (state, this_process(), change_id),
        )

    def _state(self, change_id: int) -> str:
        return str(value(self.db, "SELECT state FROM changes WHERE id = ?", (change_id,)))

    def undo(self, reviewer: str, on_step: OnStep | None = None) -> Change | None:
        """Take back this reviewer's last change that is not undone; None when there is none.

        A change that was interrupted is taken back as far as it came.
        """
        sql = (
            "SELECT id FROM changes WHERE reviewer = ?"
            " AND state IN ('doing', 'done', 'undoing', 'redoing') ORDER BY id DESC LIMIT 1"
        )
        found = value(self.db, sql, (reviewer,))
        return found and self._turn(found, "undoing", "undone", on_step)

    def redo(self, reviewer: str, on_step: OnStep | None = None) -> Change | None:
        """Do again what was undone last; None when there is nothing, or a new change came after."""
        sql = (
            "SELECT min(id) FROM changes WHERE reviewer = ?1"
            " AND state IN ('undone', 'undoing', 'redoing') AND id > (SELECT ifnull(max(id), 0)"
            " FROM changes WHERE reviewer = ?1 AND state IN ('doing', 'done'))"
        )
        found = value(self.db, sql, (reviewer,))
        return found and self._turn(found, "redoing", "done", on_step)

    def _turn(self, change_id: int, going: str, gone: str, on_step: OnStep | None) -> Change | None:
        """Turn the marks of all that the change wrote, step by step."""
        row = one(self.db, "SELECT kind, filter, count FROM changes WHERE id = ?", (change_id,))
        assert row is not None
        with room(self.db.conn, row["count"]):
            self._turn_steps(change_id, row, going, gone, on_step)
        return self.get(change_id)

    def _turn_steps(
        self, change_id: int, row: sqlite3.Row, going: str, gone: str, on_step: OnStep | None
    ) -> None:
        throttle, after, done = WriteThrottle(), 0, 0
        while True:
            last = row["count"] - done <= throttle.size
            with throttle.step(), write(self.db, durable=last) as conn:
                if not done:
                    self._stamp(conn, change_id, going)
                elif self._state(change_id) != going:
                    break  # Somebody turns it the other way.
                back, size = gone == "undone", throttle.size
                turned = turn(conn, change_id, row[0], row[1], undone=back, after=after, limit=size)
                if not turned.more:
                    self._stamp(conn, change_id, gone)
                    break
            after, done = turned.last, done + turned.count
            if on_step is not None and not on_step(done, row["count"]):
                break
            throttle.rest()

    def get(self, change_id: int) -> Change | None:
        """One change."""
        row = one(self.db, "SELECT * FROM changes WHERE id = ?", (change_id,))
        return _change(row) if row else None

    def last(self, count: int) -> list[Change]:
        """The latest changes of everybody, the newest first, undone ones too."""
        sql = "SELECT * FROM changes ORDER BY id DESC LIMIT ?"
        return [_change(row) for row in rows(self.db, sql, (count,))]


def _change(row: sqlite3.Row) -> Change:
    return Change(
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
    return so_many(count, "records")


def _nothing(plan: ChangePlan, asked: int) -> str:
    """What is told of a change that changed nothing."""
    if not asked:
        return "There was nothing to change."
    return f"Nothing changed: {_records(asked)} stood so already."
