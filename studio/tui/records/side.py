"""What stands beside a record: its fields, what it is about, what made it, who judged it, its kin.

Everything here is outside text: it is laid out on the store's thread, and only shown by the screen.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from textual.content import Content

from studio.llm.money import dollars
from studio.plurals import so_many
from studio.records import Record, RecordType
from studio.safe_text import one_line, visible
from studio.store.review_shapes import Agreement, Call, Origin, Provenance
from studio.store.verdicts import PERSON
from studio.tui.records import words as say
from studio.tui.records.marks import marks
from studio.tui.safe_content import content

VIEWS: Final = ("Record", "Made by", "Judged", "Alike")
"""What the side shows, in the order in which the key walks through it."""
MOST_MARKS = 400
"""Words that are marked in one document."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One view of the side, ready to be shown."""

    shown: Content
    plain: str
    """What a copy takes."""


def view_names(type: RecordType) -> tuple[str, ...]:
    """What the views are called: a record of one field stands beside its document."""
    return VIEWS if len(type.fields) > 1 else ("Document", *VIEWS[1:])


def sheet(view: str, found: Provenance, search: str, agreement: Agreement | None) -> Sheet:
    """The side's text for one record. ``search`` is what the person looks for."""
    parts: Iterator[Any]
    if view == "Made by":
        parts = _made(found)
    elif view == "Judged":
        parts = _judged(found, agreement)
    elif view == "Alike":
        parts = _alike(found)
    else:
        parts = _whole(found, search)
    shown = Content.assemble(*parts)
    return Sheet(shown, shown.plain)


def _whole(found: Provenance, search: str) -> Iterator[Any]:
    """The record's fields, and what it is about or where it is from."""
    yield from _record(found)
    record, type, document = found.record, found.record.type, found.document
    wanted = f"{record.text[:2_000]} {search}"
    for name in type.fields[1:]:
        if not record[name]:
            continue
        yield from _heading(name.capitalize())
        yield _marked(record[name], wanted if name == type.context else search)
        yield "\n"
    if document.id and not record.context:
        yield from _heading(f"Document {one_line(document.outside_id, 60)}")
        if document.title:
            yield _marked(document.title, wanted, "bold")
            yield "\n"
        yield _marked(document.text, wanted)
        yield "\n"
    origin = found.origin
    if origin is not None and (not document.id or origin.error or origin.parent):
        yield from _heading("Where it is from")
        yield from _origin(record, origin)
    if record.details:
        yield from _heading("What its file says")
        for name, told in record.details.items():
            text = told if isinstance(told, str) else json.dumps(told, ensure_ascii=False)
            yield content(f"{one_line(name.replace('_', ' '), 20)}: {one_line(text, 300)}\n")
    if document.id:
        same = [one for one in found.siblings if one.type == type]
        yield from _heading(f"Other {type.nouns} of this document ({len(same):,})")
        yield from _records(same, "None: this is the only one.")


def _origin(record: Record, origin: Origin) -> Iterator[Any]:
    """The run, and the error or the record that it was made from."""
    run = origin.run
    round_ = f" · from an error of round {origin.round}" if origin.round is not None else ""
    yield content(f"Run {run.id} · {one_line(run.method, 40)} · {one_line(record.stage, 40)}")
    yield content(round_ + "\n")
    if origin.error is not None and origin.gold is not None:
        gold, predicted = origin.gold, one_line(origin.error.predicted, 60)
        right = gold.label or " | ".join(gold.answers)
        yield content(gold.text + "\n", "bold")
        if right:
            yield content(f"✓ {one_line(right, 60)}  ≠ predicted {predicted}\n", "$secondary")
    if origin.parent is not None:
        parent = origin.parent
        yield content(f"{parent.type.noun.capitalize()} {parent.id} it is made from: ")
        yield content(parent.text + "\n", "bold")


def _record(found: Provenance) -> Iterator[Any]:
    """The record whole, and in one line what was said of it."""
    yield content(found.record.text, "bold")
    yield "\n"
    symbol, word, tone = say.verdict_of(found.word, found.record.kept, found.record.reason)
    flag = "  ⚑ flagged" if found.flagged else ""
    edited = "  ✎ edited" if any(not edit.undone for edit in found.edits) else ""
    yield content(f"{symbol} {word}{flag}{edited}", say.STYLES[tone])
    yield "\n"
    if found.record.note:
        yield note(found.record)
        yield "\n"


def note(record: Record) -> Content:
    """What a person has written on the record."""
    return content(f"{say.NOTED} {record.note}", "$warning")


def _marked(text: str, wanted: str, style: str = "") -> Content:
    """The text with the words that it shares with the record underlined."""
    shown = visible(text)
    result = Content.styled(shown, style) if style else Content(shown)
    for start, end in marks(shown, wanted)[:MOST_MARKS]:
        result = result.stylize("bold underline $accent", start, end)
    return result


def _heading(text: str) -> Iterator[Any]:
    yield "\n"
    yield content(text, "$secondary")
    yield "\n"


def _records(records: Iterable[Record], nothing: str) -> Iterator[Any]:
    """One line a record: symbol, text, and why it is dropped."""
    empty = True
    for record in records:
        empty = False
        dropped = "" if record.kept else f"  ({one_line(record.reason, 20)})"
        label = f"{one_line(record.label, 20)}: " if record.label else ""
        yield content(f"{'·' if record.kept else '-'} {label}{one_line(record.text, 300)}")
        yield content(dropped + "\n", "$secondary")
    if empty:
        yield content(nothing + "\n", "$secondary")


