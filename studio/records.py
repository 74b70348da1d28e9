"""The domain as frozen dataclasses. This module imports nothing of the studio.

What is asked of an LLM stands in :mod:`studio.calls`, jobs and what is trained in
:mod:`studio.runs`.

One word per thing, the same in code, tables, screens and help:
corpus → examples → prompt → requests → generations → records → verdicts → snapshot → model →
evaluation.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final, Literal

Split = Literal["validation", "test"]


class StudioError(Exception):
    """Something that the person can mend: one clear sentence, shown without a traceback.

    The message says what happened, to which input (file, line, row), and what to do next.
    """


class WrongTask(StudioError):
    """What was asked for is nothing for the project's task: the sentence names what to use instead.

    A verb that meets it exits with 2, wrong use.
    """


class CapReached(StudioError):
    """A run has used what it may spend, and is not at its end: a higher cap lets it go on.

    A verb that meets it exits with 3.
    """


def content_sha(*parts: str) -> str:
    """The hex SHA-256 of the parts, each ended by a unit separator so that joins never collide."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode("utf-8", "surrogatepass"))
        digest.update(b"\x1f")
    return digest.hexdigest()


def joined_text(title: str, text: str) -> str:
    """Title and text as every encoder, index and prompt of the studio sees them."""
    return f"{title} {text}" if title else text


@dataclass(frozen=True, slots=True)
class RecordType:
    """What a datum consists of: named fields in order; the first one is its text."""

    name: str
    """Such as ``query``; unique in the program."""
    fields: tuple[str, ...]
    """The names of the fields, in the order in which tables show them; the first is the text."""
    noun: str
    """One of them, for people, such as ``query``."""
    nouns: str
    """Several of them, such as ``queries``."""
    context: str = ""
    """The field that holds what the text is about, such as ``premise``; empty without one."""
    is_trained_on: bool = True
    """False for notes on the way to records, such as reasons for a label."""


QUERY = RecordType("query", ("query",), "query", "queries")
"""A query for a document of the corpus."""
LABELLED_TEXT = RecordType("text", ("text", "label"), "text", "texts")
"""A text with its class."""
SENTENCE_PAIR = RecordType(
    "pair", ("hypothesis", "label", "premise"), "hypothesis", "hypotheses", context="premise"
)
"""A premise, a hypothesis on it, and how they stand to each other."""
QUESTION = RecordType(
    "question", ("question", "answer", "context"), "question", "questions", context="context"
)
"""A question on a passage and its answer, word for word out of the passage."""
INSTRUCTION = RecordType(
    "instruction", ("instruction", "input", "output"), "instruction", "instructions",
    context="input",
)  # fmt: skip
"""A task in words, what it is to be done with (often nothing), and the answer."""
TRIPLET = RecordType(
    "triplet",
    ("query", "positive", "group", "negative", "instruction", "score", "positive_instruction"),
    "triplet", "triplets",
)  # fmt: skip
"""A text with one that belongs to it, one that only looks as if (or none), and the task in words
that says what belonging means. ``group`` is the kind of task, such as ``short-long``; ``score``, of
pairs of sentences alone, how near they are in meaning; ``positive_instruction`` what stands before
positive and negative, in data that say it of them too."""
NOTE = RecordType("note", ("text", "label"), "note", "notes", is_trained_on=False)
"""What is written on the way to records, such as a reason for a label."""
OWN_TYPES = (QUERY, LABELLED_TEXT, SENTENCE_PAIR, QUESTION, INSTRUCTION, TRIPLET, NOTE)
RECORD_TYPES = {one.name: one for one in OWN_TYPES}
"""The program's own types by name; a method from outside brings its own, which the store keeps."""


@dataclass(frozen=True, slots=True)
class Datum:
    """One set of named fields, whoever wrote it: a record, or gold."""

    type: RecordType
    fields: Mapping[str, str]
    """Field → text. A field of the type that is missing here is empty."""

    def __getitem__(self, name: str) -> str:
        """One field. Raises KeyError for a name that the type does not have."""
        if name not in self.type.fields:
            raise KeyError(f"a {self.type.name} has no field {name!r}")
        return self.fields.get(name, "")

    @property
    def text(self) -> str:
        """The first field."""
        return self.fields.get(self.type.fields[0], "")

    @property
    def label(self) -> str:
        """The class; empty where the type has none."""
        return self.fields.get("label", "")

    @property
    def context(self) -> str:
        """What the text is about; empty where the type has none."""
        return self.fields.get(self.type.context, "") if self.type.context else ""

    @property
    def answers(self) -> tuple[str, ...]:
        """All that is a right answer; empty where the type has none."""
        answer = self.fields.get("answer", "")
        return (answer,) if answer else ()


