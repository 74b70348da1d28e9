"""How near extrapolations are to their errors, and how much of gold synthetic data covers.

S3's Table 6 gives cosine similarity under an encoder, edit distance and lengths; its lengths are
plainly words, so the edit distance here is Levenshtein's over words too. The paper shows coverage
in a t-SNE plane within a radius of its choosing, which moves with every run. Here a gold item is
covered when its nearest synthetic item is at least as near as gold items usually are to each other
(the median cosine of a gold item's nearest other gold item), in the encoder's own space.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from studio.prompting.words import normal, words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Embed = Callable[[Sequence[str]], Any]
"""Texts → N×d float32 vectors of length 1."""
CHUNK = 4_096
"""Pairs whose vectors are in memory at once."""
GOLD_SAMPLE = 5_000
"""Gold items that coverage is worked out for; more are drawn from evenly."""


@dataclass(frozen=True, slots=True)
class PairGap:
    """One error beside one of its extrapolations."""

    cosine: float
    """−1 to 1, under the encoder."""
    edits: int
    """Words to insert, delete or change (Levenshtein)."""
    error_words: int
    addition_words: int
    copy: bool
    """The same words in the same order."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Means over a round's pairs."""

    pairs: int
    cosine: float
    edits: float
    error_words: float
    addition_words: float
    copies: float
    """The share of extrapolations that only repeat their error, 0 to 1."""


def measure(
    pairs: Sequence[tuple[str, str]],
    embed: Embed,
    *,
    on_progress: Callable[[int], None] = lambda done: None,
) -> list[PairGap]:
    """The gap of each (error, addition), in order; vectors are made a chunk at a time."""
    found: list[PairGap] = []
    for start in range(0, len(pairs), CHUNK):
        chunk = pairs[start : start + CHUNK]
        vectors = embed([text for pair in chunk for text in pair])
        cosines = (vectors[0::2] * vectors[1::2]).sum(axis=1)
        found += [_gap(*pair, float(c)) for pair, c in zip(chunk, cosines, strict=True)]
        on_progress(len(found))
    return found


def _gap(error: str, addition: str, cosine: float) -> PairGap:
    from rapidfuzz.distance import Levenshtein

    before, after = words(error), words(addition)
    return PairGap(
        cosine=cosine,
        edits=Levenshtein.distance(before, after),
        error_words=len(before),
        addition_words=len(after),
        copy=normal(error) == normal(addition),
    )


def summary(gaps: Iterable[PairGap]) -> Gap | None:
    """Means over the pairs; None without any."""
    gaps = list(gaps)
    if not gaps:
        return None

    def mean(numbers: Iterable[float]) -> float:
        return sum(numbers) / len(gaps)

    return Gap(
        pairs=len(gaps),
        cosine=mean(gap.cosine for gap in gaps),
        edits=mean(gap.edits for gap in gaps),
        error_words=mean(gap.error_words for gap in gaps),
        addition_words=mean(gap.addition_words for gap in gaps),
        copies=mean(gap.copy for gap in gaps),
    )


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of gold has synthetic data near it."""

    covered: float
    """The share of gold items with a synthetic item at least ``radius`` near, 0 to 1."""
    radius: float
    """A cosine: the median of how near a gold item's nearest other gold item is."""
    gold: int
    """Gold items looked at."""
    synthetic: int


def coverage(gold: Sequence[str], synthetic: Sequence[str], embed: Embed) -> Coverage | None:
    """The share of gold that synthetic data covers; None without two gold items or any data."""
    import numpy as np

    from studio.evaluation.search import top_k

    if len(gold) < 2 or not synthetic:
        return None
    places = np.linspace(0, len(gold) - 1, min(len(gold), GOLD_SAMPLE)).astype(int)
    vectors = embed([gold[place] for place in places])
    radius = float(np.median(_nearest_other(vectors)))
    best = np.full(len(vectors), -1.0, dtype=np.float32)
    for start in range(0, len(synthetic), CHUNK):
        others = embed(synthetic[start : start + CHUNK])
        _, scores = top_k(vectors, others, 1)
        best = np.maximum(best, scores[:, 0])
    return Coverage(float((best >= radius).mean()), radius, len(vectors), len(synthetic))


def _nearest_other(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """How near each vector's nearest neighbour is, itself left out."""
    import numpy as np

    from studio.evaluation.search import top_k

    rows, scores = top_k(vectors, vectors, 2)
    itself = rows[:, 0] == np.arange(len(vectors))
    # Of two equal texts, either may come first: the other one is then as near as can be.
    return np.where(itself, scores[:, 1], scores[:, 0])
