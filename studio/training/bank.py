"""Documents of the corpus that stand against the queries of every batch."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from studio.training.encoders import encode, is_static
from studio.training.settings import BANK_LIMIT, TrainingPair
from studio.training.two_sided import is_two_sided, role_prompt

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


def bank_texts(
    pairs: Sequence[TrainingPair], corpus: Mapping[int | str, str], seed: int
) -> list[str]:
    """The pairs' documents and a random part of the others, at most BANK_LIMIT where that goes."""
    own = list(dict.fromkeys(pair.document_text for pair in pairs))
    others = list(dict.fromkeys(corpus.values()))
    room = min(max(0, BANK_LIMIT - len(own)), len(others))
    return list(dict.fromkeys([*own, *random.Random(seed).sample(others, room)]))


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
