"""Live generations for a few requests: which ones, and what became of them. No Textual here.

The requests are those of a run with default settings. Where a method asks about documents one by
one, shots and sampling seeds are drawn by document and draw alone, not by the template's hash. A
fixed bench: an edit of the template, another version, endpoint or temperature then shows what *it*
does, never what other shots or luck do; saving a draft as a version asks nothing anew; and scores
of all variants are about the same requests. The price is that such a run, which draws by the
template, asks its own requests: a run stays decided by its settings alone, whoever looked at which
preview before, and all that previews could save it is the few dozen calls of the bench.

Where a method asks in stages, the columns are the first requests of the stage in view; what earlier
stages would have made comes from the newest run of the method, else from previews of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from studio.calls import Answer, Prompt, Request
from studio.records import Document, Record, StudioError, content_sha
from studio.runs import RoundError
from studio.safe_text import one_line

if TYPE_CHECKING:
    from studio.jobs.plans import Beginning
    from studio.methods.protocol import Ask, Method, Missed, Plan, Stage
    from studio.project import Project
    from studio.settings import Endpoint

DRAWN_BY = "preview"
"""Stands for the template's hash where shots and seeds are drawn."""
REASON = "preview"
"""Why a previewed answer made no record."""
MOST = 60
"""Requests of a stage, and errors, that a bench has."""
SHORT = 32
"""Cells of a given field that a column's title has room for."""

Slot = tuple[int, int]
"""(document row or place in the stage, draw): what two sides of a comparison share."""


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
    """One request, ready to send and to show."""

    ask: Ask
    slot: Slot
    title: str
    """What it asks about, such as a document's id, or ``satisfied``."""
    about: str
    """The document that is asked about, or the gold that is to be extrapolated; may be empty."""
    tokens: int
    """The prompt's tokens, estimated."""

    @property
    def request(self) -> Request:
        """What is sent."""
        return self.ask.request


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one preview."""

    texts: tuple[str, ...]
    """The texts of the records; empty when nothing could be read out of the answer."""
    reason: str
    """Why not."""
    raw: str
    cost: float | None
    hit: bool | None = None
    """Whether BM25 ranks the source document first; None while it is not known."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What variants are tried on."""

    documents: tuple[Document, ...]
    """All that may be asked about, in order."""
    columns: int = 3
    """How many requests are shown at once."""
    offset: int = 0
    """The place of the first one that is shown."""
    draw: int = 0
    """The draw that the columns show; those before it count for the score too."""
    stage: str = ""
    """The stage in view; a name that the method does not have is its first one."""
    picked: Document | None = None
    """The only document that stages may draw contexts from; None for all of them."""

    def window(self, found: Sequence[Planned] | Sequence[Document]) -> list[int]:
        """The places in view, round the end."""
        count = min(self.columns, len(found))
        return [(self.offset + number) % len(found) for number in range(count)]


@dataclass(frozen=True, slots=True)
class Side:
    """A variant laid out on the bench."""

    variant: Variant
    endpoint: Endpoint
    shown: tuple[Planned, ...] = ()
    """The requests in the columns."""
    past: tuple[tuple[Planned, Outcome], ...] = ()
    """Requests of the bench that are answered already, with what became of them."""
    left: tuple[Planned, ...] = ()
    """Requests of the bench at the shown draw that nobody has asked yet, in order."""
    fault: str = ""
    """Why nothing can be asked; empty when all is well."""
    stages: tuple[str, ...] = ()
    """The names of the method's stages in order, or those of a set's members."""
    stage: Stage | None = None
    """The stage in view; None with a fault."""
    in_view: str = ""
    """Which of ``stages`` is in view."""
    shares: tuple[float, ...] = ()
    """Of a set, what part of all requests each member has."""
    plan: Plan | None = None
    by_document: bool = False
    """Whether the stage asks about the documents one by one."""
    note: str = ""
    """What a run would know here and the preview does not; empty when nothing."""

    @property
    def key(self) -> str:
        """What its answers depend on, besides the slot."""
        variant = self.variant
        parts = (variant.template, self.endpoint.name, self.endpoint.model)
        return content_sha(*parts, str(variant.temperature))

    def outcome_of(self, planned: Planned, answer: Answer) -> Outcome:
        """What a run would make of this answer."""
        assert self.stage is not None, "a side without a stage asks nothing"
        assert self.plan is not None
        if answer.finish_reason == "error":
            return Outcome((), answer.error or "error", answer.text, answer.cost)
        first = self.stage.makes.fields[0]
        from studio.methods.protocol import drafts_in

        drafts = drafts_in(self.stage, self.plan, planned.ask, answer)
        texts = tuple(draft.fields.get(first, "") for draft in drafts if not draft.reason)
        reason = "" if texts else drafts[0].reason
        return Outcome(texts, reason, answer.text, answer.cost)


