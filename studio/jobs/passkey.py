"""The job ``passkey``: in how long texts an encoder finds one sentence, base against trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from studio.evaluation import systems
from studio.evaluation.passkey import LENGTHS, passkey_set
from studio.jobs.context import JobContext
from studio.jobs.project_systems import model_by_number, systems_of
from studio.jobs.train_params import (
    EvaluateParams,
    TrainParams,
)
from studio.params import Params, as_in, option
from studio.records import StudioError


@dataclass(frozen=True, slots=True)
class PasskeyParams(Params):
    """Which encoders look for pass keys, and in how long texts."""

    model_id: int | None = as_in(EvaluateParams, "model_id")
    encoder: str = as_in(TrainParams, "encoder")
    longest: int = option(
        LENGTHS[-1], "Longest text", "tokens; what an encoder cannot read is left out",
        least=LENGTHS[0],
    )  # fmt: skip
    queries: int = option(50, "Queries", "for each length", least=1, most=100)
    candidates: int = option(100, "Candidates", "texts among which one is right", least=2, most=400)
    seed: int = as_in(TrainParams, "seed")


def run(context: JobContext) -> None:
    """The job ``passkey``: the base and, where there is one, the model that was trained from it."""
    params = PasskeyParams.from_row(context.job.params)
    if params.queries > params.candidates:
        raise StudioError(
            f"There are {params.queries} queries for {params.candidates} candidates, and each "
            "asks for another one; ask for more candidates, or fewer queries."
        )
    model = model_by_number(context.project, params.model_id)
    there = {one.name: one for one in systems_of(context.project, model, base=params.encoder)}
    found: dict[str, dict[str, float]] = {}
    for system in (there[name] for name in systems.BEFORE_AFTER):
        if not system.problem:
            found[system.name] = _scored(context, params, system)
    labels = {name: there[name].title for name in found}
    context.keep(passkey=found, systems=labels)
    if model is not None:
        scores = {**model.scores, "passkey": found}
        context.store.models.set_scores(model.id, scores)
        context.keep(model_id=model.id)


def _scored(context: JobContext, params: PasskeyParams, system: systems.System) -> dict[str, float]:
    """Length in tokens → share of pass keys found, up to what the encoder can read."""
    import numpy as np

    from studio.training.encoders import LocalEncoder, encode, load_encoder, longest
    from studio.training.two_sided import side

    if system.source.startswith("openai:"):
        raise StudioError(
            f"{system.source} is an endpoint, whose tokens cannot be counted here; choose an "
            "encoder of this machine."
        )
    encoder = LocalEncoder(
        load_encoder(system.source, max_length=params.longest, prefixes=system.prefixes)
    )
    first = side(encoder.model, "document")[0]
    network = getattr(first, "auto_model", None)
    most = params.longest
    if network is not None:
        most = min(most, longest(network, first.tokenizer))

    def count(text: str) -> int:
        found = first.tokenizer(text) if network is not None else first.tokenizer.encode(text)
        return len(found["input_ids"] if network is not None else found.ids)

    found: dict[str, float] = {}
    # An encoder that reads less than the shortest is asked about what it can read.
    lengths = [length for length in LENGTHS if length <= most] or [most]
    for number, length in enumerate(lengths):
        context.check()
        context.progress(number, len(lengths), f"{length:,} tokens, {system.label}")
        asked = passkey_set(
            length, count, candidates=params.candidates, queries=params.queries, seed=params.seed
        )
        documents = encode(encoder.model, asked.candidates, "document", batch_size=8)
        queries = encode(encoder.model, asked.queries, "query")
        best = np.argmax(queries @ documents.T, axis=1)
        found[str(length)] = round(asked.hits(best.tolist()), 4)
    return found


def rows_of(found: dict[str, Any], labels: dict[str, str]) -> tuple[list[str], list[list[object]]]:
    """A table: the systems as columns, a row for each length."""
    lengths = sorted({int(length) for of in found.values() for length in of})
    rows: list[list[object]] = [
        [f"{length:,}", *(_cell(of.get(str(length))) for of in found.values())]
        for length in lengths
    ]
    return ["tokens", *(labels.get(name, name) for name in found)], rows


def _cell(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"
