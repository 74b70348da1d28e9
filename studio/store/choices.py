"""Which records a training takes: a choice by filter, score, prompt version and job.

Only records of the type that the project's task is trained on are chosen among.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from studio.records import Record
from studio.store.db import one, rows
from studio.store.query_types import WRITERS
from studio.store.record_types import RecordTypes
from studio.store.records import R_COLUMNS, read_records
from studio.store.verdicts import IN_FORCE, PERSON, Verdicts

if TYPE_CHECKING:
    from studio.store.db import Database

PAGE = 2_000
"""Records read at once."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A choice of records; all its conditions hold together."""

    kept_by: str = ""
    """Empty: the last word, all filters and people together. A filter's name: what the chain up to
    that filter keeps, whatever later ones say; a person's rejection always holds. ``person``: only
    what a person accepted."""
    score_of: str = ""
    """The filter whose stored score is looked at; empty looks at none."""
    min_score: float | None = None
    """The lowest such score."""
    max_score: float | None = None
    """The highest such score."""
    prompt_version: int | None = None
    """Only records made with this version of the prompt."""
    job: int | None = None
    """Only records that this job made."""


@dataclass(frozen=True, slots=True)
class Counted:
    """How much a choice takes."""

    records: int
    documents: int
    """Different documents that they were written for."""


@dataclass(frozen=True, slots=True)
class FilterRange:
    """A filter that has judged records, and its stored scores."""

    name: str
    low: float | None
    """The lowest score; None when the filter stores none."""
    high: float | None


@dataclass(frozen=True, slots=True)
class Choices:
    """Records by choice."""

    db: Database

    def count(self, choice: Choice) -> Counted:
        """How many records and documents."""
        where, parameters = self._where(choice)
        sql = f"SELECT count(*), count(DISTINCT r.document_id) FROM records r WHERE {where}"
        row = one(self.db, sql, parameters)
        return Counted(int(row[0]), int(row[1])) if row else Counted(0, 0)

    def records(self, choice: Choice) -> Iterator[Record]:
        """The chosen records in order, a page at a time."""
        where, parameters = self._where(choice)
        sql = (
            f"SELECT {R_COLUMNS} FROM records r WHERE r.id > ? AND {where}"
            f" ORDER BY r.id LIMIT {PAGE}"
        )
        after = 0
        while page := read_records(self.db, sql, (after, *parameters)):
            yield from page
            after = page[-1].id

    def texts(self) -> Iterator[tuple[int, str]]:
        """(row, text) of every record that the project's task is trained on."""
        sql = f"SELECT id, text FROM records WHERE id > ? AND +type = ? ORDER BY id LIMIT {PAGE}"
        after, wanted = 0, RecordTypes(self.db).of_project().name
        while page := rows(self.db, sql, (after, wanted)):
            yield from ((row[0], row[1]) for row in page)
            after = page[-1][0]

    def count_among(self, choice: Choice, record_ids: list[int]) -> int:
        """How many of these records the choice takes."""
        where, parameters = self._where(choice)
        taken = 0
        for start in range(0, len(record_ids), PAGE):
            some = record_ids[start : start + PAGE]
            marks = ",".join("?" * len(some))
            sql = f"SELECT count(*) FROM records r WHERE r.id IN ({marks}) AND {where}"
            row = one(self.db, sql, (*some, *parameters))
            taken += int(row[0]) if row else 0
        return taken

    def filters(self) -> list[FilterRange]:
        """The filters that have judged, in the order of the chain."""
        return [self._range(name) for name in Verdicts(self.db).order()]

    def jobs(self) -> list[tuple[int, str, str]]:
        """(row, kind, when) of the jobs that made records, the newest first."""
        sql = (
            "SELECT j.id, j.kind, j.created FROM jobs j"
            " WHERE EXISTS (SELECT 1 FROM records r WHERE r.job_id = j.id) ORDER BY j.id DESC"
        )
        return [(int(row[0]), str(row[1]), str(row[2])) for row in rows(self.db, sql)]

    def _range(self, name: str) -> FilterRange:
        # One question each: SQLite answers a lone min or max from the index.
        sql = (
            "SELECT (SELECT min(score) FROM verdicts WHERE filter = ? AND in_force = 1),"
            " (SELECT max(score) FROM verdicts WHERE filter = ? AND in_force = 1)"
        )
        row = one(self.db, sql, (name, name))
        return FilterRange(name, row[0], row[1]) if row else FilterRange(name, None, None)

    def _where(self, choice: Choice) -> tuple[str, tuple[Any, ...]]:
        parts, parameters = self._kept(choice.kept_by)
        if choice.score_of:
            parts.append(
                f"EXISTS ({_VERDICT} AND v.filter = ? AND v.score IS NOT NULL"
                " AND v.score >= ? AND v.score <= ?)"
            )
            low = float("-inf") if choice.min_score is None else choice.min_score
            high = float("inf") if choice.max_score is None else choice.max_score
            parameters += [choice.score_of, low, high]
        if choice.prompt_version is not None:
            parts.append(
                "EXISTS (SELECT 1 FROM generations g WHERE g.id = r.generation_id"
                f" AND g.prompt_id IN ({WRITERS}))"
            )
            parameters.append(choice.prompt_version)
        if choice.job is not None:
            parts.append("r.job_id = ?")
            parameters.append(choice.job)
        # With a word on kept, an index by type and verdict has the rows in order.
        parts.append("r.type = ?" if not choice.kept_by else "+r.type = ?")
        parameters.append(RecordTypes(self.db).of_project().name)
        return " AND ".join(parts), tuple(parameters)

    def _kept(self, kept_by: str) -> tuple[list[str], list[Any]]:
        if not kept_by:
            return ["r.kept = 1"], []
        if kept_by == PERSON:
            return [f"EXISTS ({_VERDICT} AND v.filter = ? AND v.kept)"], [PERSON]
        chain = [found.name for found in self.filters()]
        earlier = chain[: chain.index(kept_by)] if kept_by in chain else []
        against = [PERSON, *earlier]
        marks = ",".join("?" * len(against))
        return [
            f"EXISTS ({_VERDICT} AND v.filter = ? AND v.kept)",
            f"NOT EXISTS ({_VERDICT} AND v.filter IN ({marks}) AND NOT v.kept)",
        ], [kept_by, *against]


# Left to itself, SQLite walks all scores of the filter for each record.
_VERDICT = (
    f"SELECT 1 FROM verdicts v INDEXED BY verdicts_record WHERE v.record_id = r.id AND {IN_FORCE}"
)
