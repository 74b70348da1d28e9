"""The domain as frozen dataclasses. This module imports nothing of the studio.

One word per thing, the same in code, tables, screens and help:
corpus → examples → prompt → requests → generations → records → verdicts → snapshot → model →
evaluation.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

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
NOTE = RecordType("note", ("text", "label"), "note", "notes", is_trained_on=False)
"""What is written on the way to records, such as a reason for a label."""
RECORD_TYPES = {one.name: one for one in (QUERY, LABELLED_TEXT, SENTENCE_PAIR, QUESTION, NOTE)}
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


Style = Literal["chat", "completion"]


@dataclass(frozen=True, slots=True)
class Decoding:
    """How the LLM samples its answer."""

    temperature: float = 0.7
    """0 is greedy; Promptagator samples at 0.7."""
    top_p: float = 1.0
    """Nucleus mass kept."""
    max_tokens: int = 64
    """The longest answer, in tokens of the endpoint."""
    stop: tuple[str, ...] = ()
    """Strings that end the answer; never numbers (they cut dates short)."""
    presence_penalty: float = 0.0
    """OpenAI's presence penalty, -2 to 2."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """An immutable version of a template with its decoding settings."""

    name: str
    """The template's name, such as ``question-answering``."""
    template: str
    """The whole Markdown text with its TOML front matter, as the person edits it."""
    id: int = 0
    """The row in the store; 0 before it is stored."""
    version: int = 0
    """From 1, per project."""
    note: str = ""
    """What the person said of this version."""
    created: str = ""
    """ISO 8601, UTC."""

    @property
    def sha(self) -> str:
        """The hash of the template: equal text is the same version."""
        return content_sha(self.template)


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat request, or the whole prompt of a completion (role ``prompt``)."""

    role: Literal["system", "user", "assistant", "prompt"]
    content: str


@dataclass(frozen=True, slots=True)
class Request:
    """One LLM call, wholly determined before it is made."""

    messages: tuple[Message, ...]
    """Chat turns, or one message of role ``prompt`` for completion style."""
    model: str
    """The model's name at its endpoint."""
    decoding: Decoding = field(default_factory=Decoding)
    seed: int = 0
    """The sampling seed sent to the endpoint: a different one per draw."""
    document_id: int | None = None
    """The document a query is asked for."""
    prompt_id: int | None = None
    """The prompt version that was rendered."""
    shot_set_id: int | None = None
    """The shots in front of the document."""
    draw: int = 0
    """The how-maniest query of this document, from 0."""
    note: str = ""
    """What was cut to fit the context window; empty if nothing."""
    purpose: str = ""
    """What it is for, where a method asks for several things: it does not decide the answer."""

    @property
    def style(self) -> Style:
        """Completion requests have one message of role ``prompt``."""
        return "completion" if self.messages[0].role == "prompt" else "chat"

    @property
    def sha(self) -> str:
        """The hash of all that decides the answer: an equal request is answered from the store."""
        decoding = self.decoding
        settings = [
            decoding.temperature,
            decoding.top_p,
            decoding.max_tokens,
            list(decoding.stop),
            decoding.presence_penalty,
            self.seed,
        ]
        texts = [part for message in self.messages for part in (message.role, message.content)]
        return content_sha(self.model, json.dumps(settings), *texts)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back from one LLM call."""

    text: str
    """The raw answer, after what the model thought (``<think>…</think>``); empty when the
    call failed."""
    finish_reason: str = "stop"
    """``stop``, ``length``, ``content_filter`` … as the endpoint said, or ``error``."""
    prompt_tokens: int | None = None
    """Tokens in, as the endpoint counted; None when it does not say."""
    completion_tokens: int | None = None
    """Tokens out; None when the endpoint does not say."""
    cached_tokens: int | None = None
    """Tokens of the prompt that the server had in its prefix cache."""
    cost: float | None = None
    """US dollars; None when the price is unknown, never 0 for unknown."""
    latency_s: float = 0.0
    """Seconds from sending to the last byte."""
    endpoint: str = ""
    """The name of the endpoint that answered."""
    error: str = ""
    """One sentence when the call failed for good; empty otherwise."""

    @property
    def is_counted(self) -> bool:
        """Whether the endpoint said what the call took: no prompt is nothing, whatever it says."""
        return bool(self.prompt_tokens) and self.completion_tokens is not None


@dataclass(frozen=True, slots=True)
class Reservation:
    """The most that one call can take."""

    tokens: int
    """Prompt and answer together."""
    cost: float | None
    """US dollars; None when the price is unknown."""


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
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Generation:
    """One LLM call as stored: the request, the answer, and what became of it."""

    request: Request
    answer: Answer
    id: int = 0
    job_id: int | None = None
    reason: str = ""
    """Why no record came of it (a :class:`Reason`); empty when one did."""
    created: str = ""


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


@dataclass(frozen=True, slots=True)
class Run:
    """One method at work with one setting, from its first stage to its last round."""

    method: str
    """Its name in the registry of methods, or ``gold``: human-labelled data alone."""
    params: dict[str, Any]
    """All that decides it: endpoint, sizes, rounds, model, seed."""
    id: int = 0
    created: str = ""
    finished_stages: tuple[str, ...] = ()
    """Stages that are done: they are not gone through again when the run goes on."""


@dataclass(frozen=True, slots=True)
class Round:
    """Train from scratch → score on validation → collect errors → extrapolate → merge."""

    run_id: int
    number: int
    """From 0; the last one of a run has no errors to collect."""
    records: int = 0
    """Records that its model was trained on."""
    errors: int | None = None
    """Validation gold that its model got wrong; None before it was scored."""
    validation: dict[str, Any] = field(default_factory=dict)
    """Metric → value, on gold validation."""
    test: dict[str, Any] = field(default_factory=dict)
    """Metric → value, on gold test; never looked at to choose anything."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Stage → seconds."""
    model_path: str = ""
    """The folder of its model, relative to the project."""
    stage: str = "new"
    """``new`` → ``trained`` → ``scored`` → ``extrapolated`` → ``merged``."""
    id: int = 0


