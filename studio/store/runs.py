"""Runs of methods: their finished stages, rounds and errors."""

from __future__ import annotations

import json
import sqlite3
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from studio.runs import Round, RoundError, Run
from studio.store.db import from_json, now, one, rows, storable, write
from studio.tasks import TASKS

if TYPE_CHECKING:
    from studio.store.db import Database

ROUND_JSON = ("validation", "test", "seconds")
LINE = 400
"""Characters of a text that a line of a list may need."""
DOCUMENT_TYPES = ", ".join(
    f"'{task.record.name}'" for task in TASKS.values() if task.gold == "documents"
)
OF_ERROR = (
    # For a query the model names documents by their rows.
    f"CASE WHEN g.type IN ({DOCUMENT_TYPES}) THEN coalesce((SELECT outside_id FROM documents"
    " WHERE id = e.predicted), e.predicted) ELSE e.predicted END AS predicted,"
    f" coalesce(substr(g.text, 1, {LINE}), '') AS text,"
    " coalesce(json_extract(g.fields, '$.label'), json_extract(g.fields, '$.answer'),"
    " (SELECT d.outside_id FROM gold_relevant r JOIN documents d ON d.id = r.document_id"
    " WHERE r.gold_id = g.id AND r.grade > 0 ORDER BY r.grade DESC LIMIT 1), '') AS gold"
)
"""What a model predicted, of which gold, and what is right."""


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """One error as a line of a list."""

    id: int
    gold_id: int
    """0 when it is no longer gold."""
    predicted: str
    """What the model predicted: a label, a span, or the document it ranked first."""
    confidence: float
    """The model's probability of it, 0 to 1."""
    text: str
    """The gold text or query, cut to a line."""
    gold: str
    """What is right: the label, the first answer, or the id of a right document."""
    made: int
    """Records that an LLM wrote from it."""
    kept: int
    """Those of them that are trained on."""
    detail: dict[str, Any] = field(default_factory=dict)


def _run(row: sqlite3.Row) -> Run:
    return Run(
        method=row["method"],
        params=from_json(row["params"], "runs.params"),
        id=row["id"],
        created=row["created"],
        finished_stages=tuple(from_json(row["finished_stages"], "runs.finished_stages", list)),
    )


def _round(row: sqlite3.Row) -> Round:
    values = dict(row)
    return Round(
        **{
            **values,
            **{
                name: from_json(values[name], f"rounds.{name}", (dict, list)) for name in ROUND_JSON
            },
        }
    )


def _error(row: sqlite3.Row) -> RoundError:
    return RoundError(
        row["round_id"],
        row["gold_id"] or 0,
        predicted=row["predicted"],
        confidence=row["confidence"],
        detail=from_json(row["detail"], "errors.detail"),
        id=row["id"],
    )


