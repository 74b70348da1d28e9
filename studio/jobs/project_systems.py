"""The systems that a project has, and the ranker of any of them.

A new kind of system is a function in :data:`OPENERS` and a line in :func:`systems_of`; it is then
scored, compared, searched with and shown like the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from studio.evaluation import systems
from studio.evaluation.bm25 import Bm25Ranker
from studio.evaluation.embeddings import OWN_PREFIXES, Prefixes
from studio.evaluation.hybrid import HybridRanker
from studio.evaluation.rankers import DenseRanker, Ranker
from studio.evaluation.reranking import RerankingRanker
from studio.evaluation.systems import System
from studio.jobs.base_encoders import located
from studio.jobs.datasets import CorpusTexts, bm25_ranker, dense_ranker, encoder_name
from studio.llm.loading import sees_gpu
from studio.project import Project
from studio.records import StudioError
from studio.runs import RERANKER, Model
from studio.training.encoders import MAX_LENGTH, ROLES, open_encoder
from studio.training.instruction_settings import BASE as DEFAULT_LLM
from studio.training.small_model import CARD

if TYPE_CHECKING:
    from studio.training.reranker import Reranker

NOTHING_TRAINED = "Nothing is trained yet."
DEPTH: Final = 100
"""Documents that a reranker reads for a query, where nobody says how many."""
DEPTH_ON_CPU: Final = 30


def systems_of(
    project: Project,
    model: Model | None = None,
    *,
    base: str = "",
    max_length: int | None = None,
    prefixes: Prefixes = OWN_PREFIXES,
    reranker: str = "",
    depth: int | None = None,
) -> list[System]:
    """Every system of a project: the usual ones, the sum of the first two, a reranker over the
    trained one, each model by number.

    Where labels are predicted these are the small models instead, the newest first; where LLMs are
    tuned, the base, the tuned one, and each of them by number.

    model: the one that ``trained`` stands for, and whose base ``base`` is; None takes the newest.
    base: another encoder in its place. max_length: tokens read by all; None: what each model was
    trained with. prefixes: put before the texts by all of them; where empty, the base has those
    that the model was trained with, so that the two differ by their weights alone. reranker: one by
    number or name, a folder or a hub name; None takes the newest. depth: documents that it reads;
    None: as many as this machine reads in time.
    """
    if project.task.trained_by == "tune":
        return _llms(project, model)
    if not project.task.trained_by:
        return _predictors(project)
    models = project.store.models.of_learner()
    model = model or (models[0] if models else None)
    lexical = System(systems.BM25, systems.LEXICAL, systems.label_of(systems.BM25))
    encoder = encoder_name(project, base or (model.base if model else ""))
    untrained = System(
        systems.BASE,
        systems.ENCODER,
        systems.label_of(systems.BASE),
        detail=short_name(encoder),
        source=encoder,
        max_length=max_length or _tokens(model),
        prefixes=_of_base(project, model, encoder, prefixes),
        heeds_instructions=heeds_instructions(
            next((one for one in models if str(project.path / one.path) == encoder), None)
        ),
    )
    both = System(
        systems.HYBRID, systems.SUM, systems.label_of(systems.HYBRID), over=(untrained, lexical)
    )
    newest = _of_model(project, model, max_length, prefixes) if model else _untrained()
    usual = replace(newest, name=systems.TRAINED, label=systems.label_of(systems.TRAINED))
    each = [
        replace(_of_model(project, one, max_length, prefixes), label=one.name, detail="")
        for one in models
    ]
    first = untrained if usual.problem else usual
    rerankers = list(_rerankers(project, first, reranker, depth or depth_here()))
    return [lexical, untrained, usual, both, *rerankers, *each]


def depth_here() -> int:
    """Documents that a reranker reads for a query on this machine, where nobody says how many."""
    return DEPTH if sees_gpu() else DEPTH_ON_CPU


def _rerankers(project: Project, first: System, chosen: str, depth: int) -> Iterator[System]:
    """The one that is meant over the first search, then each of the project's by number."""
    own = project.store.models.of_learner(RERANKER)
    wanted = chosen.strip()
    meant = [one for one in own if wanted in ("", str(one.id), one.name)]
    if not meant and not wanted:
        return
    source = str(project.path / meant[0].path) if meant else located(project, wanted)
    label = f"{first.label} + reranker"
    over = System(
        systems.RERANKED,
        systems.RERANKER,
        label,
        detail=meant[0].name if meant else short_name(source),
        source=source,
        max_length=_tokens(meant[0] if meant else None),
        over=(first,),
        depth=depth,
    )
    yield over
    for one in own:
        yield replace(
            over,
            name=systems.model_system(one.id),
            label=one.name,
            detail="",
            source=str(project.path / one.path),
            max_length=_tokens(one),
            model_id=one.id,
        )


def shown_first(there: Sequence[System]) -> list[System]:
    """Those that stand side by side where nobody has chosen."""
    usual = [one for one in there if one.name in systems.USUAL]
    return usual or list(there[: len(systems.USUAL)])


def model_by_number(project: Project, model_id: int | None) -> Model | None:
    """A model, or the newest one for None; None where nothing is trained yet.

    Raises StudioError for a number that no model has.
    """
    models = project.store.models
    if model_id is None:
        return models.latest()
    if (model := models.get(model_id)) is None:
        raise StudioError(f"There is no model {model_id}. `studio models trained` lists them.")
    return model


