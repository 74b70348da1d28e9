"""ROUGE-L between short texts, exactly, and the pairs above a threshold without trying all pairs.

Each word becomes one character, so that ``rapidfuzz`` finds longest common subsequences at C speed;
scores are bit-identical to ``rouge_score`` on English and make sense in scripts without spaces.

Near pairs are found by prefix filtering (Chaudhuri et al. 2006; Bayardo et al. 2007): a common
subsequence of L words is also L common words, so two texts that are similar enough must share one
of their rarest words. Only such pairs are compared; none above the threshold is missed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache

from studio.prompting.words import one_line, words
from studio.records import StudioError

SURROGATES = range(0xD800, 0xE000)
"""Code points that no string may hold."""
MOST_WORDS = 0x110000 - len(SURROGATES)
FEW = 16
"""Up to so many texts are compared one by one, which costs less than a matrix and no numpy."""


class Vocabulary:
    """Words as single characters."""

    def __init__(self) -> None:
        self._characters: dict[str, str] = {}

    def encode(self, text: str) -> str:
        """The text's words, one character each.

        Raises:
            StudioError: more different words than there are characters.
        """
        return "".join([self._characters.get(word) or self._next(word) for word in words(text)])

    def told(self, text: str) -> str:
        """The text's words, or one character for all of a text that has only signs."""
        if found := self.encode(text):
            return found
        # No word is like it: words have letters or digits.
        signs = one_line(text)
        return self._characters.get(signs) or self._next(signs)

    def _next(self, word: str) -> str:
        number = len(self._characters)
        if number >= MOST_WORDS:
            raise StudioError(
                f"The queries have more than {MOST_WORDS:,} different words, too many to compare "
                "at once; filter duplicates in parts."
            )
        skipped = len(SURROGATES) if number >= SURROGATES.start else 0
        return self._characters.setdefault(word, chr(number + skipped))


def rouge_l(common: int, left: int, right: int) -> float:
    """ROUGE-L's F1 from the length of the common subsequence and of both texts.

    The order of the operations is that of ``rouge_score``: at a threshold such as 0.7 exactly,
    another order decides otherwise.
    """
    if not common:
        return 0.0
    precision, recall = common / left, common / right
    return 2 * precision * recall / (precision + recall)


@lru_cache(maxsize=1 << 16)
def fewest_common(left: int, right: int, threshold: float) -> int:
    """The shortest common subsequence that brings two texts of these lengths over the threshold.

    May exceed both lengths: then no pair of such lengths is similar enough.
    """
    common = max(1, int(threshold * (left + right) / 2) - 1)
    while common <= min(left, right) and not rouge_l(common, left, right) > threshold:
        common += 1
    return common


@lru_cache(maxsize=1 << 14)
def _least_common(length: int, threshold: float) -> int:
    """The fewest words that a text of this length shares with a near one of any length."""
    # The need grows with the partner's length, so the shortest possible partner decides.
    for partner in range(1, length + 1):
        if (least := fewest_common(length, partner, threshold)) <= partner:
            return least
    return length


class NearTexts:
    """A growing set of encoded texts that finds the ones near to a new text.

    Args:
        threshold: ROUGE-L F1 above which two texts are near, in [0, 1).
        texts: all texts that will be asked for, to know which words are rare. Others are found
            as well, only more slowly.
    """

    def __init__(self, threshold: float, texts: Iterable[str] = ()) -> None:
        self.threshold = threshold
        self._spread: Counter[tuple[str, int]] = Counter()
        for text in texts:
            self._spread.update(_occurrences(text))
        self._postings: dict[int, dict[tuple[str, int], list[str]]] = {}
        self._marks = lru_cache(maxsize=4)(self._sorted_marks)

    def add(self, text: str) -> None:
        """Put a text into the set."""
        if not text:
            return
        index = self._postings.setdefault(len(text), defaultdict(list))
        marks = self._marks(text)
        for mark in marks[: len(text) - _least_common(len(text), self.threshold) + 1]:
            index[mark].append(text)

    def nearest(self, text: str) -> float:
        """The highest ROUGE-L to any text in the set, if it is above the threshold; else 0."""
        candidates: set[str] = set()
        marks = self._marks(text)
        for length, index in self._postings.items():
            least = fewest_common(len(text), length, self.threshold)
            if least > min(len(text), length):
                continue
            for mark in marks[: len(text) - least + 1]:
                if mark in index:
                    candidates.update(index[mark])
        best = best_of(text, list(candidates))
        return best if best > self.threshold else 0.0

    def _sorted_marks(self, text: str) -> list[tuple[str, int]]:
        """A text's words, each with how often it came before, the rarest first.

        The last ones are kept: most texts are added as soon as they are found to be near to none.
        """
        return sorted(_occurrences(text), key=lambda mark: (self._spread[mark], mark))


class NearWords:
    """A growing set of texts that finds the ones near to a new text, by their words."""

    def __init__(self, threshold: float, texts: Sequence[str] = ()) -> None:
        """threshold: ROUGE-L F1 above which two texts are near, in [0, 1]."""
        self._vocabulary = Vocabulary()
        encoded = [self._vocabulary.encode(text) for text in texts]
        self._near = NearTexts(threshold, encoded)
        for text in encoded:
            self._near.add(text)

    def add(self, text: str) -> None:
        """Put a text into the set."""
        self._near.add(self._vocabulary.encode(text))

    def nearest(self, text: str) -> float:
        """The highest ROUGE-L to any text in the set, if it is above the threshold; else 0."""
        return self._near.nearest(self._vocabulary.encode(text))


def _occurrences(text: str) -> list[tuple[str, int]]:
    seen: Counter[str] = Counter()
    found = []
    for character in text:
        found.append((character, seen[character]))
        seen[character] += 1
    return found


def likeness(left: str, right: str) -> float:
    """ROUGE-L's F1 of two encoded texts; 0 when one is empty."""
    from rapidfuzz.distance import LCSseq

    return rouge_l(LCSseq.similarity(left, right), len(left), len(right))


def best_of(text: str, others: Sequence[str]) -> float:
    """The highest ROUGE-L of a text with any of the others; 0 without any."""
    if not others or not text:
        return 0.0
    if len(others) <= FEW:
        return max(likeness(text, other) for other in others)
    from rapidfuzz.distance import LCSseq
    from rapidfuzz.process import cdist

    shared = cdist([text], others, scorer=LCSseq.similarity)[0]
    if not shared.any():
        return 0.0
    # As in rouge_l, for all at once: the same operations give the same bits.
    import numpy as np

    lengths = np.fromiter(map(len, others), np.float64, len(others))[shared > 0]
    shared = shared[shared > 0].astype(np.float64)
    precision, recall = shared / len(text), shared / lengths
    return float((2 * precision * recall / (precision + recall)).max())
