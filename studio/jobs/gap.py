"""The job ``gap``: how near a round's additions are to its errors, and how much of gold is covered.

Gold is validation here: test is never looked at. Coverage is told before and after the additions,
so that it shows what they brought.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from studio.evaluation import gap
from studio.jobs.context import JobContext
from studio.jobs.datasets import encoder_name
from studio.params import Params, option
from studio.project import Project
from studio.records import Record, StudioError
from studio.runs import Round, Run

if TYPE_CHECKING:
    from studio.store import Store

PAGE = 5_000
"""Errors whose texts are looked up at once."""


@dataclass(frozen=True, slots=True)
class GapParams(Params):
    """Which round is measured."""

    run_id: int = 0
    round: int = option(
        0, "Round", "whose errors are meant; its additions are of the round after", least=0
    )
    encoder: str = option(
        "",
        "Encoder",
        "tells how near two texts are",
        empty="the run's frozen one, or the project's",
    )


def run(context: JobContext) -> None:
    """The job ``gap``."""
    params = GapParams.from_row(context.job.params)
    store = context.store
    found = store.runs.get(params.run_id)
    rounds = store.runs.rounds(params.run_id)
    round_ = next((one for one in rounds if one.number == params.round), None)
    if found is None or round_ is None:
        raise StudioError(
            f"Run {params.run_id} has no round {params.round}. `studio s3 show` lists the runs."
        )
    pairs = pairs_of(store, found, round_)
    if not pairs:
        raise StudioError(
            f"Nothing was written from the errors of round {params.round} yet, so there is no "
            "distance to measure."
        )
    context.begin("encoder")
    name = params.encoder or _encoder_of(context.project, found)
    context.keep(run_id=found.id, round=round_.number, encoder=name)
    _measure(context, found, round_, pairs, name)


def _encoder_of(project: Project, found: Run) -> str:
    """A frozen encoder of the run is the one whose eyes the errors were made with."""
    base = str(found.params.get("base") or "")
    return encoder_name(project, base if found.params.get("kind") == "head" else "")


def pairs_of(store: Store, found: Run, round_: Round) -> list[tuple[str, str]]:
    """(error's text, addition's text) for all that was written from the round's errors."""
    errors = {error.id: error.gold_id for error in store.runs.errors(round_.id)}
    texts = {row: gold.text for row, gold in store.gold.many([*errors.values()]).items()}
    return [
        (texts[errors[record.error_id]], record.text)
        for record in _records(store, found, kept=None)
        if record.error_id in errors and errors[record.error_id] in texts and record.text.strip()
    ]


def _records(store: Store, found: Run, kept: bool | None) -> Iterator[Record]:
    """All that a run can be trained on, stage by stage."""
    for stage in dict.fromkeys(stage for stage, _ in store.records.run_counts(found.id)):
        made = store.records.of_stage(found.id, stage, kept=kept)
        yield from (record for record in made if record.type.is_trained_on)


def _measure(
    context: JobContext, found: Run, round_: Round, pairs: Sequence[tuple[str, str]], name: str
) -> None:
    embed = _embedder(context, name)
    context.begin("pairs")
    gaps = gap.measure(
        pairs, embed, on_progress=lambda done: context.progress(done, len(pairs), "measured")
    )
    means = gap.summary(gaps)
    context.keep(gap=asdict(means) if means else {})
    context.begin("coverage")
    gold = [one.text for one in context.store.gold.all("validation")]
    context.keep(coverage=_coverage(context, found, round_, gold, embed))


def _coverage(
    context: JobContext,
    found: Run,
    round_: Round,
    gold: Sequence[str],
    embed: gap.Embed,
) -> dict[str, Any]:
    """Before: all that the round's model was trained on. After: with the additions."""
    texts: dict[bool, list[str]] = {True: [], False: []}
    for record in _records(context.store, found, kept=True):
        is_seed = record.error_id is None
        if is_seed or record.batch <= round_.number:
            texts[is_seed or record.batch < round_.number].append(record.text)
    before = gap.coverage(gold, texts[True], embed)
    context.check()
    after = gap.coverage(gold, texts[True] + texts[False], embed)
    return {
        "before": asdict(before) if before else {},
        "after": asdict(after) if after else {},
    }


def _embedder(context: JobContext, name: str) -> Callable[[Sequence[str]], Any]:
    from studio.evaluation.embeddings import embed, open_cache
    from studio.training.encoders import open_encoder

    encoder, cache = open_encoder(name), open_cache()

    def vectors(texts: Sequence[str]) -> Any:
        context.check()
        return embed(texts, encoder, "query", cache=cache)

    return vectors
