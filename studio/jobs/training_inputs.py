"""What a training reads: pairs, negatives, the corpus, a teacher, what it is validated on."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from studio.evaluation import systems
from studio.evaluation.embeddings import OWN_PREFIXES, open_cache
from studio.evaluation.hybrid import HybridRanker
from studio.evaluation.systems import System
from studio.jobs.base_encoders import stored
from studio.jobs.context import JobContext
from studio.jobs.datasets import (
    CorpusTexts,
    bm25_ranker,
    dense_ranker,
    gold_set,
    sources_of,
)
from studio.jobs.project_systems import systems_of
from studio.jobs.recipes import is_static, numbers_for
from studio.jobs.train_params import TrainParams
from studio.jobs.triplet_data import pairs_of
from studio.llm.catalogue import installed_path
from studio.project import Project
from studio.records import TRIPLET, Record, StudioError
from studio.training.encoders import open_encoder
from studio.training.settings import (
    BANK_LIMIT,
    RetrieverSettings,
    TrainingPair,
    ValidationSet,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from studio.training.distillation import Teacher

TEACHER = "minilm-l6"
"""Teaches static encoders: measured .356 against .334 with the base itself as the teacher."""

GRADED = 32
"""Documents that a reranker reads for a query when it teaches: its own and the nearest others."""
VALIDATION_DOCUMENTS = 5_000
"""The most documents that a validation check searches; the relevant ones are always among them."""


@dataclass(frozen=True, slots=True)
class TrainingStage:
    """One training within a job."""

    name: str
    """Also the folder under ``models/``."""
    start: str
    """The encoder to start from: a name or a folder."""
    base: str
    """The encoder that it is measured against and averaged with."""
    root: str = ""
    """The encoder that the whole chain of models began with; empty: the base."""
    parent_id: int | None = None
    final: bool = True
    """False for the round trip's model: no validation set, no teacher, no averaging."""
    interpolate: bool = False


def training_pairs(
    context: JobContext, records: list[Record], params: TrainParams = TrainParams()
) -> list[TrainingPair]:
    """Queries with their documents' texts; triplets with their own."""
    if context.project.task.record == TRIPLET:
        return pairs_of(
            records,
            instructions=params.instructions,
            written_negatives=params.written_negatives,
        )
    documents = context.store.documents.many(sorted({r.needed_document() for r in records}))
    rows = [(r.text, r.needed_document()) for r in records]
    return [TrainingPair(text, row, documents[row].full_text) for text, row in rows]


def with_negatives(
    context: JobContext,
    pairs: list[TrainingPair],
    records: Sequence[Record],
    negatives: Mapping[int, Sequence[int]],
) -> list[TrainingPair]:
    """The pairs with the texts of the documents that are known to be wrong in front.

    Passages of a pair's own long document are none: they may well be right.
    """
    rows = {row for others in negatives.values() for row in others}
    documents, sources = context.store.documents.many(sorted(rows)), sources_of(context.store)
    found = []
    for pair, record in zip(pairs, records, strict=True):
        own = sources.get(record.needed_document(), ())
        others = [
            row
            for row in negatives.get(record.id, ())
            if row in documents and not set(own) & set(sources.get(row, ()))
        ]
        texts = tuple(documents[row].full_text for row in others)
        found.append(replace(pair, negatives=(*texts, *pair.negatives)) if texts else pair)
    return found


def corpus_texts(context: JobContext) -> dict[int | str, str]:
    """Document row → title and text joined."""
    return {document.id: document.full_text for document in context.store.documents.all()}


def corpus_for(
    context: JobContext, pairs: list[TrainingPair], settings: RetrieverSettings
) -> dict[int | str, str]:
    """The corpus, or, since a teacher must read all of it, as much as a training can use."""
    texts = corpus_texts(context)
    if not settings.distillation or len(texts) <= BANK_LIMIT:
        return texts
    own = {pair.document_id for pair in pairs}
    rest = [row for row in texts if row not in own]
    room = min(max(0, BANK_LIMIT - len(own)), len(rest))
    chosen = own | set(random.Random(settings.seed).sample(rest, room))
    return {row: text for row, text in texts.items() if row in chosen}


def teacher_words(context: JobContext, stage: TrainingStage, params: TrainParams) -> str:
    """Who teaches, for the model card."""
    if params.taught_by == "reranker":
        found = teaching_reranker(context.project, params)
        return f"the reranker {stored(context.project, found.source)}"
    return f"{stored(context.project, teacher_name(stage, params))} and BM25"


def teaching_reranker(project: Project, params: TrainParams) -> System:
    """The reranker that is meant. Raises StudioError where there is none."""
    there = systems_of(project, reranker=params.teacher)
    found = next((one for one in there if one.name == systems.RERANKED), None)
    if found is None:
        raise StudioError(
            "No reranker is trained yet that could teach. `studio rerank` trains one; or name a "
            "cross-encoder's folder or hub name as the teacher."
        )
    return found


def teacher_name(stage: TrainingStage, params: TrainParams) -> str:
    """The encoder that teaches beside BM25: the base, but for a static encoder a better one."""
    if params.teacher or not is_static(stage.root or stage.base):
        return params.teacher or stage.base
    return TEACHER if installed_path(TEACHER) else stage.base


