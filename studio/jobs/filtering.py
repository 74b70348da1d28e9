"""Run the chain of filters over the records. Each link judges what the links before it kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from studio import filters, methods
from studio.evaluation.counting import ranks_in
from studio.evaluation.systems import ENCODER, TRAINED, System, find_system
from studio.filters.base import Filter, FilterContext, FilterRow, Judgement, RankOf
from studio.jobs.context import JobContext
from studio.jobs.datasets import counting_of, encoder_name, read_corpus
from studio.jobs.params import FilterParams, TrainParams
from studio.jobs.project_systems import Opening, systems_of
from studio.jobs.training import train_stage
from studio.jobs.training_inputs import TrainingStage
from studio.project import Project
from studio.records import QUERY, RecordType, StudioError, Verdict
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
    if "filters_done" not in context.result:
        context.store.verdicts.undo_filters(filters.available(), judged.name)
        context.store.values.set("round_trip_model", None)
        context.keep(filters_done=[])
    chain = [name for name in params.filters if name != ROUND_TRIP or params.round_trip != "off"]
    chain = [name for name in chain if fits(name, judged)]
    for number, name in enumerate(chain):
        if name in context.result["filters_done"]:
            continue
        context.check()
        context.progress(number, len(chain), name)
        context.store.verdicts.undo_filter(name, judged.name)
        _link(context, made(name, params), params, judged.name)
        context.keep(filters_done=[*context.result["filters_done"], name])
    records = context.store.records
    context.keep(
        chain=chain_counts(context, params),
        kept=records.counts(judged.name).kept,
        dropped=records.reasons(judged.name),
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


def fits(name: str, judged: RecordType) -> bool:
    """Whether a filter can judge records of a type: some need a query's document."""
    return judged is QUERY or not filters.available()[name].of_documents


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
    """Counts before and after each link, with an honest label."""
    return [
        {
            "filter": link.filter,
            "label": label(link.filter, params),
            "judged": link.judged,
            "kept": link.kept,
        }
        for link in context.store.verdicts.chain()
    ]


def label(name: str, params: FilterParams) -> str:
    """What a filter does, in a line; the round trip names what it searched with."""
    return made(name, params).label if name in filters.available() else name


def made(name: str, params: FilterParams) -> Filter:
    """A filter with the job's settings."""
    if name == ROUND_TRIP:
        return filters.make(name, mode=params.round_trip, k=params.k)
    return filters.make(name)


def _link(context: JobContext, chosen: Filter, params: FilterParams, type: str) -> None:
    rank_of = _rank_of(context, params) if chosen.name == ROUND_TRIP else None
    filter_context = replace(_filter_context(context), rank_of=rank_of)
    total = context.store.records.counts(type).kept
    done = 0
    survivors = _survivors(context, type, with_text=chosen.needs_document_text)
    judgements = chosen.judge(survivors, filter_context)
    while window := list(islice(judgements, WINDOW)):
        context.check()
        context.store.verdicts.add(
            [_verdict(chosen.name, judgement) for judgement in window], context.job.id
        )
        done += len(window)
        context.progress(done, total, chosen.name)


def _verdict(name: str, judgement: Judgement) -> Verdict:
    return Verdict(
        record_id=judgement.record_id,
        filter=name,
        kept=judgement.kept,
        score=judgement.score,
        reason=judgement.reason,
    )


def _survivors(context: JobContext, type: str, *, with_text: bool) -> Iterator[FilterRow]:
    """The records that are kept so far."""
    records = context.store.records.all(kept=True, type=type)
    while window := list(islice(records, WINDOW)):
        ids = [record.needed_document() for record in window] if with_text else []
        documents = context.store.documents.many(ids)
        for record in window:
            text = documents[record.needed_document()].full_text if with_text else ""
            yield FilterRow(record.id, record.text, record.document_id, text, record.context)


def _filter_context(context: JobContext) -> FilterContext:
    """The project's language, and the length of a text in its newest template."""
    known, prompt = FilterContext(context.project.language), context.store.prompts.latest()
    method = methods.of_template(prompt.template, context.project.task.name) if prompt else None
    if prompt is None or method is None:
        return known
    template: Any = method.form.parse(prompt.template)
    words = getattr(template, "query_words", getattr(template, "text_words", None))
    return replace(known, query_words=words) if words else known


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
