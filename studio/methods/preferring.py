"""A pairwise judge: an LLM reads two answers to an instruction and says which one is better.

LLM-as-a-judge (Zheng et al. 2023, arXiv:2306.05685, §3.4) has each pair judged in both orders,
since judges favour a place: an answer wins that wins in both, and where the orders disagree it is a
tie. Here gold's own answer is shown beside the two, and what cannot be read is asked once more.

A preference is a note: asked, paid and stored as all that an LLM writes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from studio.calls import Answer, Request
from studio.methods.protocol import Ask, Draft, Feedback, Made, Method, Plan
from studio.prompting.staged import Lines, StagedForm, StagedTemplate, stage_messages
from studio.prompting.words import cut_words, one_line
from studio.records import Reason, Record, RecordType

NAME: Final = "preference"
"""The method, its stage and the folder of its templates."""
PREFERENCE: Final = RecordType(
    "preference", ("choice", "explanation", "gold", "order"), "preference", "preferences",
    is_trained_on=False,
)  # fmt: skip
"""What a judge chose in one order: ``1``, ``2`` or ``tie``, empty where it could not be read."""
ORDERS: Final = ("new first", "old first")
TIE: Final = "tie"
SHOWN: Final = ("instruction", "reference", "first", "second")
FORM: Final = StagedForm(needed={"any": {"pair": SHOWN, "again": SHOWN}}, method=NAME)
_CHOICES: Final = re.compile(
    r"(?<![\d.])[12](?!\d|\.\d)|\b(?:tie|draw|equal|neither)\b|平", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class AnswerPair:
    """What two systems answered to one gold instruction."""

    gold: str
    """Its outside id."""
    row: int
    """Its row, by which requests are numbered."""
    instruction: str
    reference: str
    new: str
    old: str


@dataclass(frozen=True, slots=True)
class Preferences:
    """Two requests for each pair that differs, and one more where nothing could be read."""

    pairs: Callable[[], Sequence[AnswerPair]]
    name: str = NAME
    makes: RecordType = PREFERENCE
    words: str = "preferences"
    feedback: Feedback = ""
    distinct: bool = False

    def ask(self, plan: Plan, batch: int, made: Made) -> Iterator[Ask]:
        """All pairs in both orders; then, more bluntly, those that could not be read."""
        if batch > 1:
            return
        kept = made.kept(self.name) if batch else ()
        read = {(one["gold"], one["order"]) for one in kept if one["choice"]}
        for pair in self.pairs():
            for number, order in enumerate(ORDERS):
                if (pair.gold, order) not in read:
                    asked = _request(plan, "again" if batch else "pair", pair, order)
                    known = {"gold": pair.gold, "order": order}
                    yield Ask(asked, known, place=2 * pair.row + number)

    def read(self, plan: Plan, ask: Ask, answer: Answer) -> Iterable[Draft]:
        """The choice and its explanation."""
        text = answer.text.strip()
        if not text:
            return [Draft(reason=Reason.EMPTY)]
        return [Draft({"choice": choice_in(text), "explanation": text.partition("\n")[2].strip()})]


def choice_in(text: str) -> str:
    """``1``, ``2`` or ``tie``, as the first line says; empty where it says none or several."""
    said = {found.lower() for found in _CHOICES.findall(text.strip().partition("\n")[0])}
    if len(said) != 1:
        return ""
    [one] = said
    return one if one in ("1", "2") else TIE


def preferring(pairs: Callable[[], Sequence[AnswerPair]]) -> Method:
    """A pairwise judge at work, as the collector runs it."""
    return Method(
        name=NAME,
        paper="Zheng et al. 2023, Judging LLM-as-a-Judge with MT-Bench (arXiv:2306.05685)",
        about="which of two answers is better",
        tasks=(),
        stages=(Preferences(pairs),),
        form=FORM,
        prompts=NAME,
    )


def _request(plan: Plan, part: str, pair: AnswerPair, order: str) -> Request:
    template: StagedTemplate = plan.template
    first, second = (pair.new, pair.old) if order == ORDERS[0] else (pair.old, pair.new)
    texts = (pair.instruction, pair.reference, first, second)
    values = {name: _cut(text, template) for name, text in zip(SHOWN, texts, strict=True)}
    return Request(
        messages=stage_messages(template, part, values, style=plan.chosen_style, opening="Better:"),
        model=plan.model,
        decoding=plan.chosen_decoding,
        seed=plan.seed,
        purpose=part,
    )


def _cut(text: str, template: StagedTemplate) -> Lines:
    short = cut_words(text, template.context_words)
    return Lines(text.strip() if short == one_line(text) else f"{short} …")


def preferences(notes: Iterable[Record]) -> dict[str, float | None]:
    """Gold → 1 where the new answer won in both orders, −1 where the old one did, 0 for a tie; None
    where an order could not be read."""
    chosen: dict[str, dict[str, str]] = {}
    for note in sorted(notes, key=lambda one: one.batch):
        chosen.setdefault(note["gold"], {})[note["order"]] = note["choice"]
    return {gold: _verdict(found) for gold, found in chosen.items()}


def _verdict(found: dict[str, str]) -> float | None:
    first, second = (found.get(order, "") for order in ORDERS)
    if not first or not second:
        return None
    if (first, second) == ("1", "2"):
        return 1.0
    return -1.0 if (first, second) == ("2", "1") else 0.0
