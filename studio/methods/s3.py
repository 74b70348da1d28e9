"""S3, Synthesis Step by Step (Wang, Zhou and Sachan 2023, arXiv:2310.13671).

Seed data: for each label an LLM is asked once for a list of rationales; a text is then written from
k of them, drawn without repetition, for a label drawn evenly ("explain, then generate"). Sentence
pairs and questions are written for a context instead, without rationales. Error extrapolation: for
q in 0 … R−1 (R = 2) a small model is trained from scratch on all data so far and predicts the gold
validation set; for each item that it gets wrong the LLM writes one more like it, with the gold
label kept (and the context, and the answer). The last model is trained on everything.

Its baselines are made of the same stages: :mod:`studio.methods.zerogen` is the seed alone,
:mod:`studio.methods.progen` shows what helped the model, and :mod:`studio.methods.goldgen`
extrapolates all of gold.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from math import gcd
from typing import Any, Final

from studio.calls import Answer, Message, Request
from studio.methods.protocol import Ask, Draft, Feedback, Made, Method, Plan
from studio.methods.spans import candidate_answers
from studio.methods.written_text import read_text
from studio.params import Params, option
from studio.prompting.answers import said_lines
from studio.prompting.loops import has_loop
from studio.prompting.shots import stable_number
from studio.prompting.staged import (
    Shot,
    StagedForm,
    StagedTemplate,
    rendered_part,
    stage_messages,
)
from studio.prompting.words import normal, one_line, words
from studio.records import (
    LABELLED_TEXT,
    NOTE,
    QUESTION,
    SENTENCE_PAIR,
    Document,
    Gold,
    Reason,
    RecordType,
)

PAPER: Final = "Wang, Zhou and Sachan 2023, Let's Synthesize Step by Step (arXiv:2310.13671)"
RATIONALE_WORDS = (1, 25)
"""A longer line is an essay, not a reason."""
MOST_TRIES = 3
"""Requests for each record that is wanted, at most: the others were dropped."""
TURN = 1_000
"""Draws of one gold datum are so far apart from turn to turn: rounds count below it."""

FORM: Final = StagedForm(
    needed={
        "classification": {"seed": ("label",), "extrapolation": ("label", "text")},
        "nli": {"seed": ("label", "context"), "extrapolation": ("label", "context", "text")},
        "qa": {"seed": ("context", "answer"), "extrapolation": ("context", "answer", "text")},
        "retrieval": {"extrapolation": ("context", "text")},
    },
    optional=("rationale", "seed"),
    placeholders=("label", "count", "rationales", "context", "answer", "text"),
    # The first is what an LLM would be asked to write; ``similar`` what an extrapolation of it
    # would be; ``rationales`` a list of reasons, one a line; ``texts`` what the text is.
    demonstration=(
        "text", "label", "context", "answer", "rationale", "rationales", "texts", "similar",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SeedSettings(Params):
    """How much is written before any error is known."""

    seed_records: int = option(
        200, "Seed records", "kept after parsing and duplicates, before the first round", least=1
    )
    records: int | None = option(
        None, "Records in all", "extrapolation ends there", least=1, empty="without end"
    )


@dataclass(frozen=True, slots=True)
class S3Settings(SeedSettings):
    """What a person can set of S3."""

    rationales: int = option(20, "Rationales", "reasons asked for each label, at least", least=0)
    explain: bool = option(
        True,
        "Explain first",
        "write texts from reasons; without is the ablation",
        flag="explain/without-rationales",
    )
    extrapolate: bool = option(
        True,
        "Extrapolate",
        "without it, the ablation, the seed grows to the same size instead",
        flag="extrapolate/without-extrapolation",
    )


# -- what all stages share --


def request_for(
    plan: Plan,
    messages: tuple[Message, ...],
    purpose: str,
    name: int | str,
    *,
    draw: int = 0,
    document: Document | None = None,
) -> Request:
    """A request whose sampling seed its purpose and name decide."""
    return Request(
        messages=messages,
        model=plan.model,
        decoding=plan.chosen_decoding,
        seed=stable_number(purpose, plan.seed, name) % 2**31,
        document_id=document.id if document else None,
        prompt_id=plan.prompt_id,
        draw=draw,
        purpose=purpose,
    )


def fields_of(
    made: RecordType, *, label: str = "", context: str = "", answer: str = ""
) -> dict[str, str]:
    """The given fields of a record, under the names that its type has for them."""
    named = {"label": label, made.context: context, "answer": answer}
    return {name: value for name, value in named.items() if name in made.fields and value}


def seed_shots(template: StagedTemplate, *, with_reasons: bool) -> list[Shot]:
    """The demonstrations as seed texts; with their reasons where the text is written from some."""
    found = []
    for one in template.demonstrations:
        reasons = (one["rationale"],) if with_reasons and one.get("rationale") else ()
        asked = rendered_part(template, "seed", given_of(one) | {"rationales": reasons})
        found.append((asked, one_line(one["text"])))
    return found


def given_of(demonstration: Mapping[str, str]) -> dict[str, Any]:
    """What would have been given to get the demonstration."""
    return {name: demonstration.get(name, "") for name in ("label", "context", "answer", "texts")}


@dataclass(frozen=True, slots=True)
class Rationales:
    """Reasons why a text may have a label, asked for once."""

    name: str = "rationales"
    makes: RecordType = NOTE
    words: str = "rationales"
    feedback: Feedback = ""
    distinct: bool = True

    def ask(self, plan: Plan, batch: int, made: Made) -> Iterator[Ask]:
        """Requests for at least ``rationales`` reasons for each label, the labels in turn."""
        if batch or not plan.settings.explain:
            return
        each = plan.template.rationales_per_request
        for draw in range(-(-plan.settings.rationales // each)):
            for number, label in enumerate(plan.labels):
                messages = self._messages(plan, label.words, each)
                place = draw * len(plan.labels) + number
                request = request_for(plan, messages, "rationale", place)
                yield Ask(request, {"label": label.name})

    def _messages(self, plan: Plan, label: str, count: int) -> tuple[Message, ...]:
        template: StagedTemplate = plan.template
        values = {"label": label, "count": count}
        if plan.chosen_style == "chat":
            lists = [(d, _listed(d["rationales"])) for d in template.demonstrations
                     if d.get("rationales")]  # fmt: skip
            shots = [
                (rendered_part(template, "rationale", given_of(d) | {"count": len(lines)}),
                 "\n".join(lines))
                for d, lines in lists
                if d.get("label") != label
            ]  # fmt: skip
            return stage_messages(template, "rationale", values, style="chat", shots=shots)
        # A model that only goes on writes from here: another label's reasons would be gone on with.
        form = "\n".join(
            f"- {one_line(d['rationale'])}"
            for d in template.demonstrations
            if d.get("rationale") and d.get("label") == label
        )
        opening = (form and f"{form}\n-") or "-"
        return stage_messages(template, "rationale", values, style="completion", opening=opening)

    def read(self, plan: Plan, ask: Ask, answer: Answer) -> Iterable[Draft]:
        """The reasons in an answer, each line one."""
        found = _reasons(ask.request, answer)
        return [Draft({"text": line}) for line in found] or [Draft(reason=Reason.EMPTY)]


def _listed(lines: str) -> list[str]:
    return [f"- {line.strip(' -')}" for line in lines.splitlines() if line.strip(" -")]


def _reasons(request: Request, answer: Answer) -> list[str]:
    lines = said_lines(answer.text)
    if answer.finish_reason == "length" and len(lines) > 1:
        lines = lines[:-1]
    low, high = RATIONALE_WORDS
    # Small models say the lists over again that showed them the form, whichever label's those were.
    seen = {normal(line) for message in request.messages for line in message.content.splitlines()}
    good = [
        line.rstrip(".;,。；，")
        for line in lines
        if low <= len(words(line)) <= high and normal(line) not in seen
    ]
    return [line for line in dict.fromkeys(good) if not has_loop(line)]


@dataclass(frozen=True, slots=True)
class Seed:
    """Texts for labels, or for a context and a label or answer, until enough are kept."""

    makes: RecordType
    explains: bool = False
    """Texts are written from rationales."""
    alone: bool = False
    """Whether the seed is all that the method makes."""
    name: str = "seed"
    words: str = "seed texts"
    feedback: Feedback = ""
    distinct: bool = True

    def ask(self, plan: Plan, batch: int, made: Made) -> Iterator[Ask]:
        """What is missing of the wanted number; labels come in turn, so that they are balanced."""
        wanted = self._wanted(plan)
        first = made.asked(self.name)
        missing = min(wanted - made.count(self.name), MOST_TRIES * wanted - first)
        reasons = _reasons_by_label(made) if self.explains else {}
        for place in range(first, first + missing):
            if (found := self.at(plan, place, reasons)) is not None:
                yield found

    def _wanted(self, plan: Plan) -> int:
        settings = plan.settings
        alone = self.alone or not getattr(settings, "extrapolate", True)
        return int(settings.records or settings.seed_records if alone else settings.seed_records)

    def at(
        self,
        plan: Plan,
        place: int,
        reasons: Mapping[str, Sequence[str]],
        shots: Sequence[Shot] = (),
    ) -> Ask | None:
        """The request for a place; None when it has no context to be written for.

        shots: shown in place of the template's own demonstrations.
        """
        label = plan.labels[place % len(plan.labels)] if plan.labels else None
        name, label_words = (label.name, label.words) if label else ("", "")
        if not self.makes.context:
            known = reasons.get(name, ())
            drawn = random.Random(stable_number("seed", plan.seed, place))
            chosen = drawn.sample(known, min(plan.template.rationales_per_text, len(known)))
            values = {"label": label_words, "rationales": chosen}
            given = fields_of(self.makes, label=name)
            return self._asked(plan, place, values, given, None, shots)
        contexts = plan.corpus.contexts()
        if not contexts:
            return None
        # A context's labels stand in a row.
        turn = place // max(len(plan.labels), 1)
        document = _shuffled(contexts, plan.seed, turn)
        if label is not None:
            values = {"label": label_words, "context": document.full_text}
            given = fields_of(self.makes, label=name, context=document.full_text)
            return self._asked(plan, place, values, given, document, shots)
        answers = candidate_answers(document.text)
        if not answers:
            return None
        answer = answers[(turn // len(contexts)) % len(answers)]
        given = fields_of(self.makes, context=document.text, answer=answer)
        values = {"context": document.text, "answer": answer}
        return self._asked(plan, place, values, given, document, shots)

    def _asked(
        self,
        plan: Plan,
        place: int,
        values: Mapping[str, Any],
        given: Mapping[str, str],
        document: Document | None,
        shots: Sequence[Shot],
    ) -> Ask:
        with_reasons = bool(values.get("rationales"))
        shots = shots or seed_shots(plan.template, with_reasons=with_reasons)
        messages = stage_messages(
            plan.template, "seed", values, style=plan.chosen_style, shots=shots
        )
        request = request_for(plan, messages, self.name, place, document=document)
        return Ask(request, given, document, place=place)

    def read(self, plan: Plan, ask: Ask, answer: Answer) -> Iterable[Draft]:
        """The text in an answer."""
        return [read_text(plan, self.makes, ask, answer)]


def _reasons_by_label(made: Made) -> dict[str, list[str]]:
    """Label → reasons. The order of arrival must not decide what is drawn from."""
    found: dict[str, list[str]] = {}
    for note in made.kept("rationales"):
        found.setdefault(note.label, []).append(note.text)
    return {
        label: sorted(reasons, key=lambda text: stable_number("reason", text))
        for label, reasons in found.items()
    }


def _shuffled(contexts: Sequence[Document], seed: int, turn: int) -> Document:
    """The contexts in an order that the seed decides, round after round."""
    # Stepping by a number without a common divisor visits each once before any comes again.
    size = len(contexts)
    step = 1 + 2 * (stable_number("step", seed) % max(size // 2, 1))
    while gcd(step, size) != 1:
        step += 1
    return contexts[(stable_number("start", seed) + turn * step) % size]


@dataclass(frozen=True, slots=True)
class Extrapolation:
    """More data like those that the model got wrong, or like all of gold."""

    makes: RecordType
    feedback: Feedback = "errors"
    name: str = "extrapolation"
    words: str = "extrapolations"
    distinct: bool = True

    def ask(self, plan: Plan, batch: int, made: Made) -> Iterator[Ask]:
        """One more like each error; with feedback ``gold``, until enough are kept."""
        if self.feedback == "gold":
            yield from self._from_gold(plan, made)
            return
        if not plan.settings.extrapolate:
            return
        for missed in islice(made.errors, made.room):
            request = self._request(plan, missed.gold, batch + 1)
            yield self._asked(request, missed.gold, missed.error.id, None)

    def _from_gold(self, plan: Plan, made: Made) -> Iterator[Ask]:
        gold, first = made.gold, made.asked(self.name)
        room = made.room
        wanted = len(gold) if room is None else room
        missing = min(wanted - made.count(self.name), MOST_TRIES * wanted - first)
        for place in range(first, first + missing) if gold else ():
            one = gold[place % len(gold)]
            request = self._request(plan, one, 1 + TURN * (place // len(gold)))
            yield self._asked(request, one, None, place)

    def _request(self, plan: Plan, gold: Gold, draw: int) -> Request:
        template: StagedTemplate = plan.template
        shots = [
            (rendered_part(template, self.name, given_of(d) | {"text": d["text"]}),
             one_line(d["similar"]))
            for d in template.demonstrations
            if d.get("similar")
        ]  # fmt: skip
        values = {
            "label": plan.words_of(gold.label),
            "context": gold.context,
            "answer": gold.answers[0] if gold.answers else "",
            "text": gold.text,
        }
        messages = stage_messages(template, self.name, values, style=plan.chosen_style, shots=shots)
        return request_for(plan, messages, self.name, f"{gold.outside_id}/{draw}", draw=draw)

    def _asked(self, request: Request, gold: Gold, error_id: int | None, place: int | None) -> Ask:
        given = fields_of(
            self.makes,
            label=gold.label,
            context=gold.context,
            answer=gold.answers[0] if gold.answers else "",
        )
        return Ask(request, given, error_id=error_id, unlike=(gold.text,), place=place)

    def read(self, plan: Plan, ask: Ask, answer: Answer) -> Iterable[Draft]:
        """The text in an answer."""
        return [read_text(plan, self.makes, ask, answer)]


ABOUT: Final = "seed, then rounds that extrapolate errors"
METHODS: Final = (
    Method(
        "s3", PAPER, ABOUT, ("classification",),
        (Rationales(), Seed(LABELLED_TEXT, explains=True), Extrapolation(LABELLED_TEXT)),
        FORM, S3Settings,
    ),
    Method(
        "s3", PAPER, ABOUT, ("nli",), (Seed(SENTENCE_PAIR), Extrapolation(SENTENCE_PAIR)),
        FORM, S3Settings,
    ),
    Method(
        "s3", PAPER, ABOUT, ("qa",), (Seed(QUESTION), Extrapolation(QUESTION)), FORM, S3Settings,
    ),
)  # fmt: skip
