"""Evol-Instruct (Xu et al. 2023, WizardLM, arXiv:2304.12244): instructions grow harder, round by
round.

In each round every instruction is rewritten by an operation that is drawn: four deepen it (add
constraints, deepen, concretise, ask for more steps of reasoning), one broadens (a new instruction
of the same domain that is rarer). At the end an LLM answers what the rounds have left. The
elimination rules: an evolved instruction is dropped that brings nothing new, that says words of the
prompt (“rewritten prompt”), or whose answer apologises or is nothing but stop words; its ancestor
stays in the pool for the next round.

Where this differs: the original asks an LLM whether two instructions are equal; here what differs
in case and punctuation only, or has a ROUGE-L over ``novelty`` with one that is there, is equal. It
begins with the project's examples.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from studio.calls import Answer
from studio.methods.protocol import Ask, Draft, Feedback, Made, Method, Plan
from studio.methods.tasks_written import (
    BLACKLISTED,
    TASK,
    AnswersTo,
    asked_for,
    drawn,
    instruction_fault,
)
from studio.params import Params, option
from studio.prompting.blocks import read_one
from studio.prompting.staged import StagedForm
from studio.prompting.words import normal, words_found
from studio.records import Example, Reason, RecordType

DEEPEN: Final = ("constrain", "deepen", "concretise", "reason")
BROADEN: Final = "broaden"


@dataclass(frozen=True, slots=True)
class EvolSettings(Params):
    """What a person can set of Evol-Instruct."""

    evolutions: int = option(4, "Evolutions", "rounds in which instructions grow", least=1, most=20)
    novelty: float = option(
        0.9, "Novelty", "most ROUGE-L to what is there; 1 drops repetitions only",
        least=0.0, most=1.0,
    )  # fmt: skip
    shots: int = 1
    """Every example is a beginning of its own."""
    shot_sets: int = option(
        1_000, "Beginnings", "examples that are evolved, at most", least=1, most=100_000
    )


@dataclass(frozen=True, slots=True)
class Evolutions:
    """Instructions that were deepened or broadened."""

    name: str = "evolutions"
    makes: RecordType = TASK
    words: str = "evolved instructions"
    feedback: Feedback = ""
    distinct: bool = True

    def ask(self, plan: Plan, batch: int, made: Made) -> Iterator[Ask]:
        """In each batch one evolution of each instruction, of the last that was kept of it."""
        if batch >= plan.settings.evolutions:
            return
        latest = {record.place: record for record in made.kept(self.name)}
        for place, chosen in enumerate(plan.pool):
            if not chosen.examples:
                continue
            before = latest.get(place)
            text = before.text if before else _whole(chosen.examples[0])
            part = drawn(plan, f"evolve {batch}", place).choice((*DEEPEN, BROADEN))
            asked = asked_for(
                plan, part, {"instruction": text}, f"{batch}/{place}", shots=chosen.id
            )
            yield Ask(
                asked,
                {"kind": part},
                parent_id=before.id if before else None,
                unlike=(text,),
                place=place,
            )

    def read(self, plan: Plan, ask: Ask, answer: Answer) -> Iterable[Draft]:
        """The one instruction of an answer."""
        one = read_one(answer.text, "instruction", cut_off=answer.finish_reason == "length")
        text = one.fields.get("instruction", "")
        prompt_words = words_found(text, plan.template.lists.get("prompt_words", ()))
        is_old = prompt_words or normal(text) in map(normal, ask.unlike)
        reason = one.reason or (Reason.ECHO if is_old else instruction_fault(plan.template, text))
        return [Draft({"task": text} if text else {}, reason)]

    def expected(self, plan: Plan) -> int:
        """One for each beginning and evolution."""
        return len(plan.pool) * int(plan.settings.evolutions)

    def novelty(self, plan: Plan) -> float:
        """The most that an instruction may be like one that is there, as ROUGE-L."""
        return float(plan.settings.novelty)


def _whole(example: Example) -> str:
    """An example's instruction with its input, since what evolves is one text."""
    return "\n".join(filter(None, (example.query, example.fields.get("input", ""))))


EVOLUTIONS: Final = Evolutions()
METHOD: Final = Method(
    name="evol",
    paper="Xu et al. 2023, WizardLM: Empowering Large Language Models to Follow Complex"
    " Instructions (arXiv:2304.12244)",
    about="instructions that grow harder round by round",
    tasks=("instructions",),
    stages=(EVOLUTIONS, AnswersTo(EVOLUTIONS.name, EVOLUTIONS.expected)),
    form=StagedForm(
        needed={
            "instructions": {
                **dict.fromkeys((*DEEPEN, BROADEN), ("instruction",)),
                "answers": ("instruction",),
            }
        },
        lists=(*BLACKLISTED, "prompt_words"),
        method="evol",
    ),
    settings=EvolSettings,
)
