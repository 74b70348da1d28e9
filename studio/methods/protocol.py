"""The protocol of methods: stages that ask an LLM in batches, and read records out of its answers.

A published method is one file of this folder with a constant ``METHOD`` (or ``METHODS``, where
tasks differ), and its templates. How requests reach an LLM, what is stored of the answers, what
happens at a kill or a cap, is the collector's (:mod:`studio.jobs.collect`), the same for all.

A request is decided by (plan, stage, batch, place) and by the records of earlier batches alone,
never by row numbers or by the order in which answers arrive: a run that was killed anywhere ends
with the rows of an undisturbed one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal, Protocol, runtime_checkable

from studio.calls import Answer, Decoding, Request, Style
from studio.params import Params
from studio.prompting.answers import without_thoughts
from studio.prompting.forms import AnyTemplate, TemplateForm
from studio.prompting.shots import ShotSet
from studio.prompting.tokens import count_tokens
from studio.records import Document, Gold, Label, Reason, Record, RecordType
from studio.runs import RoundError

Feedback = Literal["", "errors", "gold", "influence"]
"""What a batch is made from besides earlier batches: the errors of the model that was just trained
on them, all of gold validation, or the records that helped that model most."""
TURNS: Final = 3
"""Batches that a round with feedback ``influence`` may take: it tops up what is dropped."""


def first_round(feedback: Feedback, batch: int) -> int:
    """The first round that is trained on a batch of a stage with this feedback."""
    if not feedback:
        return 0
    if feedback == "gold":
        return 1
    return 1 + (batch // TURNS if feedback == "influence" else batch)


class Corpus(Protocol):
    """The documents of a run, read when they are needed: there may be a million."""

    def sampled(self) -> Sequence[Document]:
        """Those that the run was told to write for, in a random order that its seed decides."""

    def contexts(self) -> Sequence[Document]:
        """Those that pairs and questions may be about: none that gold test is about."""

    def many(self, rows: Sequence[int]) -> Mapping[int, Document]:
        """Row → document, for those that are there."""


@dataclass(frozen=True, slots=True)
class Plan:
    """All that decides a run's requests, besides what earlier batches have made."""

    template: Any
    """The parsed prompt version, of the class that the method's form gives."""
    model: str
    """The model's name at its endpoint."""
    corpus: Corpus
    settings: Any
    """The method's own settings: an instance of :attr:`Method.settings`."""
    labels: tuple[Label, ...] = ()
    """The classes of the project, in order."""
    pool: tuple[ShotSet, ...] = (ShotSet(()),)
    """The shot sets that requests draw from, with their rows in the store."""
    context_tokens: int = 4096
    """The endpoint's context window for one request."""
    seed: int = 0
    """Decides documents, shots and sampling."""
    prompt_id: int | None = None
    """The prompt version's row."""
    prompt_sha: str = ""
    """The prompt version's hash: a new wording draws new shots."""
    style: Style | None = None
    """Chat or completion; None for the template's own."""
    decoding: Decoding | None = None
    """Sampling in place of the template's; None keeps the template's for style and model."""
    count: Callable[[str], int] = count_tokens
    """Counts a text's tokens."""
    remarks: tuple[str, ...] = ()
    """What is not asked as the template says, a sentence each: demonstrations that are gold."""
    members: tuple[PlanMember, ...] = ()
    """Of a prompt that is a set of templates: one plan for each. :mod:`studio.methods.mixing`
    shares out the documents."""

    def of(self, request: Request) -> Plan:
        """The plan by which a request was made: of a set, its member's."""
        own = (one.plan for one in self.members if one.plan.prompt_id == request.prompt_id)
        return next(own, self)

    @property
    def chosen_style(self) -> Style:
        """The style that requests are sent in."""
        template: AnyTemplate = self.template
        return self.style or template.style

    @property
    def chosen_decoding(self) -> Decoding:
        """The sampling that requests are sent with."""
        template: AnyTemplate = self.template
        return self.decoding or template.decoding_for(self.chosen_style, self.model)

    def words_of(self, label: str) -> str:
        """A label as prompts say it."""
        return next((known.words for known in self.labels if known.name == label), label)


@dataclass(frozen=True, slots=True)
class PlanMember:
    """One template of a set, as it is asked with."""

    share: float
    """In what proportion to the others."""
    plan: Plan
    """With a prompt version of its own: a record knows by it which one wrote it."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request, and what is known of the records that its answer will hold."""

    request: Request
    fields: Mapping[str, str] = field(default_factory=dict)
    """Fields of the records that are given, such as the label that was asked for."""
    document: Document | None = None
    """The document that is asked about."""
    parent_id: int | None = None
    """The record that this one is made from."""
    error_id: int | None = None
    """The error that is extrapolated."""
    unlike: tuple[str, ...] = ()
    """Texts that the answer must not repeat."""
    place: int | None = None
    """Its number in the batch; None takes the next one. For stages that top up: numbers that go on
    from batch to batch decide what is asked there."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What was read out of an answer: one record to be, or the reason why there is none."""

    fields: Mapping[str, str] = field(default_factory=dict)
    """The record's fields; empty when nothing could be read."""
    reason: str = ""
    """Why it is dropped (a :class:`studio.records.Reason`); empty when it is good."""


