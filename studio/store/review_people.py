"""How far a reviewer has come, and whether two reviewers agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations, pairwise
from typing import TYPE_CHECKING

from studio.store.db import rows, value
from studio.store.record_types import RecordTypes
from studio.store.records import Records
from studio.store.review_shapes import Agreement, ReviewProgress
from studio.store.verdicts import PERSON

if TYPE_CHECKING:
    from studio.store.db import Database

LONGEST_PAUSE_S = 60.0
"""A longer gap between two decisions counts as this much work."""

Table = tuple[tuple[int, int], tuple[int, int]]
"""Rows: the first accepted, rejected; columns: the second accepted, rejected."""
Words = dict[str, bool]
"""Reviewer → accepted."""


@dataclass(frozen=True, slots=True)
class People:
    """What people decided."""

    db: Database

    def tally(self, reviewer: str, since: datetime | None = None) -> ReviewProgress:
        """Decisions of this reviewer since then, undone ones aside, and what is left."""
        sql = (
            "SELECT kind, count, record_id, created FROM changes WHERE reviewer = ?"
            " AND state IN ('done', 'doing') AND created >= ? ORDER BY id"
        )
        moment = since.astimezone(UTC).isoformat(timespec="milliseconds") if since else ""
        changes = rows(self.db, sql, (reviewer, moment))
        counted: Counter[str] = Counter()
        latest = {row["record_id"]: row["kind"] for row in changes if row["kind"] in DECIDING}
        counted.update(kind for record, kind in latest.items() if record is not None)
        for row in changes:
            if row["record_id"] is None:
                counted[row["kind"]] += row["count"]
        single = [
            row for row in changes if row["record_id"] is not None and row["kind"] in DECIDING
        ]
        return ReviewProgress(
            decided=counted["accept"] + counted["reject"],
            accepted=counted["accept"],
            rejected=counted["reject"],
            edited=len({row["record_id"] for row in changes if row["kind"] == "edit"}),
            left=self._left(),
            per_minute=_per_minute([row["created"] for row in single]),
        )

    def _left(self) -> int:
        """Records without a person's word, by counting the others: they are fewer, and apart."""
        decided = (
            "SELECT count(*) FROM records INDEXED BY records_decided WHERE person = 1 AND type = ?"
        )
        wanted = RecordTypes(self.db).of_project().name
        return Records(self.db).count(type=wanted) - int(value(self.db, decided, (wanted,)))

    def agreement(self, first: str = "", second: str = "") -> Agreement:
        """Cohen's kappa over the records that two people judged, each one's latest word.

        Without names, the two with the most records in common.
        """
        judged = self._judged_by_several()
        pairs: Counter[tuple[str, str]] = Counter()
        for words in judged:
            pairs.update(combinations(sorted(words), 2))
        if first and second:
            pair = (first, second)
        elif pairs:
            pair = min(pairs, key=lambda names: (-pairs[names], names))
        else:
            return Agreement(self._reviewers(), 0, None, ((0, 0), (0, 0)))
        both = [(w[pair[0]], w[pair[1]]) for w in judged if pair[0] in w and pair[1] in w]
        cells = Counter(both)
        table = (
            (cells[True, True], cells[True, False]),
            (cells[False, True], cells[False, False]),
        )
        return Agreement(pair, len(both), kappa(table), table)

    def _reviewers(self) -> tuple[str, ...]:
        sql = "SELECT DISTINCT reviewer FROM changes WHERE kind IN ('accept', 'reject') ORDER BY 1"
        return tuple(row[0] for row in rows(self.db, sql))

    def _judged_by_several(self) -> list[Words]:
        """For each record on which people spoke more than once: each one's latest word."""
        sql = (
            "SELECT v.record_id, v.reviewer, v.kept, v.clears FROM verdicts v"
            " WHERE v.undone = 0 AND v.filter = ? AND v.reviewer != '' AND v.record_id IN"
            " (SELECT record_id FROM verdicts INDEXED BY verdicts_second_word"
            f"  WHERE filter = '{PERSON}' AND in_force = 0 AND undone = 0)"
            " ORDER BY v.record_id, v.id"
        )
        judged: dict[int, Words] = {}
        for record_id, reviewer, kept, clears in rows(self.db, sql, (PERSON,)):
            words = judged.setdefault(record_id, {})
            if clears:
                words.pop(reviewer, None)
            else:
                words[reviewer] = bool(kept)
        return [words for words in judged.values() if len(words) > 1]


DECIDING = ("accept", "reject", "clear")


def kappa(table: Table) -> float | None:
    """Cohen's kappa (1960): agreement beyond what chance gives. None where chance gives all."""
    (yes, only_first), (only_second, no) = table
    total = yes + only_first + only_second + no
    if not total:
        return None
    agreed = (yes + no) / total
    by_chance = (
        (yes + only_first) * (yes + only_second) + (only_second + no) * (only_first + no)
    ) / total**2
    return None if by_chance == 1 else (agreed - by_chance) / (1 - by_chance)


def _per_minute(moments: Sequence[str]) -> float | None:
    """Decisions per minute of work."""
    times = [datetime.fromisoformat(moment).timestamp() for moment in moments]
    if len(times) < 2:
        return None
    worked = sum(min(after - before, LONGEST_PAUSE_S) for before, after in pairwise(times))
    return 60 * (len(times) - 1) / worked if worked > 0 else None
