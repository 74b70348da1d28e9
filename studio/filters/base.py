"""What every filter offers: a verdict with a score for each record, nothing deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple, Protocol

from studio.records import QUERY, RecordType

if TYPE_CHECKING:
    from studio.filters.answer_losses import Losses

RankOf = Callable[[list[tuple[str, int]]], Sequence[int]]
"""(query, document row) pairs → each document's rank for its query, from 1; 0 if not indexed."""


def any_record(judged: RecordType) -> bool:
    """All types there are."""
    return True


def no_record(judged: RecordType) -> bool:
    """None of them."""
    return False


def of_document(judged: RecordType) -> bool:
    """Records for which a document of the corpus is right."""
    return judged is QUERY


def is_instruction(judged: RecordType) -> bool:
    """Instructions with their answers."""
    return {"instruction", "output"} <= set(judged.fields)


def is_no_instruction(judged: RecordType) -> bool:
    """All but instructions with their answers."""
    return not is_instruction(judged)


class Fits(NamedTuple):
    """Which records a filter is for, by what their type has."""

    judges: Callable[[RecordType], bool]
    """Types that it can judge."""
    usual: Callable[[RecordType], bool]
    """Types whose chain it belongs to when nobody has chosen one."""


ALL: Final = Fits(any_record, any_record)
QUERIES: Final = Fits(of_document, of_document)
INSTRUCTIONS: Final = Fits(is_instruction, is_instruction)
MAINLY_INSTRUCTIONS: Final = Fits(any_record, is_instruction)
NOT_INSTRUCTIONS: Final = Fits(any_record, is_no_instruction)
ON_REQUEST: Final = Fits(any_record, no_record)


@dataclass(frozen=True, slots=True)
class FilterRow:
    """One record as filters see it."""

    record_id: int
    query: str
    document_id: int | None
    """None for a record that is about no document."""
    document_text: str = ""
    """Title and text joined; may be left empty for filters that do not need it."""
    context: str = ""
    """The premise or passage that the text is about, in nli and qa; the input of an instruction."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """All fields of the record's type, by name; ``query`` is the first one."""


@dataclass(frozen=True, slots=True)
class FilterContext:
    """What filters know of the project and the machine."""

    language: str = "en"
    """ISO 639-1 code that queries should be in."""
    query_words: tuple[int, int] = (1, 60)
    """The prompt's usual query length, in words."""
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The lists of words of the newest template, such as ``blacklist``."""
    examples: tuple[str, ...] = ()
    """The texts of the project's examples."""
    rank_of: RankOf | None = None
    """Where a retriever ranks a document for a query; needed by the round trip only."""
    losses_of: Callable[[str], Losses] | None = None
    """What an LLM by this name says of answers; needed by the filters that ask one in this process
    only."""
    scores: Mapping[int, float] = field(default_factory=dict)
    """Record → what such a filter's LLM has said of it before: it is not asked again."""
    batch: int = 1024
    """Rows handed to ``rank_of``, or to an LLM, at once."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A filter's word on one record."""

    record_id: int
    kept: bool
    score: float | None
    """The number that was compared with the threshold; None where there is nothing to compare."""
    reason: str = ""
    """A :class:`studio.records.Reason` when dropped."""


class Filter(Protocol):
    """A filter: a frozen dataclass of its settings. Equal settings and rows give equal verdicts."""

    name: ClassVar[str]
    """Its name in verdicts and commands."""
    order: ClassVar[int]
    """Its place in a chain: cheap ones first."""
    fits: ClassVar[Fits]
    """Which records it is for, and in whose usual chain it is."""
    needs_document_text: ClassVar[bool]
    """Whether rows must carry ``document_text``."""

    @property
    def label(self) -> str:
        """One line that says honestly what it does with these settings."""

    def judge(self, rows: Iterable[FilterRow], context: FilterContext) -> Iterator[Judgement]:
        """A verdict for each row, in order, in bounded memory."""

    def keeps(self, score: float | None, context: FilterContext) -> bool:
        """Whether a stored score passes these settings: moves a threshold without a new run."""


def batched(rows: Iterable[FilterRow], size: int) -> Iterator[list[FilterRow]]:
    """The rows in lists of up to ``size``."""
    remaining = iter(rows)
    while batch := list(islice(remaining, size)):
        yield batch
