"""The remarks on all examples of a project, kept up to date at the cost of what changed."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence

from studio.filters.similarity import Vocabulary, fewest_common, likeness
from studio.prompting.lints import ALIKE, Remark, alike_remark, lint_example
from studio.records import Example

LONGEST_READ = 20_000
"""Characters of a document, and of a query, that are looked at."""


class Linter:
    """Remembers what it said of each wording; may be asked from several threads.

    Args:
        norm: the fewest and most words of the task's usual query.
        language: the project's language, such as ``en``.
        gold: where gold says what an example says, in words; empty where it does not.
        listed: words that an example should not have.
    """

    def __init__(
        self,
        norm: tuple[int, int],
        language: str,
        gold: Callable[[Example], str] = lambda example: "",
        listed: Sequence[str] = (),
    ) -> None:
        self._gold = gold
        self._listed = listed
        self.norm = norm
        self.language = language
        self._own: dict[int, tuple[Mapping[str, str], tuple[Remark, ...]]] = {}
        self._vocabulary = Vocabulary()
        self._encoded: dict[int, str] = {}
        self._near: defaultdict[int, set[int]] = defaultdict(set)
        self._lock = threading.Lock()

    def remarks(self, examples: Sequence[Example]) -> dict[int, tuple[Remark, ...]]:
        """Example → what to look at in it; none for a query that is not written yet."""
        with self._lock:
            queries = {example.id: example.query[:LONGEST_READ] for example in examples}
            self._compare(queries)
            return {
                e.id: (*self._leak(e), *self._of_itself(e), *self._alike(e.id, queries))
                for e in examples
            }

    def _leak(self, example: Example) -> tuple[Remark, ...]:
        place = self._gold(example) if example.query.strip() else ""
        said = f"This is gold: {place}. No LLM is shown it; ask something else."
        return (Remark("gold", said),) if place else ()

    def _of_itself(self, example: Example) -> tuple[Remark, ...]:
        known = self._own.get(example.id)
        if known is None or known[0] != example.texts:
            short = {name: text[:LONGEST_READ] for name, text in example.texts.items()}
            found = lint_example(
                example.worded(short), norm=self.norm, language=self.language, listed=self._listed
            )
            known = self._own[example.id] = (example.texts, tuple(found))
        return known[1]

    def _alike(self, example_id: int, queries: dict[int, str]) -> tuple[Remark, ...]:
        others = (other for other in queries if other in self._near[example_id])
        first = next(others, None)
        return () if first is None else (alike_remark(queries[first]),)

    def _compare(self, queries: dict[int, str]) -> None:
        """Bring the pairs of near queries up to date."""
        encoded = {number: self._vocabulary.encode(query) for number, query in queries.items()}
        changed = {n for n in {*encoded, *self._encoded} if encoded.get(n) != self._encoded.get(n)}
        for number in changed:
            for other in self._near.pop(number, ()):
                self._near[other].discard(number)
        self._encoded = encoded
        for number in changed & encoded.keys():
            for other in _near(encoded, number):
                self._near[number].add(other)
                self._near[other].add(number)


def _near(encoded: dict[int, str], number: int) -> Collection[int]:
    text = encoded[number]
    return [
        other
        for other, words in encoded.items()
        # Lengths too far apart need no comparison, and most are.
        if words
        and other != number
        and fewest_common(len(text), len(words), ALIKE) <= min(len(text), len(words))
        and likeness(text, words) > ALIKE
    ]
