"""A prompt that improves itself, by reflection on what it brought.

GEPA (Agrawal et al. 2025, arXiv:2507.19457): wordings are tried on a few documents, an LLM reads
what came of each and proposes another wording, and those that win somewhere are developed further.
The search is the authors' own (package ``gepa``); what it asks is here: *wordings*, one request
each, and *trials*, one query for each document by the wording that is tried.

Wordings and trials are notes: asked, paid and stored as all that an LLM writes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from studio.calls import Answer, Request
from studio.methods import promptagator
from studio.methods.fixed_corpus import FixedCorpus
from studio.methods.protocol import Ask, Draft, Feedback, Made, Method, Plan
from studio.prompting.shots import stable_number
from studio.prompting.staged import Lines, StagedForm, StagedTemplate, stage_messages
from studio.prompting.template_source import FENCE
from studio.prompting.templates import Template
from studio.prompting.words import cut_words
from studio.records import Document, Reason, RecordType

NAME: Final = "improve"
"""The method, and the folder of its templates."""
WORDING: Final = RecordType(
    "wording", ("wording", "number"), "wording", "wordings", is_trained_on=False
)
"""The body of a template, as an LLM proposed it; numbers are those of the proposals, from 1."""
TRIAL: Final = RecordType("trial", ("query", "wording"), "trial", "trials", is_trained_on=False)
"""A query by a wording, which is named by its number; 0 is the prompt that is improved."""
FORM: Final = StagedForm(needed={"any": {"wording": ("wording", "trials")}}, method=NAME)
SHOWN_WORDS: Final = 40
"""Of an answer that is no query."""
QUERIES: Final = promptagator.Queries()
_DASHES: Final = re.compile(r"^\s*-{3,}\s*$", re.MULTILINE)
_FENCE: Final = re.compile(r"^\s*```\w*\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Trial:
    """What is tried in one batch."""

    number: int
    """Of the wording."""
    template: Template
    """The prompt with this wording."""
    documents: Sequence[Document]


@dataclass(frozen=True, slots=True)
class Reflection:
    """What a wording is proposed from."""

    wording: str
    told: str
    """What it brought, document by document."""
    number: int
    """Of the wording that is asked for."""


@dataclass(frozen=True, slots=True)
class Trials:
    """A query for each document of a batch, as Promptagator asks for it with the wording."""

    batches: list[Trial]
    """Batch → what is tried; more are added while the search goes on."""
    name: str = "trials"
    makes: RecordType = TRIAL
    words: str = "trials"
    feedback: Feedback = ""
    distinct: bool = False

    def ask(self, plan: Plan, batch: int, made: Made) -> Iterator[Ask]:
        """The same shots and seeds whatever the wording, so that wordings alone differ."""
        trial = self.batches[batch]
        for one in QUERIES.ask(_with(plan, trial), 0, made):
            request = replace(one.request, prompt_id=None)
            yield replace(one, request=request, fields={"wording": str(trial.number)})

    def read(self, plan: Plan, ask: Ask, answer: Answer) -> Iterable[Draft]:
        """As Promptagator reads it, with the same reasons to drop it; what it drops is kept too, so
        that the next wording can be told."""
        trial = next(one for one in self.batches if str(one.number) == ask.fields["wording"])
        for draft in QUERIES.read(_with(plan, trial), ask, answer):
            said = draft.fields or {"query": cut_words(answer.text, SHOWN_WORDS) or "nothing"}
            yield replace(draft, fields=said)


@dataclass(frozen=True, slots=True)
class Wordings:
    """A wording for each reflection."""

    batches: list[Reflection]
    template: StagedTemplate
    fault: Callable[[str], str]
    """Why a wording cannot be asked with; empty for one that can."""
    name: str = "wordings"
    makes: RecordType = WORDING
    words: str = "wordings"
    feedback: Feedback = ""
    distinct: bool = False

    def ask(self, plan: Plan, batch: int, made: Made) -> Iterator[Ask]:
        """One request."""
        found = self.batches[batch]
        values = {"wording": Lines(found.wording), "trials": Lines(found.told)}
        yield Ask(
            Request(
                messages=stage_messages(self.template, "wording", values, style="chat"),
                model=plan.model,
                decoding=self.template.decoding_for("chat", plan.model),
                seed=stable_number("wording", plan.seed, found.number) % 2**31,
                purpose="wording",
            ),
            {"number": str(found.number)},
        )

    def read(self, plan: Plan, ask: Ask, answer: Answer) -> Iterable[Draft]:
        """The wording between the dashes, where it can be asked with."""
        wording = wording_in(answer.text)
        if not wording:
            return [Draft(reason=Reason.EMPTY)]
        if answer.finish_reason == "length":
            return [Draft({"wording": wording}, reason=Reason.TRUNCATED)]
        return [Draft({"wording": wording}, Reason.NO_TEMPLATE if self.fault(wording) else "")]


def wording_in(text: str) -> str:
    """What an answer proposes: between the last two lines of dashes, else in a fence, else all."""
    for marks in (_DASHES, _FENCE):
        pieces = [piece.strip() for piece in marks.split(text)]
        if len(pieces) > 2:
            return next((piece for piece in reversed(pieces[1:-1]) if piece), "")
        if len(pieces) == 2:
            return pieces[1] or pieces[0]
    return text.strip()


def body_of(template: str) -> tuple[str, str]:
    """A template's front matter, closing fence and all, and its body."""
    lines = template.replace("\r\n", "\n").split("\n")
    end = next(n for n, line in enumerate(lines) if n and line.strip() == FENCE)
    return "\n".join(lines[: end + 1]), "\n".join(lines[end + 1 :]).strip()


@dataclass(slots=True)
class Improving:
    """The method of one search, with what it has asked so far."""

    template: StagedTemplate
    fault: Callable[[str], str]
    trials: Trials = field(default_factory=lambda: Trials([]))
    wordings: Wordings = field(init=False)

    def __post_init__(self) -> None:
        self.wordings = Wordings([], self.template, self.fault)

    @property
    def method(self) -> Method:
        """As the collector runs it."""
        return Method(
            name=NAME,
            paper="Agrawal et al. 2025, GEPA: Reflective Prompt Evolution (arXiv:2507.19457)",
            about="other wordings of a prompt, tried on documents that are set aside",
            tasks=(),
            stages=(self.wordings, self.trials),
            form=FORM,
            prompts=NAME,
        )


def _with(plan: Plan, trial: Trial) -> Plan:
    return replace(plan, template=trial.template, corpus=FixedCorpus(trial.documents))
