"""What the records ask for, by category, and how many of each a filter or a judge has kept.

A category is a label, the kind of task that a file or a method has named, or the template of a set
that wrote a query; where there is none, the root verb of the record's text (see
:mod:`studio.evaluation.root_verbs`) and its object.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal, NamedTuple

from studio.evaluation.root_verbs import root_verb
from studio.filters.base import is_instruction
from studio.records import Record, RecordType, StudioError
from studio.store import Store
from studio.store.review_scores import Rule

WINDOW = 1_000
"""Records read at a time."""
MOST_CATEGORIES = 40
"""Categories in the result of a job."""
MOST_RECORDS = 200_000
"""Records whose categories a job of filters counts."""
ALL = "all"
"""Under this name stands what all filters together have kept."""
NONE = "none"
"""What is shown for a record without a category."""

KIND = RecordType("kind", ("kind",), "kind of task", "kinds of tasks", is_trained_on=False)
"""A kind of task that an imported file names; the parent of the records of that kind."""
MOST_KINDS = 1_000
"""Kinds of tasks in a project: more of them are no kinds."""

By = Literal["kind", "verb", "object"]
"""What the outer and the inner categories are: kinds and their verbs, verbs and their objects, or
objects and their verbs."""


class RecordCategory(NamedTuple):
    """What one record is about; each is empty where it has none."""

    record_id: int
    kind: str
    verb: str
    object: str

    def pair(self, by: By) -> tuple[str, str]:
        """Its outer and its inner category."""
        if by == "kind":
            return self.kind, self.verb
        return (self.verb, self.object) if by == "verb" else (self.object, self.verb)


@dataclass(slots=True)
class CategoryCount:
    """How many records a category has."""

    name: str
    """Empty for those without one."""
    count: int = 0
    """Of a filter's categories: those that it has judged."""
    kept: int = 0
    """Of a filter's categories: those of them that it keeps."""
    parts: list[CategoryCount] = field(default_factory=list)
    """Its inner categories, the largest first."""

    @property
    def kept_share(self) -> float:
        """Of those judged."""
        return self.kept / self.count if self.count else 0.0

    def add(self, kept: bool) -> None:
        """One more."""
        self.count += 1
        self.kept += kept


def categories_of(store: Store, records: Iterable[Record]) -> Iterator[RecordCategory]:
    """Each record with its categories, in order."""
    remaining = iter(records)
    while window := list(islice(remaining, WINDOW)):
        parents = store.records.many([one.parent_id for one in window if one.parent_id])
        kinds = {one.id: one.fields.get("kind", "") for one in parents}
        types = store.query_types.of_records([one.id for one in window])
        for one in window:
            kind = one.label or kinds.get(one.parent_id or 0, "") or types.get(one.id, "")
            yield RecordCategory(one.id, kind, *root_verb(one.text))


def grouped(
    found: Iterable[RecordCategory], by: By, kept: Callable[[int], bool] = lambda _: True
) -> list[CategoryCount]:
    """The categories, the largest first and what has none at the end.

    kept: whether a record counts as kept, by its row.
    """
    outer: dict[str, CategoryCount] = {}
    inner: dict[str, dict[str, CategoryCount]] = defaultdict(dict)
    for one in found:
        name, part = one.pair(by)
        stays = kept(one.record_id)
        outer.setdefault(name, CategoryCount(name)).add(stays)
        inner[name].setdefault(part, CategoryCount(part)).add(stays)
    for name, category in outer.items():
        category.parts = _largest_first(inner[name].values())
    return _largest_first(outer.values())


def _largest_first(found: Iterable[CategoryCount]) -> list[CategoryCount]:
    return sorted(found, key=lambda one: (not one.name, -one.count, one.name))


def counted(
    store: Store, type: str = "", *, kept: bool | None = True, by: By = "verb"
) -> list[CategoryCount]:
    """The categories of the records of a type; of all of them where ``kept`` is None."""
    return grouped(categories_of(store, store.records.all(kept=kept, type=type)), by)


@dataclass(frozen=True, slots=True)
class Retention:
    """What one filter or judge has kept of each category, also with its threshold elsewhere."""

    categories: tuple[RecordCategory, ...]
    """Of the records that it has judged; of a judge, those that it has scored."""
    verdicts: dict[int, tuple[bool, float | None]]
    """Record → whether it is kept, and its score."""

    @property
    def by(self) -> By:
        """Kinds where there are any, else verbs."""
        return "kind" if any(one.kind for one in self.categories) else "verb"

    def now(self, by: By | None = None) -> list[CategoryCount]:
        """As the verdicts in force are."""
        return grouped(self.categories, by or self.by, lambda row: self.verdicts[row][0])

    def by_rule(self, rule: Rule, by: By | None = None) -> list[CategoryCount]:
        """If it kept what this rule keeps; what has no score stays as it is."""

        def keeps(row: int) -> bool:
            kept, score = self.verdicts[row]
            return kept if score is None else rule.low <= score <= rule.high

        return grouped(self.categories, by or self.by, keeps)


def retention(store: Store, filter_name: str, every: int = 1) -> Retention:
    """What a filter or judge has kept by category.

    every: only of every so-maniest record, where a screen has no time for all.

    Raises:
        StudioError: it has judged none.
    """
    verdicts = store.verdicts.of_filter(filter_name, every)
    if not verdicts:
        there = ", ".join(store.verdicts.order()) or "none yet"
        raise StudioError(
            f"No filter or judge “{filter_name}” has judged records here. These have: {there}."
        )
    return retention_of(store, verdicts)


def retention_of(store: Store, verdicts: dict[int, tuple[bool, float | None]]) -> Retention:
    """The same for verdicts that are known: record → whether it is kept, and its score."""
    return Retention(tuple(categories_of(store, _in_windows(store, verdicts))), verdicts)


def last_words(store: Store, type: str = "", most: int | None = None) -> Retention:
    """What is kept of each category by all words together; of the first so many records, or all."""
    kept: dict[int, tuple[bool, float | None]] = {}

    def noted() -> Iterator[Record]:
        for record in islice(store.records.all(type=type), most):
            kept[record.id] = (record.kept, None)
            yield record

    return Retention(tuple(categories_of(store, noted())), kept)


def chain_retention(store: Store, judged: RecordType, names: Iterable[str]) -> dict[str, Any]:
    """Filter → what it has kept by category, and under ``all`` what all of them together have.

    Empty for records that have no categories to speak of, and for more of them than a job looks
    through on the side.
    """
    has_categories = is_instruction(judged) or "label" in judged.fields or store.query_types.all()
    if not has_categories or store.records.counts(judged.name).total > MOST_RECORDS:
        return {}
    every = last_words(store, judged.name)
    found = {one.record_id: one for one in every.categories}
    by_filter = {name: store.verdicts.of_filter(name) for name in names}
    return {
        name: retention_row(
            Retention(tuple(found[row] for row in verdicts if row in found), verdicts).now(),
            MOST_CATEGORIES,
        )
        for name, verdicts in {ALL: every.verdicts, **by_filter}.items()
    }


def _in_windows(store: Store, rows: Iterable[int]) -> Iterator[Record]:
    remaining = iter(rows)
    while window := list(islice(remaining, WINDOW)):
        yield from store.records.many(window)


def retention_row(found: Iterable[CategoryCount], most: int = 0) -> dict[str, dict[str, Any]]:
    """Category → judged, kept and their share, for ``--json``; at most so many, or all (0)."""
    return {
        one.name or NONE: {
            "judged": one.count,
            "kept": one.kept,
            "share": round(one.kept_share, 4),
        }
        for one in islice(found, most or None)
    }
