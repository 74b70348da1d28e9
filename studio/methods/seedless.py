"""Instruction data from nothing, as in Chinese-LLaMA-Alpaca (Cui, Yang and Yao 2023,
arXiv:2304.08177, and its code): topics and kinds of task are drawn instead of seeds.

One user message says what the data is for, names ten topics out of a list and ten kinds of task out
of another, and asks for twenty items as JSON: none that text alone cannot answer, inputs that are
realistic, outputs that do more than accept or refuse. Lengths of inputs and outputs are drawn per
request.

Where this differs: the original's rows have no instruction field, which confuses whoever trains on
them; here each item has instruction, input and output. The lists are our own and stand in the
template (``topics``, ``types``), so that a person can edit them, in any language.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from studio.methods.alpaca import Tasks
from studio.methods.protocol import Ask, Made, Method, Plan
from studio.methods.tasks_written import (
    BLACKLISTED,
    ListSettings,
    asked_for,
    drawn,
    places,
    tasks_each,
)
from studio.params import option
from studio.prompting.staged import StagedForm

INPUT_LENGTH, OUTPUT_LENGTH = (80, 120), (128, 512)
"""Most characters of an input and of an output, drawn in these ranges."""


@dataclass(frozen=True, slots=True)
class SeedlessSettings(ListSettings):
    """What a person can set of it."""

    topics: int = option(10, "Topics", "of the template's list in one request", least=1)
    types: int = option(10, "Kinds of task", "of the template's list in one request", least=1)


@dataclass(frozen=True, slots=True)
class Drawn(Tasks):
    """Whole tasks on topics that are drawn."""

    def ask(self, plan: Plan, batch: int, made: Made) -> Iterator[Ask]:
        """Requests for what is missing, each with topics and kinds of its own."""
        each, lists = tasks_each(plan), plan.template.lists
        for place in places(plan, made, self.name, each):
            lots = drawn(plan, "topics", place)
            values: dict[str, Any] = {
                name: lots.sample(known, min(getattr(plan.settings, name), len(known)))
                for name in ("topics", "types")
                if (known := lists.get(name, ()))
            }
            values |= {
                "input_length": lots.randint(*INPUT_LENGTH),
                "output_length": lots.randint(*OUTPUT_LENGTH),
                "count": each,
            }
            yield Ask(asked_for(plan, "tasks", values, place), place=place)


METHOD: Final = Method(
    name="seedless",
    paper="Cui, Yang and Yao 2023, Efficient and Effective Text Encoding for Chinese LLaMA and"
    " Alpaca (arXiv:2304.08177)",
    about="from nothing but topics and kinds of task",
    tasks=("instructions",),
    stages=(Drawn(),),
    form=StagedForm(
        needed={"instructions": {"tasks": ("topics", "types", "count")}},
        placeholders=("input_length", "output_length"),
        lists=(*BLACKLISTED, "topics", "types"),
        method="seedless",
    ),
    settings=SeedlessSettings,
    from_nothing=True,
)
