"""Multiple-negatives ranking loss (Henderson et al. 2017) that spares copies of the right answer.

Each query's document competes with the other documents of the batch, with hard negatives, and, if
asked for, with documents drawn from the whole corpus. A candidate whose text is that of the query's
own document is left out. Large batches pass the network in mini-batches by gradient caching (Gao et
al. 2021), with the same gradients.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from studio.training.encoders import encode, is_static, role_prompt

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from torch import Tensor


class Bank(Protocol):
    """Documents of the corpus that stand against every query of a batch."""

    def draw(self) -> tuple[Tensor, Tensor]:
        """C×d normalised embeddings and the C numbers of their texts."""
        ...


def ranking_loss(
    queries: Tensor,
    documents: Tensor,
    numbers: Tensor,
    bank: tuple[Tensor, Tensor] | None,
    scale: float,
    symmetric: bool,
) -> Tensor:
    """Softmax cross-entropy of each query over its candidates, averaged over the batch.

    Args:
        queries: B×d.
        documents: B·(1+n)×d: the B right ones, then each rank of hard negatives.
        numbers: B×(1+n): equal for equal texts.
        bank: further candidates of all queries, with their numbers.
        scale: 1 / temperature.
        symmetric: add the softmax of each right document over the queries.
    """
    import torch
    from torch.nn import functional

    queries, documents = functional.normalize(queries), functional.normalize(documents)
    candidates = numbers.T.flatten()
    if bank is not None:
        documents = torch.cat([documents, bank[0].to(documents.dtype)])
        candidates = torch.cat([candidates, bank[1]])
    rows = torch.arange(len(queries), device=queries.device)
    copies = candidates[None, :] == numbers[:, :1]
    copies[rows, rows] = False
    scores = (queries @ documents.T * scale).masked_fill(copies, float("-inf"))
    loss = functional.cross_entropy(scores, rows)
    if symmetric:
        loss = (loss + functional.cross_entropy(scores[:, : len(rows)].T, rows)) / 2
    return loss


def loss_for(
    model: SentenceTransformer,
    at_once: int,
    batch: int,
    scale: float,
    symmetric: bool,
    bank: Bank | None,
) -> Any:
    """The cached form for a batch that is larger than ``at_once``, else the plain one."""
    if is_static(model) or batch <= at_once:
        return _plain_loss(model, scale, symmetric, bank)
    return _cached_loss(model, at_once, scale, symmetric, bank)


def _plain_loss(
    model: SentenceTransformer, scale: float, symmetric: bool, bank: Bank | None
) -> Any:
    import torch

    class PlainLoss(torch.nn.Module):
        """The whole batch passes the network at once."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, features: Any, labels: Tensor) -> Tensor:
            queries, *documents = (self.model(part)["sentence_embedding"] for part in features)
            drawn = bank.draw() if bank is not None else None
            return ranking_loss(queries, torch.cat(documents), labels, drawn, scale, symmetric)

    return PlainLoss()


def _cached_loss(
    model: SentenceTransformer, at_once: int, scale: float, symmetric: bool, bank: Bank | None
) -> Any:
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
            drawn = bank.draw() if bank is not None else None
            loss = ranking_loss(queries, torch.cat(documents), labels, drawn, scale, symmetric)
            if with_backward:
                loss.backward()  # type: ignore[no-untyped-call]
                loss = loss.detach()
            return loss

    return CachedLoss(model, scale=scale, mini_batch_size=at_once)


def bank_for(
    model: SentenceTransformer, texts: Sequence[str], numbers: Sequence[int], count: int, bf16: bool
) -> Bank:
    """``count`` documents at a time out of ``texts``.

    A static encoder embeds them anew at every step, so that they are trained too. For a transformer
    that would cost more than the batch: its documents keep the embeddings of before the training.
    """
    if is_static(model):
        return _LiveBank(model, texts, numbers, count)
    return _FrozenBank(model, texts, numbers, count, bf16)


class _FrozenBank:
    def __init__(
        self,
        model: SentenceTransformer,
        texts: Sequence[str],
        numbers: Sequence[int],
        count: int,
        bf16: bool,
    ) -> None:
        import torch

        vectors = encode(model, texts, prompt=role_prompt(model, "document"), bf16=bf16)
        self._vectors = torch.from_numpy(vectors).to(model.device)
        self._numbers = torch.tensor(list(numbers), device=model.device)
        self._count = count

    def draw(self) -> tuple[Tensor, Tensor]:
        rows = _some(len(self._numbers), self._count)
        return self._vectors[rows], self._numbers[rows]


class _LiveBank:
    def __init__(
        self, model: SentenceTransformer, texts: Sequence[str], numbers: Sequence[int], count: int
    ) -> None:
        import torch

        prompt = role_prompt(model, "document")
        self._model = model
        self._tokens = [
            model[0].preprocess([text], prompt=prompt or None)["input_ids"] for text in texts
        ]
        self._numbers = torch.tensor(list(numbers), device=model.device)
        self._count = count

    def draw(self) -> tuple[Tensor, Tensor]:
        import torch
        from torch.nn import functional

        rows = _some(len(self._tokens), self._count)
        chosen = [self._tokens[row] for row in rows]
        lengths = torch.tensor([0, *(len(tokens) for tokens in chosen[:-1])])
        features = {"input_ids": torch.cat(chosen), "offsets": lengths.cumsum(0)}
        features = {name: tensor.to(self._model.device) for name, tensor in features.items()}
        vectors = functional.normalize(self._model(features)["sentence_embedding"])
        return vectors, self._numbers[rows]


def _some(total: int, count: int) -> Any:
    """``count`` random rows, by torch's own generator, whose state a checkpoint keeps."""
    import torch

    return torch.arange(total) if count >= total else torch.randperm(total)[:count]
