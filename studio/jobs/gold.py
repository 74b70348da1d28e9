"""Gold that a person marks: which query it is, right or wrong, and back again.

A mark writes gold, and switches off the examples with its words: no LLM is shown gold. Records
with its words are told, and :mod:`studio.jobs.training_data` leaves them out of every training.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from studio.jobs.leaks import LONGEST_COMPARED, switch_off_gold, wording
from studio.records import Gold, Split, StudioError
from studio.store import Store
from studio.store.gold import Mark

SPLITS: tuple[Split, ...] = ("validation", "test")
_RUN = re.compile(r"\w+")

Wordings = dict[str, Gold]
"""Wording → the gold query that has it."""


@dataclass(frozen=True, slots=True)
class MarkChange:
    """One mark set or taken off, and how it was before."""

    outside_id: str
    text: str
    split: Split
    document_id: int
    """The passage that the person looked at."""
    before: Mapping[int, Mark | None]
    """Every passage that was marked with it, such as those of its whole document."""
    after: Mapping[int, Mark | None]
    switched_off: tuple[int, ...] = ()
    """Examples that asked the same and were switched on."""


@dataclass(frozen=True, slots=True)
class Same:
    """What asks the same words as a query."""

    examples: tuple[int, ...]
    """Examples, which no LLM is shown while the query is gold."""
    records: tuple[int, ...]
    """Kept records."""


def wordings(store: Store) -> Wordings:
    """All gold queries. Of two with the same words, an imported one counts, then validation."""
    found: Wordings = {}
    queries = [query for split in SPLITS for query in store.gold.all(split)]
    for query in sorted(queries, key=lambda query: query.origin == "search"):
        found.setdefault(wording(query.text), query)
    return found


def find(store: Store, text: str) -> Gold | None:
    """The gold query with these words, if there is one."""
    return wordings(store).get(wording(text))


def mark(
    store: Store,
    query: Gold | None,
    text: str,
    split: Split,
    document_id: int,
    grade: int | None,
    reviewer: str = "",
) -> MarkChange | None:
    """Mark a document right (1), wrong (0) or not at all (None) for a query.

    Args:
        store: the project's.
        query: the gold query that has these words; None begins one in the split.
        text: the query's words.
        split: where a new query goes; a known one stays where it is.
        document_id: the document's row; where gold names whole documents, all passages of it count.
        grade: what is said of it.
        reviewer: who says so.

    Returns:
        What was done; None when nothing would change.
    """
    if not text.strip():
        raise StudioError("The query is empty, so nothing can be marked for it.")
    if query is None and grade is None:
        return None
    with store.write():
        name = query.outside_id if query is not None else store.gold.begin(text, split)
        rows, source = _marked_with(store, document_id)
        marks = {one.document_id: one for one in store.gold.marks(name)}
        before = {row: marks.get(row) for row in rows}
        wanted = None if grade is None else grade > 0
        if all(_says(mark) == wanted for mark in before.values()):
            return None
        known = store.gold.named(name)
        assert known is not None
        after = {
            row: None if grade is None else Mark(row, grade, "search", reviewer, source_id=source)
            for row in rows
        }
        change = MarkChange(name, known.text, known.split, document_id, before, after)
        _put(store, change, after)
        if (marked := store.gold.named(name)) is not None:
            off = tuple(example.id for example in switch_off_gold(store, [marked]))
            change = replace(change, switched_off=off)
    return change


def _marked_with(store: Store, document_id: int) -> tuple[list[int], int | None]:
    """The passages that a mark means: where documents count, all of the passage's document."""
    parts = store.sources.parts([document_id]) if store.gold.names_documents() else iter(())
    source = next((source for _, source in parts), None)
    if source is None:
        return [document_id], None
    return list(dict.fromkeys([*store.sources.passages_of(source), document_id])), source


def _says(mark: Mark | None) -> bool | None:
    """Right, wrong or nothing: an imported grade of 2 is right as well."""
    return None if mark is None else mark.grade > 0


def undo(store: Store, change: MarkChange) -> None:
    """Make the marks as they were before, and the examples where the query is gold no more."""
    with store.write():
        _put(store, change, change.before)
        if store.gold.named(change.outside_id) is None:
            for example in change.switched_off:
                store.examples.switch(example, on=True)


def _put(store: Store, change: MarkChange, marks: Mapping[int, Mark | None]) -> None:
    if store.gold.named(change.outside_id) is None and any(marks.values()):
        # Its last mark was taken off, and the query with it.
        store.gold.begin(change.text, change.split)
    for row, mark in marks.items():
        if mark is None:
            store.gold.take_mark(change.outside_id, row)
        else:
            store.gold.put_mark(change.outside_id, mark)


def same_words(store: Store, text: str) -> Same:
    """The examples and the kept records that have the words of a query."""
    words = wording(text)
    examples = [one.id for one in store.examples.all() if wording(one.query) == words]
    head = text[:LONGEST_COMPARED]
    like = store.gold.records_like(head, list(_runs(head)))
    records = sorted(row for row, other in like.items() if wording(other) == words)
    return Same(tuple(examples), tuple(records))


def _runs(text: str) -> Iterable[str]:
    return dict.fromkeys(match[0] for match in _RUN.finditer(text))
