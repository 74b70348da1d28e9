"""Stored scores: their spread, and thresholds that move on them without a new run.

What a filter's scores mean is read off its verdicts: where the dropped ones lie tells which end it
keeps. A filter may drop at both ends (too short, too long; rank 0 for a document that was not
found): then the upper threshold moves, and what lies below the lower one stays dropped.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from typing import TYPE_CHECKING

from studio.records import StudioError
from studio.store.db import rows, value
from studio.store.review_query import is_everything, of_one_type, queries
from studio.store.review_shapes import Better, Bin, ScoreInfo, View
from studio.store.verdicts import Verdicts

if TYPE_CHECKING:
    from studio.store.db import Database

HIGH_IS_BETTER = frozenset({"language", "accuracy", "helpfulness", "rubric"})
"""Filters that keep high scores, for when they have dropped nothing that would tell."""

OF_FILTER = "in_force = 1 AND filter = ? AND score IS NOT NULL"
MOVABLE = "(kept = 1 OR change_id IS NOT NULL)"
"""What the filter kept, or a moved threshold has judged since: never what lies at its other end."""
SAMPLE = 100
"""Scores that are looked at to see whether they are whole numbers."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a filter keeps: scores from low to high, both inclusive."""

    better: Better
    low: float
    high: float

    def at(self, threshold: float) -> Rule:
        """The rule with its threshold there."""
        if self.better == "low":
            return Rule("low", self.low, threshold)
        return Rule("high", threshold, self.high)