def lay_out(project: Project, variant: Variant, endpoint: Endpoint, bench: Bench) -> Side:
    """The requests for a variant. Reads the store: run it in a thread with a store of its own."""
    from studio.methods.protocol import SizedStage

    try:
        method, stage, plan = _prepared(project, variant, endpoint, bench)
        members = {one.plan.template.name: one for one in plan.members}
        side = Side(
            variant,
            endpoint,
            stages=tuple(members) or tuple(one.name for one in method.stages),
            stage=stage,
            in_view=stage.name,
            plan=plan,
            by_document=isinstance(stage, SizedStage),
        )
        if members:
            name = bench.stage if bench.stage in members else side.stages[0]
            plan = replace(members[name].plan, corpus=plan.corpus)
            total = sum(one.share for one in members.values())
            shares = tuple(one.share / total for one in members.values())
            side = replace(side, plan=plan, in_view=name, shares=shares)
        if side.by_document:
            shown = [
                _of_document(stage, plan, bench.documents[place], bench.draw)[-1]
                for place in bench.window(bench.documents)
            ]
            asked = list(_of_documents(stage, plan, bench))
        else:
            made, side = _made_before(project, method, stage, plan, side)
            asked = list(_of_stage(stage, plan, made, bench.draw))
            now = [one for one in asked if one.slot[1] == bench.draw]
            shown = [now[place] for place in bench.window(now)]
    except StudioError as error:
        return Side(variant, endpoint, fault=str(error))
    past, left = [], []
    for planned in asked:
        answer = project.store.generations.answer_of(planned.request.sha)
        if answer is not None:
            past.append((planned, side.outcome_of(planned, answer)))
        elif planned.slot[1] == bench.draw:
            left.append(planned)
    fault = "" if shown else _nothing_to_ask(side, stage)
    return replace(side, shown=tuple(shown), past=tuple(past), left=tuple(left), fault=fault)


def _nothing_to_ask(side: Side, stage: Stage) -> str:
    if stage.feedback:
        return (
            f"No {stage.words} to preview: they are written from gold validation, and there is "
            "none. Import some with `studio gold import`."
        )
    if side.by_document or stage.makes.context:
        return "No document to ask about. Import some, or wait for the import to end."
    return f"The stage {stage.name} asks nothing with its usual settings."


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


def _prepared(
    project: Project, variant: Variant, endpoint: Endpoint, bench: Bench
) -> tuple[Method, Stage, Plan]:
    from studio.jobs.params import RunParams
    from studio.jobs.plans import plan_for
    from studio.methods.fixed_corpus import FixedCorpus
    from studio.tui.pane.template_form import method_for

    method = method_for(variant.template, project.task)
    draft = Prompt(method.form.parse(variant.template).name, variant.template)
    params = RunParams(temperature=variant.temperature)
    full = plan_for(project, method, draft, params, method.settings(), endpoint)
    names = [one.name for one in method.stages]
    stage = method.stages[names.index(bench.stage) if bench.stage in names else 0]
    documents = (bench.picked,) if bench.picked is not None else bench.documents
    corpus = FixedCorpus(documents)
    members = tuple(
        replace(one, plan=replace(one.plan, prompt_id=None, prompt_sha=DRAWN_BY))
        for one in full.members
    )
    plan = replace(full, corpus=corpus, prompt_id=None, prompt_sha=DRAWN_BY, members=members)
    return method, stage, plan


# -- stages that ask about documents one by one --


def _of_documents(stage: Stage, plan: Plan, bench: Bench) -> Iterator[Planned]:
    """Every request of the bench that can be made: a document may be too long for the context."""
    for document in bench.documents:
        try:
            yield from _of_document(stage, plan, document, bench.draw)
        except StudioError:
            continue


def _of_document(stage: Stage, plan: Plan, document: Document, last: int) -> list[Planned]:
    """The requests for one document, from its first draw to the ``last``."""
    from studio.jobs.plans import Beginning
    from studio.methods.fixed_corpus import FixedCorpus

    asks: list[Ask] = []
    alone = replace(plan, corpus=FixedCorpus([document]))
    turn = 0
    while len(asks) <= last:
        # Beyond the draws that a run would make, those of a run with the next seed.
        seeded = replace(alone, seed=plan.seed + turn)
        found = list(islice(stage.ask(seeded, 0, Beginning()), last + 1 - len(asks)))
        if not found:
            raise StudioError(f"The stage {stage.name} asks nothing about {document.outside_id}.")
        asks += found
        turn += 1
    return [
        Planned(
            ask, (document.id, draw), document.outside_id, document.full_text, _tokens(plan, ask)
        )
        for draw, ask in enumerate(asks)
    ]


