"""What the methods for labelled tasks share: requests for rationales and texts, and their parsing.

Every request is decided by (plan, place) alone, so that a killed run asks for the same again and is
answered from the store.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from studio.filters.copy import copied_share
from studio.labelled import GoldItem, Item, Label, Rationale
from studio.methods.spans import candidate_answers
from studio.prompting.answers import paragraph, said_lines
from studio.prompting.languages import language_score
from studio.prompting.loops import has_loop
from studio.prompting.shots import stable_number
from studio.prompting.synthesis import (
    Asked,
    SynthesisTemplate,
    extrapolation_messages,
    rationale_messages,
    seed_messages,
)
from studio.prompting.words import normal, words
from studio.records import Answer, Decoding, Document, Message, Reason, Request, Style

Purpose = Literal["rationale", "seed", "extrapolation"]
LANGUAGE_FLOOR = 0.3
"""Below this :func:`language_score` an answer is in another language."""
COPIED = 0.9
"""From this share on an answer is its source said over again."""
RATIONALE_WORDS = (1, 25)
"""A longer line is an essay, not a reason."""
QUESTION_MARKS = ("?", "？")


@dataclass(frozen=True, slots=True)
class SynthesisPlan:
    """All that decides a run's requests, besides errors and contexts."""

    template: SynthesisTemplate
    labels: tuple[Label, ...]
    """Empty for questions."""
    model: str
    """The model's name at its endpoint."""
    seed: int = 0
    prompt_id: int | None = None
    style: Style | None = None
    """Chat or completion; None for the template's own."""
    decoding: Decoding | None = None
    """Sampling in place of the template's."""

    @property
    def chosen_style(self) -> Style:
        """The style that requests are sent in."""
        return self.style or self.template.style

    @property
    def chosen_decoding(self) -> Decoding:
        """The sampling that requests are sent with."""
        return self.decoding or self.template.decoding_for(self.chosen_style, self.model)

    def words_of(self, label: str) -> str:
        """A label as prompts say it."""
        return next((known.words for known in self.labels if known.name == label), label)


@dataclass(frozen=True, slots=True)
class Target:
    """One request, and what its answer will be."""

    request: Request
    place: int
    """Its number within the round."""
    label: str = ""
    """The label's name."""
    context: str = ""
    answer: str = ""
    document_id: int | None = None
    error_id: int | None = None
    like: str = ""
    """The text that an extrapolation is to be like: an answer that repeats it is a copy."""


@dataclass(frozen=True, slots=True)
class ParsedItem:
    """What came of one answer."""

    item: Item | None
    reason: str = ""
    """A :class:`Reason`; the item may be there all the same, to be looked at."""


class SynthesisMethod(Protocol):
    """A published way of making a labelled training set with an LLM."""

    @property
    def name(self) -> str:
        """Its name in commands and folders."""

    @property
    def paper(self) -> str:
        """The publication it follows."""

    @property
    def tasks(self) -> tuple[str, ...]:
        """The project tasks it serves."""

    @property
    def explains(self) -> bool:
        """Whether single texts are written from rationales."""

    @property
    def extrapolates(self) -> Literal["nothing", "errors", "gold"]:
        """What further data is written from: nothing, a round's errors, or every gold row."""


@dataclass(frozen=True, slots=True)
class PublishedMethod:
    """A method as its few decisions; the asking is the same for all."""

    name: str
    paper: str
    explains: bool
    extrapolates: Literal["nothing", "errors", "gold"]
    tasks: tuple[str, ...] = field(default=("classification", "nli", "qa"))


