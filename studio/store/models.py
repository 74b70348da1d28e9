"""Snapshots of records, the models trained on them, and the scores they reached."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from studio.records import Split, content_sha
from studio.runs import Model
from studio.store.db import from_json, now, one, rows, storable, value, write

if TYPE_CHECKING:
    from studio.store.db import Database


@dataclass(frozen=True, slots=True)
class Snapshots:
    """Frozen sets of records: what exactly a model was trained on."""

    db: Database

    def take(self, record_ids: Sequence[int], note: str = "") -> int:
        """Freeze these records; an equal set is stored once. Returns its row."""
        sha = content_sha(*(str(record_id) for record_id in sorted(record_ids)))
        with write(self.db) as conn:
            found = value(self.db, "SELECT id FROM snapshots WHERE sha = ?", (sha,))
            if found is not None:
                return int(found)
            cursor = conn.execute(
                "INSERT INTO snapshots(sha, count, note, created) VALUES (?, ?, ?, ?)",
                (sha, len(record_ids), note, now()),
            )
            row = int(cursor.lastrowid or 0)
            conn.executemany(
                "INSERT INTO snapshot_records(snapshot_id, record_id) VALUES (?, ?)",
                [(row, record_id) for record_id in record_ids],
            )
            return row

    def counts(self) -> dict[int, int]:
        """Snapshot → how many records it holds."""
        return {row[0]: row[1] for row in rows(self.db, "SELECT id, count FROM snapshots")}

    def record_ids(self, snapshot_id: int) -> list[int]:
        """The records of a snapshot in order."""
        sql = "SELECT record_id FROM snapshot_records WHERE snapshot_id = ? ORDER BY record_id"
        return [int(row[0]) for row in rows(self.db, sql, (snapshot_id,))]


def _model(row: sqlite3.Row) -> Model:
    values = {name: row[name] for name in row.keys()}  # noqa: SIM118 - a Row iterates over values
    values["settings"] = from_json(row["settings"], "models.settings")
    values["scores"] = from_json(row["scores"], "models.scores")
    return Model(**values)


@dataclass(frozen=True, slots=True)
class Models:
    """All trained models."""

    db: Database

    def add(self, model: Model) -> int:
        """Store a finished model; returns its row."""
        with write(self.db) as conn:
            cursor = conn.execute(
                "INSERT INTO models(name, path, base, parent_id, snapshot_id, job_id, settings,"
                " scores, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    model.name,
                    model.path,
                    model.base,
                    model.parent_id,
                    model.snapshot_id,
                    model.job_id,
                    json.dumps(model.settings),
                    json.dumps(model.scores),
                    now(),
                ),
            )
        return int(cursor.lastrowid or 0)

    def get(self, model_id: int) -> Model | None:
        """One model."""
        row = one(self.db, "SELECT * FROM models WHERE id = ?", (model_id,))
        return _model(row) if row else None

    def all(self) -> list[Model]:
        """Every model, the newest first."""
        return [_model(row) for row in rows(self.db, "SELECT * FROM models ORDER BY id DESC")]

    def of_learner(self, learner: str = "") -> list[Model]:
        """The models of a learner, the newest first; empty: of the task's own."""
        return [model for model in self.all() if model.learner == learner]

    def latest(self) -> Model | None:
        """The newest model of the task's own learner."""
        return next(iter(self.of_learner()), None)

    def of_job(self, job_id: int) -> list[Model]:
        """What one job has trained so far, the oldest first."""
        sql = "SELECT * FROM models WHERE job_id = ? ORDER BY id"
        return [_model(row) for row in rows(self.db, sql, (job_id,))]

    def rename(self, model_id: int, name: str) -> None:
        """Call the model by another name; its folder stays where it is."""
        with write(self.db) as conn:
            sql = "UPDATE models SET name = ? WHERE id = ?"
            conn.execute(sql, (storable(name), model_id))

    def set_scores(self, model_id: int, scores: dict[str, Any]) -> None:
        """Write what the evaluation found."""
        with write(self.db) as conn:
            text = json.dumps(scores)
            conn.execute("UPDATE models SET scores = ? WHERE id = ?", (text, model_id))


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One system's scores on one split of gold."""

    system: str
    """Its name, such as ``bm25``; ``base`` and ``trained`` are those of the model beside them."""
    split: Split
    gold: str
    """What the gold queries are, in words."""
    metrics: dict[str, Any]
    """Name → mean, with intervals and p-values where there are any."""
    per_query: dict[str, dict[str, float]]
    """Name → outside query id → value."""
    model_id: int | None = None
    job_id: int | None = None
    answers: dict[str, str] = field(default_factory=dict)
    """Outside gold id → what the system answered, where it writes answers."""
    id: int = 0
    created: str = ""


def _evaluation(row: sqlite3.Row) -> Evaluation:
    values = {name: row[name] for name in row.keys()}  # noqa: SIM118 - a Row iterates over values
    values["metrics"] = from_json(row["metrics"], "evaluations.metrics")
    values["per_query"] = from_json(row["per_query"], "evaluations.per_query")
    values["answers"] = from_json(row["answers"], "evaluations.answers")
    return Evaluation(**values)


@dataclass(frozen=True, slots=True)
class Evaluations:
    """All scores."""

    db: Database

    def add(self, evaluation: Evaluation) -> int:
        """Store one system's scores; returns the row."""
        with write(self.db) as conn:
            cursor = conn.execute(
                "INSERT INTO evaluations(job_id, model_id, system, split, gold, metrics, per_query,"
                " answers, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    evaluation.job_id,
                    evaluation.model_id,
                    evaluation.system,
                    evaluation.split,
                    evaluation.gold,
                    json.dumps(evaluation.metrics),
                    json.dumps(evaluation.per_query),
                    json.dumps({q: storable(a) for q, a in evaluation.answers.items()}),
                    now(),
                ),
            )
        return int(cursor.lastrowid or 0)

    def add_values(self, row: int, measure: str, values: dict[str, float]) -> None:
        """Keep another measure beside those that an evaluation has for each gold item."""
        with write(self.db) as conn:
            conn.execute(
                "UPDATE evaluations SET per_query = json_set(per_query, ?, json(?)) WHERE id = ?",
                (f'$."{measure}"', json.dumps(values), row),
            )

    def of_job(self, job_id: int) -> list[Evaluation]:
        """What one job measured."""
        sql = "SELECT * FROM evaluations WHERE job_id = ? ORDER BY id"
        return [_evaluation(row) for row in rows(self.db, sql, (job_id,))]

    def of_model(self, model_id: int) -> list[Evaluation]:
        """What was measured of one model."""
        sql = "SELECT * FROM evaluations WHERE model_id = ? ORDER BY id"
        return [_evaluation(row) for row in rows(self.db, sql, (model_id,))]

    def newest(self, system: str, split: Split) -> Evaluation | None:
        """The newest scores of a system on a split, whatever it was scored beside."""
        sql = "SELECT * FROM evaluations WHERE system = ? AND split = ? ORDER BY id DESC LIMIT 1"
        row = one(self.db, sql, (system, split))
        return _evaluation(row) if row else None

    def ids_of_model(self, model_id: int) -> tuple[int, ...]:
        """The rows of all that was measured of one model: they change when it is scored again."""
        sql = "SELECT id FROM evaluations WHERE model_id = ? ORDER BY id"
        return tuple(int(row[0]) for row in rows(self.db, sql, (model_id,)))
