"""What goes in and out of the studio: rows of outside files, before and after the store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from studio.records import RecordType, Split
from studio.tasks import TASKS, Task


@dataclass(frozen=True, slots=True)
class FieldMap:
    """Which columns or keys hold what; an empty name is guessed from the usual ones."""

    id: str = ""
    """The key of the document's id; without one, rows are numbered ``name:line``."""
    title: str = ""
    """The key of the title."""
    text: str = ""
    """The key of the text."""
    encoding: str = ""
    """The encoding of text files, such as ``gb18030``; empty: found out."""


@dataclass(frozen=True, slots=True)
class RawDocument:
    """A document as an outside file has it."""

    outside_id: str
    """Its id there, or ``name:line`` where the file gives none."""
    title: str
    """May be empty."""
    text: str
    """Never blank; no NUL and no lone surrogate in it; otherwise unchanged."""
    where: str = ""
    """``file:line`` of its first line."""


@dataclass(frozen=True, slots=True)
class SkippedRow:
    """A row that could not be used. Importers report every one."""

    where: str
    """``file:line``, or the file."""
    reason: str
    """Why, as part of a sentence for people."""
    code: str = "row"
    """Why, as one word to count by: ``json``, ``encoding``, ``no-text``, ``duplicate-id`` …"""


@dataclass(frozen=True, slots=True)
class ReadingNote(SkippedRow):
    """How a file was read where it could be read otherwise; it goes the way of skipped rows, though
    nothing is lost."""


@dataclass(frozen=True, slots=True)
class RawGold:
    """A labelled query as an outside file has it."""

    outside_id: str
    text: str
    split: Split
    relevant: dict[str, int]
    """Outside document id → grade (1 and up); never empty."""
    where: str = ""
    """``file:line`` of the query."""


@dataclass(frozen=True, slots=True)
class RawExample:
    """A few-shot example as an outside file has it."""

    query: str
    document_text: str = ""
    """Empty when only ``document_id`` says which document it is for."""
    document_id: str = ""
    """The outside id of the corpus document, if the file names one."""
    tags: str = ""
    enabled: bool = True
    where: str = ""
    """``file:line``."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """The other fields of what it demonstrates, besides the first; empty for queries."""


@dataclass(frozen=True, slots=True)
class RawInstruction:
    """An instruction as an outside file has it."""

    fields: Mapping[str, str]
    """``instruction`` (never blank), ``input`` and ``output`` (either may be empty), unchanged but
    for an input that says that there is none."""
    outside_id: str
    """The id of its row, or its line; ``#2`` and so on behind it for others of one row."""
    where: str
    """``file:line`` of its row."""
    tags: str = ""
    """What the file says of the kind of the task, as words."""
    enabled: bool = True
    """Off: an example that is not shown to an LLM."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """What else its row says: see :mod:`studio.formats.details`."""
    reason: str = ""
    """Why it was dropped where the file is an export of ours; empty while kept."""

    @property
    def is_answered(self) -> bool:
        """Whether there is an output."""
        return bool(self.fields["output"].strip())


@dataclass(frozen=True, slots=True)
class RawTriplet:
    """Texts that belong together as an outside file has them."""

    fields: Mapping[str, str]
    """The fields of a triplet; ``query`` and ``positive`` are never blank."""
    outside_id: str
    """The id of its row, or its line; ``#2`` and so on behind it for others of one row."""
    where: str
    """``file:line`` of its row."""
    reason: str = ""
    """Why it was dropped where the file is an export of ours; empty while kept."""

    @property
    def details(self) -> Mapping[str, Any]:
        """What else its row says: where it came from."""
        return {"origin": self.where}