@dataclass(frozen=True, slots=True)
class StoredScores:
    """The scores in force of all filters."""

    db: Database

    def all(self) -> list[ScoreInfo]:
        """One line per filter that gave scores, in the order of the chain."""
        found = [self.info(name) for name in Verdicts(self.db).order()]
        return [info for info in found if info is not None]

    def info(self, filter_name: str) -> ScoreInfo | None:
        """One filter's scores; None when it gave none."""
        low, high = self._edge(filter_name, last=False), self._edge(filter_name, last=True)
        if low is None or high is None:
            return None
        better = self._better(filter_name)
        count = value(self.db, f"SELECT count(*) FROM verdicts WHERE {OF_FILTER}", (filter_name,))
        threshold = self._setting(filter_name)
        if threshold is None:
            threshold = self._edge(filter_name, "kept = 1", last=better == "low")
        return ScoreInfo(filter_name, int(count), low, high, better, threshold)

    def _setting(self, filter_name: str) -> float | None:
        """From which score a judge was told to keep, unless its threshold was moved since."""
        sql = "SELECT 1 FROM changes WHERE filter = ? AND kind = 'threshold' AND state = 'done'"
        if value(self.db, sql, (filter_name,)):
            return None
        sql = (
            "SELECT (SELECT json_extract(j.params, '$.keep_from') FROM jobs j WHERE j.id = v.job_id"
            f" AND j.kind = 'judge') FROM verdicts v WHERE {OF_FILTER} LIMIT 1"
        )
        found = value(self.db, sql, (filter_name,))
        return float(found) if isinstance(found, int | float) else None

    def rule(self, filter_name: str) -> Rule:
        """What the filter keeps, its threshold open. Raises StudioError without stored scores."""
        if self._edge(filter_name, last=False) is None:
            raise StudioError(
                f"The filter “{filter_name}” has stored no scores, so its threshold cannot move. "
                "Run the filters first, or choose a filter that scores."
            )
        better = self._better(filter_name)
        edge = self._edge(filter_name, MOVABLE, last=better == "high")
        if better == "low":
            return Rule("low", -math.inf if edge is None else edge, math.inf)
        return Rule("high", -math.inf, math.inf if edge is None else edge)

    def _better(self, filter_name: str) -> Better:
        """Which end the filter keeps, by where what it dropped lies."""
        sql = "SELECT better FROM changes WHERE filter = ? AND filter != '' LIMIT 1"
        # Once moved, the verdicts no longer tell: the first move has written it down.
        if (known := value(self.db, sql, (filter_name,))) in ("low", "high"):
            return "high" if known == "high" else "low"
        top = self._edge(filter_name, "kept = 1", last=True)
        worst = self._edge(filter_name, "kept = 0", last=True)
        if top is None or worst is None:
            return "high" if filter_name in HIGH_IS_BETTER else "low"
        if worst > top:
            return "low"
        bottom = self._edge(filter_name, "kept = 1", last=False)
        least = self._edge(filter_name, "kept = 0", last=False)
        below = bottom is not None and least is not None and least < bottom
        return "high" if below or filter_name in HIGH_IS_BETTER else "low"

    def _edge(self, filter_name: str, condition: str = "1", *, last: bool) -> float | None:
        """The highest (last) or lowest score with that condition."""
        sql = (
            f"SELECT score FROM verdicts WHERE {OF_FILTER} AND {condition}"
            f" ORDER BY score {'DESC' if last else 'ASC'} LIMIT 1"
        )
        found: float | None = value(self.db, sql, (filter_name,))
        return found

    def would_keep(self, filter_name: str, threshold: float) -> tuple[int, int]:
        """(kept, dropped) by this filter alone, with its threshold there."""
        rule = self.rule(filter_name).at(threshold)
        total = f"SELECT count(*) FROM verdicts WHERE {OF_FILTER}"
        within = f"{total} AND score BETWEEN ? AND ?"
        kept = int(value(self.db, within, (filter_name, rule.low, rule.high)))
        return kept, int(value(self.db, total, (filter_name,))) - kept

    def turning(self, filter_name: str, rule: Rule) -> array[int]:
        """Records that the filter would judge otherwise under this rule."""
        sql = (
            f"SELECT record_id FROM verdicts WHERE {OF_FILTER} AND kept != (score BETWEEN ? AND ?)"
        )
        found = rows(self.db, sql, (filter_name, rule.low, rule.high))
        return array("q", chain.from_iterable(found))

    def unjudged(self, filter_name: str, rule: Rule) -> tuple[int, list[str]]:
        """How many would come back that no later filter has judged, and those filters."""
        names = [*Verdicts(self.db).order()]
        later = names[names.index(filter_name) + 1 :] if filter_name in names else []
        if not later:
            return 0, []
        marks = ",".join("?" * len(later))
        sql = (
            f"SELECT count(*) FROM verdicts v WHERE {OF_FILTER} AND kept = 0"
            " AND score BETWEEN ? AND ? AND NOT EXISTS (SELECT 1 FROM verdicts w"
            f" INDEXED BY verdicts_record WHERE w.record_id = v.record_id"
            f" AND w.filter IN ({marks}) AND w.in_force = 1)"
        )
        return int(value(self.db, sql, (filter_name, rule.low, rule.high, *later))), later

    def reason(self, filter_name: str, rule: Rule) -> str:
        """What the filter says of those beyond its threshold; its name while it dropped none."""
        order = "score DESC" if rule.better == "low" else "score"
        sql = (
            f"SELECT reason FROM verdicts WHERE {OF_FILTER} AND kept = 0"
            f" AND score BETWEEN ? AND ? ORDER BY {order} LIMIT 1"
        )
        return value(self.db, sql, (filter_name, rule.low, rule.high)) or filter_name

    def histogram(
        self,
        filter_name: str,
        bins: int,
        view: View | None = None,
        low: float | None = None,
        high: float | None = None,
    ) -> list[Bin]:
        """At most so many columns from the lowest score to the highest, or between the bounds.

        kept and dropped are the filter's own word. Scores beyond the bounds count in the outermost
        columns. With a view, only its records count. Empty when there are no scores.
        """
        first = self._edge(filter_name, last=False)
        last = self._edge(filter_name, last=True)
        if first is None or last is None:
            return []
        start, end = float(first if low is None else low), float(last if high is None else high)
        count, width = self._columns(filter_name, start, end, bins)
        edges = [start + number * width for number in range(count + 1)]
        view = of_one_type(self.db, view or View())
        if is_everything(view):
            counted = self._by_edges(filter_name, edges)
        else:
            counted = self._counted(filter_name, view, start, width, count)
        return [Bin(edges[n], edges[n + 1], *counted.get(n, (0, 0))) for n in range(count)]

    def _columns(self, filter_name: str, start: float, end: float, bins: int) -> tuple[int, float]:
        """How many columns, and how wide; scores that are whole numbers get whole columns."""
        sql = f"SELECT score FROM verdicts WHERE {OF_FILTER} ORDER BY score DESC LIMIT {SAMPLE}"
        whole = all(float(row[0]).is_integer() for row in rows(self.db, sql, (filter_name,)))
        if whole and start.is_integer():
            step = max(1, math.ceil((end - start + 1) / bins))
            return max(1, math.floor((end - start) / step) + 1), float(step)
        return (bins, (end - start) / bins) if end > start else (1, 1.0)

    def _by_edges(self, filter_name: str, edges: list[float]) -> dict[int, tuple[int, int]]:
        """Column → (kept, dropped), each read off its stretch of the index."""
        sql = (
            "SELECT ifnull(sum(kept), 0), ifnull(sum(1 - kept), 0) FROM verdicts"
            f" WHERE {OF_FILTER} AND score >= ? AND score < ?"
        )
        inner = [-math.inf, *edges[1:-1], math.inf]
        found = [rows(self.db, sql, (filter_name, *pair))[0] for pair in pairwise(inner)]
        return {place: (row[0], row[1]) for place, row in enumerate(found)}

    def _counted(
        self, filter_name: str, view: View, start: float, width: float, count: int
    ) -> dict[int, tuple[int, int]]:
        """Column → (kept, dropped), of a view's records."""
        part = queries(replace(view, sort="id"))[0]
        sql = (
            "SELECT max(0, min(?, CAST((score - ?) / ? AS INTEGER))), sum(kept), sum(1 - kept)"
            f" FROM verdicts WHERE {OF_FILTER} AND record_id IN ({part.sql}) GROUP BY 1"
        )
        found = rows(self.db, sql, (count - 1, start, width, filter_name, *part.parameters))
        return {row[0]: (row[1], row[2]) for row in found}
