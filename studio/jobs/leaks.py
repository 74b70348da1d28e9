"""What must be kept apart: gold from examples, from training data, and one split from the other.

Texts are the same where a reader takes them for the same (:func:`studio.prompting.words.normal`).
What says nearly what gold test says, or is about the same passage, is not trained on either: test
is only ever scored, and a text that an LLM wrote after it would make the score a lie.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from studio.filters.similarity import NearWords, Vocabulary, likeness
from studio.prompting.staged import StagedTemplate
from studio.prompting.words import normal
from studio.records import Datum, Example, Gold, Reason, Record, RecordType, Verdict
from studio.store import Store

LEAK = 0.8
"""ROUGE-L from which on a text is too close to one of gold test."""
LONGEST_COMPARED = 10_000
"""Characters of a text that count when wordings are compared."""

Words = tuple[str, str]
"""What makes two data the same: the words of the text, and those of what it is about."""


def wording(text: str) -> str:
    """Equal for texts that differ in case, punctuation, white space and width only."""
    return normal(text[:LONGEST_COMPARED])


def words_of(found: Datum | Example) -> Words:
    """The words of a datum or an example, whatever its label."""
    if isinstance(found, Example):
        return wording(found.query), wording(found.fields.get(found.type.context, ""))
    return wording(found.text), wording(found.context)


class GoldWords:
    """Gold by its words: what else says the same?"""

    def __init__(self, gold: Iterable[Gold] = ()) -> None:
        """``gold`` as it stands in the project; more may be added."""
        self._by_words: dict[Words, dict[str, Gold]] = {}
        for one in gold:
            self.add(one)

    @classmethod
    def of(cls, store: Store) -> GoldWords:
        """Both splits of a project."""
        return cls(store.gold.all())

    def add(self, gold: Gold) -> None:
        """One more, in place of one with its id and its words."""
        self._by_words.setdefault(words_of(gold), {})[gold.outside_id] = gold

    def all_words(self) -> Iterable[Words]:
        """The words of all of it."""
        return self._by_words.keys()

    def find(self, found: Datum | Example) -> Gold | None:
        """Gold that says the same; of test, where both splits do."""
        same = self._by_words.get(words_of(found), {}).values()
        return max(same, key=lambda gold: gold.split == "test", default=None)

    def in_other_split(self, gold: Gold) -> Gold | None:
        """Gold of the other split that says the same, under another id."""
        same = self._by_words.get(words_of(gold), {}).values()
        others = (one for one in same if one.split != gold.split)
        return next((one for one in others if one.outside_id != gold.outside_id), None)


def place_of(gold: Gold) -> str:
    """Where gold stands, for people, such as ``test has it (q1)``."""
    is_of_file = gold.origin not in ("", "import", "search")
    return f"{gold.split} has it ({gold.origin if is_of_file else gold.outside_id})"


class GoldPlaces:
    """Says where gold says what an example says; reads gold when first asked, in any thread."""

    def __init__(self, path: Path) -> None:
        """``path`` is the project's database."""
        self._path = path
        self._gold: GoldWords | None = None

    def __call__(self, example: Example) -> str:
        """Such as ``test has it (q1)``; empty where gold does not say it."""
        if self._gold is None:
            store = Store(self._path)
            try:
                self._gold = GoldWords.of(store)
            finally:
                store.close()
        found = self._gold.find(example)
        return place_of(found) if found is not None else ""


def shown_examples(store: Store) -> tuple[list[Example], list[Example]]:
    """The examples that are switched on: those that an LLM may see, and those that are gold."""
    return _apart(store, GoldWords.of(store))


def _apart(store: Store, gold: GoldWords) -> tuple[list[Example], list[Example]]:
    on = store.examples.all(enabled_only=True)
    leaks = [example for example in on if example.query.strip() and gold.find(example)]
    return [example for example in on if example not in leaks], leaks


def shown_demonstrations(
    store: Store, template: StagedTemplate, record: RecordType
) -> tuple[StagedTemplate, tuple[str, ...]]:
    """A template without the demonstrations that are gold, and a sentence on each of those."""
    gold, shown, remarks = GoldWords.of(store) if template.demonstrations else None, [], []
    for one in template.demonstrations:
        leak = gold_shown(gold, one, record) if gold is not None else None
        if leak is None:
            shown.append(one)
        else:
            remarks.append(
                f"A demonstration of the template is gold: {place_of(leak)}. No LLM is shown it; "
                "write another."
            )
    return replace(template, demonstrations=tuple(shown)), tuple(remarks)


def gold_shown(gold: GoldWords, shown: Mapping[str, str], record: RecordType) -> Gold | None:
    """The gold that a demonstration says, in its text or in one that is like it."""
    about = {record.context: shown.get("context", "")} if record.context else {}
    given = ("label", "context", "answer")
    said = (Datum(record, {record.fields[0]: shown[n], **about}) for n in shown if n not in given)
    return next((found for datum in said if (found := gold.find(datum))), None)


def switch_off_gold(store: Store, new: Iterable[Gold] | None = None) -> list[Example]:
    """Switch off the examples that are gold, or those that are ``new`` gold; which ones."""
    _, leaks = _apart(store, GoldWords.of(store) if new is None else GoldWords(new))
    for example in leaks:
        store.examples.switch(example.id, on=False)
    return leaks


@dataclass(slots=True)
class LeakGuard:
    """Gold test, to keep training data away from it."""

    contexts: set[str]
    wordings: set[str]
    near: NearWords

    @classmethod
    def of(cls, test: Sequence[Gold]) -> LeakGuard:
        """Index the texts and contexts of gold test."""
        near = NearWords(LEAK, [gold.text for gold in test])
        contexts = {normal(gold.context) for gold in test if gold.context}
        return cls(contexts, {wording(gold.text) for gold in test}, near)

    def is_about(self, *contexts: str) -> bool:
        """Whether gold test is about one of these passages."""
        # Most gold has no passages, and a document may be a book: then none is taken into words.
        return bool(self.contexts) and any(
            context and normal(context) in self.contexts for context in contexts
        )

    def leaks(self, found: Datum) -> bool:
        """Whether it is of a passage of gold test, or says nearly what one of gold test says."""
        if self.is_about(found.context) or wording(found.text) in self.wordings:
            return True
        return self.near.nearest(found.text) > 0


def key_of(found: Datum) -> tuple[str, ...]:
    """What makes two of a run the same: what is trained on, whatever its label; notes whole."""
    about = found.context if found.type.is_trained_on else found.label
    return found.type.name, normal(found.text), about


def settled(
    seen: set[tuple[str, ...]],
    batch: Iterable[Record],
    guard: LeakGuard,
    known: NearWords | None = None,
) -> list[Verdict]:
    """The verdicts on a batch: what is there already, or leaks, in the order of places.

    seen: the keys of what the run has kept before; those of the batch are added.
    known: texts that new ones must not be near to; those of the batch are added.
    """
    verdicts = []
    for record in batch:
        near = 0.0
        reason = Reason.DUPLICATE if key_of(record) in seen else ""
        if not reason and known is not None and (near := known.nearest(record.text)):
            reason = Reason.NEAR_DUPLICATE
        if not reason and record.type.is_trained_on and guard.leaks(record):
            reason = Reason.TEST_LEAK
        if reason:
            verdicts.append(Verdict(record.id, reason, False, near or None, reason=reason))
            continue
        seen.add(key_of(record))
        if known is not None:
            known.add(record.text)
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
        near = likeness(text, vocabulary.encode(gold.text)) > LEAK
        if near or wording(gold.text) == wording(found.text):
            return Reason.TEST_LEAK
    return ""
