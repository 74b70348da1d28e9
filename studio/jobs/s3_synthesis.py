"""S3's writing: rationales, seed items, extrapolations, and what of them may be trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from studio.filters.similarity import NearTexts, Vocabulary
from studio.jobs.asking import Desk
from studio.jobs.context import JobContext
from studio.jobs.s3_params import S3Params
from studio.labelled import GoldItem, RoundError, Run, SyntheticItem
from studio.methods.synthesis import (
    SynthesisMethod,
    SynthesisPlan,
    Target,
    extrapolation_target,
    parse_item,
    parse_rationales,
    rationale_targets,
    seed_target,
)
from studio.prompting.shots import stable_number
from studio.prompting.words import normal
from studio.records import Answer, Document, Reason, StudioError, Verdict

LEAK = 0.8
"""ROUGE-L from which on an item is too close to a gold test item."""
MOST_TRIES = 3
"""Requests for each item that is wanted, at most: the others were dropped."""
CONTEXTS = 20_000
"""Documents of a corpus that contexts are drawn from."""


@dataclass(slots=True)
class Writer:
    """Everything that one run asks an LLM for."""

    context: JobContext
    run: Run
    params: S3Params
    method: SynthesisMethod
    plan: SynthesisPlan
    desk: Desk
    warnings: list[str] = field(default_factory=list)
    """What a person should know, in sentences."""
    _contexts: list[Document] | None = None
    _guard: LeakGuard | None = None

    # -- rationales --

    def explain(self) -> dict[str, list[str]]:
        """Label → reasons; asked for once. Empty where texts are written without."""
        wanted = self.method.explains and self.params.explain and self.params.rationales
        if not wanted or self.plan.template.task != "classification":
            return {}
        targets = list(rationale_targets(self.plan, self.params.rationales))
        self.desk.ask(
            targets,
            self._keep_rationales,
            lambda target, answer: "" if parse_rationales(target, answer) else Reason.EMPTY,
            "rationales",
            len(targets),
        )
        found: dict[str, list[str]] = {label.name: [] for label in self.plan.labels}
        for rationale in self.context.store.runs.rationales(self.run.id):
            found[rationale.label].append(rationale.text)
        for label, reasons in found.items():
            if not reasons:
                self.warnings.append(
                    f"No reason for the label {label} could be read out of the answers; its texts "
                    "are written from the label alone."
                )
        # The order of arrival must not decide what is drawn from.
        return {
            label: sorted(reasons, key=lambda text: stable_number("reason", text))
            for label, reasons in found.items()
        }

    def _keep_rationales(self, target: Target, answer: Answer, row: int) -> str:
        found = [replace(r, generation_id=row or None) for r in parse_rationales(target, answer)]
        self.context.store.runs.add_rationales(self.run.id, found)
        return ""

    # -- seed --

    def seed(self, rationales: dict[str, list[str]], wanted: int) -> int:
        """Seed items until so many are kept, or too many requests were in vain; how many."""
        limit = MOST_TRIES * wanted
        asked = kept = 0
        while kept < wanted and asked < limit:
            upto = min(asked + wanted - kept, limit)
            targets = list(self._seed_targets(range(asked, upto), rationales))
            if not targets and not asked:
                raise StudioError(self._no_context())
            self._ask(targets, 0, "seed texts", wanted)
            asked = upto
            self.settle(0)
            kept = self.context.store.items.counts(self.run.id).get(0, (0, 0))[0]
            if self.desk.stopped_by:
                break
        if not kept:
            raise StudioError(self._nothing_kept(0))
        if kept < wanted:
            self.warnings.append(
                f"Only {kept:,} of the {wanted:,} seed items came about: "
                + self.desk.stopped_by
                + ("; " if self.desk.stopped_by else "")
                + f"{asked:,} requests were made."
            )
        return kept

    def _seed_targets(self, places: range, rationales: dict[str, list[str]]) -> Iterator[Target]:
        contexts = self.contexts()
        for place in places:
            target = seed_target(self.plan, place, rationales, contexts)
            if target is not None:
                yield target

    def contexts(self) -> list[Document]:
        """What pairs and questions are written for: the corpus without gold test's passages."""
        if self._contexts is None:
            if self.plan.template.task == "classification":
                self._contexts = []
            else:
                guard = self.guard()
                page = self.context.store.documents.page(limit=CONTEXTS)
                self._contexts = [
                    document
                    for document in page
                    if not (
                        guard.has_context(document.full_text) or guard.has_context(document.text)
                    )
                ]
        return self._contexts

    def _no_context(self) -> str:
        return (
            "There is no document to write for. Import passages with `studio import FILE`; those "
            "that gold test items are about are left out."
        )

    # -- extrapolation --

    def extrapolate(
        self, gold: Sequence[tuple[GoldItem, RoundError | None]], round_number: int, most: int
    ) -> int:
        """One item more like each of these, into the round; at most so many. How many are kept."""
        return self.write(self._like(gold, range(most), round_number), round_number)

    def fill(self, gold: Sequence[tuple[GoldItem, None]], round_number: int, wanted: int) -> int:
        """Items like these, again and again, until so many are kept or too many were in vain."""
        asked = kept = 0
        while kept < wanted and asked < MOST_TRIES * wanted:
            places = range(asked, asked + wanted - kept)
            kept = self.write(self._like(gold, places, round_number), round_number)
            asked = places.stop
            if self.desk.stopped_by:
                break
        if kept < wanted:
            self.warnings.append(
                f"Only {kept:,} of the {wanted:,} items like gold came about of {asked:,} requests."
            )
        return kept

    def _like(
        self,
        gold: Sequence[tuple[GoldItem, RoundError | None]],
        places: range,
        round_number: int,
    ) -> list[Target]:
        found = []
        for place in places if gold else ():
            item, error = gold[place % len(gold)]
            turn = place // len(gold)
            found.append(
                extrapolation_target(
                    self.plan,
                    item,
                    place,
                    draw=round_number + 1_000 * turn,
                    error_id=error.id if error else None,
                )
            )
        return found

    def write(self, targets: list[Target], round_number: int) -> int:
        """Have these answered into a round; how many of its items are kept."""
        self._ask(targets, round_number, "extrapolations", len(targets))
        self.settle(round_number)
        return self.context.store.items.counts(self.run.id).get(round_number, (0, 0))[0]

    def _ask(self, targets: list[Target], round_number: int, words: str, total: int) -> None:
        taken = self.context.store.items.places(self.run.id, round_number)
        missing = [target for target in targets if target.place not in taken]
        self.desk.ask(missing, self._keeper(round_number), self._judge, words, len(missing))

    def _judge(self, target: Target, answer: Answer) -> str:
        return parse_item(self.plan, target, answer).reason

    def _keeper(self, round_number: int) -> Callable[[Target, Answer, int], str]:
        def keep(target: Target, answer: Answer, row: int) -> str:
            parsed = parse_item(self.plan, target, answer)
            if parsed.item is not None:
                # A query's document is in the corpus: its text is not stored once more.
                plain = self.plan.template.task == "retrieval"
                item = SyntheticItem(
                    item=replace(parsed.item, context="") if plain else parsed.item,
                    run_id=self.run.id,
                    round=round_number,
                    place=target.place,
                    error_id=target.error_id,
                    generation_id=row or None,
                    document_id=target.document_id,
                    reason=parsed.reason,
                )
                self.context.store.items.add([item], self.context.job.id)
            return parsed.reason

        return keep

    # -- what may be trained on --

    def keep_away_from(self, test: Sequence[GoldItem]) -> None:
        """Guard other gold than the project's gold items."""
        self._guard = LeakGuard.of(test)

    def guard(self) -> LeakGuard:
        """Knows gold test."""
        if self._guard is None:
            self._guard = LeakGuard.of(self.context.store.gold_items.all("test"))
        return self._guard

    def settle(self, round_number: int) -> None:
        """Drop what is there already, and what is too close to gold test, in the items' order."""
        guard = self.guard()
        seen: set[tuple[str, str]] = set()
        verdicts: list[Verdict] = []
        for found in self.context.store.items.of_run(self.run.id, up_to_round=round_number):
            key = (normal(found.item.text), found.item.context)
            reason = Reason.DUPLICATE if key in seen else ""
            if found.round == round_number and not reason and guard.leaks(found):
                reason = Reason.TEST_LEAK
            if reason and found.round == round_number:
                verdicts.append(Verdict(found.id, reason, False, reason=reason))
            else:
                seen.add(key)
        if verdicts:
            self.context.store.verdicts.add(verdicts, self.context.job.id)

    def _nothing_kept(self, round_number: int) -> str:
        store = self.context.store
        drops = store.generations.reasons(self.context.job.id)
        dropped = {**drops, **store.items.reasons(self.run.id, round_number)}
        worst = max(dropped, key=lambda reason: dropped[reason], default="no answer")
        samples = store.generations.with_reason(worst, 1) if worst in drops else []
        said = f" The last such answer was {samples[0]['answer'][:80]!r}." if samples else ""
        if samples and samples[0]["error"]:
            said = f" {samples[0]['error']}"
        return (
            f"None of the answers gave a text to train on (most often: {worst}).{said} "
            "Look at the prompt, or choose another endpoint."
        )


@dataclass(slots=True)
class LeakGuard:
    """Gold test, to keep training data away from it."""

    contexts: set[str]
    near: NearTexts
    vocabulary: Vocabulary

    @classmethod
    def of(cls, test: Sequence[GoldItem]) -> LeakGuard:
        """Index the test items' texts and contexts."""
        vocabulary = Vocabulary()
        encoded = [vocabulary.encode(gold.item.text) for gold in test]
        near = NearTexts(LEAK, encoded)
        for text in encoded:
            near.add(text)
        contexts = {normal(gold.item.context) for gold in test if gold.item.context}
        return cls(contexts, near, vocabulary)

    def has_context(self, context: str) -> bool:
        """Whether a gold test item is about this passage."""
        return bool(context) and normal(context) in self.contexts

    def leaks(self, found: SyntheticItem) -> bool:
        """Whether an item is of a test item's passage, or says nearly what one says."""
        if self.has_context(found.item.context):
            return True
        return self.near.nearest(self.vocabulary.encode(found.item.text)) > 0
