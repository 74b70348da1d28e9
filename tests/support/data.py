"""Records and gold of every type, in few words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from studio.calls import Request
from studio.records import LABELLED_TEXT, NOTE, QUERY, QUESTION, SENTENCE_PAIR, Gold, Record, Split


def query_for(document_id: int | None, text: str, **more: Any) -> Record:
    """A query for a document."""
    return Record(QUERY, {"query": text}, document_id=document_id, **more)


def queries_of(request: Request, *texts: str) -> tuple[Record, ...]:
    """What was read out of the answer to a request for queries."""
    return tuple(query_for(request.document_id, text) for text in texts)


def labelled(text: str, label: str, **more: Any) -> Record:
    """A text with its class."""
    return Record(LABELLED_TEXT, {"text": text, "label": label}, **more)


def question(text: str, answer: str, context: str, **more: Any) -> Record:
    """A question on a passage, with its answer."""
    return Record(QUESTION, {"question": text, "answer": answer, "context": context}, **more)


def pair(hypothesis: str, label: str, premise: str, **more: Any) -> Record:
    """A premise and a hypothesis on it."""
    fields = {"hypothesis": hypothesis, "label": label, "premise": premise}
    return Record(SENTENCE_PAIR, fields, **more)


def note(text: str, label: str, **more: Any) -> Record:
    """A reason for a label."""
    return Record(NOTE, {"text": text, "label": label}, **more)


def gold_query(
    outside_id: str, text: str, split: Split, relevant: Mapping[int, int], **more: Any
) -> Gold:
    """A query with its right documents, row → grade."""
    return Gold(
        QUERY, {"query": text}, split=split, outside_id=outside_id, relevant=relevant, **more
    )


def gold_text(text: str, label: str, split: Split, outside_id: str = "", **more: Any) -> Gold:
    """A text with its right class."""
    fields = {"text": text, "label": label}
    return Gold(LABELLED_TEXT, fields, split=split, outside_id=outside_id, **more)


def gold_pair(
    hypothesis: str, label: str, premise: str, split: Split, outside_id: str = "", **more: Any
) -> Gold:
    """A pair of sentences with its right class."""
    fields = {"hypothesis": hypothesis, "label": label, "premise": premise}
    return Gold(SENTENCE_PAIR, fields, split=split, outside_id=outside_id, **more)


def gold_question(
    text: str,
    answers: tuple[str, ...],
    context: str,
    split: Split,
    outside_id: str = "",
    **more: Any,
) -> Gold:
    """A question on a passage, with all its right answers."""
    fields = {"question": text, "answer": answers[0] if answers else "", "context": context}
    return Gold(
        QUESTION, fields, split=split, outside_id=outside_id, other_answers=answers[1:], **more
    )


def datum(text: str, label: str = "", context: str = "", answers: tuple[str, ...] = ()) -> Gold:
    """A labelled text, a pair or a question, by what is given of it."""
    if answers:
        return gold_question(text, answers, context, "validation")
    if context:
        return gold_pair(text, label, context, "validation")
    return gold_text(text, label, "validation")


def as_gold(given: Gold, split: Split, outside_id: str = "", origin: str = "import") -> Gold:
    """The datum as gold of a split."""
    return replace(given, split=split, outside_id=outside_id, origin=origin)