@dataclass(frozen=True, slots=True)
class Document:
    """One passage of the corpus, in its own words."""

    outside_id: str
    """The id it had where it came from; unique in a project."""
    title: str
    """May be empty."""
    text: str
    """The passage, unchanged."""
    id: int = 0
    """The row in the store; 0 before it is stored."""
    source_id: int | None = None
    """The long document this passage was cut from, if any."""
    position: int = 0
    """Its place among the passages of its source, from 0."""

    @property
    def full_text(self) -> str:
        """Title and text joined by one space."""
        return joined_text(self.title, self.text)

    @property
    def sha(self) -> str:
        """The hash by which equal documents are found."""
        return content_sha(self.title, self.text)


DOCUMENT: Final = "document"
"""The name under which an example's texts have the document that it was written for."""


@dataclass(frozen=True, slots=True)
class Example:
    """A hand-written few-shot demonstration: this document, this query."""

    document_text: str
    """The document as the example shows it (title joined); it may differ from the corpus."""
    query: str
    """What a person would ask for this document."""
    id: int = 0
    """The example's row; 0 before it is stored."""
    revision_id: int = 0
    """The exact wording: each edit makes a new revision, and shot sets point at revisions."""
    document_id: int | None = None
    """The corpus document it was written for, if any."""
    enabled: bool = True
    """Off: kept, but never drawn as a shot."""
    position: int = 0
    """Order on the screen, from 0."""
    tags: str = ""
    """Words of the person's own, separated by spaces."""
    type: RecordType = QUERY
    """What it demonstrates; ``query`` is the first field of the type."""
    fields: Mapping[str, str] = field(default_factory=dict, hash=False)
    """The other fields of the type, besides the first; empty for queries."""

    @property
    def texts(self) -> dict[str, str]:
        """All that a person writes of it: field of its type → text, and under ``DOCUMENT`` the
        document."""
        first, *others = self.type.fields
        written = {name: self.fields.get(name, "") for name in others}
        return {first: self.query, **written, DOCUMENT: self.document_text}

    @property
    def unwritten(self) -> tuple[str, ...]:
        """The fields besides the first that are still to be written: what it is about may be
        empty, what is to be learnt from it may not."""
        written = {self.type.context, *(name for name in self.fields if self.fields[name].strip())}
        return tuple(name for name in self.type.fields[1:] if name not in written)

    def worded(self, texts: Mapping[str, str]) -> Example:
        """The same example with these texts; one that is not named stays as it is."""
        said = {**self.texts, **texts}
        first, *others = self.type.fields
        fields = {name: said[name] for name in others if said[name]}
        return replace(self, query=said[first], document_text=said[DOCUMENT], fields=fields)


