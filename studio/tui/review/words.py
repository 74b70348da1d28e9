"""Review's words: the columns of the table, the chips of its title, sentences of deeds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from studio.store.review_shapes import (
    BulkPreview,
    Change,
    Decision,
    ReviewProgress,
    ReviewRow,
    View,
)
from studio.tasks import Task
from studio.tui.safe_text import one_line
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
ENOUGH = 10
"""Decisions from which a pace means something."""
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


def columns(score: str, task: Task, *, chosen: bool = False) -> tuple[Column, ...]:
    """The columns of a task's records; ``score`` is the filter whose scores are shown.

    chosen: the view is about that score, so that it shows in a narrow table too.
    """
    score = one_line(score or "score", 10)
    return (
        Column("", 1),
        Column("verdict", 14, from_width=56),
        Column("", 2),
        Column(score, max(len(score), 6), "right", from_width=44 if chosen else 84),
        *([Column("label", 12)] if "label" in task.record.fields else []),
        Column("record"),
        *([Column("document", 10, from_width=100)] if task.needs_documents else []),
    )


def shown_score(view: View, row: ReviewRow | None) -> str:
    """The filter whose score the table shows: the view's, else the strictest one that ran."""
    if view.filter or row is None or not row.scores:
        return view.filter
    return ROUND_TRIP if ROUND_TRIP in row.scores else [*row.scores][-1]


def cells(row: ReviewRow, score: str, task: Task) -> tuple[Cell, ...]:
    """One line of the table, for :func:`columns`."""
    symbol, word, tone = verdict(row)
    marks = ("⚑" if row.flagged else " ") + ("✎" if row.edited else " ")
    return (
        Cell(symbol, tone),
        Cell(word, tone),
        Cell(marks, "warn"),
        Cell(number(row.scores.get(score, row.score)), "muted"),
        *([Cell(row.label)] if "label" in task.record.fields else []),
        Cell(row.text, "" if row.kept else "muted"),
        *([Cell(row.document_outside_id, "muted")] if task.needs_documents else []),
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
    return f"{one_line(reviewer, 20)}: {done} · {tally.left:,} left{pace}"


def touched(verb: str, touch: BulkPreview) -> list[str]:
    """What a bulk deed would change, line by line."""
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


def done(deed: Change, undo_key: str) -> str:
    """The notification after a bulk deed."""
    return f"{deed.words} · {undo_key} undoes"


def when(stamp: str) -> str:
    """A stored moment in the person's own time."""
    try:
        return datetime.fromisoformat(stamp).astimezone().strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return stamp