def _made(found: Provenance) -> Iterator[Any]:
    call = found.call
    if found.origin is not None:
        yield from _origin(found.record, found.origin)
    if call is None:
        yield content("Brought from outside: no LLM call of this project made it.", "$secondary")
        return
    yield content(f"{_prompt(call)} → {one_line(call.model, 60)}\n", "bold")
    yield content("\n".join(_facts(call)) + "\n")
    yield from _heading("Raw answer")
    yield content(call.answer or "(empty)")
    yield "\n"
    yield from _heading(f"Shots ({len(call.shots)})")
    for number, shot in enumerate(call.shots, 1):
        yield content(f"{number} {one_line(shot.query, 300)}\n", "bold")
        yield content(f"  {one_line(shot.document_text, 160)}\n", "$secondary")
    if not call.shots:
        yield content("None.\n", "$secondary")
    for message in call.messages:
        yield from _heading(f"Request · {one_line(message.role, 20)}")
        yield content(message.content)
        yield "\n"


def _prompt(call: Call) -> str:
    if call.prompt_id is None:
        return "No prompt version"
    return f"{one_line(call.prompt_name, 40)} v{call.prompt_version}"


def _facts(call: Call) -> Iterator[str]:
    decoding = call.decoding
    cost = "cost unknown" if call.cost is None else dollars(call.cost)
    yield f"{one_line(call.endpoint, 60) or 'endpoint unknown'} · {say.when(call.created)}"
    yield f"draw {call.draw} · seed {call.seed} · ended by {one_line(call.finish_reason, 20)}"
    yield (
        f"temperature {decoding.temperature:g} · top p {decoding.top_p:g}"
        f" · at most {so_many(decoding.max_tokens, 'tokens')}"
    )
    tokens = f"{_count(call.prompt_tokens)} tokens in, {_count(call.completion_tokens)} out"
    yield f"{tokens} · {cost} · {call.latency_s:.1f} s"
    if call.note:
        yield one_line(call.note, 200)


def _count(tokens: int | None) -> str:
    return "?" if tokens is None else f"{tokens:,}"


def _judged(found: Provenance, agreement: Agreement | None) -> Iterator[Any]:
    yield from _record(found)
    yield from _heading("What the filters say")
    lines = [line for line in found.verdicts if line.filter != PERSON]
    for line in lines:
        word = "✓ keeps" if line.kept else "✗ drops"
        score = f"  score {say.number(line.score)}" if line.score is not None else ""
        reason = f"  {one_line(line.reason, 40)}" if line.reason else ""
        text = f"{word}  {one_line(line.filter, 30)}{score}{reason}\n"
        yield content(text, "" if line.kept else "$warning")
        if line.said:
            yield content(f"{line.said}\n", "$secondary")
    if not lines:
        yield content("None has judged it yet.\n", "$secondary")
    yield from _history(found)
    if agreement is not None:
        yield from _agreement(agreement)


def _history(found: Provenance) -> Iterator[Any]:
    """What people did to the record, the oldest first; undone changes say so."""
    yield from _heading("History")
    lines = [
        (one.created, f"{one_line(one.reviewer, 20)} {one.word}", one.undone)
        for one in found.decisions
    ]
    lines += [
        (
            one.created,
            f"{one_line(one.reviewer, 20)} edited{_of(one.field)}, before: "
            f"{one_line(one.before, 300)}",
            one.undone,
        )
        for one in found.edits
    ]
    lines += [
        (
            one.created,
            f"{one_line(one.reviewer, 20)} "
            + (f"noted: {one_line(one.note, 300)}" if one.note else "took the note off"),
            one.undone,
        )
        for one in found.notes
    ]
    for created, words, undone in sorted(lines):
        told, style = (f"{words} (undone)", "$secondary") if undone else (words, "")
        yield content(f"{say.when(created)}  {told}\n", style)
    if not lines:
        yield content("No person has touched it.\n", "$secondary")


def _of(field: str) -> str:
    return f" {one_line(field, 20)}" if field else ""


def _agreement(agreement: Agreement) -> Iterator[Any]:
    yield from _heading("Agreement between reviewers")
    if len(agreement.reviewers) < 2 or not agreement.both:
        yield content("No record has been judged by two people yet.\n", "$secondary")
        return
    first, second = (one_line(name, 16) for name in agreement.reviewers[:2])
    kappa = "not defined" if agreement.kappa is None else f"{agreement.kappa:.2f}"
    (both, only_first), (only_second, neither) = agreement.table
    yield content(
        f"{first} and {second}: Cohen's kappa {kappa} over {so_many(agreement.both, 'records')}\n",
        "bold",
    )
    yield content(
        f"both accept {both:,} · both reject {neither:,}\n"
        f"only {first} accepts {only_first:,} · only {second} accepts {only_second:,}\n"
    )


def _alike(found: Provenance) -> Iterator[Any]:
    yield from _record(found)
    yield from _heading(f"Records in the most similar words ({len(found.neighbours):,})")
    yield from _records(found.neighbours, "None shares its rare words.")
