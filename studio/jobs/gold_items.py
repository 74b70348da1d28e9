"""Labelled gold comes in: refused where it would leak, split where a person asks for it."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from studio.filters.base import is_instruction
from studio.formats.labelled import GoldFields, choices_in, read_gold
from studio.formats.rows import ReadingNote, SkippedRow
from studio.jobs.labelled_projects import labelled_task
from studio.jobs.leaks import GoldWords, place_of, switch_off_gold
from studio.project import Project
from studio.prompting.words import normal
from studio.records import Example, Gold, Label, Split, StudioError

Into = Literal["validation", "test", "auto"]
SAMPLES = 20
"""Skipped rows that are told one by one."""
MOST_NAMESAKES = 100
"""Items that may have the same id in their files: validation/data.jsonl, test/data.jsonl …"""


@dataclass(frozen=True, slots=True)
class GoldImport:
    """What an import of gold items did."""

    added: dict[str, int]
    """Split → items."""
    skipped: tuple[SkippedRow, ...]
    """Every row that was left out, with its place and why."""
    notes: tuple[str, ...] = ()
    """How files were read that could be read otherwise."""
    switched_off: tuple[Example, ...] = ()
    """Examples that say what gold says now: the LLM may not see them any more."""

    @property
    def told(self) -> str:
        """What came in and what did not, in words, with the first row that was left out."""
        added = " and ".join(f"{count:,} for {split}" for split, count in self.added.items())
        parts = [f"Gold: {added}."]
        if self.skipped:
            codes = Counter(row.code for row in self.skipped)
            reasons = ", ".join(f"{count:,} {code}" for code, count in codes.most_common())
            rows = "row was" if len(self.skipped) == 1 else "rows were"
            first = self.skipped[0]
            parts.append(
                f"{len(self.skipped):,} {rows} left out: {reasons}. The first: {first.where}: "
                f"{first.reason}."
            )
        return " ".join((*parts, *self.notes))

    def to_row(self) -> dict[str, Any]:
        """For ``--json``."""
        off = [{"id": one.id, "query": one.query} for one in self.switched_off]
        return {
            **({"examples_switched_off": off} if off else {}),
            "added": self.added,
            "notes": list(self.notes),
            "skipped": dict(Counter(row.code for row in self.skipped)),
            "skipped_samples": [
                {"where": row.where, "reason": row.reason} for row in self.skipped[:SAMPLES]
            ],
        }


def import_labelled(
    project: Project,
    path: Path,
    into: Into,
    *,
    test_share: float = 0.5,
    seed: int = 13,
    fields: GoldFields = GoldFields(),
) -> GoldImport:
    """Read a file into gold; all of it in one transaction, ids made unique.

    A text that stands in the other split already, but for case and punctuation, is refused as a
    leak, a doubled one as such, and one that has another label there as a conflict; each with its
    line.

    Raises:
        StudioError: the task has no labels yet, or nothing of the file can be used.
    """
    task = labelled_task(project)
    names = [label.name for label in project.store.labels.all()]
    own: list[str] = []
    if task.has_labels and not names and path.is_file():
        names = own = choices_in(path, fields.encoding)
    if task.has_labels and not names:
        raise StudioError(
            "The project has no labels yet. Name them with "
            '`studio labels set "pos=a good opinion" "neg=a bad opinion"`.'
        )
    split: Split = "validation" if into == "auto" else into
    rows = list(read_gold(path, task, labels=names, split=split, fields=fields))
    notes = tuple(f"{row.where}: {row.reason}." for row in rows if isinstance(row, ReadingNote))
    skipped = [
        row for row in rows if isinstance(row, SkippedRow) and not isinstance(row, ReadingNote)
    ]
    items = [row for row in rows if not isinstance(row, SkippedRow)]
    if own and items:
        project.store.labels.set([Label(name) for name in own])
        notes += (f"The labels are the answer choices of the file: {', '.join(own)}.",)
    if into == "auto":
        items = split_gold(items, test_share, seed)
    items, leaks = _apart(project, items)
    skipped += leaks
    left_out = _add(project, items)
    skipped += [_why(project, gold) for gold in left_out]
    skipped.sort(key=_line)
    added = Counter(gold.split for gold in items) - Counter(gold.split for gold in left_out)
    if not added:
        said = f" The first: {skipped[0].where}: {skipped[0].reason}." if skipped else ""
        raise StudioError(f"Nothing of {path} could be used as gold.{said}")
    off = switch_off_gold(project.store)
    counts = {str(s): count for s, count in added.items()}
    return GoldImport(counts, tuple(skipped), notes, tuple(off))


def _apart(project: Project, items: Sequence[Gold]) -> tuple[list[Gold], list[SkippedRow]]:
    """The items that the other split does not have, and the others as leaks."""
    known, apart, leaks = GoldWords.of(project.store), [], []
    for gold in items:
        # Two files may number their items alike, so the id says nothing here.
        other = known.in_other_split(replace(gold, outside_id=""))
        if other is not None:
            leaks.append(SkippedRow(gold.origin, f"a leak: {place_of(other)}", "leak"))
        else:
            known.add(replace(gold, outside_id=f"{gold.split} {gold.outside_id}"))
            apart.append(gold)
    return apart, leaks


def _add(project: Project, items: Sequence[Gold]) -> list[Gold]:
    """Store items; those whose id another file's item has get a number. What was left out."""
    stored = project.store.gold
    with project.store.write():
        left_out = stored.add(items)
        for number in range(2, MOST_NAMESAKES):
            namesakes = [gold for gold in left_out if stored.same(gold) is None]
            if not namesakes:
                break
            renamed = [
                replace(gold, outside_id=f"{gold.outside_id}~{number}") for gold in namesakes
            ]
            formerly = {id(new): old for new, old in zip(renamed, namesakes, strict=True)}
            stored_now = {id(gold) for gold in namesakes}
            stored_now -= {id(formerly[id(new)]) for new in stored.add(renamed)}
            left_out = [gold for gold in left_out if id(gold) not in stored_now]
    return left_out


