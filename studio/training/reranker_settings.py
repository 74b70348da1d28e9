"""How a reranker is trained."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RerankerSettings:
    """How a reranker is trained; the defaults are the small schedule."""

    base: str = "minilm-l6"
    """An encoder, which gets a new layer on top, or a cross-encoder: catalogue name, folder, hub
    name."""
    negatives: int = 7
    """Documents that stand against each right one; the paper has 31."""
    depth: int = 200
    """They are drawn from so many of the retriever's first documents."""
    batch_size: int = 8
    """Queries in a step; the paper has 64."""
    mini_batch: int | None = None
    """Pairs that pass the network at once. None: 32; on a GPU 256."""
    learning_rate: float = 3e-5
    epochs: float = 2.0
    """Passes over the queries, unless ``max_steps`` is given."""
    max_steps: int | None = None
    warmup: float = 0.1
    """The share of steps in which the rate rises."""
    max_length: int = 256
    """Tokens read of a query and a document together."""
    evaluations: int = 4
    """How often validation is scored, and how often a checkpoint is saved."""
    patience: int = 0
    """Stop after so many evaluations without a better score; 0 never stops early."""
    bf16: bool | None = None
    """Half precision inside the network. None: on a GPU that has it."""
    device: str | None = None
    """``cpu``, ``cuda`` …; None takes the best there is."""
    log_every: int = 5
    """Steps between two points of the loss curve."""
    seed: int = 13
    """Decides the new layer, the order and dropout."""

    def steps_for(self, queries: int) -> int:
        """Batches in all for so many queries."""
        batches = -(-queries // self.batch_size)
        return self.max_steps or max(1, round(batches * self.epochs))


def published(documents: int) -> RerankerSettings:
    """Promptagator's numbers for a corpus of this size."""
    steps = 5_000 if documents <= 500_000 else 20_000
    return RerankerSettings(negatives=31, batch_size=64, max_steps=steps)
