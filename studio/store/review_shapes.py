"""What Review asks and answers, as frozen dataclasses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from studio.calls import Decoding, Message
from studio.records import Document, Example, Gold, Record
from studio.runs import RoundError, Run

Shown = Literal[
    "all", "undecided", "kept", "dropped", "accepted", "rejected", "flagged", "edited", "noted"
]
"""Which records by their last word; ``undecided`` have no person's word yet."""
Sort = Literal["id", "-id", "text", "score", "-score", "length", "-length", "document"]
"""The order; equal ones follow by id. Records without a score come after those with one."""
Decision = Literal["", "accepted", "rejected"]
"""A person's last word on a record; empty when there is none."""
Better = Literal["low", "high"]
"""Which end of a filter's scores it keeps."""


@dataclass(frozen=True, slots=True)
class View:
    """What Review shows and in which order. All conditions hold together."""

    search: str = ""
    """Words that must all stand in the text, in any script; case does not matter."""
    verdict: Shown = "all"
    """Which last words."""
    reason: str = ""
    """Only records dropped for this reason."""
    filter: str = ""
    """The filter whose score is shown, sorted by and compared with the bounds."""
    score_from: float | None = None
    """The lowest score shown, inclusive; records without a score are left out."""
    score_to: float | None = None
    """The highest score shown, inclusive."""
    prompt_id: int | None = None
    """Only what this prompt version made."""
    job_id: int | None = None
    """Only what this job made."""
    document_id: int | None = None
    """Only what is about this document."""
    sort: Sort = "id"
    """The order."""
    type: str = ""
    """Only records of this type; empty: of the type that the project's task is trained on."""
    field: str = ""
    """Only records in which this field holds ``value``, word for word; empty: any."""
    value: str = ""
    """What ``field`` holds."""


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """One record as a line of the table."""

    id: int
    document_id: int | None
    """None for records that are about no document, as in labelled tasks."""
    document_outside_id: str
    text: str
    """The text in force, whole."""
    kept: bool
    reason: str
    """Why it is dropped; empty while kept."""
    word: Decision
    flagged: bool
    edited: bool
    """A field in force is not as it was generated."""
    score: float | None
    """Of the view's filter; None without one."""
    scores: dict[str, float] = field(default_factory=dict)
    """Filter → score in force, for every filter that gave one."""
    type: str = "query"
    """The name of its record type."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """Field → text, besides the first one, which is ``text``."""
    noted: bool = False
    """A person has written a note on it."""
    query_type: str = ""
    """Which template of a set wrote it; empty for what no set wrote."""

    @property
    def label(self) -> str:
        """What the text was written for, in labelled tasks."""
        return self.fields.get("label", "")


ChangeKind = Literal["accept", "reject", "clear", "flag", "unflag", "edit", "note", "threshold"]


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that a person did, to one record or to a million."""

    id: int
    """0 when there was nothing to change: nothing was written, undo does not know it."""
    words: str
    """What was done, as a person is told."""
    count: int
    """Records changed."""
    kind: ChangeKind = "accept"
    reviewer: str = ""
    created: str = ""
    """ISO 8601, UTC."""
    warning: str = ""
    """What the person should know besides; mostly empty."""
    record_id: int | None = None
    """The record, when it was about one."""
    undone: bool = False
    """It has been taken back."""
    unfinished: bool = False
    """It was interrupted in the middle; undo and redo bring it to an end."""


@dataclass(frozen=True, slots=True)
class BulkPreview:
    """What a bulk change would touch."""

    count: int
    undecided: int
    accepted: int
    """Records that a person has accepted before."""
    rejected: int
    sample: tuple[ReviewRow, ...]
    """A few of them, from the whole range."""


@dataclass(frozen=True, slots=True)
class ScoreInfo:
    """The stored scores of one filter."""

    filter: str
    count: int
    """Records with a score."""
    low: float
    """The lowest score."""
    high: float
    """The highest score."""
    better: Better
    """Which end the filter keeps."""
    threshold: float | None
    """From where it keeps: what a judge was told, else the last score that is kept now; None when
    nothing is."""


