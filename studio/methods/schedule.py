"""How long and in what batches to train: Promptagator's numbers, scaled down where data is small.

The paper (Dai et al. 2022, appendix) trains with batches of 128 below 50,000 documents and of 6,000
above, for 1,000 steps, or 5,000 above 500,000 documents. Those steps suppose hundreds of thousands
of queries; on some hundred they would be hundreds of passes over the same pairs. And a batch that
is a large part of a tiny corpus holds positives of the same or of near documents, which hurts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from studio.plurals import so_many

MOST_EPOCHS = 3.0
"""Passes over the pairs at most: more overfit small encoders on small sets."""
FEWEST_BATCHES = 8
"""A pass has at least so many batches, so that the optimiser takes enough steps."""
DOCUMENTS_PER_PLACE = 4
"""A batch holds at most one in so many of the corpus's documents."""
SMALLEST_BATCH = 16
"""Fewer pairs make too few in-batch negatives."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """The numbers of a training."""

    batch_size: int
    """Pairs in a batch."""
    steps: int
    """Batches in all."""
    epochs: float
    """Passes over the pairs that the steps make."""
    reason: str
    """Where the numbers come from, for people."""


def published(documents: int) -> tuple[int, int]:
    """The paper's (batch size, steps) for a corpus of this size."""
    return (128 if documents < 50_000 else 6_000), (1_000 if documents <= 500_000 else 5_000)


def schedule_for(documents: int, pairs: int, batch_size: int | None = None) -> Schedule:
    """The schedule for so many documents and pairs; a batch size of one's own is kept.

    Raises ValueError for no pairs.
    """
    if pairs < 1:
        raise ValueError("a schedule for no pairs")
    full_batch, full_steps = published(documents)
    batch = batch_size or min(full_batch, _fitting_batch(documents, pairs))
    steps = min(full_steps, max(1, math.ceil(MOST_EPOCHS * pairs / batch)))
    if (batch, steps) == (full_batch, full_steps):
        reason = "as published for this corpus size"
    else:
        reason = (
            f"scaled down from the published {full_steps:,} steps of {full_batch:,}: "
            f"{so_many(pairs, 'pairs')} of {so_many(documents, 'documents')} are few"
        )
    return Schedule(batch, steps, round(steps * batch / pairs, 2), reason)


def _fitting_batch(documents: int, pairs: int) -> int:
    """The largest power of two that leaves a pass and the corpus enough beside one batch."""
    room = min(pairs // FEWEST_BATCHES, documents // DOCUMENTS_PER_PLACE)
    return max(SMALLEST_BATCH, 1 << max(room, 1).bit_length() - 1)