def _why(project: Project, gold: Gold) -> SkippedRow:
    """Why an item was left out, by what stands there already."""
    there = project.store.gold.same(gold)
    if there is None:
        reason = f"the id {gold.outside_id!r} is taken by other items"
        return SkippedRow(gold.origin, reason, "duplicate-id")
    place = f"{there.split} has it ({there.origin or there.outside_id})"
    if there.label != gold.label:
        reason = f"{place} with the label {there.label}, and here it is {gold.label}"
        return SkippedRow(gold.origin, reason, "conflict")
    for name in ("output", "positive"):
        if there.fields.get(name) != gold.fields.get(name):
            return SkippedRow(gold.origin, f"{place} with another {name}", "conflict")
    return SkippedRow(gold.origin, place, "duplicate")


def _line(row: SkippedRow) -> int:
    """Where in the file it stands, to tell rows in the order in which a person reads them."""
    _, _, line = row.where.rpartition(":")
    return int(line) if line.isdecimal() else 0


def split_gold(items: Sequence[Gold], test_share: float, seed: int) -> list[Gold]:
    """The items with validation and test drawn by the seed, each label shared out alike.

    Items of one context stay together, for a passage that is known from validation helps in test,
    and so do those of one instruction, whatever their inputs and outputs.

    Raises:
        StudioError: the share is not between 0 and 1.
    """
    if not 0 < test_share < 1:
        raise StudioError(f"The test share is {test_share}; it lies between 0 and 1, such as 0.5.")
    strata: dict[str, list[list[Gold]]] = defaultdict(list)
    for group in _together(items):
        strata[_stratum(group)].append(group)
    test: set[int] = set()
    for name in sorted(strata):
        test |= _drawn(strata[name], test_share, random.Random(f"{seed} {name}"))
    return [replace(gold, split="test" if id(gold) in test else "validation") for gold in items]


def _together(items: Sequence[Gold]) -> Iterable[list[Gold]]:
    """The items in groups, each of which shares a context or a task with another of its group."""
    from scipy.cluster.hierarchy import DisjointSet

    shared = DisjointSet()
    for gold in items:
        shared.add(id(gold))
        context, text = normal(gold.context), normal(gold.text)
        # A text that stands there twice is told as a duplicate then, not as a leak.
        has_task = not context or is_instruction(gold.type)
        keys = [
            *([("context", context)] if context else []),
            *([("text", text)] if has_task else []),
        ]
        for key in keys:
            shared.add(key)
            shared.merge(key, id(gold))
    groups: dict[object, list[Gold]] = defaultdict(list)
    for gold in items:
        groups[shared[id(gold)]].append(gold)
    return groups.values()


def _stratum(group: Iterable[Gold]) -> str:
    return "+".join(sorted({gold.label for gold in group}))


def _drawn(groups: list[list[Gold]], share: float, drawn: random.Random) -> set[int]:
    """The ids of the objects that go to test: whole groups, about the share of the items."""
    order = list(groups)
    drawn.shuffle(order)
    wanted = share * sum(map(len, order))
    chosen: set[int] = set()
    for group in order:
        if len(chosen) + len(group) / 2 > wanted:
            break
        chosen |= {id(gold) for gold in group}
    return chosen
