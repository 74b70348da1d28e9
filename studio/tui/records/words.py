"""The words of the record browser: columns, the chips of a title, what a change is called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from rich.cells import cell_len

from studio.records import RecordType
from studio.safe_text import one_line
from studio.store.review_shapes import (
    BulkPreview,
    Change,
    Decision,
    ReviewProgress,
    ReviewRow,
    View,
)
from studio.tui.widgets.rows import Column
from studio.tui.widgets.virtual_rows import Cell, Tone

STYLES: Final[dict[Tone, str]] = {
    "": "",
    "muted": "$secondary",
    "good": "$success",
    "bad": "$error",
    "warn": "$warning",
}
"""Tone of a cell → style of a text."""
WIDE, WIDEST = 12, 20
"""Cells of a column of a field, and the most that its heading may take."""
FROM_WIDTH = 66
"""Cells of a table from which fields besides the first one and the label are columns."""
MORE_WIDTH = 50
"""Cells more for each field after the third."""
GROUP_FROM = 76
"""The same for the kind of a triplet, which two texts leave little room for."""
CONTEXT_FROM = 100
"""The same for a passage that the record is about: a type has it last."""
ENOUGH = 10
"""Decisions from which a pace means something."""
NOTED = "❞"
"""Before a note, and in the line of a record that has one."""
ROUND_TRIP = "round-trip"
LONGEST_CELL = 2_000
"""Characters of a record that the list keeps; the whole stands beside it."""

VERDICTS: Final[dict[str, str]] = {
    "all": "all records",
    "undecided": "undecided by a person",
    "kept": "kept",
    "dropped": "dropped",
    "accepted": "accepted by a person",
    "rejected": "rejected by a person",
    "flagged": "flagged",
    "edited": "edited",
    "noted": "with a note",
}
"""Verdict of a view → what a person reads."""

SORTS: Final[dict[str, str]] = {
    "id": "oldest first",
    "-id": "newest first",
    "text": "by text, A to Z",
    "score": "lowest score first",
    "-score": "highest score first",
    "length": "shortest first",
    "-length": "longest first",
    "document": "by document",
}
"""Order of a view → what a person reads."""


def columns(
    type: RecordType,
    score: str,
    *,
    chosen: bool = False,
    documents: bool = False,
    query_types: bool = False,
) -> tuple[Column, ...]:
    """The verdict, and the fields of a type; ``score`` is the filter whose scores are shown.

    chosen: the view is about that score, so that it shows in a narrow table too. documents: the
    records are about documents. query_types: sets of templates have written some.
    """
    score = one_line(score or "score", 10)
    return (
        Column("", 1),
        Column("verdict", 14, from_width=56),
        Column("", 3),
        Column(score, max(len(score), 6), "right", from_width=44 if chosen else 84),
        *field_columns(type),
        *([Column("query type", WIDE, from_width=FROM_WIDTH)] if query_types else []),
        *([Column("document", 10, from_width=100)] if documents else []),
    )


def field_columns(type: RecordType) -> Iterator[Column]:
    """The first field takes the room that there is, with an output or a positive as its equal; what
    it is about stands beside the table, and in a wide one in it."""
    first, *others = type.fields
    yield Column(one_line(first, 20))
    for place, name in enumerate(others):
        if name == "label":
            yield Column("label", WIDE)
        elif name in ("output", "positive"):
            yield Column(name, from_width=FROM_WIDTH)
        elif name == "group":
            yield Column(name, WIDE, from_width=GROUP_FROM)
        else:
            title = one_line(name, WIDEST)
            least = CONTEXT_FROM if name == type.context == type.fields[-1] else FROM_WIDTH
            # More than two leave no room for the first field, but on a wide screen.
            least += MORE_WIDTH * max(0, place - 1)
            yield Column(title, max(cell_len(title), WIDE), from_width=least)


def field_cells(type: RecordType, fields: Mapping[str, str], tone: Tone = "") -> Iterator[Cell]:
    """One datum, for :func:`field_columns`."""
    for name in type.fields:
        yield Cell(fields.get(name, ""), tone)


def shown_score(view: View, row: ReviewRow | None) -> str:
    """The filter whose score the table shows: the view's, else the strictest one that ran."""
    if view.filter or row is None or not row.scores:
        return view.filter
    return ROUND_TRIP if ROUND_TRIP in row.scores else [*row.scores][-1]


