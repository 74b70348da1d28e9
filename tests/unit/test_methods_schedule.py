"""The published training schedule, and how it shrinks with the data."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.methods.schedule import MOST_EPOCHS, published, schedule_for


@pytest.mark.parametrize(
    ("documents", "batch_size", "steps"),
    [
        (49_999, 128, 1_000),
        (50_000, 6_000, 1_000),
        (500_000, 6_000, 1_000),
        (500_001, 6_000, 5_000),
    ],
)
def test_the_papers_numbers_by_corpus_size(documents: int, batch_size: int, steps: int) -> None:
    assert published(documents) == (batch_size, steps)


def test_enough_pairs_train_as_published() -> None:
    schedule = schedule_for(40_000, 320_000)
    assert (schedule.batch_size, schedule.steps) == (128, 1_000)
    assert schedule.reason == "as published for this corpus size"


def test_few_pairs_train_three_passes_in_smaller_batches_and_it_says_so() -> None:
    schedule = schedule_for(1_400, 520)
    assert (schedule.batch_size, schedule.steps) == (64, 25)
    assert schedule.reason.startswith("scaled down from the published 1,000 steps of 128")


def test_a_batch_is_a_small_part_of_a_tiny_corpus() -> None:
    assert schedule_for(200, 50_000).batch_size == 32


def test_a_batch_size_of_ones_own_is_kept() -> None:
    assert schedule_for(200, 500, batch_size=100).batch_size == 100


def test_no_pairs_are_no_training() -> None:
    with pytest.raises(ValueError, match="no pairs"):
        schedule_for(10, 0)


@given(st.integers(1, 2_000_000), st.integers(1, 8_000_000))
def test_a_schedule_is_never_larger_than_published(documents: int, pairs: int) -> None:
    schedule = schedule_for(documents, pairs)
    batch, steps = published(documents)
    assert 1 <= schedule.batch_size <= batch
    assert 1 <= schedule.steps <= steps
    assert (schedule.steps - 1) * schedule.batch_size < MOST_EPOCHS * pairs
