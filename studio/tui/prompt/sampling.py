"""Live generations for a few documents: which requests, and what became of them. No Textual here.

The requests are those of a run with default settings, but shots and sampling seeds are drawn by
document and draw alone, not by the template's hash. A fixed bench: an edit of the template, another
version, endpoint or temperature then shows what *it* does, never what other shots or luck do;
saving a draft as a version asks nothing anew; and scores of all variants are about the same
requests. The price is that a run, which draws by the template, asks its own requests: a run stays
decided by its settings alone, whoever looked at which preview before, and all that previews could
save it is the few dozen calls of the bench.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from studio.records import Answer, Document, Example, Prompt, Request, StudioError, content_sha

if TYPE_CHECKING:
    from studio.methods.protocol import Ask, Method, Plan
    from studio.project import Project
    from studio.settings import Endpoint

DRAWN_BY = "preview"
"""Stands for the template's hash where shots and seeds are drawn."""
REASON = "preview"
"""Why a previewed answer made no record."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One way of asking that is previewed."""

    name: str
    """What it is called on the screen, such as ``draft`` or ``v3 shorter``."""
    template: str
    endpoint: str = ""
    """As typed: a name, or a URL and a model; empty is the settings' own."""
    temperature: float | None = None
    """In place of the template's; None keeps that."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One document's request, ready to send and to show."""

    document: Document
    request: Request
    ask: Ask
    shots: tuple[Example, ...]
    tokens: int
    """The prompt's tokens, estimated."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one preview."""

    document_id: int
    query: str
    """Empty when nothing could be read out of the answer."""
    reason: str
    """Why not."""
    raw: str
    cost: float | None
    hit: bool | None = None
    """Whether BM25 ranks the source document first; None while it is not known."""


@dataclass(frozen=True, slots=True)
class Bench:
    """The documents that variants are tried on."""

    documents: tuple[Document, ...]
    """All that may be asked about, in order."""
    shown: tuple[Document, ...]
    """Those in the columns."""
    draw: int = 0
    """The draw that the columns show; those before it count for the score too."""


@dataclass(frozen=True, slots=True)
class Side:
    """A variant laid out on the bench."""

    variant: Variant
    endpoint: Endpoint
    method: Method | None = None
    """What asks; None when there is a fault."""
    plan: Plan | None = None
    """With what it asks; None when there is a fault."""
    shown: tuple[Planned, ...] = ()
    """A request for each document in the columns."""
    past: tuple[tuple[Planned, Outcome], ...] = ()
    """Requests of the bench that are answered already, with what became of them."""
    left: tuple[Planned, ...] = ()
    """Requests of the bench at the shown draw that nobody has asked yet, in order."""
    fault: str = ""
    """Why nothing can be asked; empty when all is well."""

    @property
    def key(self) -> str:
        """What its answers depend on, besides document and draw."""
        variant = self.variant
        parts = (variant.template, self.endpoint.name, self.endpoint.model)
        return content_sha(*parts, str(variant.temperature))


def lay_out(project: Project, variant: Variant, endpoint: Endpoint, bench: Bench) -> Side:
    """The requests for a variant. Reads the store: run it in a thread with a store of its own."""
    try:
        method, plan = _plan(project, variant, endpoint)
        shown = tuple(_draws(method, plan, one, bench.draw)[-1] for one in bench.shown)
    except StudioError as error:
        return Side(variant, endpoint, fault=str(error))
    past, left = [], []
    for planned in _bench(method, plan, bench):
        answer = project.store.generations.answer_of(planned.request.sha)
        if answer is not None:
            past.append((planned, outcome_of(method, plan, planned, answer)))
        elif planned.request.draw == bench.draw:
            left.append(planned)
    return Side(variant, endpoint, method, plan, shown, tuple(past), tuple(left))


def lay_out_apart(
    path: Path, project: Project, sides: Sequence[tuple[Variant, Endpoint]], bench: Bench
) -> list[Side]:
    """All sides, read through a connection of this thread's own."""
    from studio.store import Store

    store = Store(path)
    try:
        apart = replace(project, store=store)
        return [lay_out(apart, variant, endpoint, bench) for variant, endpoint in sides]
    finally:
        store.close()


def _plan(project: Project, variant: Variant, endpoint: Endpoint) -> tuple[Method, Plan]:
    from studio import methods
    from studio.jobs.params import RunParams
    from studio.jobs.plans import method_of, plan_for

    task = project.task
    found = methods.of_template(variant.template, task.name, task.method)
    method = found or method_of(project, "")
    draft = Prompt(method.form.parse(variant.template).name, variant.template)
    params = RunParams(temperature=variant.temperature)
    full = plan_for(project, method, draft, params, method.settings(), endpoint)
    return method, replace(full, prompt_id=None, prompt_sha=DRAWN_BY)


def _draws(method: Method, plan: Plan, document: Document, last: int) -> list[Planned]:
    """The requests for one document, from its first draw to the ``last``."""
    from studio.jobs.plans import Beginning, FixedCorpus
    from studio.prompting.tokens import count_tokens

    sets = {shots.id: tuple(shots.examples) for shots in plan.pool}
    settings = replace(plan.settings, queries_per_document=last + 1)
    bench = replace(plan, corpus=FixedCorpus([document]), settings=settings)
    found = []
    for ask in method.stages[0].ask(bench, 0, Beginning()):
        request = ask.request
        tokens = sum(count_tokens(message.content) for message in request.messages)
        shots = sets.get(request.shot_set_id or 0, ())
        found.append(Planned(document, request, ask, shots, tokens))
    return found


def _bench(method: Method, plan: Plan, bench: Bench) -> Iterator[Planned]:
    """Every request of the bench that can be made: a document may be too long for the context."""
    for document in bench.documents:
        try:
            yield from _draws(method, plan, document, bench.draw)
        except StudioError:
            continue


def outcome_of(method: Method, plan: Plan, planned: Planned, answer: Answer) -> Outcome:
    """What a run would make of this answer."""
    if answer.finish_reason == "error":
        return Outcome(planned.document.id, "", answer.error or "error", answer.text, answer.cost)
    stage = method.stages[0]
    draft = next(iter(stage.read(plan, planned.ask, answer)))
    text = draft.fields.get(stage.makes.fields[0], "")
    return Outcome(planned.document.id, text, draft.reason, answer.text, answer.cost)


def rendered_text(planned: Planned) -> str:
    """The messages as one text to read, each under its role."""
    names = {"system": "── instruction", "user": "── user", "assistant": "── assistant"}
    return "\n\n".join(
        f"{names.get(message.role, '── prompt')}\n{message.content}"
        for message in planned.request.messages
    )


def most_cost(planned: Sequence[Planned], endpoint: Endpoint) -> float | None:
    """US dollars that these requests take at most; None when the price is unknown."""
    from studio.llm.client import cost_of

    costs = [cost_of(endpoint, one.tokens, one.request.decoding.max_tokens) for one in planned]
    return None if None in costs else sum(cost for cost in costs if cost is not None)