def cells(
    row: ReviewRow,
    type: RecordType,
    score: str,
    *,
    documents: bool = False,
    query_types: bool = False,
) -> tuple[Cell, ...]:
    """One line of the table, for :func:`columns`."""
    symbol, word, tone = verdict(row)
    signs = (("⚑", row.flagged), ("✎", row.edited), (NOTED, row.noted))
    marks = "".join(sign if is_there else " " for sign, is_there in signs)
    fields = {**row.fields, type.fields[0]: row.text}
    return (
        Cell(symbol, tone),
        Cell(word, tone),
        Cell(marks, "warn"),
        Cell(number(row.scores.get(score, row.score)), "muted"),
        *field_cells(type, fields, "" if row.kept else "muted"),
        *([Cell(row.query_type, "muted")] if query_types else []),
        *([Cell(row.document_outside_id, "muted")] if documents else []),
    )


def verdict(row: ReviewRow) -> tuple[str, str, Tone]:
    """Symbol, word and colour of a row."""
    return verdict_of(row.word, row.kept, row.reason)


def verdict_of(word: Decision, kept: bool, reason: str) -> tuple[str, str, Tone]:
    """Symbol, word and colour: the person's word if there is one, else what the filters say."""
    if word == "accepted":
        return "✓", "accepted", "good"
    if word == "rejected":
        return "✗", "rejected", "bad"
    if kept:
        return "·", "kept", ""
    return "-", one_line(reason, 20) or "dropped", "muted"


def number(value: float | None) -> str:
    """A score as short as it can be; empty without one."""
    if value is None:
        return ""
    return f"{value:.0f}" if float(value).is_integer() and abs(value) < 1e6 else f"{value:.3g}"


def span(low: float | None, high: float | None) -> str:
    """A range of scores, open ends said in words."""
    if low is not None and high is not None:
        return f"{number(low)}–{number(high)}"
    return f"from {number(low)}" if low is not None else f"up to {number(high)}"


def chips(view: View, prompts: dict[int, str]) -> Iterator[str]:
    """What the view leaves out, each in a few words."""
    if view.verdict != "all":
        yield VERDICTS[view.verdict]
    if view.reason:
        yield view.reason
    if view.filter and (view.score_from is not None or view.score_to is not None):
        yield f"{view.filter} {span(view.score_from, view.score_to)}"
    if view.prompt_id is not None:
        yield prompts.get(view.prompt_id, f"prompt {view.prompt_id}")
    if view.job_id is not None:
        yield f"job {view.job_id}"
    if view.document_id is not None:
        yield "of one document"
    if view.type:
        yield f"type {one_line(view.type, 20)}"
    if view.field:
        yield f"{one_line(view.field, 20)} {one_line(view.value, 24)}"
    if view.search.strip():
        yield f"“{one_line(view.search, 24)}”"


def narrowed(view: View) -> bool:
    """Whether the view leaves records out."""
    return any(chips(view, {}))


def title(view: View, count: int, prompts: dict[int, str]) -> str:
    """How many records, of which kind, in which order."""
    parts = [f"Records {count:,}", *chips(view, prompts)]
    if view.sort != "id":
        parts.append(SORTS[view.sort])
    return " · ".join(parts)


def tally(tally: ReviewProgress, reviewer: str) -> str:
    """The session so far, in one line."""
    edited = f" {tally.edited:,} ✎" if tally.edited else ""
    done = f"{tally.decided:,} decided ({tally.accepted:,} ✓ {tally.rejected:,} ✗{edited})"
    known = tally.per_minute is not None and tally.decided >= ENOUGH
    pace = f" · {tally.per_minute:.0f} a minute" if known else ""
    return f"reviewer {one_line(reviewer, 20)}: {done} · {tally.left:,} left{pace}"


def touched(verb: str, touch: BulkPreview) -> list[str]:
    """What a change on many records would do, line by line."""
    width = len(f"{touch.count:,}")

    def line(count: int, words: str) -> str:
        return f"{count:>{width},} {words}"

    lines = [line(touch.count, "records")]
    if verb == "flag":
        return lines
    accepted, rejected = (touch.accepted, "accepted"), (touch.rejected, "rejected")
    (same, stay), (other, change) = (
        (accepted, rejected) if verb == "accept" else (rejected, accepted)
    )
    lines.append(line(touch.undecided, "undecided by a person"))
    if same:
        lines.append(line(same, f"{stay} already: stay so"))
    if other:
        lines.append(line(other, f"{change} by a person: change sides !"))
    return lines


def done(change: Change, undo_key: str) -> str:
    """The notification after a change on many records."""
    return f"{change.words} · {undo_key} undoes"


def when(stamp: str) -> str:
    """A stored moment in the person's own time."""
    try:
        return datetime.fromisoformat(stamp).astimezone().strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return stamp
