"""Records of every type, read in pages by key; a record is never deleted."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.records import Record, RecordType, Verdict
from studio.store.db import from_json, now, rows, value, write
from studio.store.record_types import UNTRAINED, RecordTypes, from_row, to_row
from studio.store.review_shapes import Decision, decision_of
from studio.store.sources import Sources
from studio.store.verdicts import Verdicts

if TYPE_CHECKING:
    from studio.store.db import Database

COLUMNS = (
    "id, type, text, fields, document_id, parent_id, run_id, stage, batch, place, part, error_id,"
    " generation_id, job_id, kept, reason, note, details"
)
R_COLUMNS = ", ".join(f"r.{name}" for name in COLUMNS.split(", "))
CHUNK = 1_000
INSERT = (
    "INSERT INTO records(type, text, fields, document_id, parent_id, run_id, stage, batch, place,"
    " part, error_id, generation_id, job_id, details, created)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT(run_id, stage, batch, place, part) WHERE run_id IS NOT NULL DO NOTHING"
)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many records there are, and why some are dropped."""

    total: int
    kept: int
    dropped: dict[str, int]
    """Reason → number of records."""


@dataclass(frozen=True, slots=True)
class NewRecord:
    """A record as it streams by."""

    record_id: int
    text: str
    document: str
    """The document's outside id; empty without one."""
    title: str
    """The document's title; may be empty."""
    label: str = ""
    """Its class, or its output, where it has one."""


def read_records(db: Database, sql: str, parameters: tuple[Any, ...] = ()) -> list[Record]:
    """The records of a query that selects :data:`COLUMNS`."""
    found = rows(db, sql, parameters)
    types = RecordTypes(db).known() if found else {}
    return [_record(row, types) for row in found]


def _record(row: sqlite3.Row, types: Mapping[str, RecordType]) -> Record:
    type = types[row["type"]]
    return Record(
        type=type,
        fields=from_row(type, row["text"], row["fields"]),
        id=row["id"],
        document_id=row["document_id"],
        parent_id=row["parent_id"],
        run_id=row["run_id"],
        stage=row["stage"],
        batch=row["batch"],
        place=row["place"] or 0,
        part=row["part"],
        error_id=row["error_id"],
        generation_id=row["generation_id"],
        job_id=row["job_id"],
        kept=bool(row["kept"]),
        reason=row["reason"],
        note=row["note"],
        details=from_json(row["details"], "records.details"),
    )


