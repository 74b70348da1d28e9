"""Round-trip consistency (Dai et al., 2022, arXiv:2209.11755, the filter of Promptagator).

A query is kept iff a retriever that was trained on all generated pairs finds its own document among
the first K; the paper takes K = 1. What it drops is mostly too general or made up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from studio.filters.base import QUERIES, FilterContext, FilterRow, Fits, Judgement, batched
from studio.records import Reason, StudioError

Mode = Literal["trained", "base", "hybrid", "bm25"]

LABELS: dict[str, str] = {
    "trained": "as published: a retriever trained on all the queries",
    "base": "a cheaper stand-in: the encoder as it is, before any training",
    "hybrid": "a cheaper stand-in: the untrained encoder and BM25, added up",
    "bm25": "a cheaper stand-in: BM25, which favours queries in the document's own words",
}


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """Keeps a query iff its own document is in the top ``k``; the score is that document's rank."""

    name: ClassVar[str] = "round-trip"
    order: ClassVar[int] = 50
    fits: ClassVar[Fits] = QUERIES
    needs_document_text: ClassVar[bool] = False

    mode: Mode = "trained"
    """Which retriever ranks; the caller brings it as ``context.rank_of``."""
    k: int = 1
    """The worst rank that is kept; the paper's 1."""

    def __post_init__(self) -> None:
        """Refuse settings that keep nothing or mean nothing."""
        if self.mode not in LABELS:
            modes = ", ".join(LABELS)
            raise StudioError(f"The round trip has no mode “{self.mode}”; choose one of: {modes}.")
        if self.k < 1:
            raise StudioError(f"The round trip's k is {self.k}; it must be 1 or more.")

    @property
    def label(self) -> str:
        """Which retriever ranks, and how strictly."""
        return f"Round trip, {LABELS[self.mode]}, ranks the document in its top {self.k}"

    def judge(self, rows: Iterable[FilterRow], context: FilterContext) -> Iterator[Judgement]:
        """Each row by the rank of its document, asked for in batches.

        Raises:
            StudioError: the context brings no retriever.
        """
        if context.rank_of is None:
            raise StudioError(
                "The round trip needs a retriever to rank documents with; train one, or choose the "
                "mode base or bm25."
            )
        for batch in batched(rows, context.batch):
            ranks = context.rank_of([(row.query, _document_of(row)) for row in batch])
            for row, rank in zip(batch, ranks, strict=True):
                kept = self.keeps(rank, context)
                reason = "" if kept else Reason.ROUND_TRIP
                yield Judgement(row.record_id, kept, float(rank), reason)

    def keeps(self, score: float | None, context: FilterContext) -> bool:
        """Whether a rank is among the first k; 0 stands for a document that was not found."""
        return score is None or 1 <= score <= self.k


def _document_of(row: FilterRow) -> int:
    if row.document_id is None:
        raise StudioError(
            f"Record {row.record_id} is about no document, so that no search can find it again."
        )
    return row.document_id


FILTER = RoundTrip
