"""Self-QA (Zhang and Yang 2023, arXiv:2305.11952): documents become questions and answers.

For each document an LLM writes ten diverse questions that make sense without the document, then
answers each one thoroughly with the document before it, as if from its own knowledge. What breaks
the rules is pruned: questions and answers that point at “this article”, empty ones, and such as
lack their name.

Where this differs: questions that only begin with a demonstrative but name what they mean (“this
year”) stay; the rule is a list of what points at a text, per language, in the template
(``pointers``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from studio.calls import Answer
from studio.methods.protocol import Ask, Draft, Feedback, Made, Method, Plan
from studio.methods.tasks_written import (
    BLACKLISTED,
    POINTERS,
    TASK,
    AnswersTo,
    asked_for,
    instruction_fault,
    pointing,
)
from studio.params import Params, option
from studio.prompting.answers import said_lines
from studio.prompting.blocks import without_heading
from studio.prompting.staged import StagedForm
from studio.records import Reason, RecordType


@dataclass(frozen=True, slots=True)
class SelfQASettings(Params):
    """What a person can set of Self-QA."""

    questions: int = option(10, "Questions", "asked for about each document", least=1, most=50)


@dataclass(frozen=True, slots=True)
class Questions:
    """Questions that a document answers."""

    name: str = "questions"
    makes: RecordType = TASK
    words: str = "questions"
    feedback: Feedback = ""
    distinct: bool = True

    def ask(self, plan: Plan, batch: int, made: Made) -> Iterator[Ask]:
        """One request for each document."""
        for document in () if batch else plan.corpus.sampled():
            values = {"context": document.full_text, "count": plan.settings.questions}
            asked = asked_for(
                plan, self.name, values, document.outside_id, document=document, opening="1."
            )
            yield Ask(asked, document=document)

    def size(self, plan: Plan) -> int:
        """As many as documents."""
        return len(plan.corpus.sampled())

    def read(self, plan: Plan, ask: Ask, answer: Answer) -> Iterable[Draft]:
        """A question a line."""
        lines = [without_heading(line) for line in said_lines(answer.text)]
        cut = answer.finish_reason == "length"
        drafts = [Draft({"task": line}, _fault(plan, line)) for line in lines]
        if cut and drafts:
            drafts[-1] = Draft(drafts[-1].fields, Reason.TRUNCATED)
        return drafts or [Draft(reason=Reason.TRUNCATED if cut else Reason.EMPTY)]


_ANSWER: Final = re.compile(r"(?:a|answer|answers|答|答案|回答)\s*\d*\s*[:：]", re.IGNORECASE)
"""How a line begins that answers the question before it, which nobody asked for."""


def _fault(plan: Plan, question: str) -> str:
    if _ANSWER.match(question):
        return Reason.NO_QUESTION
    return pointing(plan, question) or instruction_fault(plan.template, question)


def _questions(plan: Plan) -> int:
    return len(plan.corpus.sampled()) * int(plan.settings.questions)


METHOD: Final = Method(
    name="self-qa",
    paper="Zhang and Yang 2023, Self-QA: Unsupervised Knowledge Guided Language Model Alignment"
    " (arXiv:2305.11952)",
    about="documents become questions and answers",
    tasks=("instructions",),
    stages=(Questions(), AnswersTo("questions", _questions)),
    form=StagedForm(
        needed={
            "instructions": {
                "questions": ("context", "count"),
                "answers": ("context", "instruction"),
            }
        },
        lists=(*BLACKLISTED, POINTERS),
        method="self-qa",
    ),
    of_documents=True,
    settings=SelfQASettings,
)
