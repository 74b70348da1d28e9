"""Keep a random sample: the fair thing to set a filter beside, and a way to a smaller set.

Each record has a lot out of the seed and its own words, so that equal seeds and records give equal
samples on any machine, and a larger sample holds the smaller one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from studio.filters.base import ON_REQUEST, FilterContext, FilterRow, Fits, Judgement
from studio.records import Reason, StudioError, content_sha


@dataclass(frozen=True, slots=True)
class RandomSample:
    """Keeps ``size`` records; the score is a record's place in the order of lots, from 1."""

    name: ClassVar[str] = "sample"
    order: ClassVar[int] = 60
    fits: ClassVar[Fits] = ON_REQUEST
    needs_document_text: ClassVar[bool] = False

    size: int = 1000
    """How many are kept."""
    seed: int = 13
    """Decides which."""

    def __post_init__(self) -> None:
        """Refuse a sample of nothing."""
        if self.size < 1:
            raise StudioError(f"The filter sample keeps {self.size} records; it keeps 1 or more.")

    @property
    def label(self) -> str:
        """How many, and by which lots."""
        return f"Sample: {self.size:,} at random (seed {self.seed})"

    def judge(self, rows: Iterable[FilterRow], context: FilterContext) -> Iterator[Judgement]:
        """Each row by its place among all; a hash each stays in memory."""
        lots = [
            (content_sha(str(self.seed), row.query, *row.fields.values()), row.record_id)
            for row in rows
        ]
        places = {record_id: place for place, (_, record_id) in enumerate(sorted(lots), 1)}
        for _, record_id in lots:
            kept = self.keeps(places[record_id], context)
            yield Judgement(
                record_id, kept, float(places[record_id]), "" if kept else Reason.NOT_DRAWN
            )

    def keeps(self, score: float | None, context: FilterContext) -> bool:
        """Whether it was drawn."""
        return score is None or score <= self.size


FILTER = RandomSample