@dataclass(frozen=True, slots=True)
class Missed:
    """An error with its gold."""

    gold: Gold
    error: RoundError


class Made(Protocol):
    """What a run has made before the batch that is asked for."""

    def asked(self, stage: str) -> int:
        """The first place after all that the earlier batches of a stage have asked."""

    def kept(self, stage: str) -> Sequence[Record]:
        """The kept records of the earlier batches of a stage, by batch, place and part."""

    def count(self, stage: str) -> int:
        """How many they are."""

    @property
    def errors(self) -> Sequence[Missed]:
        """For a batch with feedback ``errors``: what the model got wrong."""

    @property
    def gold(self) -> Sequence[Gold]:
        """For a batch with feedback ``gold``: all of gold validation."""

    @property
    def helpful(self) -> Mapping[str, Sequence[Record]]:
        """For a batch with feedback ``influence``: label → the records that helped the model most,
        the most helpful first."""

    @property
    def room(self) -> int | None:
        """How many records the run may have beyond those that its model was trained on; None
        without a bound."""


class Stage(Protocol):
    """One step of a method: it asks in batches until a batch has no request."""

    @property
    def name(self) -> str:
        """Such as ``seed``; unique in its method."""

    @property
    def makes(self) -> RecordType:
        """What its records consist of."""

    @property
    def words(self) -> str:
        """What it makes, for progress lines, such as ``seed texts``."""

    @property
    def feedback(self) -> Feedback:
        """With any the run trains and scores a model before each batch."""

    @property
    def distinct(self) -> bool:
        """Whether a record that repeats an earlier one of its run, or is near to gold test, is
        dropped at the end of its batch."""

    def ask(self, plan: Plan, batch: int, made: Made) -> Iterator[Ask]:
        """The requests of one batch, lazily; the first batch without any ends the stage."""

    def read(self, plan: Plan, ask: Ask, answer: Answer) -> Iterable[Draft]:
        """What an answer holds: at least one draft, if only with the reason why nothing is."""


def drafts_in(stage: Stage, plan: Plan, ask: Ask, answer: Answer) -> list[Draft]:
    """What an answer holds, for every method alike: a stage reads only what was really answered."""
    if answer.finish_reason == "error":
        return [Draft(reason=Reason.ERROR)]
    if answer.finish_reason == "content_filter":
        return [Draft(reason=Reason.REFUSAL)]
    said = without_thoughts(answer.text)
    silent = not answer.text or said != answer.text
    if silent and not said.strip() and answer.finish_reason == "length":
        return [Draft(reason=Reason.THINKING)]
    return list(stage.read(plan.of(ask.request), ask, replace(answer, text=said)))


@runtime_checkable
class SizedStage(Stage, Protocol):
    """A stage that knows how many requests it has, without making them."""

    def size(self, plan: Plan) -> int:
        """Requests of all its batches."""


@runtime_checkable
class ExpectedStage(Stage, Protocol):
    """A stage that tops up, or goes on from others: it knows about how many requests it takes."""

    def expected(self, plan: Plan) -> int:
        """Requests if all that comes is kept."""


@runtime_checkable
class NovelStage(Stage, Protocol):
    """A stage whose records must be new: unlike the seeds and what is there already."""

    def novelty(self, plan: Plan) -> float:
        """The most ROUGE-L F1 that a text may have with one of them; over it, it is dropped."""


@dataclass(frozen=True, slots=True)
class Method:
    """A published way of making records with an LLM."""

    name: str
    """Its name in commands and folders, such as ``promptagator``."""
    paper: str
    """The publication it follows."""
    about: str
    """A few words for lists, such as ``queries from a handful of examples``."""
    tasks: tuple[str, ...]
    """The tasks that it serves with these stages."""
    stages: tuple[Stage, ...]
    """In order."""
    form: TemplateForm
    """What its templates look like."""
    settings: type[Params] = Params
    """What a person can set of it, besides what every run has."""
    of_documents: bool = False
    """Whether it asks about the documents that a run is told to write for."""
    from_nothing: bool = False
    """Whether it is what a project begins with that has neither examples nor documents."""
    prompts: str | Path = ""
    """The folder of its templates: a name below ``prompts/``, or a path; empty is its own name."""

    @property
    def prompts_folder(self) -> str | Path:
        """Where its templates lie."""
        return self.prompts or self.name

    @property
    def has_feedback(self) -> bool:
        """Whether a model is trained on the way."""
        return any(stage.feedback for stage in self.stages)

    def stage(self, name: str) -> Stage:
        """One of its stages. Raises KeyError for a name that it does not have."""
        for one in self.stages:
            if one.name == name:
                return one
        raise KeyError(name)