@dataclass(frozen=True, slots=True)
class Records:
    """All records of the project. Where no type is named, those that its task is trained on."""

    db: Database

    def add(self, records: Iterable[Record], job_id: int | None = None) -> list[int | None]:
        """Store records, durably; for each its row, or None when its place in its run is taken.

        A ``reason`` on a record is the verdict of the filter by that name: it is stored as dropped.
        """
        added: list[int | None] = []
        dropped: list[Verdict] = []
        types: dict[str, RecordType] = {}
        with write(self.db, durable=True) as conn:
            for record in records:
                types[record.type.name] = record.type
                row = _insert(conn, record, job_id)
                added.append(row)
                if row is not None and record.reason:
                    dropped.append(Verdict(row, record.reason, False, reason=record.reason))
            RecordTypes(self.db).register(types.values())
            Verdicts(self.db).add(dropped, job_id)
        return added

    def _wanted(self, type: str) -> str:
        return type or RecordTypes(self.db).of_project().name

    def get(self, record_id: int) -> Record | None:
        """One record of whatever type."""
        found = read_records(self.db, f"SELECT {COLUMNS} FROM records WHERE id = ?", (record_id,))
        return found[0] if found else None

    def many(self, record_ids: Sequence[int]) -> list[Record]:
        """These records, in this order; unknown ones are left out."""
        sql = (
            f"SELECT {R_COLUMNS} FROM json_each(?) j CROSS JOIN records r ON r.id = j.value"
            " ORDER BY j.key"
        )
        return read_records(self.db, sql, (json.dumps(list(record_ids)),))

    def page(
        self, after: int = 0, limit: int = 100, *, kept: bool | None = None, type: str = ""
    ) -> list[Record]:
        """Records whose row comes after, in order; all, kept or dropped ones."""
        wanted = self._wanted(type)
        # Without a word on kept, the index by type would have to be sorted.
        condition = "+type = ?" if kept is None else f"type = ? AND kept = {int(kept)}"
        sql = f"SELECT {COLUMNS} FROM records WHERE id > ? AND {condition} ORDER BY id LIMIT ?"
        return read_records(self.db, sql, (after, wanted, limit))

    def all(self, *, kept: bool | None = None, type: str = "") -> Iterator[Record]:
        """Every record in order, a page at a time."""
        after = 0
        while page := self.page(after, CHUNK, kept=kept, type=type):
            yield from page
            after = page[-1].id

    # -- by what they are about --

    def of_document(self, document_id: int | None, limit: int = -1) -> list[Record]:
        """The records of one document, the oldest first; at most so many (-1: all).

        Records that are about no document have none in common: for None the list is empty.
        """
        sql = f"SELECT {COLUMNS} FROM records WHERE document_id = ? ORDER BY id LIMIT ?"
        return read_records(self.db, sql, (document_id, limit))

    def of_generation(self, generation_id: int) -> list[Record]:
        """What was read out of one answer, in order."""
        sql = f"SELECT {COLUMNS} FROM records WHERE generation_id = ? ORDER BY id"
        return read_records(self.db, sql, (generation_id,))

    def of_error(self, error_id: int) -> list[Record]:
        """What an LLM wrote from one error, the oldest first."""
        sql = f"SELECT {COLUMNS} FROM records WHERE error_id = ? ORDER BY id"
        return read_records(self.db, sql, (error_id,))

    def decisions_of_error(self, error_id: int) -> dict[int, Decision]:
        """Row → a person's last word on it, for what was written from one error."""
        sql = "SELECT id, person, kept FROM records WHERE error_id = ?"
        found = rows(self.db, sql, (error_id,))
        return {int(row["id"]): decision_of(row["person"], row["kept"]) for row in found}

    # -- by run --

    def of_stage(
        self,
        run_id: int,
        stage: str,
        *,
        kept: bool | None = True,
        since: int = 0,
        before: int | None = None,
    ) -> Iterator[Record]:
        """What a stage has made by batch, place and part, a page at a time.

        ``since``: only of this batch and those above; ``before``: only of those below.
        """
        condition = "" if kept is None else f" AND kept = {int(kept)}"
        sql = (
            f"SELECT {COLUMNS} FROM records WHERE run_id = ? AND stage = ? AND batch < ?"
            f" AND (batch, place, part) > (?, ?, ?){condition}"
            f" ORDER BY batch, place, part LIMIT {CHUNK}"
        )
        end, after = (1 << 60 if before is None else before), (since, -1, -1)
        while page := read_records(self.db, sql, (run_id, stage, end, *after)):
            yield from page
            after = (page[-1].batch, page[-1].place, page[-1].part)

    def newest_of_run(self, run_id: int, limit: int) -> list[Record]:
        """What came last in a run, kept or not, the newest first; notes are left out."""
        # From the end of the table back: the index by run would have all of a run sorted.
        sql = (
            f"SELECT {COLUMNS} FROM records WHERE +run_id = ? AND type NOT IN ({UNTRAINED})"
            " ORDER BY id DESC LIMIT ?"
        )
        return read_records(self.db, sql, (run_id, limit))

    def places(self, run_id: int, stage: str, batch: int) -> set[int]:
        """The places of a batch that are taken."""
        sql = "SELECT DISTINCT place FROM records WHERE run_id = ? AND stage = ? AND batch = ?"
        return {int(row[0]) for row in rows(self.db, sql, (run_id, stage, batch))}

    def next_place(self, run_id: int, stage: str, batch: int) -> int:
        """A free place after all others of a batch."""
        sql = (
            "SELECT coalesce(max(place), -1) + 1 FROM records"
            " WHERE run_id = ? AND stage = ? AND batch = ?"
        )
        return int(value(self.db, sql, (run_id, stage, batch)))

    def run_counts(self, run_id: int) -> dict[tuple[str, int], tuple[int, int]]:
        """(stage, batch) → (kept, dropped), of every stage of a run."""
        sql = (
            "SELECT stage, batch, sum(kept), sum(NOT kept) FROM records WHERE run_id = ?"
            " GROUP BY stage, batch"
        )
        found = rows(self.db, sql, (run_id,))
        return {(row[0], int(row[1])): (int(row[2]), int(row[3])) for row in found}

    def has_notes(self, type: str = "") -> bool:
        """Whether people have written notes on any."""
        sql = "SELECT 1 FROM records INDEXED BY records_noted WHERE note != '' AND type = ? LIMIT 1"
        return value(self.db, sql, (self._wanted(type),)) is not None

    def run_reasons(self, run_id: int, stage: str, batch: int) -> dict[str, int]:
        """Why records of a batch are dropped, the commonest first."""
        sql = (
            "SELECT reason, count(*) FROM records WHERE run_id = ? AND stage = ? AND batch = ?"
            " AND NOT kept GROUP BY reason ORDER BY count(*) DESC"
        )
        return {row[0]: int(row[1]) for row in rows(self.db, sql, (run_id, stage, batch))}

    # -- counted --

    def counts(self, type: str = "") -> Counts:
        """Totals and reasons."""
        wanted = self._wanted(type)
        sql = "SELECT count(*) FROM records WHERE type = ? AND kept = 1"
        kept, dropped = int(value(self.db, sql, (wanted,))), self.reasons(wanted)
        return Counts(total=kept + sum(dropped.values()), kept=kept, dropped=dropped)

    def reasons(self, type: str = "") -> dict[str, int]:
        """Reason → dropped records, the most first."""
        sql = (
            "SELECT reason, count(*) FROM records INDEXED BY records_dropped"
            " WHERE kept = 0 AND type = ? GROUP BY reason ORDER BY 2 DESC, 1"
        )
        wanted = self._wanted(type)
        return {row[0]: row[1] for row in rows(self.db, sql, (wanted,))}

    def count(self, *, after: int = 0, type: str = "") -> int:
        """How many records have a row after this one."""
        # SQLite counts a whole table without looking at its rows; records of other types are few.
        where, parameters = ("WHERE id > ?", (after,)) if after else ("", ())
        every = int(value(self.db, f"SELECT count(*) FROM records {where}", parameters))
        others = RecordTypes(self.db).present().keys() - {self._wanted(type)}
        sql = (
            "SELECT count(*) FROM records WHERE type IN (SELECT value FROM json_each(?))"
            " AND kept IN (0, 1) AND id > ?"
        )
        return every - int(value(self.db, sql, (json.dumps([*others]), after))) if others else every

    def count_of_job(self, job_id: int) -> int:
        """How many records one job made, notes aside."""
        sql = f"SELECT count(*) FROM records WHERE job_id = ?{self._no_notes()}"
        return int(value(self.db, sql, (job_id,)))

    def kept_of_job(self, job_id: int) -> int:
        """How many records of one job are kept, notes aside."""
        sql = f"SELECT count(*) FROM records WHERE job_id = ? AND kept{self._no_notes()}"
        return int(value(self.db, sql, (job_id,)))

    def reasons_of_job(self, job_id: int) -> dict[str, int]:
        """Why records of one job are dropped, notes too, the commonest first."""
        sql = (
            "SELECT reason, count(*) FROM records WHERE job_id = ? AND NOT kept"
            " GROUP BY reason ORDER BY 2 DESC, 1"
        )
        return {row[0]: int(row[1]) for row in rows(self.db, sql, (job_id,))}

    def newest_of_job(self, job_id: int, limit: int = 50) -> list[NewRecord]:
        """What one job made last, the latest first, notes aside."""
        sql = (
            "SELECT r.id, r.text, coalesce(d.outside_id, ''), coalesce(d.title, ''),"
            " coalesce(json_extract(r.fields, '$.label'), json_extract(r.fields, '$.output'),"
            " json_extract(r.fields, '$.positive'), '')"
            " FROM records r"
            " LEFT JOIN documents d ON d.id = r.document_id"
            f" WHERE r.job_id = ?{self._no_notes()} ORDER BY r.id DESC LIMIT ?"
        )
        return [NewRecord(*row) for row in rows(self.db, sql, (job_id, limit))]

    def _no_notes(self) -> str:
        """A condition; empty in a file that has none, where the index by job alone answers."""
        has = value(self.db, f"SELECT 1 FROM ({UNTRAINED})")
        return f" AND type NOT IN ({UNTRAINED})" if has else ""

    # -- whole --

    def with_provenance(
        self, *, kept: bool | None = True, type: str = "", snapshot: int | None = None
    ) -> Iterator[dict[str, Any]]:
        """Each record with all that made it, as flat rows for exports, in order: the columns have
        the names of :class:`studio.formats.rows.ExportRow`.

        snapshot: only its records.

        ``fields`` is a dict; ``document_id``, ``title`` and ``passage`` are empty without a
        document; ``details`` is a dict, ``origin`` is ``file:row``, empty of what was made here;
        ``sources`` are the long documents that the passage is a part of.
        """
        after = 0
        wanted = RecordTypes(self.db).known()[self._wanted(type)]
        condition = "" if kept is None else f"AND r.kept = {int(kept)}"
        if snapshot is not None:
            taken = "SELECT record_id FROM snapshot_records WHERE snapshot_id ="
            condition += f" AND r.id IN ({taken} {int(snapshot)})"
        sql = (
            "SELECT r.id AS record_id, r.text, r.fields, r.kept, r.reason, r.generation_id,"
            " coalesce(d.outside_id, '') AS document_id, coalesce(d.title, '') AS title,"
            " coalesce(d.text, '') AS passage, r.document_id AS document_row,"
            " coalesce(p.name, '') AS prompt_name, p.version AS prompt_version,"
            " coalesce(g.model, '') AS model, coalesce(g.endpoint, '') AS endpoint, g.seed, g.draw,"
            " coalesce(g.purpose, '') AS purpose, g.shot_set_id, r.created, r.note, r.details,"
            " json_extract(j.params, '$.records') AS brought_from, r.place"
            " FROM records r LEFT JOIN documents d"
            " ON d.id = r.document_id LEFT JOIN generations g ON g.id = r.generation_id"
            " LEFT JOIN prompts p ON p.id = g.prompt_id"
            " LEFT JOIN jobs j ON j.id = r.job_id AND j.kind = 'import'"
            f" WHERE r.id > ? AND +r.type = ? {condition} ORDER BY r.id LIMIT ?"
        )
        while page := rows(self.db, sql, (after, wanted.name, CHUNK)):
            scores = self._scores([row["record_id"] for row in page])
            shots = self._shots({row["shot_set_id"] for row in page if row["shot_set_id"]})
            sources = self._sources({row["document_row"] for row in page if row["document_row"]})
            for row in page:
                details = from_json(row["details"], "records.details")
                yield {
                    **dict(row),
                    "origin": details.pop("origin", "") or _origin(row),
                    "details": details,
                    "fields": from_row(wanted, row["text"], row["fields"]),
                    "kept": bool(row["kept"]),
                    "shots": tuple(shots.get(row["shot_set_id"], ())),
                    "scores": scores.get(row["record_id"], {}),
                    "sources": tuple(sources.get(row["document_row"], ())),
                }
            after = page[-1]["record_id"]

    def _sources(self, document_ids: set[int]) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for row, source in Sources(self.db).parts(sorted(document_ids)):
            found.setdefault(row, []).append(source)
        return found

    def _scores(self, record_ids: list[int]) -> dict[int, dict[str, float]]:
        marks = ",".join("?" * len(record_ids))
        sql = (
            f"SELECT record_id, filter, score FROM verdicts WHERE record_id IN ({marks})"
            " AND in_force = 1 AND score IS NOT NULL ORDER BY id"
        )
        found: dict[int, dict[str, float]] = {}
        for row in rows(self.db, sql, tuple(record_ids)):
            found.setdefault(row["record_id"], {})[row["filter"]] = row["score"]
        return found

    def _shots(self, shot_set_ids: set[int]) -> dict[int, list[int]]:
        marks = ",".join("?" * len(shot_set_ids))
        sql = (
            f"SELECT shot_set_id, revision_id FROM shots WHERE shot_set_id IN ({marks})"
            " ORDER BY shot_set_id, position"
        )
        found: dict[int, list[int]] = {}
        for row in rows(self.db, sql, tuple(shot_set_ids)):
            found.setdefault(row["shot_set_id"], []).append(row["revision_id"])
        return found


def _origin(row: sqlite3.Row) -> str:
    """File and row, of a record that was brought in before files were noted; empty of others."""
    brought_from = row["brought_from"]
    return f"{Path(brought_from).name}:{row['place'] + 1}" if brought_from else ""


def _insert(conn: sqlite3.Connection, record: Record, job_id: int | None) -> int | None:
    text, fields = to_row(record)
    cursor = conn.execute(
        INSERT,
        (
            record.type.name,
            text,
            fields,
            record.document_id,
            record.parent_id,
            record.run_id,
            record.stage,
            record.batch,
            record.place,
            record.part,
            record.error_id,
            record.generation_id,
            job_id,
            json.dumps(record.details),
            now(),
        ),
    )
    return cursor.lastrowid if cursor.rowcount > 0 else None
