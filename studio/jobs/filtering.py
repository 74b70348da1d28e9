"""Run the chain of filters over the records. Each link judges what the links before it kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from studio import filters, methods
from studio.evaluation.counting import ranks_in
from studio.evaluation.systems import ENCODER, TRAINED, System, find_system
from studio.filters import choosing
from studio.filters.answer_losses import AnswerFilter
from studio.filters.base import Filter, FilterContext, FilterRow, Judgement, RankOf
from studio.jobs.answer_losses import asking_llms, scores_before
from studio.jobs.categories import chain_retention
from studio.jobs.context import JobContext
from studio.jobs.datasets import counting_of, encoder_name, read_corpus
from studio.jobs.params import FilterParams
from studio.jobs.plans import default_template
from studio.jobs.project_systems import Opening, systems_of
from studio.jobs.train_params import TrainParams
from studio.jobs.training import train_stage
from studio.jobs.training_inputs import TrainingStage
from studio.llm.causal_folders import causal_folder
from studio.project import Project
from studio.prompting.builtin import builtin
from studio.records import RecordType, StudioError, Verdict
from studio.settings import reviewer

WINDOW = 1_000
"""Verdicts in one transaction."""

ROUND_TRIP = "round-trip"


def run(context: JobContext) -> None:
    """The job ``filter``."""
    judge(context, FilterParams.from_row(context.job.params))


def judge(context: JobContext, params: FilterParams) -> None:
    """A fresh run takes back what filters said before; a resumed one goes on at its link."""
    task = context.project.task
    judged = record_type(context.project, params.type)
    if not context.store.records.counts(judged.name).total:
        raise StudioError(f"There are no {judged.nouns} to filter. Run `{task.verb}` first.")
    chain = chosen(params, judged)
    for name in chain:
        if isinstance(link := made(name, params), AnswerFilter):
            # Before all the others have run in vain.
            causal_folder(link.model)
    if "filters_done" not in context.result:
        context.store.verdicts.undo_filters(filters.available(), judged.name)
        context.store.values.set("round_trip_model", None)
        context.keep(filters_done=[])
    for number, name in enumerate(chain):
        if name in context.result["filters_done"]:
            continue
        context.check()
        context.progress(number, len(chain), name)
        link = made(name, params)
        # One that judges each record by itself goes on where it was.
        if not isinstance(link, AnswerFilter):
            context.store.verdicts.undo_filter(name, judged.name)
        _link(context, link, params, judged)
        context.keep(filters_done=[*context.result["filters_done"], name])
    records = context.store.records
    links = chain_counts(context, params)
    context.keep(
        chain=links,
        retention=chain_retention(context.store, judged, [link["filter"] for link in links]),
        kept=records.counts(judged.name).kept,
        dropped=records.reasons(judged.name),
        dropped_now=context.store.verdicts.reasons_of_job(context.job.id),
    )
    if not context.result["kept"]:
        worst = max(context.result["chain"], key=lambda link: link["judged"] - link["kept"])
        raise StudioError(
            f"The filters kept none of the {judged.nouns}; most fell to {worst['label']}. "
            "Look at the dropped ones, loosen that filter, or improve the prompt."
        )


def record_type(project: Project, name: str) -> RecordType:
    """The type of this name, or the task's own. Raises StudioError for one that is not there."""
    present = project.store.record_types.present()
    if name and name not in present:
        there = ", ".join(present) or "none yet"
        raise StudioError(f"This project has no records of the type {name!r}. It has: {there}.")
    return project.store.record_types.known()[name] if name else project.task.record


def chosen(params: FilterParams, judged: RecordType) -> list[str]:
    """The filters that a job runs over records of a type, in order.

    Raises StudioError for names and settings that cannot be, before anything is judged.
    """
    chain = choosing.chain(params.chain, judged)
    if params.round_trip == "off" and ROUND_TRIP in chain:
        chain.remove(ROUND_TRIP)
    choosing.refuse_unused(choosing.settings_in(params.settings), chain)
    for name in chain:
        made(name, params)
    return chain


def offered(judged: RecordType, params: FilterParams) -> list[dict[str, Any]]:
    """The filters that fit records of a type, with these settings, and whether they would run."""
    chain = chosen(params, judged)
    found = []
    for name in choosing.fitting(judged):
        one = made(name, params)
        settings = {key: getattr(one, key) for key in filters.setting_names(name)}
        found.append(
            {
                "filter": name,
                "chosen": name in chain,
                "usual": name in choosing.usual(judged),
                "label": one.label,
                "settings": settings,
            }
        )
    return found


def move_k(project: Project, k: int) -> dict[str, Any]:
    """Judge the round trip again with another K, by the stored ranks; what each K would keep.

    Raises StudioError when no round trip has run.
    """
    verdicts = project.store.verdicts
    would_keep = verdicts.would_keep(ROUND_TRIP, sorted({1, 2, 3, 5, 10, k}))
    if not would_keep[max(would_keep)]:
        raise StudioError("No round trip has ranked these queries yet. Run `studio filter` first.")
    project.store.review.move_threshold(ROUND_TRIP, k, reviewer(project.path))
    kept = project.store.records.counts().kept
    return {"k": k, "would_keep": {str(x): n for x, n in would_keep.items()}, "kept": kept}