@dataclass(frozen=True, slots=True)
class Bin:
    """One column of a histogram: scores from low up to, not with, high (the last: with)."""

    low: float
    high: float
    kept: int
    """Records that the filter keeps."""
    dropped: int


@dataclass(frozen=True, slots=True)
class ReviewProgress:
    """How far a reviewer has come."""

    decided: int
    """Records accepted or rejected by this reviewer, undone ones aside."""
    accepted: int
    rejected: int
    edited: int
    left: int
    """Records in the project without any person's word."""
    per_minute: float | None
    """Single decisions per minute of work (pauses over a minute count as one); None below two."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Whether two people who judged the same records agree."""

    reviewers: tuple[str, ...]
    """The two with the most records in common; fewer when nobody shares any."""
    both: int
    """Records judged by both."""
    kappa: float | None
    """Cohen's kappa, -1 to 1; None without shared records, or when chance alone explains all."""
    table: tuple[tuple[int, int], tuple[int, int]]
    """Rows: the first accepted, rejected; columns: the second accepted, rejected."""


@dataclass(frozen=True, slots=True)
class VerdictLine:
    """One verdict in force on a record."""

    filter: str
    kept: bool
    score: float | None
    reason: str
    created: str
    said: str = ""
    """What a judge said besides the score."""


@dataclass(frozen=True, slots=True)
class PersonVerdict:
    """What a person said of a record, once."""

    reviewer: str
    word: Literal["accepted", "rejected", "cleared"]
    created: str
    undone: bool


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of a record's field."""

    reviewer: str
    field: str
    """Empty for the first one."""
    before: str
    after: str
    created: str
    undone: bool


@dataclass(frozen=True, slots=True)
class WrittenNote:
    """A note as a person wrote it, once."""

    reviewer: str
    note: str
    """Empty where it was taken off."""
    created: str
    undone: bool


@dataclass(frozen=True, slots=True)
class Call:
    """The LLM call that a record was parsed out of."""

    generation_id: int
    prompt_id: int | None
    prompt_name: str
    prompt_version: int | None
    endpoint: str
    model: str
    decoding: Decoding
    seed: int
    draw: int
    shots: tuple[Example, ...]
    """The examples as they were worded then."""
    messages: tuple[Message, ...]
    """The rendered request."""
    answer: str
    """Raw, unchanged."""
    finish_reason: str
    prompt_tokens: int | None
    completion_tokens: int | None
    cost: float | None
    """US dollars; None when unknown."""
    latency_s: float
    note: str
    """What was cut to fit the context window."""
    created: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Where in a run a record was made, and what it was made from."""

    run: Run
    parent: Record | None
    """The record that it was made from."""
    error: RoundError | None
    """The error that it was extrapolated from."""
    round: int | None
    """The number of the round whose model made the error."""
    gold: Gold | None
    """What the model got wrong; None when it is no longer gold."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """All that made a record, and all that was said of it."""

    record: Record
    flagged: bool
    word: Decision
    document: Document
    """An empty one (id 0) for records that are about no document."""
    origin: Origin | None
    """None for records that no run made."""
    call: Call | None
    """None for records brought from outside."""
    verdicts: tuple[VerdictLine, ...]
    """In force, in the order given."""
    decisions: tuple[PersonVerdict, ...]
    """By people, the oldest first, undone ones too."""
    edits: tuple[Edit, ...]
    """The oldest first, undone ones too."""
    notes: tuple[WrittenNote, ...]
    """The same of notes."""
    siblings: tuple[Record, ...]
    """Other records of the document."""
    neighbours: tuple[Record, ...]
    """Records that share the rarest words with it, the nearest first."""


@dataclass(frozen=True, slots=True)
class PromptUse:
    """A prompt version, for the choice of a filter."""

    id: int
    name: str
    version: int
    calls: int
    """Calls made with it."""


def decision_of(person: int, kept: int) -> Decision:
    """A person's word from the record's columns."""
    if not person:
        return ""
    return "accepted" if kept else "rejected"
