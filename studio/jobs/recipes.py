"""A training's numbers: the recipe's own, with the person's over them. Known before it begins."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from studio.jobs.train_params import TrainParams
from studio.methods.schedule import published as published_numbers
from studio.methods.schedule import schedule_for
from studio.records import StudioError
from studio.training.encoders import STATIC_NAMES
from studio.training.settings import RetrieverSettings, for_triplets, recommended


def numbers_for(
    params: TrainParams,
    root: str,
    documents: int,
    pairs: int,
    *,
    final: bool = True,
    triplets: bool = False,
) -> RetrieverSettings:
    """The settings that do not depend on what the project holds beside these counts.

    root: the encoder that the chain of models began with, which decides the recipe. final: False
    for the round trip's model, which learns from the queries alone. triplets: there is no corpus.
    """
    recipe = for_triplets(root) if triplets else _recipe(params, root, documents, pairs)
    own: dict[str, Any] = {
        "batch_size": params.batch_size,
        "learning_rate": params.learning_rate,
        "epochs": params.epochs,
        "trained_side": params.side,
        # The round trip judges by what the queries taught, not by what a teacher knew.
        "distillation": params.distillation if final else 0.0,
        "scale": 1 / params.temperature if params.temperature else None,
        "bf16": params.bf16,
    }
    settings = replace(
        recipe,
        negatives=params.hard_negatives,
        max_length=params.max_length,
        query_prompt=params.query_prompt,
        document_prompt=params.document_prompt,
        patience=params.patience,
        widths=widths_of(params),
        lora_rank=params.lora_rank,
        seed=params.seed,
        freeze_words=params.freeze_words,
        margins=params.lesson == "margins",
        **{name: number for name, number in own.items() if number is not None},
    )
    return replace(settings, max_steps=_steps(params, settings, documents, pairs))


def widths_of(params: TrainParams) -> tuple[int, ...]:
    """The shorter vectors that are asked for. Raises StudioError for what is no number."""
    parts = [part.strip() for part in params.widths.split(",") if part.strip()]
    if wrong := [part for part in parts if not part.isdecimal() or not int(part)]:
        raise StudioError(f"“{wrong[0]}” is no length of a vector; write them as 64,128.")
    return tuple(int(part) for part in parts)


def is_static(root: str) -> bool:
    """Whether the chain began with a bag of word vectors."""
    return root in STATIC_NAMES


def _recipe(params: TrainParams, root: str, documents: int, pairs: int) -> RetrieverSettings:
    """Promptagator's schedule by corpus size, or what gained most on little data."""
    if params.recipe == "recommended":
        return recommended(root)
    published = schedule_for(documents, pairs, params.batch_size)
    return RetrieverSettings(batch_size=published.batch_size, max_steps=published.steps)


def _steps(params: TrainParams, settings: RetrieverSettings, documents: int, pairs: int) -> int:
    """The steps asked for, else those of the epochs asked for, else the recipe's, no longer."""
    if params.steps is not None:
        return params.steps
    by_epochs = max(1, math.ceil(pairs / settings.batch_size * settings.epochs))
    if params.epochs is not None:
        return by_epochs
    most = settings.max_steps or published_numbers(documents)[1]
    return most if params.recipe == "published" else min(by_epochs, most)