def chain_counts(context: JobContext, params: FilterParams) -> list[dict[str, Any]]:
    """Counts before and after each link, with an honest label.

    What was dropped as soon as it was read, such as an echo, is no link of a chain.
    """
    return [
        {
            "filter": link.filter,
            "label": label(link.filter, params),
            "judged": link.judged,
            "kept": link.kept,
        }
        for link in context.store.verdicts.chain()
        if link.filter in filters.available()
    ]


def label(name: str, params: FilterParams) -> str:
    """What a filter does, in a line; the round trip names what it searched with."""
    return made(name, params).label if name in filters.available() else name


def made(name: str, params: FilterParams) -> Filter:
    """A filter with the job's settings."""
    told = dict(choosing.settings_in(params.settings).get(name, {}))
    if name == ROUND_TRIP:
        mode = {} if params.round_trip == "off" else {"mode": params.round_trip}
        told = {**mode, "k": params.k, **told}
    if "seed" in filters.setting_names(name):
        told = {"seed": params.seed, **told}
    return filters.make(name, **told)


def _link(context: JobContext, link: Filter, params: FilterParams, judged: RecordType) -> None:
    filter_context, size = filter_context_of(context.project), WINDOW
    there: dict[int, bool] = {}
    if isinstance(link, AnswerFilter):
        losses_of, size = asking_llms(context)
        scores = scores_before(context.store, link)
        filter_context = replace(filter_context, losses_of=losses_of, scores=scores, batch=size)
        there = context.store.verdicts.judged_by_job(link.name, context.job.id)
    elif link.name == ROUND_TRIP:
        filter_context = replace(filter_context, rank_of=_rank_of(context, params))
    done = len(there)
    total = context.store.records.counts(judged.name).kept + [*there.values()].count(False)
    survivors = _survivors(context, judged, with_text=link.needs_document_text)
    left = (row for row in survivors if row.record_id not in there)
    judgements = link.judge(left, filter_context)
    while window := list(islice(judgements, size)):
        context.check()
        context.store.verdicts.add(
            [_verdict(link.name, judgement) for judgement in window], context.job.id
        )
        done += len(window)
        context.progress(done, total, link.name)


def _verdict(name: str, judgement: Judgement) -> Verdict:
    return Verdict(
        record_id=judgement.record_id,
        filter=name,
        kept=judgement.kept,
        score=judgement.score,
        reason=judgement.reason,
    )


def _survivors(context: JobContext, judged: RecordType, *, with_text: bool) -> Iterator[FilterRow]:
    """The records that are kept so far."""
    records = context.store.records.all(kept=True, type=judged.name)
    while window := list(islice(records, WINDOW)):
        ids = [record.needed_document() for record in window] if with_text else []
        documents = context.store.documents.many(ids)
        for record in window:
            text = documents[record.needed_document()].full_text if with_text else ""
            fields = {name: record[name] for name in record.type.fields}
            yield FilterRow(
                record.id, record.text, record.document_id, text, record.context, fields
            )


def filter_context_of(project: Project) -> FilterContext:
    """What filters know: the language, the examples, and the newest template's words and lists.

    Before a project has a template, the lists are those of the one that its method comes with.
    """
    examples = tuple(example.query for example in project.store.examples.all())
    known = FilterContext(project.language, examples=examples)
    prompt = project.store.prompts.latest()
    text = prompt.template if prompt else _bundled(project)
    method = methods.of_template(text, project.task.name)
    if method is None:
        return known
    template: Any = method.form.parse(text)
    words = getattr(template, "query_words", getattr(template, "text_words", None))
    if prompt is None or not words:
        words = known.query_words
    return replace(known, query_words=words, lists=getattr(template, "lists", {}))


def _bundled(project: Project) -> str:
    method = methods.get(project.task.method, project.task.name)
    name = default_template(project.task, method, project.language)
    return builtin(name, method.prompts_folder) if name else ""


def _rank_of(context: JobContext, params: FilterParams) -> RankOf:
    """The search of the round trip."""
    corpus = read_corpus(context.store)
    train = TrainParams.from_row(params.train or {})
    base = encoder_name(context.project, params.encoder)
    if params.round_trip == TRAINED:
        folder = _first_stage(context, params, base)
        system = System(TRAINED, ENCODER, "first stage", source=folder, max_length=train.max_length)
    else:
        there = systems_of(
            context.project, base=base, max_length=train.max_length, prefixes=train.prefixes
        )
        system = find_system(there, params.round_trip)

    def encoding(done: int) -> None:
        context.check()
        context.progress(done, len(corpus.ids), "encoding for the round trip")

    ranker = Opening(corpus, context.project.language, encoding).ranker(system)
    ranks = ranks_in(ranker, counting_of(context.store))
    return lambda pairs: ranks([(query, str(row)) for query, row in pairs])


def _first_stage(context: JobContext, params: FilterParams, base: str) -> str:
    """Train on what is kept so far, all of it, and give the model's folder."""
    trained = context.result.get("round_trip_model")
    if trained is None:
        records = list(context.store.records.all(kept=True))
        if not records:
            raise StudioError("The filters before the round trip kept no query, so it can't train.")
        stage = TrainingStage(f"round-trip-{context.job.id}", base, base, final=False)
        trained, _ = train_stage(context, stage, records, TrainParams.from_row(params.train or {}))
        context.keep(round_trip_model=trained)
    context.store.values.set("round_trip_model", trained)
    model = context.store.models.get(trained)
    assert model is not None
    return str(context.project.path / model.path)
