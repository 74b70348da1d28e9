"""How long a training will take: by an earlier one's pace on this machine, else a guess."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.jobs.recipes import is_static
from studio.jobs.tune_params import TuneParams
from studio.llm import catalogue
from studio.llm.loading import sees_gpu
from studio.runs import Model
from studio.training.reranker_settings import RerankerSettings
from studio.training.settings import BANK_LIMIT, RetrieverSettings

CPU_FLOPS = 1.2e10
"""Per core: what small transformers reach in float32."""
GPU_FLOPS = 2e13
LLM_FLOPS = 5.6e10
"""Per core: what LLMs reach in float32, whose matrices are larger."""
TEMPLATE_TOKENS = 30
"""What a chat template puts around an instruction and its answer."""
START_S = 12.0
"""Seconds until the libraries and the encoder are loaded."""
STATIC_STEP_S = 0.08
"""A step of 32 pairs of a static encoder against 2,000 documents, on two cores."""
CHARACTERS_A_TOKEN = 4
GUESSED_WEIGHTS = 9e7
"""Bytes, for an encoder of unknown size."""
SHARE_THAT_WORKS = 0.5
"""Of the weights; the rest are rows of the table of words, of which a text reads a few."""


@dataclass(frozen=True, slots=True)
class TimeEstimate:
    """Seconds that a training may take, and where the number is from."""

    seconds: float
    measured_on: str = ""
    """The earlier model whose pace it goes by; empty: a guess from sizes."""


def estimate(
    settings: RetrieverSettings,
    root: str,
    documents: int,
    characters: float,
    earlier: list[Model],
) -> TimeEstimate:
    """How long a training with these settings takes here.

    root: the encoder that the chain began with. characters: the mean length of a document.
    earlier: the project's models, the newest first.
    """
    for model in earlier:
        pace = model.scores.get("pace") or {}
        if pace.get("machine") == platform.node() and _alike(settings, root, model):
            return TimeEstimate(_by_pace(settings, model.settings, pace), model.name)
    return TimeEstimate(_guessed(settings, root, documents, characters))


def _alike(settings: RetrieverSettings, root: str, model: Model) -> bool:
    """Whether a step of that model's training was like a step of this one."""
    was = model.settings
    same_start = root in (model.base, was.get("base"), was.get("anchor"))
    taught = bool(was.get("distillation")) == bool(settings.distillation)
    return same_start and taught and was.get("trained_side") == settings.trained_side


def _by_pace(settings: RetrieverSettings, was: dict[str, Any], pace: dict[str, Any]) -> float:
    larger = settings.batch_size / (was.get("batch_size") or settings.batch_size)
    longer = settings.max_length / (was.get("max_length") or settings.max_length)
    scale = larger * (longer if settings.trained_side == "both" else 1.0)
    return float(pace["rest_s"]) + float(pace["step_s"]) * scale * (settings.max_steps or 0)


def _guessed(settings: RetrieverSettings, root: str, documents: int, characters: float) -> float:
    speed = GPU_FLOPS if sees_gpu() else CPU_FLOPS * (os.cpu_count() or 1)
    steps, batch = settings.max_steps or 0, settings.batch_size
    tokens = min(settings.max_length, characters / CHARACTERS_A_TOKEN + 2)
    if is_static(root):
        teaching = _reading(documents, tokens, GUESSED_WEIGHTS) if settings.distillation else 0.0
        return START_S + steps * STATIC_STEP_S * batch / 32 + teaching / speed
    size = _weights(root)
    read = _reading(documents, tokens, size)
    # Forward, and twice that back; a query is about sixteen tokens.
    trained = tokens + 16 if settings.trained_side == "both" else 16
    step = 3 * _reading(batch, trained, size)
    return START_S + (read + steps * step) / speed


