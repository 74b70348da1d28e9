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
from studio.training.two_sided import is_two_sided

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from torch import Tensor


class Bank(Protocol):
    """Documents of the corpus that stand against every query of a batch."""

    def draw(self) -> tuple[Tensor, Tensor]:
        """C×d normalised embeddings and the C numbers of their texts."""
        ...

    def of(self, numbers: Tensor) -> Tensor:
        """The embeddings of the texts with these numbers."""
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
        # What is in the batch already would count twice.
        new = ~torch.isin(bank[1], candidates)
        documents = torch.cat([documents, bank[0][new].to(documents.dtype)])
        candidates = torch.cat([candidates, bank[1][new]])
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
    """The cached form for a batch that is larger than ``at_once``, else the plain one.

    Queries alone are short, so a model that trains only them does without mini-batches.
    """
    if is_static(model) or is_two_sided(model) or batch <= at_once:
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
            if not documents and bank is not None:
                documents = [bank.of(labels[:, 0])]
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
    if is_static(model) and not is_two_sided(model):
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

        vectors = encode(model, texts, bf16=bf16)
        self._vectors = torch.from_numpy(vectors).to(model.device)
        self._numbers = torch.tensor(list(numbers), device=model.device)
        self._row_of = torch.zeros(max(numbers, default=0) + 1, dtype=torch.long)
        self._row_of[self._numbers.cpu()] = torch.arange(len(texts))
        self._row_of = self._row_of.to(model.device)
        self._count = count

    def draw(self) -> tuple[Tensor, Tensor]:
        rows = _some(len(self._numbers), self._count)
        return self._vectors[rows], self._numbers[rows]

    def of(self, numbers: Tensor) -> Tensor:
        return self._vectors[self._row_of[numbers]]


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
        rows = _some(len(self._tokens), self._count)
        return self._embedded(rows.tolist()), self._numbers[rows]

    def of(self, numbers: Tensor) -> Tensor:
        place = {number: row for row, number in enumerate(self._numbers.tolist())}
        return self._embedded([place[number] for number in numbers.tolist()])

    def _embedded(self, rows: list[int]) -> Tensor:
        import torch
        from torch.nn import functional

        chosen = [self._tokens[row] for row in rows]
        lengths = torch.tensor([0, *(len(tokens) for tokens in chosen[:-1])])
        features = {"input_ids": torch.cat(chosen), "offsets": lengths.cumsum(0)}
        features = {name: tensor.to(self._model.device) for name, tensor in features.items()}
        return functional.normalize(self._model(features)["sentence_embedding"])


def _some(total: int, count: int) -> Any:
    """``count`` random rows, by torch's own generator, whose state a checkpoint keeps."""
    import torch

    return torch.arange(total) if count >= total else torch.randperm(total)[:count]
