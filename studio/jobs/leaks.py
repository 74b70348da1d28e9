"""What must not be trained on: repetitions within a run, and what says nearly what gold test says.

Test is only ever scored. A text that an LLM wrote after it, or about the same passage, would make
the score a lie.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from studio.filters.similarity import NearTexts, Vocabulary, likeness
from studio.prompting.words import normal
from studio.records import Datum, Gold, Reason, Record, Verdict

LEAK = 0.8
"""ROUGE-L from which on a text is too close to one of gold test."""


@dataclass(slots=True)
class LeakGuard:
    """Gold test, to keep training data away from it."""

    contexts: set[str]
    near: NearTexts
    vocabulary: Vocabulary

    @classmethod
    def of(cls, test: Sequence[Gold]) -> LeakGuard:
        """Index the texts and contexts of gold test."""
        vocabulary = Vocabulary()
        encoded = [vocabulary.encode(gold.text) for gold in test]
        near = NearTexts(LEAK, encoded)
        for text in encoded:
            near.add(text)
        contexts = {normal(gold.context) for gold in test if gold.context}
        return cls(contexts, near, vocabulary)

    def is_about(self, *contexts: str) -> bool:
        """Whether gold test is about one of these passages."""
        return any(context and normal(context) in self.contexts for context in contexts)

    def leaks(self, found: Datum) -> bool:
        """Whether it is of a passage of gold test, or says nearly what one of gold test says."""
        if self.is_about(found.context):
            return True
        return self.near.nearest(self.vocabulary.encode(found.text)) > 0


def key_of(found: Datum) -> tuple[str, ...]:
    """What makes two of a run the same: what is trained on, whatever its label; notes whole."""
    about = found.context if found.type.is_trained_on else found.label
    return found.type.name, normal(found.text), about


def settled(seen: set[tuple[str, ...]], batch: Iterable[Record], guard: LeakGuard) -> list[Verdict]:
    """The verdicts on a batch: what is there already, or leaks, in the order of places.

    seen: the keys of what the run has kept before; those of the batch are added.
    """
    verdicts = []
    for record in batch:
        reason = Reason.DUPLICATE if key_of(record) in seen else ""
        if not reason and record.type.is_trained_on and guard.leaks(record):
            reason = Reason.TEST_LEAK
        if reason:
            verdicts.append(Verdict(record.id, reason, False, reason=reason))
        else:
            seen.add(key_of(record))
    return verdicts


def unfit(found: Datum, others: Iterable[Datum], test: Iterable[Gold]) -> str:
    """Why one more must not be trained on beside the run's others; empty when it may.

    As :func:`settled`, for one: text by text, which needs no matrix.
    """
    if any(key_of(other) == key_of(found) for other in others):
        return Reason.DUPLICATE
    vocabulary = Vocabulary()
    text, context = vocabulary.encode(found.text), normal(found.context)
    for gold in test:
        if context and normal(gold.context) == context:
            return Reason.TEST_LEAK
        if likeness(text, vocabulary.encode(gold.text)) > LEAK:
            return Reason.TEST_LEAK
    return ""
