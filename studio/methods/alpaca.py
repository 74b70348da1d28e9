"""Alpaca (Taori et al. 2023, Stanford Alpaca): twenty tasks an answer, from three seeds.

One request shows the requirements and three human seeds as numbered blocks of instruction, input
and output, and asks for the list to be continued; only seeds are shown, never what was written
before. Temperature and top-p are 1, an answer has up to 3,072 tokens. Instructions whose ROUGE-L
with a seed or an earlier one is over 0.7 are dropped, with Self-Instruct's rules of length, words
and beginnings (:mod:`studio.methods.tasks_written`).

Where this differs: the original ends an answer at ``20.``, which cuts dates short (“October 20.”),
and reads blocks by their numbers, so that a chat model that numbers anew loses all. Here the count
is asked for in words, headings are read by name, and an answer that is cut off loses its last block
only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from studio.calls import Answer
from studio.methods.protocol import Ask, Draft, Feedback, Made, Method, Plan
from studio.methods.tasks_written import (
    BLACKLISTED,
    ListSettings,
    asked_for,
    opening_of,
    places,
    requests_for,
    seeds,
    shown_tasks,
    tasks_each,
    tasks_read,
)
from studio.params import option
from studio.prompting.blocks import read_tasks
from studio.prompting.staged import StagedForm
from studio.records import INSTRUCTION, RecordType


@dataclass(frozen=True, slots=True)
class AlpacaSettings(ListSettings):
    """What a person can set of Alpaca."""

    shots: int = option(3, "Seeds", "shown in one prompt", least=1, most=20)
    shot_sets: int = option(
        100, "Shot sets", "different draws of seeds that take turns", least=1, most=1_000
    )


@dataclass(frozen=True, slots=True)
class Tasks:
    """Whole tasks, several an answer, until enough are kept."""

    name: str = "tasks"
    makes: RecordType = INSTRUCTION
    words: str = "tasks"
    feedback: Feedback = ""
    distinct: bool = True

    def ask(self, plan: Plan, batch: int, made: Made) -> Iterator[Ask]:
        """Requests for what is missing, each with seeds of its own."""
        each = tasks_each(plan)
        for place in places(plan, made, self.name, each):
            shown, row = seeds(plan, place)
            values = {"tasks": shown_tasks(shown, plan.template.language), "count": each}
            yield Ask(asked_for(plan, "tasks", values, place, shots=row), place=place)

    def read(self, plan: Plan, ask: Ask, answer: Answer) -> Iterable[Draft]:
        """Every task of the answer."""
        is_completion = ask.request.style == "completion"
        found = read_tasks(
            answer.text,
            opening=opening_of(plan.template) if is_completion else "",
            cut_off=answer.finish_reason == "length",
        )
        return tasks_read(plan, ask, found)

    def expected(self, plan: Plan) -> int:
        """As many as list the tasks that are wanted."""
        return requests_for(plan, tasks_each(plan))

    def novelty(self, plan: Plan) -> float:
        """The most that an instruction may be like a seed or an earlier one, as ROUGE-L."""
        return float(plan.settings.novelty)


def form_of(method: str) -> StagedForm:
    """Templates with one part, which shows seeds and asks for more."""
    return StagedForm(
        needed={"instructions": {"tasks": ("tasks", "count")}}, lists=BLACKLISTED, method=method
    )


METHOD: Final = Method(
    name="alpaca",
    paper="Taori et al. 2023, Stanford Alpaca (github.com/tatsu-lab/stanford_alpaca)",
    about="twenty tasks an answer, from three seeds",
    tasks=("instructions",),
    stages=(Tasks(),),
    form=form_of("alpaca"),
    settings=AlpacaSettings,
)
