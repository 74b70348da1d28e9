"""What the training of a reranker can be told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from studio.jobs.train_params import DataParams, Recipe, TrainParams
from studio.params import as_in, option


@dataclass(frozen=True, slots=True)
class RerankParams(DataParams):
    """Train a reranker, which reads query and document together, on the kept queries."""

    base: str = option(
        "",
        "Start from",
        "an encoder, or a cross-encoder: a catalogue name, a hub name or a folder",
        empty="the project's encoder",
    )
    retriever: str = option(
        "",
        "Retriever",
        "whose results it reorders: base, or a model by number or name",
        empty="the newest, else base",
    )
    recipe: Recipe = option(
        "recommended",
        "Schedule",
        "where the numbers below come from that are not set",
        choices=get_args(Recipe),
        notes=(
            "a small one: 7 negatives guarded against false ones, 2 passes",
            "Promptagator's: 31 negatives, 64 queries a step, 5,000 steps; for a GPU",
        ),
    )
    negatives: int | None = option(
        None, "Negatives", "documents against each right one", least=1, empty="the schedule's"
    )
    depth: int = option(
        200, "Drawn from top", "so many of the documents that the retriever finds first", least=2
    )
    epochs: float | None = option(
        None, "Epochs", "passes over the queries", least=0.01, empty="the schedule's"
    )
    steps: int | None = option(
        None, "Steps", "of the optimiser, in place of epochs", least=1, empty="the schedule's"
    )
    batch_size: int | None = option(
        None, "Batch size", "queries a step", least=1, empty="the schedule's"
    )
    learning_rate: float = option(
        3e-5, "Learning rate", "how far each step goes; too high forgets", least=1e-12
    )
    max_length: int = option(
        256, "Tokens read", "of a query and a document together; longer is slower", least=16
    )
    evaluations: int = option(4, "Checks", "how often validation gold is reranked", least=1)
    patience: int = as_in(TrainParams, "patience")
    seed: int = as_in(TrainParams, "seed")
    bf16: bool | None = as_in(TrainParams, "bf16")
    evaluate: bool = option(
        False, "Score afterwards", "measure it on test gold beside the retriever and BM25"
    )
    name: str = option("", "Name", "what to call the model; also its folder", empty="reranker-JOB")