# -- other stages --


def _of_stage(stage: Stage, plan: Plan, made: Beginning, last: int) -> Iterator[Planned]:
    """The first requests of a stage: each further draw is what a run with the next seed asks."""
    for draw in range(last + 1):
        seeded = replace(plan, seed=plan.seed + draw)
        for place, ask in enumerate(islice(stage.ask(seeded, 0, made), MOST)):
            title = _title(stage, ask, place)
            yield Planned(ask, (place, draw), title, _about(ask), _tokens(plan, ask))


def _title(stage: Stage, ask: Ask, place: int) -> str:
    given = [one_line(text, SHORT) for text in ask.fields.values() if len(text) <= SHORT]
    if ask.document is not None:
        given.append(ask.document.outside_id)
    return " · ".join(given) or f"{stage.words} {place + 1}"


def _about(ask: Ask) -> str:
    if ask.unlike:
        return f"like: {ask.unlike[0]}"
    return ask.document.full_text if ask.document is not None else ""


def _tokens(plan: Plan, ask: Ask) -> int:
    return sum(plan.count(message.content) for message in ask.request.messages)


def _made_before(
    project: Project, method: Method, stage: Stage, plan: Plan, side: Side
) -> tuple[Beginning, Side]:
    """What stands in for earlier stages and for a trained model's errors."""
    from studio.jobs.plans import Beginning
    from studio.methods.fixed_corpus import FixedCorpus

    made, note = Beginning(), ""
    for earlier in method.stages:
        if earlier.name == stage.name or earlier.feedback:
            break
        found = _kept(project, method, earlier) or _previewed(project, earlier, plan, made)
        made = replace(made, notes={**made.notes, earlier.name: found})
        if not found and not earlier.makes.is_trained_on and next(earlier.ask(plan, 0, made), None):
            note = f"no {earlier.words} yet: preview that stage first, or these are written without"
    if stage.feedback:
        missed = _missed(project)
        rows = {row for one in missed for row in (*one.gold.relevant, *one.error.hard_negatives)}
        about = project.store.documents.many(list(rows)).values()
        plan = replace(plan, corpus=FixedCorpus([*plan.corpus.contexts(), *about]))
        made = replace(made, errors=missed, gold=[one.gold for one in missed])
        side = replace(side, plan=plan)
    return made, replace(side, note=note)


def _kept(project: Project, method: Method, stage: Stage) -> list[Record]:
    """What the newest run of the method has kept of a stage."""
    runs = (run for run in reversed(project.store.runs.all()) if run.method == method.name)
    kept = (list(project.store.records.of_stage(run.id, stage.name)) for run in runs)
    return next((found for found in kept if found), [])


def _previewed(project: Project, stage: Stage, plan: Plan, made: Beginning) -> list[Record]:
    """What previews of a stage were answered."""
    from studio.methods.protocol import drafts_in

    found: list[Record] = []
    for ask in islice(stage.ask(plan, 0, made), MOST):
        answer = project.store.generations.answer_of(ask.request.sha)
        if answer is not None and answer.finish_reason != "error":
            for draft in drafts_in(stage, plan, ask, answer):
                if draft.fields and not draft.reason:
                    given = {**ask.fields, **draft.fields}
                    found.append(Record(stage.makes, given, id=len(found) + 1, stage=stage.name))
    return found


def _missed(project: Project) -> list[Missed]:
    """The errors of the newest round that has any; before there is one, gold validation."""
    from studio.methods.protocol import Missed

    runs, gold = project.store.runs, project.store.gold
    for run in reversed(runs.all()):
        for round_ in reversed(runs.rounds(run.id)):
            errors = runs.errors(round_.id, limit=MOST)
            known = gold.many([error.gold_id for error in errors])
            if found := [Missed(known[e.gold_id], e) for e in errors if e.gold_id in known]:
                return found
    sample = gold.all("validation")[:MOST]
    return [Missed(one, RoundError(0, one.id, "", 0.0)) for one in sample]


def rendered_text(planned: Planned) -> str:
    """The messages as one text to read, each under its role."""
    names = {"system": "── instruction", "user": "── user", "assistant": "── assistant"}
    return "\n\n".join(
        f"{names.get(message.role, '── prompt')}\n{message.content}"
        for message in planned.request.messages
    )


def most_cost(planned: Sequence[Planned], endpoint: Endpoint) -> float | None:
    """US dollars that these requests take at most; None when the price is unknown."""
    from studio.llm.reading import cost_of

    costs = [cost_of(endpoint, one.tokens, one.request.decoding.max_tokens) for one in planned]
    return None if None in costs else sum(cost for cost in costs if cost is not None)
