"""Reading one written text out of an answer: its faults, each with a reason.

For every method whose stages ask for one text at a time: single texts, hypotheses, questions.
"""

from __future__ import annotations

from typing import Final

from studio.calls import Answer
from studio.filters.copy import copied_share
from studio.methods.protocol import Ask, Draft, Plan
from studio.prompting.answers import paragraph
from studio.prompting.languages import language_score, marks_questions
from studio.prompting.loops import has_loop
from studio.prompting.staged import StagedTemplate
from studio.prompting.words import normal, words
from studio.records import QUESTION, Datum, Reason, RecordType

LANGUAGE_FLOOR: Final = 0.3
"""Below this :func:`language_score` an answer is in another language."""
COPIED: Final = 0.9
"""From this share on an answer is its source said over again."""
QUESTION_MARKS: Final = ("?", "？", "؟", "፧", "\u037e")
"""What questions end in: of Latin, Chinese, Arabic, Ethiopic and Greek writing."""
ARMENIAN_MARK: Final = "՞"
"""Stands within the word that is asked about."""


def read_text(plan: Plan, made: RecordType, ask: Ask, answer: Answer) -> Draft:
    """The text in an answer, with a reason when it cannot be used."""
    found = paragraph(
        answer.text,
        label=plan.template.text_label,
        prompt_end=ask.request.messages[-1].content,
        cut_off=answer.finish_reason == "length",
    )
    if found.reason:
        return Draft(reason=found.reason)
    text = _up_to_question_mark(found.text) if made is QUESTION else found.text
    datum = Datum(made, {**ask.fields, made.fields[0]: text})
    return Draft(datum.fields, _fault(plan, ask, datum))


def _up_to_question_mark(text: str) -> str:
    """What follows is an answer that nobody asked for."""
    ends = [text.find(mark) for mark in QUESTION_MARKS if mark in text]
    return text[: min(ends) + 1].strip() if ends else text


def _fault(plan: Plan, ask: Ask, datum: Datum) -> str:
    template: StagedTemplate = plan.template
    if has_loop(datum.text):
        return Reason.LOOP
    if any(is_copy(datum.text, text) for text in ask.unlike):
        return Reason.COPIED
    demonstrations = template.demonstrations
    known = {normal(d[key]) for d in demonstrations for key in ("text", "similar") if d.get(key)}
    if normal(datum.text) in known:
        return Reason.ECHO
    about = datum.context or (ask.document.full_text if ask.document else "")
    if about and is_copy(datum.text, about):
        return Reason.COPIED
    if datum.type is QUESTION and (fault := _question_fault(datum, template.language)):
        return fault
    return off_task(datum.text, template.text_words, template.language)


def is_copy(text: str, source: str) -> bool:
    """Whether a text is its source again, or a long stretch of it."""
    return normal(text) == normal(source) or copied_share(text, source) >= COPIED


def _question_fault(question: Datum, language: str) -> str:
    # Greeks type a semicolon.
    marks = (*QUESTION_MARKS, ";") if language.startswith("el") else QUESTION_MARKS
    is_marked = question.text.endswith(marks) or ARMENIAN_MARK in question.text
    if marks_questions(language) and not is_marked:
        return Reason.NO_QUESTION
    if f" {normal(question.answers[0])} " in f" {normal(question.text)} ":
        return Reason.ANSWER_INSIDE
    return ""


def off_task(text: str, norm: tuple[int, int], language: str) -> str:
    """Why a text is far from its task's norm; empty when it is not.

    Less than half the norm's fewest words, more than twice its most, or of another language.
    """
    fewest, most = norm
    count = len(words(text))
    if count < max(1, fewest // 2):
        return Reason.TOO_SHORT
    if count > 2 * most:
        return Reason.TOO_LONG
    return Reason.LANGUAGE if language_score(text, language) < LANGUAGE_FLOOR else ""