@dataclass(frozen=True, slots=True)
class Runs:
    """All runs of the project."""

    db: Database

    def add(self, method: str, params: dict[str, Any]) -> int:
        """A new run; returns its row."""
        with write(self.db) as conn:
            cursor = conn.execute(
                "INSERT INTO runs(method, params, created) VALUES (?, ?, ?)",
                (method, json.dumps(params, sort_keys=True), now()),
            )
        return int(cursor.lastrowid or 0)

    def get(self, run_id: int) -> Run | None:
        """One run."""
        row = one(self.db, "SELECT * FROM runs WHERE id = ?", (run_id,))
        return _run(row) if row else None

    def all(self) -> list[Run]:
        """Every run, the newest first."""
        return [_run(row) for row in rows(self.db, "SELECT * FROM runs ORDER BY id DESC")]

    def latest(self) -> Run | None:
        """The newest run."""
        row = one(self.db, "SELECT * FROM runs ORDER BY id DESC LIMIT 1")
        return _run(row) if row else None

    def set_params(self, run_id: int, params: dict[str, Any]) -> None:
        """What the run is told from now on."""
        with write(self.db) as conn:
            text = json.dumps(params, sort_keys=True)
            conn.execute("UPDATE runs SET params = ? WHERE id = ?", (text, run_id))

    def finish_stage(self, run_id: int, stage: str) -> None:
        """Write down that a stage is done: it is not gone through again."""
        sql = (
            "UPDATE runs SET finished_stages = json_insert(finished_stages, '$[#]', ?1)"
            " WHERE id = ?2 AND NOT EXISTS"
            " (SELECT 1 FROM json_each(runs.finished_stages) WHERE value = ?1)"
        )
        with write(self.db) as conn:
            conn.execute(sql, (stage, run_id))

    # -- rounds --

    def begin_round(self, run_id: int, number: int) -> Round:
        """The round of that number; made when it is not there."""
        with write(self.db) as conn:
            conn.execute(
                "INSERT OR IGNORE INTO rounds(run_id, number) VALUES (?, ?)", (run_id, number)
            )
        sql = "SELECT * FROM rounds WHERE run_id = ? AND number = ?"
        row = one(self.db, sql, (run_id, number))
        assert row is not None
        return _round(row)

    def round(self, round_id: int) -> Round | None:
        """One round."""
        row = one(self.db, "SELECT * FROM rounds WHERE id = ?", (round_id,))
        return _round(row) if row else None

    def rounds(self, run_id: int) -> list[Round]:
        """A run's rounds in order."""
        sql = "SELECT * FROM rounds WHERE run_id = ? ORDER BY number"
        return [_round(row) for row in rows(self.db, sql, (run_id,))]

    def update_round(self, round_id: int, **changed: Any) -> None:
        """Write what is known of a round; dicts replace what was there."""
        names = ", ".join(f"{name} = ?" for name in changed)
        values = [
            json.dumps(item) if name in ROUND_JSON else item for name, item in changed.items()
        ]
        with write(self.db) as conn:
            conn.execute(f"UPDATE rounds SET {names} WHERE id = ?", (*values, round_id))

    # -- errors --

    def set_errors(self, round_id: int, errors: Iterable[RoundError]) -> int:
        """Put a round's errors there, at one stroke, in place of what a killed worker left."""
        with write(self.db) as conn:
            conn.execute("DELETE FROM errors WHERE round_id = ?", (round_id,))
            cursor = conn.executemany(
                "INSERT INTO errors(round_id, gold_id, predicted, confidence, detail)"
                " VALUES (?, ?, ?, ?, ?)",
                (
                    (round_id, e.gold_id, storable(e.predicted), e.confidence, json.dumps(e.detail))
                    for e in errors
                ),
            )
            found = max(cursor.rowcount, 0)
            conn.execute("UPDATE rounds SET errors = ? WHERE id = ?", (found, round_id))
        return found

    def error(self, error_id: int) -> RoundError | None:
        """One error."""
        row = one(self.db, "SELECT * FROM errors WHERE id = ?", (error_id,))
        return _error(row) if row else None

    def errors(self, round_id: int, after: int = 0, limit: int = 1_000_000) -> list[RoundError]:
        """A round's errors whose row comes after, in order."""
        sql = "SELECT * FROM errors WHERE round_id = ? AND id > ? ORDER BY id LIMIT ?"
        return [_error(row) for row in rows(self.db, sql, (round_id, after, limit))]

    # -- errors as the screens page them --

    def error_ids(self, round_id: int) -> Sequence[int]:
        """The rows of a round's errors in order, so that a list can jump."""
        sql = "SELECT min(id), max(id), count(*) FROM errors WHERE round_id = ?"
        row = one(self.db, sql, (round_id,))
        assert row is not None
        first, last, count = row
        # They are written at one stroke, so that nothing stands between them.
        if count and last - first + 1 == count:
            return range(first, last + 1)
        sql = "SELECT id FROM errors WHERE round_id = ? ORDER BY id"
        return array("q", (row[0] for row in rows(self.db, sql, (round_id,))))

    def error_rows(self, round_id: int, after: int = 0, limit: int = 200) -> list[ErrorRow]:
        """A round's errors whose row comes after, with their gold and how much came of them.

        Texts are cut to what a line can show.
        """
        # The rows of a round stand together: from the first one on they are read in one stretch,
        # and no index is to make SQLite sort 50,000 of them for a page.
        sql = (
            f"SELECT e.id, coalesce(g.id, 0) AS gold_id, e.confidence, e.detail, {OF_ERROR},"
            " (SELECT count(*) FROM records r WHERE r.error_id = e.id) AS made,"
            " (SELECT count(*) FROM records r WHERE r.error_id = e.id AND r.kept) AS kept"
            " FROM errors e LEFT JOIN gold g ON g.id = e.gold_id WHERE e.id > max(?1,"
            " (SELECT min(id) FROM errors WHERE round_id = ?2) - 1) AND e.id <="
            " (SELECT max(id) FROM errors WHERE round_id = ?2)"
            " AND +e.round_id = ?2 ORDER BY e.id LIMIT ?3"
        )
        found = [dict(row) for row in rows(self.db, sql, (after, round_id, limit))]
        return [
            ErrorRow(**{**row, "detail": from_json(row["detail"], "errors.detail")})
            for row in found
        ]