@dataclass(frozen=True, slots=True)
class ExportRow:
    """One record on its way out, with all that it came from."""

    fields: Mapping[str, str]
    """Field → text, the first one first."""
    document_id: str
    """The document's outside id; empty for a record that is about no document."""
    title: str
    passage: str
    """The document's text."""
    record_id: int
    generation_id: int | None = None
    """None for records brought from outside."""
    prompt_name: str = ""
    prompt_version: int | None = None
    model: str = ""
    """The LLM that wrote the query."""
    endpoint: str = ""
    seed: int | None = None
    draw: int | None = None
    """The how-maniest query of its document, from 0."""
    purpose: str = ""
    """What its method asked for, where it asks for several things: a part of the template."""
    shots: tuple[int, ...] = ()
    """The example revisions in front of the document, in order."""
    scores: dict[str, float | None] = field(default_factory=dict)
    """Filter → the number that it compared with its threshold."""
    kept: bool = True
    reason: str = ""
    """Why it was dropped; empty while kept."""
    note: str = ""
    """What a person has written on it."""
    origin: str = ""
    """``file:row`` of a record that was brought in; empty for one that was made here."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """What that row said of it besides its fields."""
    negatives: tuple[str, ...] = ()
    """Texts of mined hard negatives, title joined; may be empty."""
    sources: tuple[int, ...] = ()
    """The long documents that the passage was cut from; none of a document that is whole."""

    @property
    def text(self) -> str:
        """The first field: a query, a labelled text, a hypothesis, a question."""
        return next(iter(self.fields.values()))


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What the data card says beside what is counted from the rows."""

    title: str = "Synthetic data"
    language: str = ""
    """ISO 639-1 code of the corpus, such as ``en``."""
    documents: int | None = None
    """Documents in the project; None when not counted."""
    filters: tuple[str, ...] = ()
    """One honest line per filter, in the order of the chain."""
    licence: str = ""
    """What may be done with the texts; empty: the card says that nobody has told."""
    notes: str = ""
    """Anything else that a reader of the data must know."""


@dataclass(frozen=True, slots=True)
class ExportContext:
    """What an export may need beside the records; formats take what they know."""

    documents: Iterable[RawDocument] = ()
    """The whole corpus, for formats that hold it (BEIR); empty: the rows' own documents."""
    gold: Iterable[RawGold] = ()
    """Labelled queries, for formats that hold them (BEIR)."""
    spare: Sequence[ExportRow] = ()
    """Passages of several documents, for formats that draw negatives; only their texts count."""
    card: CardFacts = field(default_factory=CardFacts)
    seed: int = 0
    """Where a format draws anything at random (triplets without mined negatives)."""
    task: Task = TASKS["retrieval"]
    """What the records are for."""
    type: RecordType | None = None
    """What the records consist of; None: what the task is trained on."""
    has_notes: bool = False
    """Whether people have written notes on any records: their column is there only then."""

    @property
    def record(self) -> RecordType:
        """What the records consist of: it decides their columns."""
        return self.type or self.task.record


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export wrote."""

    files: tuple[Path, ...]
    rows: int
    """Records written; dropped ones are left out of training formats."""
    left_out_gold: int = 0
    """Records that were not written because they say what gold says."""


Row = RawDocument | SkippedRow


@dataclass(frozen=True, slots=True)
class Importer:
    """A corpus format; a module of this package offers it as ``IMPORTER``."""

    name: str
    label: str
    """One line for people."""
    suffixes: tuple[str, ...]
    """Endings of file names, lower case, before a ``.gz``."""
    read: Callable[[Path, FieldMap], Iterator[Row]]
    claims: Callable[[Path, bytes], bool]
    """Whether this is its kind: the path and, of a file, its first unzipped bytes."""
    priority: int = 0
    """Higher ones are asked first."""


@dataclass(frozen=True, slots=True)
class Exporter:
    """An export format; a module of this package offers it in ``EXPORTERS``."""

    name: str
    label: str
    """One line for people."""
    write: Callable[[Iterable[ExportRow], Path, ExportContext], Exported]
    """Writes into the folder, whole or not at all; raises :class:`StudioError`."""
    holds_corpus: bool = False
    """It holds the corpus with its judgements: whole documents where gold names such."""
    pairs_documents: bool = False
    """It pairs each record with its document, so that it is nothing for labelled tasks; a triplet
    is its own pair."""
    of: frozenset[str] = frozenset()
    """The names of the record types that it is for; empty: any."""