@dataclass(frozen=True, slots=True)
class RoundError:
    """A validation gold that a round's model got wrong."""

    round_id: int
    gold_id: int
    """The row of the gold."""
    predicted: str
    """What the model said instead: a label, a span, or the id of the document it ranked first."""
    confidence: float
    detail: dict[str, Any] = field(default_factory=dict)
    """More of it, such as the rank of the right document and the hard negatives."""
    id: int = 0

    @property
    def hard_negatives(self) -> tuple[int, ...]:
        """The wrong documents that came first; rows of older studios call them confusers."""
        found = self.detail.get("hard_negatives", self.detail.get("confusers"))
        listed = found if isinstance(found, list) else []
        return tuple(row for row in listed if isinstance(row, int))


@dataclass(frozen=True, slots=True)
class Model:
    """A trained artefact, with the exact records, parent, settings and scores that made it."""

    name: str
    path: str
    """The folder, relative to the project."""
    base: str
    """The encoder it started from: a catalogue name, a hub name or a path."""
    id: int = 0
    parent_id: int | None = None
    """The model it continued from (stage two of Promptagator), if any."""
    snapshot_id: int | None = None
    """The exact records it was trained on."""
    job_id: int | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    scores: dict[str, Any] = field(default_factory=dict)
    created: str = ""


class JobState(StrEnum):
    """Where a job stands. ``interrupted`` is seen, not written: running with a dead worker."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Job:
    """A durable unit of long work."""

    kind: str
    params: dict[str, Any]
    id: int = 0
    state: JobState = JobState.WAITING
    done: int = 0
    total: int | None = None
    message: str = ""
    """What it is doing now, or why it failed: one line."""
    result: dict[str, Any] = field(default_factory=dict)
    created: str = ""
    started: str = ""
    finished: str = ""
    heartbeat: float = 0.0
    """Unix time of the worker's last sign of life."""
    pid: int | None = None
    cancel_requested: bool = False
    paused: bool = False
    """Asked to send nothing new for now; its worker heeds that within a second."""
    concurrency: int | None = None
    """The most calls in flight, when a person has changed it under way."""
    live: dict[str, Any] = field(default_factory=dict)
    """Figures of what it does now (rate, tokens, cost, calls in flight), for screens."""
    deleted: str = ""
    """One sentence on the files of it that a person has deleted; empty while all are there."""

    @property
    def is_paused(self) -> bool:
        """Whether it rests: asked to, and a worker (or the wait for one) is there to heed it."""
        return self.paused and self.state in (JobState.WAITING, JobState.RUNNING)

    @property
    def is_capped(self) -> bool:
        """Whether it ended before its time since its cap was reached."""
        return self.state is JobState.FAILED and self.result.get("stopped_by") == "budget"

    @property
    def state_word(self) -> str:
        """Its state in one word, such as ``running``, ``paused`` or ``capped``."""
        if self.is_capped:
            return "capped"
        return "paused" if self.is_paused else self.state.value
