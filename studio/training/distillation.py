"""Distillation: the student's softmax over the candidate documents is drawn to a teacher's.

The teacher grades every document for a query, not just the one it was written from, so that near
misses count as such (Hinton, Vinyals and Dean 2015). Its scores are asked for once per distinct
query before the first step, and only the columns of the candidates at hand count in a step.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    Teacher = Callable[[Sequence[str]], Iterator[NDArray[np.float32]]]

TEACHER_BYTES = 1 << 30
"""The most memory that the teacher's scores take, at two bytes for a query and a document."""
FEWEST_COLUMNS = 256
"""Documents that the teacher grades however many queries there are."""
_NOWHERE = -1e9
"""Stands for minus infinity in a softmax, without its undefined differences."""


def divergence(student: Tensor, teacher: Tensor) -> Tensor:
    """Kullback-Leibler divergence of the teacher's softmax from the student's, the rows' mean.

    Both are B×C scores. A candidate at minus infinity in either is left out of both.
    """
    import torch
    from torch.nn import functional

    left_out = torch.isinf(student) | torch.isinf(teacher)
    learnt, taught = (
        functional.log_softmax(scores.float().masked_fill(left_out, _NOWHERE), dim=1)
        for scores in (student, teacher)
    )
    return (taught.exp() * (taught - learnt)).sum(dim=1).mean()


def margin_error(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean squared difference between the teacher's margins and the student's (Hofstätter et al.
    2020; GPL, Wang et al. 2022).

    Both are B×C scores; column i of row i is the query's own document. A margin is its score less
    another candidate's, and negative where the teacher finds the other one better. A candidate at
    minus infinity in either is left out; a batch without any gives 0.
    """
    import torch

    rows = torch.arange(len(student), device=student.device)
    counted = ~(torch.isinf(student) | torch.isinf(teacher))
    counted[rows, rows] = False
    # A query whose own document the teacher never saw has no margins.
    counted &= ~torch.isinf(teacher[rows, rows])[:, None]
    learnt, taught = (
        scores[rows, rows][:, None].float() - scores.float() for scores in (student, teacher)
    )
    wrong = torch.where(counted, learnt - taught, torch.zeros_like(learnt))
    return wrong.square().sum() / counted.sum().clamp(min=1)


@dataclass(frozen=True, slots=True)
class Lesson:
    """The teacher's scores for the queries of one batch."""

    rows: Tensor
    """B×C, already divided by the temperature."""
    column_of: Tensor
    """Text number → column, or -1 for a text that the teacher was not asked about."""
    weight: float
    """The share of the teacher in the loss."""
    margins: bool = False
    """Whether its margins are learnt, and not its softmax."""

    def mixed(self, loss: Tensor, scores: Tensor, candidates: Tensor) -> Tensor:
        """The loss with the teacher's mixed in; ``scores`` is B×C' over the candidates' texts."""
        columns = self.column_of[candidates]
        graded = self.rows[:, columns.clamp(min=0)]
        graded = graded.masked_fill((columns < 0)[None, :], float("-inf"))
        taught = (margin_error if self.margins else divergence)(scores, graded)
        return (1 - self.weight) * loss + self.weight * taught


@dataclass(frozen=True, slots=True)
class Lessons:
    """The teacher's scores for all queries of a training."""

    scores: Tensor
    """Q×C in half precision, in main memory."""
    column_of: Tensor
    """Text number → column, or -1."""
    weight: float
    """The share of the divergence in the loss."""
    temperature: float
    """The teacher's scores are divided by it before the softmax."""
    margins: bool = False
    """Whether its margins are learnt."""

    def of(self, queries: Tensor) -> Lesson:
        """The lesson for the queries with these numbers."""
        rows = self.scores[queries.cpu()].to(queries.device).float() / self.temperature
        return Lesson(rows, self.column_of.to(queries.device), self.weight, self.margins)


def graded_texts(
    texts: Sequence[str], corpus: Mapping[int | str, str], queries: int, seed: int
) -> dict[str, int]:
    """The texts that the teacher is asked about, with their rows in the corpus.

    Those of ``texts`` that are in the corpus; with very many queries a random part of them, so that
    the scores keep within :data:`TEACHER_BYTES`.
    """
    first: dict[str, int] = {}
    for row, text in enumerate(corpus.values()):
        first.setdefault(text, row)
    known = [text for text in dict.fromkeys(texts) if text in first]
    most = max(FEWEST_COLUMNS, TEACHER_BYTES // (2 * max(1, queries)))
    if len(known) > most:
        known = random.Random(seed).sample(known, most)
    return {text: first[text] for text in known}


def asked(
    teacher: Teacher, queries: Sequence[str], rows: Sequence[int], check: Callable[[], None]
) -> NDArray[np.float16]:
    """The teacher's Q×C scores of the documents in these rows; ``check`` is called now and then.

    Raises:
        ValueError: the teacher did not answer every query.
    """
    import numpy as np

    scores = np.empty((len(queries), len(rows)), dtype=np.float16)
    chosen = np.asarray(rows, dtype=np.int64)
    for place, (_, graded) in enumerate(zip(queries, teacher(queries), strict=True)):
        check()
        scores[place] = graded[chosen]
    return scores


def kept(path: Path, make: Callable[[], NDArray[np.float16]]) -> NDArray[np.float16]:
    """The scores in the file, or else made and written there.

    A training that goes on after an interruption must not meet a teacher that answers a shade
    differently.
    """
    import numpy as np

    if path.exists():
        found: NDArray[np.float16] = np.load(path)
        return found
    scores = make()
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        np.save(file, scores)
    partial.replace(path)
    return scores
