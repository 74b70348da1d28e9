"""ProGen (Ye et al. 2022, arXiv:2210.12329): texts after the examples that helped the model most.

It begins like ZeroGen. Then, round by round, a small model is trained from scratch, the influence
of each record on the loss over a synthetic validation set is computed
(:mod:`studio.training.influence`), and the most helpful records of each label, 50 of them, become
the pool of examples: half of the further requests show 8 of the label asked for, drawn anew each
time, the other half none. A text that says an example over again is dropped.

The original asks every 1,000 texts up to 200,000; here a round writes as many as the seed, or its
even share where all records are bounded. The examples are turns of the same prompt that ZeroGen
asks with, in place of the template's demonstrations, so that nothing else differs between the two.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from studio.methods.protocol import Ask, Feedback, Made, Method, Plan
from studio.methods.s3 import FORM, Seed, SeedSettings
from studio.params import option
from studio.prompting.shots import stable_number
from studio.prompting.staged import Shot, rendered_part
from studio.prompting.words import one_line
from studio.records import LABELLED_TEXT, SENTENCE_PAIR, Record

BATCH: Final = 1_000_000
"""Places of one batch are so far from those of the next."""


@dataclass(frozen=True, slots=True)
class ProGenSettings(SeedSettings):
    """What a person can set of ProGen."""

    helpful: int = option(
        50, "Helpful records", "of each label, from which examples are drawn", least=1
    )
    shown: int = option(8, "Examples shown", "in a request, at most", least=1)
    share: float = option(0.5, "Share with examples", "of a round's requests", least=0, most=1)


@dataclass(frozen=True, slots=True)
class InContext(Seed):
    """Texts as the seed asks for them, half of them after records that helped the model."""

    name: str = "feedback"
    words: str = "texts after helpful ones"
    feedback: Feedback = "influence"

    def ask(self, plan: Plan, batch: int, made: Made) -> Iterator[Ask]:
        """As many as the round still lacks."""
        wanted = plan.settings.seed_records if made.room is None else made.room
        for place in range(wanted):
            label = plan.labels[place % len(plan.labels)].name
            examples = self._drawn(plan, f"{batch}/{place}", made.helpful.get(label, ()))
            shots = [self._shot(plan, one) for one in examples]
            turn = (BATCH * (batch + 1)) // len(plan.labels) * len(plan.labels)
            if (found := self.at(plan, turn + place, {}, shots)) is not None:
                unlike = tuple(one.text for one in examples)
                yield replace(found, unlike=unlike, place=place)

    def _drawn(self, plan: Plan, name: str, helpful: Sequence[Record]) -> list[Record]:
        drawn = random.Random(stable_number(self.name, plan.seed, name))
        if drawn.random() >= plan.settings.share:
            return []
        pool = helpful[: plan.settings.helpful]
        return drawn.sample(pool, min(plan.settings.shown, len(pool)))

    def _shot(self, plan: Plan, record: Record) -> Shot:
        values = {"label": plan.words_of(record.label), "context": record.context}
        return rendered_part(plan.template, "seed", values), one_line(record.text)


METHODS = tuple(
    Method(
        name="progen",
        paper="Ye et al. 2022, ProGen: Progressive Zero-shot Dataset Generation via In-context"
        " Feedback (arXiv:2210.12329)",
        about="seed, then texts after the most helpful ones",
        tasks=(task,),
        stages=(Seed(makes), InContext(makes)),
        form=FORM,
        settings=ProGenSettings,
        prompts="s3",
    )
    for task, makes in (("classification", LABELLED_TEXT), ("nli", SENTENCE_PAIR))
)