class Reason(StrEnum):
    """Why an answer made no record, or why a record was dropped: shown, never silent."""

    ERROR = "error"
    NO_LABEL = "no-label"
    EMPTY = "empty"
    THINKING = "thinking"
    REFUSAL = "refusal"
    TRUNCATED = "truncated"
    COPIED = "copied"
    ECHO = "echo"
    LANGUAGE = "language"
    TOO_SHORT = "too-short"
    TOO_LONG = "too-long"
    LOOP = "loop"
    DUPLICATE = "duplicate"
    NEAR_DUPLICATE = "near-duplicate"
    ROUND_TRIP = "round-trip"
    NO_QUESTION = "no-question"
    ANSWER_INSIDE = "answer-inside"
    TEST_LEAK = "test-leak"
    BLACKLIST = "blacklist"
    START = "start"
    POINTS_AT_TEXT = "points-at-text"
    CONFLICT = "conflict"
    ENOUGH_OF_TASK = "enough-of-task"
    NOT_DRAWN = "not-drawn"
    MONOTONOUS = "monotonous"
    TOO_DIVERSE = "too-diverse"
    UNLIKELY = "unlikely"
    NO_HELP = "no-help"
    NO_TEMPLATE = "no-template"
    FORESEEN = "foreseen"
    LOW_SCORE = "low-score"
    UNSCORED = "unscored"
    NOT_JSON = "not-json"
    NO_FIELD = "no-field"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Record(Datum):
    """One datum that an LLM wrote or that was brought from outside, with its place in its run."""

    id: int = 0
    """The row in the store; 0 before it is stored."""
    document_id: int | None = None
    """The corpus document that it is about, if any."""
    parent_id: int | None = None
    """The record that it was made from, if any, such as the task of an example."""
    run_id: int | None = None
    """The run that it belongs to; None for what was brought from outside."""
    stage: str = ""
    """The stage of the run's method that made it."""
    batch: int = 0
    """The batch of the stage, from 0; for extrapolations the round whose errors they are from."""
    place: int = 0
    """The number of its request within the batch, from 0."""
    part: int = 0
    """Its number within the answer, from 0."""
    error_id: int | None = None
    """The error that it was extrapolated from."""
    generation_id: int | None = None
    """None for records brought from outside."""
    job_id: int | None = None
    kept: bool = True
    """The last word on it: the person's if there is one, else every filter's together."""
    reason: str = ""
    """Why it is dropped; empty while kept."""
    note: str = ""
    """What a person has written on it."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """What the file that it was brought in with said of it besides its fields, and under
    ``origin`` which row of which file that was; empty for what was made here."""

    def needed_document(self) -> int:
        """Its document's row. Raises StudioError for a record that is about none."""
        if self.document_id is None:
            raise StudioError(
                f"Record {self.id} is about no document, so that nothing can be learnt of one. "
                "Reject it in Review, or choose other records."
            )
        return self.document_id


@dataclass(frozen=True, slots=True)
class Verdict:
    """A tag on a record by a filter or by a person. Nothing is deleted."""

    record_id: int
    filter: str
    """The filter's name, or ``person``."""
    kept: bool
    score: float | None = None
    """The number the filter compared with its threshold, kept so that the threshold can move."""
    reason: str = ""
    """A :class:`Reason` when dropped."""
    id: int = 0


@dataclass(frozen=True, slots=True)
class Gold(Datum):
    """A human-labelled datum: fields, and what is right for it."""

    split: Split = "validation"
    """Validation is looked at, for errors; test is only ever scored."""
    outside_id: str = ""
    """The id it had where it came from; unique in a project."""
    relevant: Mapping[int, int] = field(default_factory=dict)
    """For queries: document row → grade; 1 and up is right, 0 was marked wrong."""
    named: Mapping[int, int] = field(default_factory=dict)
    """Row of a judged passage → the long document (``sources``) by whose name it was judged."""
    other_answers: tuple[str, ...] = ()
    """For questions: what answers them as well as the field ``answer``."""
    origin: str = "import"
    """``import``, ``example`` (a held-out example), ``search`` (marked by a person), or the file
    that it came from with its line."""
    id: int = 0

    @property
    def judged(self) -> dict[tuple[str, int], int]:
        """What was judged → its best grade: a long document counts once, whatever it was cut into.

        Keys are ``("source", row)`` of a long document that was named, else ``("document", row)``.
        """
        found: dict[tuple[str, int], int] = {}
        for row, grade in self.relevant.items():
            key = ("source", self.named[row]) if row in self.named else ("document", row)
            found[key] = max(grade, found.get(key, 0))
        return found

    @property
    def answers(self) -> tuple[str, ...]:
        """All that is a right answer, the first one first."""
        answer = self.fields.get("answer", "")
        return (answer, *self.other_answers) if answer else ()


@dataclass(frozen=True, slots=True)
class Label:
    """One of the classes of a project."""

    name: str
    """As gold files and tables write it."""
    wording: str = ""
    """How prompts say it, such as ``a positive opinion``; empty takes the name."""
    id: int = 0
    position: int = 0
    """Its place in tables, and the model's output, from 0."""

    @property
    def words(self) -> str:
        """What a prompt says."""
        return self.wording or self.name


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model says of one datum."""

    predicted: str
    """A label's name, or the span of text."""
    confidence: float
    """The model's probability of that, 0 to 1; for spans the product of both ends'."""
    right: bool
    """Equal to the gold label; for spans exact match after SQuAD's normalisation."""
    score: float = 0.0
    """1 or 0 for labels, the token F1 for spans."""
