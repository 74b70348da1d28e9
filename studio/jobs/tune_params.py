"""What the tuning of a small LLM can be told, and the scoring of what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any

from studio.jobs.params import RunParams
from studio.jobs.train_params import DataParams, EvaluateParams, TrainParams
from studio.params import Params, as_in, option
from studio.records import Split
from studio.training.instruction_settings import BASE


@dataclass(frozen=True, slots=True)
class TuneParams(DataParams):
    """Tune a small LLM on the kept instructions, with low-rank adapters (LoRA)."""

    base: str = option(
        BASE, "Base LLM", "to start from: a catalogue name, a hub name, a folder or a GGUF file"
    )
    examples: bool = option(
        True, "Examples too", "train on the examples as well, as Self-Instruct does"
    )
    rank: int = option(16, "Rank", "of the adapters; higher learns more and takes more", least=1)
    alpha: int = option(32, "Alpha", "the adapters' weight is alpha divided by rank", least=1)
    dropout: float = option(
        0.0, "Dropout", "share of the adapters' inputs left out at random", least=0, most=0.9
    )
    learning_rate: float = option(
        2e-4, "Learning rate", "how far each step goes; too high forgets", least=1e-12
    )
    batch_size: int = option(4, "Batch size", "instructions a step", least=1)
    epochs: float = option(3.0, "Epochs", "passes over the data; more can overfit", least=0.01)
    steps: int | None = as_in(TrainParams, "steps")
    max_length: int = option(
        512, "Tokens", "of an instruction with its answer; what is longer is cut", least=32
    )
    packing: bool = option(False, "Packing", "put short ones together in one sequence: quicker")
    warmup: float = option(
        0.05, "Warm-up", "share of the steps in which the rate rises", least=0, most=1
    )
    evaluations: int = option(
        6, "Checks", "how often the loss on validation gold is measured", least=1
    )
    patience: int = as_in(TrainParams, "patience")
    gradient_checkpointing: bool = option(
        False, "Save memory", "work activations out again: slower, for long texts"
    )
    seed: int = as_in(TrainParams, "seed")
    bf16: bool | None = as_in(TrainParams, "bf16")
    evaluate: bool = option(
        False, "Score afterwards", "compare the answers of base and tuned model on gold"
    )
    name: str = option("", "Name", "what to call the model; also its folder", empty="tuned-JOB")

    def steps_for(self, pairs: int) -> int:
        """Steps of the optimiser for so many instructions."""
        return self.steps or max(1, round(ceil(pairs / self.batch_size) * self.epochs))


@dataclass(frozen=True, slots=True)
class AnswerParams(Params):
    """Score what the base LLM and a tuned one answer to gold instructions."""

    model_id: int | None = as_in(EvaluateParams, "model_id")
    split: Split = as_in(EvaluateParams, "split")  # noqa: RUF009 - it makes a field
    answer_tokens: int = option(
        256, "Answer tokens", "where instructions are answered: the longest answer", least=1
    )
    seed: int = as_in(EvaluateParams, "seed")
    judge: dict[str, Any] | None = None
    """Endpoint and caps of an LLM that compares the answers, as ``RunParams`` has them; None asks
    nobody."""


@dataclass(frozen=True, slots=True)
class PairJudgeParams(Params):
    """Which LLM compares the answers of base and tuned model, and what it may take."""

    judge_endpoint: str = option(
        "",
        "Pairwise judge",
        "an LLM that compares both models' answers: a name, embedded:MODEL, or a URL",
        empty="none",
    )
    judge_model: str = option("", "Judge's model", "the model at that URL", empty="the only one")
    budget_usd: float | None = as_in(RunParams, "budget_usd")
    budget_tokens: int | None = as_in(RunParams, "budget_tokens")
    max_concurrency: int | None = as_in(RunParams, "max_concurrency")
