"""Promptagator: few-shot dense retrieval from 8 examples (Dai et al., 2022, arXiv:2209.11755).

An LLM sees k ≤ 8 (document, query) pairs of the task and a new document, in the form
``e_prompt e_doc(d₁) e_query(q₁) … e_doc(d)``, and writes the query that belongs to it. The paper
samples 8 queries per document at temperature 0.7 from up to a million documents, shows fewer
examples when they overflow the context, truncates over-long ones, and drops an output that lacks
the query label. A retriever is then trained on all pairs, keeps those whose document it ranks
first, and trains on (see :mod:`studio.filters.round_trip`, :mod:`studio.methods.schedule`).

Where this differs: chat models see the examples as turns, so there the label is neither asked for
nor required; and answers that are copied, echoed, looped, cut off, in another language or far
outside the task's length never become records, each with its reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from studio.calls import Answer, Request
from studio.filters.copy import copied_share
from studio.methods.protocol import Ask, Draft, Feedback, Made, Method, Plan
from studio.methods.written_text import COPIED, off_task
from studio.params import Params, option
from studio.prompting.answers import Extracted, first_line
from studio.prompting.loops import has_loop
from studio.prompting.shots import fit, pick, stable_number
from studio.prompting.templates import DOCUMENT_FORM, Template, completion_opening
from studio.prompting.words import normal, words
from studio.records import QUERY, Document, Example, Reason, RecordType

WINDOW = 4096
"""Documents held in memory while their requests are put in the order of shot sets."""
COPIED_WORDS = 8
"""Shorter answers are left to the copy filter: a title may be a fair query."""


@dataclass(frozen=True, slots=True)
class PromptagatorSettings(Params):
    """What a person can set of Promptagator."""

    queries_per_document: int | None = option(
        None,
        "Queries each",
        "per document; 8 is usual",
        least=1,
        empty="the template's",
        flag="queries",
    )
    shots: int | None = option(
        None,
        "Examples",
        "per prompt, drawn out of all that are switched on",
        least=1,
        most=8,
        empty="the template's",
    )
    shot_sets: int = option(
        8,
        "Shot sets",
        "different draws of examples that take turns; few suit prefix caches",
        least=1,
    )
    draws_per_set: int = 0
    """After so many draws a document gets other shots; 0 keeps one set per document (cheapest)."""


@dataclass(frozen=True, slots=True)
class Queries:
    """Queries for documents, from a handful of examples."""

    name: str = "queries"
    makes: RecordType = QUERY
    words: str = "queries"
    feedback: Feedback = ""
    # The filters look at millions of them; a query that two documents share is no repetition.
    distinct: bool = False

    def ask(self, plan: Plan, batch: int, made: Made) -> Iterator[Ask]:
        """``queries_per_document`` requests for each document.

        Within each window of :data:`WINDOW` documents they come by shot set, and all draws of a
        document that share a set stand together, so that a server reads each prefix once. A
        request depends on the plan and its document only, never on the other documents.
        """
        remaining = iter(() if batch else plan.corpus.sampled())
        while window := list(islice(remaining, WINDOW)):
            for place, document, draws in _by_shot_set(window, plan):
                for request in _draws(place, document, draws, plan):
                    yield Ask(request, document=document)

    def size(self, plan: Plan) -> int:
        """How many requests the stage has."""
        return len(plan.corpus.sampled()) * draws_each(plan)

    def read(self, plan: Plan, ask: Ask, answer: Answer) -> Iterable[Draft]:
        """The query in an answer, or why there is none."""
        assert ask.document is not None
        shots = next((s.examples for s in plan.pool if s.id == (ask.request.shot_set_id or 0)), ())
        found = _extract(ask.request, answer, plan.template)
        reason = found.reason or _fault(found, answer, shots, ask.document, plan.template)
        return [Draft(reason=reason) if reason else Draft({"query": found.text})]


METHOD: Final = Method(
    name="promptagator",
    paper="Dai et al. 2022, Promptagator: Few-shot Dense Retrieval From 8 Examples"
    " (arXiv:2209.11755)",
    about="queries for documents, from a handful of examples",
    tasks=("retrieval",),
    stages=(Queries(),),
    form=DOCUMENT_FORM,
    of_documents=True,
    settings=PromptagatorSettings,
)


def draws_each(plan: Plan) -> int:
    """How many queries are asked for each document."""
    return int(plan.settings.queries_per_document or plan.template.queries_per_document)


def prompt_text(document: Document) -> str:
    """A document as prompts show it: its title once, even where the text repeats it."""
    title, text = document.title.strip(), document.text.strip()
    return text if text.lower().startswith(title.lower()) else document.full_text


def _by_shot_set(window: Sequence[Document], plan: Plan) -> list[tuple[int, Document, range]]:
    groups: list[tuple[int, Document, range]] = []
    total = draws_each(plan)
    step = plan.settings.draws_per_set or total
    for document in window:
        for first in range(0, total, step):
            place = pick(plan.pool, plan.prompt_sha, document.id, first // step, plan.seed)
            groups.append((place, document, range(first, min(first + step, total))))
    # A stable sort keeps the documents' own order within a set.
    return sorted(groups, key=lambda group: group[0])


def _draws(place: int, document: Document, draws: range, plan: Plan) -> Iterator[Request]:
    shots = plan.pool[place]
    decoding = plan.chosen_decoding
    fitted = fit(
        plan.template,
        shots.examples,
        prompt_text(document),
        plan.context_tokens,
        plan.count,
        plan.chosen_style,
        decoding.max_tokens,
    )
    for draw in draws:
        yield Request(
            messages=fitted.messages,
            model=plan.model,
            decoding=decoding,
            seed=stable_number("draw", plan.seed, plan.prompt_sha, document.id, draw) % 2**31,
            document_id=document.id,
            prompt_id=plan.prompt_id,
            shot_set_id=shots.id or None,
            draw=draw,
            note=fitted.note,
        )


def _extract(request: Request, answer: Answer, template: Template) -> Extracted:
    prompt = request.messages[-1].content
    opening = completion_opening(template, shots=0)
    must = request.style == "completion" and bool(opening) and not prompt.endswith(opening)
    return first_line(
        answer.text,
        label=opening,
        must_have_label=must,
        document_label=template.document_label,
        prompt_end=prompt,
    )


def _fault(
    found: Extracted,
    answer: Answer,
    shots: Sequence[Example],
    document: Document,
    template: Template,
) -> str:
    if has_loop(found.text):
        return Reason.LOOP
    if answer.finish_reason == "length" and not found.complete:
        return Reason.TRUNCATED
    if normal(found.text) in {normal(shot.query) for shot in shots}:
        return Reason.ECHO
    if is_copied(found.text, document.full_text):
        return Reason.COPIED
    return off_task(found.text, template.query_words, template.language)


def is_copied(query: str, document_text: str) -> bool:
    """Whether a query of some length is nothing but the document's own words in a row."""
    return len(words(query)) >= COPIED_WORDS and copied_share(query, document_text) >= COPIED