def rationale_targets(plan: SynthesisPlan, per_label: int) -> Iterator[Target]:
    """Requests for at least ``per_label`` reasons for each label, the labels in turn."""
    each = plan.template.rationales_per_request
    for draw in range(-(-per_label // each)):
        for number, label in enumerate(plan.labels):
            asked = Asked(label=label.words, count=each)
            messages = rationale_messages(plan.template, asked, plan.chosen_style)
            place = draw * len(plan.labels) + number
            yield Target(_request(plan, messages, "rationale", place), place, label.name)


def parse_rationales(target: Target, answer: Answer) -> list[Rationale]:
    """The reasons in an answer, each line one; none for an answer that cannot be read."""
    if answer.finish_reason in ("error", "content_filter"):
        return []
    lines = said_lines(answer.text)
    if answer.finish_reason == "length" and len(lines) > 1:
        lines = lines[:-1]
    low, high = RATIONALE_WORDS
    # Small models say the lists over again that showed them the form, whichever label's those were.
    shown = {
        normal(line) for message in target.request.messages for line in message.content.splitlines()
    }
    good = [
        line.rstrip(".;,。；，")
        for line in lines
        if low <= len(words(line)) <= high and normal(line) not in shown
    ]
    return [Rationale(target.label, line) for line in dict.fromkeys(good) if not has_loop(line)]


def seed_target(
    plan: SynthesisPlan,
    place: int,
    rationales: Mapping[str, Sequence[str]],
    contexts: Sequence[Document],
) -> Target | None:
    """The request for the seed item of this place; None when it has no context to be written for.

    Labels come in turn, so that they are balanced at every moment. A text is written from k
    different reasons; a hypothesis or question from a context, all labels of one in a row.
    """
    drawn = random.Random(stable_number("seed", plan.seed, place))
    label = plan.labels[place % len(plan.labels)] if plan.labels else None
    if plan.template.task == "classification":
        assert label is not None
        known = rationales.get(label.name, ())
        chosen = tuple(drawn.sample(known, min(plan.template.rationales_per_text, len(known))))
        asked = Asked(label=label.words, rationales=chosen)
        return _target(plan, asked, "seed", place, label.name, None)
    if not contexts:
        return None
    turn = place // max(len(plan.labels), 1)
    document = _shuffled(contexts, plan.seed, turn)
    if plan.template.task == "nli":
        assert label is not None
        asked = Asked(label=label.words, context=document.full_text)
        return _target(plan, asked, "seed", place, label.name, document)
    answers = candidate_answers(document.text)
    if not answers:
        return None
    answer = answers[(turn // len(contexts)) % len(answers)]
    asked = Asked(context=document.text, answer=answer)
    return _target(plan, asked, "seed", place, "", document)


def _shuffled(contexts: Sequence[Document], seed: int, turn: int) -> Document:
    """The contexts in an order that the seed decides, round after round."""
    # Stepping by a number without a common divisor visits each once before any comes again.
    size = len(contexts)
    step = 1 + 2 * (stable_number("step", seed) % max(size // 2, 1))
    while _common(step, size) != 1:
        step += 1
    return contexts[(stable_number("start", seed) + turn * step) % size]


def _common(one: int, other: int) -> int:
    while other:
        one, other = other, one % other
    return one


def extrapolation_target(
    plan: SynthesisPlan, gold: GoldItem, place: int, draw: int = 0, error_id: int | None = None
) -> Target:
    """The request for another item like a gold one: its label stays, and its context and answer."""
    item = gold.item
    asked = Asked(
        label=plan.words_of(item.label),
        context=item.context,
        answer=item.answers[0] if item.answers else "",
        text=item.text,
    )
    messages = extrapolation_messages(plan.template, asked, plan.chosen_style)
    request = _request(plan, messages, "extrapolation", f"{gold.outside_id}/{draw}", draw)
    return Target(
        request=request,
        place=place,
        label=item.label,
        context=item.context,
        answer=asked.answer,
        error_id=error_id,
        like=item.text,
    )


def query_target(
    plan: SynthesisPlan,
    document: Document,
    missed: str,
    place: int,
    draw: int = 0,
    *,
    for_hard_negative: bool = False,
) -> Target:
    """The request for a query like a missed one, for its document or for a hard negative."""
    asked = Asked(context=document.full_text, text=missed)
    ask = seed_messages if for_hard_negative else extrapolation_messages
    messages = ask(plan.template, asked, plan.chosen_style)
    name = f"{document.id}/{draw}/{int(for_hard_negative)}/{missed}"
    return Target(
        request=_request(plan, messages, "extrapolation", name, draw, document.id),
        place=place,
        context=document.full_text,
        document_id=document.id,
        like=missed,
    )


def _target(
    plan: SynthesisPlan,
    asked: Asked,
    purpose: Purpose,
    place: int,
    label: str,
    document: Document | None,
) -> Target:
    messages = seed_messages(plan.template, asked, plan.chosen_style)
    row = document.id if document else None
    return Target(
        request=_request(plan, messages, purpose, place, document_id=row),
        place=place,
        label=label,
        context=asked.context,
        answer=asked.answer,
        document_id=row,
    )


def _request(
    plan: SynthesisPlan,
    messages: tuple[Message, ...],
    purpose: Purpose,
    place: int | str,
    draw: int = 0,
    document_id: int | None = None,
) -> Request:
    return Request(
        messages=messages,
        model=plan.model,
        decoding=plan.chosen_decoding,
        seed=stable_number(purpose, plan.seed, place) % 2**31,
        document_id=document_id,
        prompt_id=plan.prompt_id,
        draw=draw,
        purpose=purpose,
    )


def parse_item(plan: SynthesisPlan, target: Target, answer: Answer) -> ParsedItem:
    """The item in an answer, with a reason when it cannot be used."""
    if answer.finish_reason in ("error", "content_filter"):
        return ParsedItem(None, Reason.ERROR)
    said = paragraph(
        answer.text,
        label=plan.template.text_label,
        prompt_end=target.request.messages[-1].content,
        cut_off=answer.finish_reason == "length",
    )
    if said.reason:
        return ParsedItem(None, said.reason)
    text = _question(said.text) if plan.template.task == "qa" else said.text
    answers = (target.answer,) if target.answer else ()
    item = Item(text, target.label, target.context, answers)
    return ParsedItem(item, _fault(plan, target, item))


def _question(text: str) -> str:
    """Up to the first question mark: what follows is an answer nobody asked for."""
    ends = [text.find(mark) for mark in QUESTION_MARKS if mark in text]
    return text[: min(ends) + 1].strip() if ends else text


def _fault(plan: SynthesisPlan, target: Target, item: Item) -> str:
    template = plan.template
    if has_loop(item.text):
        return Reason.LOOP
    if target.like and is_copy(item.text, target.like):
        return Reason.COPIED
    shown = {normal(text) for d in template.demonstrations for text in (d.text, d.similar) if text}
    if normal(item.text) in shown:
        return Reason.ECHO
    if template.task != "classification" and is_copy(item.text, target.context):
        return Reason.COPIED
    if template.task == "qa" and (fault := _question_fault(item)):
        return fault
    return _off_task(item.text, template)


def is_copy(text: str, source: str) -> bool:
    """Whether a text is its source again, or a long stretch of it."""
    return normal(text) == normal(source) or copied_share(text, source) >= COPIED


def _question_fault(item: Item) -> str:
    if not item.text.endswith(QUESTION_MARKS):
        return Reason.NO_QUESTION
    if f" {normal(item.answers[0])} " in f" {normal(item.text)} ":
        return Reason.ANSWER_INSIDE
    return ""


def _off_task(text: str, template: SynthesisTemplate) -> str:
    """Far from the task's norm: less than half its fewest words, more than twice its most."""
    fewest, most = template.text_words
    count = len(words(text))
    if count < max(1, fewest // 2):
        return Reason.TOO_SHORT
    if count > 2 * most:
        return Reason.TOO_LONG
    return Reason.LANGUAGE if language_score(text, template.language) < LANGUAGE_FLOOR else ""
