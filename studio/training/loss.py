"""Multiple-negatives ranking loss (Henderson et al. 2017) that spares what may well be right.

Each query's document competes with the other documents of the batch, with hard negatives, and, if
asked for, with documents drawn from the whole corpus. A candidate whose text is that of the query's
own document, or that was cut from the same long document, is left out. Large batches pass the
network in mini-batches by gradient caching (Gao et al. 2021), with the same gradients. A teacher's
scores can be mixed in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from studio.training.bank import Bank
from studio.training.distillation import Lesson, Lessons
from studio.training.encoders import is_static
from studio.training.two_sided import is_two_sided

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from torch import Tensor


def ranking_loss(
    queries: Tensor,
    documents: Tensor,
    numbers: Tensor,
    bank: tuple[Tensor, Tensor] | None,
    scale: float,
    symmetric: bool,
    lesson: Lesson | None = None,
    kin: Tensor | None = None,
) -> Tensor:
    """Softmax cross-entropy of each query over its candidates, averaged over the batch.

    Args:
        queries: B×d.
        documents: B·(1+n)×d: the B right ones, then each rank of hard negatives.
        numbers: B×(1+n): equal for equal texts.
        bank: further candidates of all queries, with their numbers.
        scale: 1 / temperature.
        symmetric: add the softmax of each right document over the queries.
        lesson: what a teacher thinks of the candidates; it takes its share of the loss.
        kin: text number → a number that passages of one long document share; None: only copies
            are left out.
    """
    import torch
    from torch.nn import functional

    queries, documents = functional.normalize(queries), functional.normalize(documents)
    candidates = numbers.T.flatten()
    if bank is not None:
        # What is in the batch already would count twice.
        new = ~torch.isin(bank[1], candidates)
        documents = torch.cat([documents, bank[0][new].to(documents.dtype)])
        candidates = torch.cat([candidates, bank[1][new]])
    rows = torch.arange(len(queries), device=queries.device)
    own, others = numbers[:, :1], candidates[None, :]
    spared = own == others if kin is None else kin[own] == kin[others]
    spared[rows, rows] = False
    scores = (queries @ documents.T * scale).masked_fill(spared, float("-inf"))
    loss = functional.cross_entropy(scores, rows)
    if symmetric:
        loss = (loss + functional.cross_entropy(scores[:, : len(rows)].T, rows)) / 2
    return loss if lesson is None else lesson.mixed(loss, scores, candidates)


@dataclass(frozen=True, slots=True)
class Objective:
    """The ranking loss with all that stays the same from step to step."""

    scale: float
    """1 / temperature."""
    symmetric: bool
    """Whether documents look for their queries too."""
    bank: Bank | None
    """Further candidates of all queries."""
    lessons: Lessons | None
    """A teacher's scores."""
    kept: int | None = None
    """The leading numbers of a vector that count (Kusupati et al. 2022); None: all."""
    kin: Tensor | None = None
    """Text number → a number that passages of one long document share."""
    widths: tuple[int, ...] = ()
    """Leading numbers of a vector that are to do on their own too; empty: all of it alone."""

    def of(self, queries: Tensor, documents: list[Tensor], labels: Tensor) -> Tensor:
        """The loss of a batch.

        Args:
            queries: B×d.
            documents: B×d for the right ones and each rank of hard negatives; without any, the
                bank's vectors of the right ones count.
            labels: the texts' numbers, B×(1+n), and, with a teacher, the queries' after them.
        """
        import torch

        numbers, lesson = labels, None
        if self.lessons is not None:
            numbers, lesson = labels[:, :-1], self.lessons.of(labels[:, -1])
        if not documents and self.bank is not None:
            documents = [self.bank.of(numbers[:, 0])]
        together, drawn = torch.cat(documents), self.bank.draw() if self.bank is not None else None
        kin = None if self.kin is None else self.kin.to(numbers.device)
        losses = [
            ranking_loss(
                queries[:, :width],
                together[:, :width],
                numbers,
                (drawn[0][:, :width], drawn[1]) if drawn is not None else None,
                self.scale,
                self.symmetric,
                lesson,
                kin,
            )
            for width in (self.kept, *self.widths)
        ]
        return torch.stack(losses).mean() if self.widths else losses[0]


def loss_for(
    model: SentenceTransformer,
    at_once: int,
    batch: int,
    objective: Objective,
) -> Any:
    """The cached form for a batch that is larger than ``at_once``, else the plain one.

    Queries alone are short, so a model that trains only them does without mini-batches.
    """
    if is_static(model) or is_two_sided(model) or batch <= at_once:
        return _plain_loss(model, objective)
    return _cached_loss(model, at_once, objective)


def _plain_loss(model: SentenceTransformer, objective: Objective) -> Any:
    import torch

    class PlainLoss(torch.nn.Module):
        """The whole batch passes the network at once."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, features: Any, labels: Tensor) -> Tensor:
            queries, *documents = (self.model(part)["sentence_embedding"] for part in features)
            return objective.of(queries, documents, labels)

    return PlainLoss()


def _cached_loss(model: SentenceTransformer, at_once: int, objective: Objective) -> Any:
    import torch
    from sentence_transformers.sentence_transformer.losses import (
        CachedMultipleNegativesRankingLoss,
    )

    class CachedLoss(CachedMultipleNegativesRankingLoss):  # type: ignore[misc]
        """sentence-transformers' gradient cache around our loss."""

        def calculate_loss(
            self, reps: list[list[Tensor]], labels: Tensor, *, with_backward: bool = False
        ) -> Tensor:
            queries, *documents = (torch.cat(part) for part in reps)
            loss = objective.of(queries, documents, labels)
            if with_backward:
                loss.backward()  # type: ignore[no-untyped-call]
                loss = loss.detach()
            return loss

    return CachedLoss(model, scale=objective.scale, mini_batch_size=at_once)
