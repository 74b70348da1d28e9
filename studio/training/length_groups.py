"""Batches of rows of like length, the same ones whenever an epoch is begun or gone on with."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

_BATCHES = 50
"""Batches out of which rows are grouped: enough for like lengths, few enough to mix the rows."""


class LengthGroups:
    """A sampler for a data loader that cuts its rows into batches in order.

    transformers' own draws from the global generator, so that a training that goes on in the midst
    of an epoch would see other rows.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self.epoch = 0
        self._lengths = lengths
        self._batch_size = batch_size
        self._seed = seed

    def set_epoch(self, epoch: int) -> None:
        """The trainer says which pass over the rows comes next."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        drawn = random.Random(f"{self._seed} {self.epoch}")
        rows = list(range(len(self._lengths)))
        drawn.shuffle(rows)
        # A short batch stays the last one: others would be cut elsewhere.
        whole = len(rows) - len(rows) % self._batch_size
        rest = rows[whole:]
        batches: list[list[int]] = []
        step = self._batch_size * _BATCHES
        for first in range(0, whole, step):
            group = sorted(rows[first : min(first + step, whole)], key=self._lengths.__getitem__)
            batches += [
                group[at : at + self._batch_size] for at in range(0, len(group), self._batch_size)
            ]
        drawn.shuffle(batches)
        yield from (row for batch in [*batches, rest] for row in batch)