def teacher_of(
    context: JobContext,
    stage: TrainingStage,
    corpus: dict[int | str, str] | None,
    params: TrainParams,
    pairs: Sequence[TrainingPair] = (),
) -> Teacher:
    """The chain's base encoder, or the one named, and BM25 added up; or a reranker over what these
    find, and over each query's own document. Built when first asked."""
    encoder = stage.base if params.taught_by == "reranker" else teacher_name(stage, params)
    read = CorpusTexts([int(row) for row in corpus or {}], list((corpus or {}).values()))
    texts = read.ids

    def scores(queries: Sequence[str]) -> Iterator[NDArray[np.float32]]:
        def encoding(done: int) -> None:
            context.check()
            context.progress(done, len(texts), "encoding for the teacher")

        # Reading the corpus can take minutes before the first batch is done.
        encoding(0)
        dense = dense_ranker(
            read,
            encoder,
            max_length=params.max_length,
            prefixes=params.prefixes if encoder == stage.base else OWN_PREFIXES,
            on_progress=encoding,
        )
        both = HybridRanker(dense, bm25_ranker(read, context.project.language))
        for done, row in enumerate(both.scores(queries), 1):
            context.progress(done, len(queries), "asking the teacher")
            yield row

    return (
        _reading_closely(context, params, read, scores, pairs)
        if (params.taught_by == "reranker")
        else scores
    )


def _reading_closely(
    context: JobContext,
    params: TrainParams,
    corpus: CorpusTexts,
    first: Teacher,
    pairs: Sequence[TrainingPair],
) -> Teacher:
    """A reranker's scores of the first documents that another teacher finds; the rest unseen.

    Where it puts another document above a query's own, that is said: nothing is swapped.
    """
    from studio.training.reranker import load_reranker

    system = teaching_reranker(context.project, params)
    row_of: dict[int | str, int] = {name: row for row, name in enumerate(corpus.ids)}
    own: dict[str, set[int]] = {}
    for pair in pairs:
        if pair.document_id in row_of:
            own.setdefault(pair.query, set()).add(row_of[pair.document_id])

    def scores(queries: Sequence[str]) -> Iterator[NDArray[np.float32]]:
        import numpy as np

        reranker = load_reranker(system.source, max_length=system.max_length)
        above, margins, negative = 0, 0, 0
        for query, found in zip(queries, first(queries), strict=True):
            right = own.get(query, set())
            nearest = [row for row in np.argsort(-found, kind="stable") if row not in right]
            rows = [*sorted(right), *(int(row) for row in nearest[: GRADED - len(right)])]
            graded = np.full(len(corpus.ids), -np.inf, dtype=np.float32)
            graded[rows] = reranker.scores(query, [corpus.texts[row] for row in rows])
            for row in right:
                better = int((graded[rows] > graded[row]).sum())
                above, margins = above + bool(better), margins + len(rows) - len(right)
                negative += better
            yield graded
        if negative:
            context.note(negative_margins_words(above, len(queries), negative, margins))

    return scores


def negative_margins_words(queries: int, of: int, margins: int, of_margins: int) -> str:
    """What negative margins are, for whoever wonders whether documents were swapped."""
    return (
        f"For {queries:,} of {of:,} queries the reranker puts another document above the query's "
        f"own ({margins:,} of {of_margins:,} margins are negative). Nothing was swapped: such a "
        "document may answer the query as well, or better, and the model learns that order too. "
        "Many of them mean that the queries fit their documents badly, or that the reranker does."
    )


def mine_negatives(
    context: JobContext, pairs: list[TrainingPair], encoder: str, params: TrainParams
) -> list[TrainingPair]:
    """The pairs with hard negatives, guarded against false ones, before those that they bring.

    Triplets find theirs among each other's positives.
    """
    from studio.training.negatives import NegativeSettings, mine

    def mining(done: int) -> None:
        context.check()
        context.progress(done, len(pairs), "mining hard negatives")

    of_triplets = context.project.task.record == TRIPLET
    texts: dict[int | str, str] = {pair.document_id: pair.document_text for pair in pairs}
    mined = mine(
        pairs,
        texts if of_triplets else corpus_texts(context),
        open_encoder(encoder, max_length=params.max_length, prefixes=params.prefixes),
        NegativeSettings(count=params.hard_negatives),
        sources=sources_of(context.store),
        cache=open_cache(),
        on_progress=mining,
    )
    return [
        replace(found, negatives=(*found.negatives, *pair.negatives))
        for found, pair in zip(mined, pairs, strict=True)
    ]


def settings_for(
    context: JobContext, stage: TrainingStage, pairs: list[TrainingPair], params: TrainParams
) -> RetrieverSettings:
    """The recipe's numbers, with the person's own over them."""
    documents, root = context.store.documents.count(), stage.root or stage.base
    triplets = context.project.task.record == TRIPLET
    settings = numbers_for(
        params, root, documents, len(pairs), final=stage.final, triplets=triplets
    )
    if triplets:
        brought = max((len(pair.negatives) for pair in pairs), default=0)
        settings = replace(settings, negatives=brought)
    has_gold = bool(context.store.gold.judged_counts().get("validation"))
    averaged = stage.interpolate and has_gold and settings.interpolation == "validation"
    return replace(
        settings,
        base=stage.start,
        anchor=stage.base,
        interpolation="validation" if averaged else 1.0,
        teacher=teacher_words(context, stage, params) if settings.distillation else "",
    )


def validation_set(context: JobContext, *, instructions: bool) -> ValidationSet | None:
    """The gold validation queries over the corpus, or a part of a large one; None without gold.

    instructions: with the tasks in words before the queries, where they have some.
    """
    gold = gold_set(context.store, "validation")
    if not gold.queries:
        return None
    if gold.corpus is not None:
        documents = dict(zip(map(str, gold.corpus.ids), gold.corpus.texts, strict=True))
    else:
        documents = {str(d.id): d.full_text for d in context.store.documents.all()}
    texts = gold.texts(instructed=instructions)
    whole = ValidationSet(texts, documents, gold.qrels(), gold.counting)
    if len(documents) <= VALIDATION_DOCUMENTS:
        return whole
    return whole.sampled(VALIDATION_DOCUMENTS)
