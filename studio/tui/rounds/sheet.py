"""One error to read, with the extrapolation in hand: label, prediction, and which words differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from textual.content import Content

from studio.records import Label, Record
from studio.safe_text import one_line
from studio.store.review_shapes import Decision
from studio.tasks import Task
from studio.tui.records.side import note
from studio.tui.records.words import NOTED
from studio.tui.rounds.snapshot import ErrorDetails, RunSnapshot
from studio.tui.rounds.words import addition_fields, confidence, rank
from studio.tui.safe_content import content
from studio.tui.widgets.rows import Row
from studio.tui.widgets.virtual_rows import Tone
from studio.tui.word_diff import signed_sides

LIVE: Final = "live"
"""The key of the row that streams in."""
SEED_SHOWN: Final = 600
"""Characters shown of a text among others that are being written."""
DOCUMENT: Final = 1_200
"""Characters shown of a document that a retriever took for the right one."""


def verdict(item: Record, word: Decision) -> tuple[str, str, Tone]:
    """(sign, words, tone) of an extrapolation."""
    if word == "accepted":
        return "✓", "approved", "good"
    if word == "rejected":
        return "✗", "rejected", "bad"
    if item.kept:
        return "✓", "kept", ""
    return "✗", one_line(item.reason, 16) or "dropped", "warn"


def rows(found: ErrorDetails | None, streaming: str | None, task: Task) -> list[Row]:
    """The extrapolations of an error, and last the one that comes in now."""
    more, listed = addition_fields(task), []
    for record in found.additions if found is not None else ():
        word = found.words.get(record.id, "") if found is not None else ""
        sign, told, tone = verdict(record, word)
        told += f" {NOTED}" if record.note else ""
        fields = [record[name][:400] for name in more]
        listed.append(Row(str(record.id), (sign, record.text[:400], *fields, told), tone))
    if streaming is not None:
        empty = [""] * len(more)
        listed.append(Row(LIVE, ("▶", streaming[-400:] or "…", *empty, "is written …")))
    return listed


def sheet(
    found: ErrorDetails, chosen: Record | None, streaming: str | None,
    labels: Sequence[Label], *, diff: bool,
) -> Content:  # fmt: skip
    """The error, its context, and the addition under the cursor or the text that streams in."""
    error, addition = content(found.text or "(not there any more)"), Content("")
    if streaming is not None:
        addition = content(streaming or "…")
    elif chosen is not None:
        addition = content(chosen.text)
        if diff:
            error, addition = signed_sides(found.text, chosen.text)
    parts: list[Any] = [*_verdicts(found, labels), error, "\n"]
    if chosen is not None or streaming is not None:
        parts += ["\n", *_heading(found, chosen, streaming), addition, "\n", *_answer(chosen)]
        parts += [note(chosen), "\n"] if chosen is not None and chosen.note else []
    # Both are about the same context: below them, so that they stand together on a small screen.
    parts += [*_context(found), *_documents(found)]
    return Content.assemble(*parts)


def being_written(found: RunSnapshot) -> Content:
    """Seed items, the newest first, and before there are any the reasons that they will be
    written from."""
    parts: list[Any] = []
    for item in found.newest:
        sign, words, _ = verdict(item, "")
        head = " · ".join(word for word in (item.label, words) if word)
        parts.append(content(f"{sign} {one_line(head, 60)}\n", "$secondary"))
        parts += [content(item.text, limit=SEED_SHOWN), "\n\n"]
    for reason in () if found.newest else found.reasons:
        parts.append(content(f"why {one_line(reason.label, 40)}: ", "$secondary"))
        parts += [content(reason.text, limit=SEED_SHOWN), "\n"]
    return Content.assemble(*parts)


def plain(found: ErrorDetails, chosen: Record | None) -> str:
    """What a copy takes: the addition in hand, else the error."""
    return chosen.text if chosen is not None else found.text


def _verdicts(found: ErrorDetails, labels: Sequence[Label]) -> Iterator[Any]:
    error, gold = found.error, found.gold
    if "rank" in error.detail:
        yield content(f"✗ right document at rank {rank(error.detail)}", "$error")
        yield content(f" · score of the first {error.confidence:.3f}\n", "$secondary")
        return
    what, right = "gold", "—"
    if gold is not None:
        what, right = ("label", gold.label) if gold.label else ("answer", " | ".join(gold.answers))
    predicted = one_line(_worded(error.predicted, labels), 120) or "—"
    yield content(f"✓ {what}: {one_line(_worded(right, labels), 120)}\n", "$success")
    yield content(f"✗ predicted: {predicted}", "$error")
    yield content(f" · confidence {confidence(error.confidence)}\n", "$secondary")


def _worded(name: str, labels: Sequence[Label]) -> str:
    """A label with its words, such as ``pos (a positive opinion)``."""
    found = next((one for one in labels if one.name == name), None)
    return f"{name} ({found.wording})" if found is not None and found.wording else name


def _answer(record: Record | None) -> Iterator[Any]:
    if record is not None and record.answers:
        yield content(f"✓ answer: {one_line(' | '.join(record.answers), 120)}\n", "$success")


def _context(found: ErrorDetails) -> Iterator[Any]:
    if found.gold is None or not found.gold.context:
        return
    yield content("\ncontext\n", "$secondary")
    yield content(found.gold.context, "$text-muted")
    yield "\n"


def _heading(found: ErrorDetails, chosen: Record | None, streaming: str | None) -> Iterator[Any]:
    if chosen is None or streaming is not None:
        yield content("extrapolation · is written …\n", "$secondary")
        return
    place = found.additions.index(chosen) + 1
    sign, words, _ = verdict(chosen, found.words.get(chosen.id, ""))
    told = f"extrapolation {place} of {len(found.additions)} · {sign} {words}\n"
    yield content(told, "$secondary")


def _documents(found: ErrorDetails) -> Iterator[Any]:
    for what, document in found.documents:
        sign = "✓ the right document" if what == "right" else "≠ a hard negative: ranked before it"
        yield content(f"\n{sign} · {one_line(document.outside_id, 40)}\n", "$secondary")
        yield content(document.full_text, "$text-muted", limit=DOCUMENT)
        yield "\n"