def _predictors(project: Project) -> list[System]:
    """The small models of all runs whose folders are there, the newest run's last round first."""
    runs = project.store.runs
    rounds = [one for run in runs.all() for one in runs.rounds(run.id) if one.model_path]
    rounds.sort(key=lambda one: (one.run_id, one.number), reverse=True)
    return [
        System(
            Path(one.model_path).name,
            systems.PREDICTOR,
            f"run {one.run_id} round {one.number}",
            source=str(project.path / one.model_path),
        )
        for one in rounds
        if (project.path / one.model_path / CARD).is_file()
    ]


def _llms(project: Project, model: Model | None) -> list[System]:
    """What the tuning started from, what came of it, and each of the models."""
    models = project.store.models.all()
    model = model or (models[0] if models else None)
    base = located(project, model.base if model else DEFAULT_LLM)
    untuned = System(
        systems.BASE,
        systems.LLM,
        systems.label_of(systems.BASE),
        detail=short_name(base),
        source=base,
    )
    each = [replace(_llm(project, one), label=one.name, detail="") for one in models]
    newest = _llm(project, model) if model else replace(_untrained(), kind=systems.LLM)
    usual = replace(newest, name=systems.TRAINED, label=systems.label_of(systems.TRAINED))
    return [untuned, usual, *each]


def _llm(project: Project, model: Model) -> System:
    return System(
        systems.model_system(model.id),
        systems.LLM,
        model.name,
        detail=model.name,
        source=str(project.path / model.path),
        model_id=model.id,
    )


def _untrained() -> System:
    return System(systems.TRAINED, systems.ENCODER, "", problem=NOTHING_TRAINED)


def _of_base(project: Project, model: Model | None, encoder: str, wanted: Prefixes) -> Prefixes:
    """Those of the model's training, where this is what it began with."""
    if model is None or encoder != encoder_name(project, model.base):
        return wanted
    trained = (str(model.settings.get(f"{role}_prompt") or "") for role in ROLES)
    return Prefixes(*(wanted.of(role) or own for role, own in zip(ROLES, trained, strict=True)))


def _of_model(project: Project, model: Model, max_length: int | None, prefixes: Prefixes) -> System:
    return System(
        systems.model_system(model.id),
        systems.ENCODER,
        model.name,
        detail=model.name,
        source=str(project.path / model.path),
        max_length=max_length or _tokens(model),
        prefixes=prefixes,
        model_id=model.id,
        heeds_instructions=heeds_instructions(model),
    )


def heeds_instructions(model: Model | None) -> bool:
    """Whether a model was trained with the tasks in words before its queries."""
    return model is not None and bool(model.settings.get("instructions"))


def _tokens(model: Model | None) -> int:
    return int(model.settings.get("max_length") or MAX_LENGTH) if model else MAX_LENGTH


def short_name(encoder: str) -> str:
    """A column's worth of a name: of a folder or a hub name the last part, of an endpoint its
    model."""
    if encoder.startswith("openai:"):
        return encoder.removeprefix("openai:").partition("@")[0]
    return encoder.rstrip("/").rpartition("/")[2] or encoder


@dataclass(frozen=True, slots=True)
class Opening:
    """What a system is opened with."""

    corpus: CorpusTexts
    language: str
    """Of the corpus: BM25 cuts words by it."""
    on_progress: Callable[[int], None] | None = None
    """Told how many documents are encoded."""
    on_query: Callable[[int], None] = lambda done: None
    """Told of how many queries the documents are reranked; may raise to end it."""

    def ranker(self, system: System) -> Ranker[str]:
        """The system over the corpus; whatever has to be encoded is encoded now."""
        return OPENERS[system.kind](self, system)


def networks_of(there: Sequence[System]) -> list[System]:
    """The encoders and rerankers of systems, those below others too; each model once."""
    found: dict[str, System] = {}
    waiting = [*reversed(there)]
    while waiting:
        one = waiting.pop()
        waiting += reversed(one.over)
        if one.kind in (systems.ENCODER, systems.RERANKER):
            found.setdefault(one.source, one)
    return list(found.values())


def try_network(system: System) -> None:
    """Raise StudioError where its model cannot be opened: told before hours of scoring others."""
    if system.kind == systems.RERANKER:
        _cross_encoder(system)
    else:
        open_encoder(system.source, max_length=system.max_length, prefixes=system.prefixes)


def _lexical(opening: Opening, _system: System) -> Bm25Ranker[str]:
    return bm25_ranker(opening.corpus, opening.language)


def _dense(opening: Opening, system: System) -> DenseRanker[str]:
    return dense_ranker(
        opening.corpus,
        system.source,
        max_length=system.max_length,
        prefixes=system.prefixes,
        on_progress=opening.on_progress,
    )


def _reranker(opening: Opening, system: System) -> RerankingRanker[str]:
    loaded = _cross_encoder(system)
    first = opening.ranker(system.over[0])
    text_of = opening.corpus.by_name()
    return RerankingRanker(
        first, text_of.__getitem__, loaded.of_pairs, system.depth, opening.on_query
    )


def _cross_encoder(system: System) -> Reranker:
    from studio.training.reranker import load_reranker

    return load_reranker(system.source, max_length=system.max_length)


def _sum(opening: Opening, system: System) -> HybridRanker[str]:
    dense, lexical = system.over
    return HybridRanker(_dense(opening, dense), _lexical(opening, lexical))


OPENERS: Final[dict[str, Callable[[Opening, System], Ranker[str]]]] = {
    systems.LEXICAL: _lexical,
    systems.ENCODER: _dense,
    systems.SUM: _sum,
    systems.RERANKER: _reranker,
}
"""Kind → how a system of that kind is opened."""