def of_tuning(
    params: TuneParams, steps: int, characters: float, earlier: list[Model]
) -> TimeEstimate:
    """How long so many steps of an LLM's tuning take here.

    characters: the mean length of an instruction with its answer. earlier: the project's models,
    the newest first.
    """
    base = Path(params.base).name
    for model in earlier:
        pace = model.scores.get("pace") or {}
        was = model.settings.get("batch_size") or params.batch_size
        if pace.get("machine") == platform.node() and Path(model.base).name == base:
            step = float(pace["step_s"]) * params.batch_size / was
            return TimeEstimate(float(pace["rest_s"]) + step * steps, model.name)
    speed = GPU_FLOPS if sees_gpu() else LLM_FLOPS * (os.cpu_count() or 1)
    tokens = min(params.max_length, characters / CHARACTERS_A_TOKEN + TEMPLATE_TOKENS)
    entry = catalogue.load().get(params.base)
    # Catalogue LLMs are quantised: about a byte a weight.
    weights = float(entry.files[0].size) if entry else _weights(params.base) / 4
    return TimeEstimate(START_S + steps * 3 * 2 * params.batch_size * tokens * weights / speed)


def of_reranking(
    settings: RerankerSettings, steps: int, checked: int, characters: float, earlier: list[Model]
) -> TimeEstimate:
    """How long so many steps of a reranker's training take here.

    checked: pairs that validation's checks read in all. characters: the mean length of a document.
    earlier: the project's rerankers, the newest first.
    """
    pairs = settings.batch_size * (1 + settings.negatives)
    base = Path(settings.base).name
    for model in earlier:
        pace, was = model.scores.get("pace") or {}, model.settings
        if pace.get("machine") == platform.node() and Path(model.base).name == base:
            # The checks are in the pace of the steps.
            earlier_pairs = was.get("batch_size", 1) * (1 + was.get("negatives", 0))
            step = float(pace["step_s"]) * pairs / earlier_pairs
            return TimeEstimate(float(pace["rest_s"]) + step * steps, model.name)
    # Forward twice, since gradients are cached, and twice that back.
    read = of_scoring(4 * pairs * steps, settings.base, settings.max_length, characters, [])
    checks = of_scoring(checked, settings.base, settings.max_length, characters, earlier)
    return TimeEstimate(START_S + read.seconds + checks.seconds)


def of_scoring(
    pairs: int, base: str, max_length: int, characters: float, earlier: list[Model]
) -> TimeEstimate:
    """How long a reranker takes here to read so many pairs of a query and a document.

    base: what it was trained from. earlier: the project's rerankers, the newest first.
    """
    for model in earlier:
        reading = model.scores.get("reading") or {}
        alike = Path(model.base).name == Path(base).name
        if alike and reading.get("machine") == platform.node():
            return TimeEstimate(pairs / max(reading["pairs_s"], 1e-3), model.name)
    speed = GPU_FLOPS if sees_gpu() else CPU_FLOPS * (os.cpu_count() or 1)
    tokens = min(max_length, characters / CHARACTERS_A_TOKEN + 16)
    return TimeEstimate(pairs * _reading(1, tokens, _weights(base)) / speed)


def _reading(texts: int, tokens: float, size: float) -> float:
    """Operations to read so many texts once."""
    return 2 * min(texts, BANK_LIMIT) * tokens * size / 4 * SHARE_THAT_WORKS


def _weights(root: str) -> float:
    entry = catalogue.load().get(root)
    if entry is not None:
        return float(entry.files[0].size)
    folder = Path(root).expanduser()
    # No deeper: a path that is half typed may be all of the disk.
    files = [file for at in (".", "*") for file in folder.glob(f"{at}/model.safetensors")]
    return float(sum(file.stat().st_size for file in files)) or GUESSED_WEIGHTS


def in_words(seconds: float) -> str:
    """Such as ``40 s``, ``3 min`` or ``2 h 10 min``: no more exact than it is known."""
    if seconds < 90:
        return f"{max(round(seconds / 5) * 5, 5)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60 // 10 * 10} min"
