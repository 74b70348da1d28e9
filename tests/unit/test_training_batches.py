"""Batches in which no query's document counts as another's wrong answer, and the loss on them."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.training.batches import BatchPlan, groups_of, kin_of
from studio.training.settings import TrainingPair, ValidationSet

groups = st.lists(st.integers(0, 12), min_size=1, max_size=80)


@given(groups, st.integers(1, 40), st.integers(0, 3), st.integers(0, 5))
def test_no_batch_holds_two_rows_of_a_group(
    rows: list[int], size: int, seed: int, epoch: int
) -> None:
    plan = BatchPlan(rows, size, seed)
    batches = plan.epoch(epoch)
    assert len(batches) == plan.batches
    for batch in batches:
        assert 0 < len(batch) <= min(size, plan.batch_size)
        assert len({rows[row] for row in batch}) == len(batch)
    seen = Counter(row for batch in batches for row in batch)
    assert len(seen) == plan.pairs
    assert set(seen.values()) == {1}


def test_every_pair_is_seen_in_every_epoch_when_documents_have_equally_many() -> None:
    plan = BatchPlan([n // 8 for n in range(800)], batch_size=128, seed=0)
    assert (plan.batches, plan.batch_size, plan.pairs) == (8, 100, 800)


def test_a_document_with_too_many_queries_shows_others_in_another_epoch() -> None:
    rows = [0] * 50 + list(range(1, 351))
    plan = BatchPlan(rows, batch_size=64, seed=0)
    shown = [{row for batch in plan.epoch(n) for row in batch if row < 50} for n in range(2)]
    assert [len(part) for part in shown] == [7, 7]
    assert shown[0] != shown[1]


def test_epochs_differ_and_the_seed_decides_them() -> None:
    plan = BatchPlan(list(range(50)), 8, seed=1)
    assert plan.epoch(0) == BatchPlan(list(range(50)), 8, seed=1).epoch(0)
    assert plan.epoch(0) != plan.epoch(1)
    assert plan.epoch(0) != BatchPlan(list(range(50)), 8, seed=2).epoch(0)


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        (TrainingPair("a", 1, "x"), TrainingPair("b", 1, "y"), True),
        (TrainingPair("a", 1, "Same  text"), TrainingPair("b", 2, "same text "), True),
        (TrainingPair("A query", 1, "x"), TrainingPair("a query", 2, "y"), True),
        (TrainingPair("a", 1, "x"), TrainingPair("b", 2, "y"), False),
    ],
)
def test_which_pairs_must_not_meet(one: TrainingPair, other: TrainingPair, together: bool) -> None:
    first, second = groups_of([one, other])
    assert (first == second) == together


def test_a_batch_that_fits_gives_the_loss_of_sentence_transformers() -> None:
    import torch
    from sentence_transformers.util import cos_sim

    from studio.training.loss import ranking_loss

    torch.manual_seed(0)
    queries, documents = torch.randn(5, 8), torch.randn(5, 8)
    expected = torch.nn.functional.cross_entropy(cos_sim(queries, documents) * 20, torch.arange(5))
    numbers = torch.arange(5)[:, None]
    assert torch.allclose(ranking_loss(queries, documents, numbers, None, 20, False), expected)


def test_a_copy_of_the_right_document_is_no_negative() -> None:
    import torch

    from studio.training.loss import ranking_loss

    torch.manual_seed(0)
    queries, documents = torch.randn(2, 8), torch.randn(2, 8)
    plain = ranking_loss(queries, documents, torch.tensor([[0], [1]]), None, 20, False)
    # Each one's hard negative is the other's right document; the bank's copies are left out.
    doubled = torch.cat([documents, documents.flip(0)])
    bank = (torch.nn.functional.normalize(documents), torch.tensor([0, 1]))
    numbers = torch.tensor([[0, 1], [1, 0]])
    masked = ranking_loss(queries, doubled, numbers, bank, 20, False)
    scores = 20 * torch.nn.functional.cosine_similarity(queries[:, None], documents[None], dim=2)
    right, wrong = scores.diag(), scores[[0, 1], [1, 0]]
    twice = torch.log(right.exp() + 2 * wrong.exp()) - right
    assert torch.allclose(masked, twice.mean())
    assert masked > plain


def test_a_sampled_validation_set_keeps_every_relevant_document() -> None:
    gold = ValidationSet(
        {"q": "text"}, {f"d{n}": str(n) for n in range(100)}, {"q": {"d99": 1, "d98": 2}}
    )
    small = gold.sampled(10)
    assert len(small.documents) == 10
    assert {"d98", "d99"} <= small.documents.keys()
    assert small.documents == gold.sampled(10).documents


def test_passages_of_one_document_have_one_number_and_others_their_own() -> None:
    numbers = {"a1": 0, "b1": 1, "a2": 2, "whole": 3}
    kin = kin_of(numbers, {"a1": (7,), "a2": (7,), "b1": (9,), "elsewhere": (1,)})
    assert kin is not None
    assert kin[0] == kin[2]
    assert len({kin[0], kin[1], kin[3]}) == 3
    assert kin_of(numbers, {}) is None
    # Of one document alone, its other passages are all that a query can be told from.
    assert kin_of({"a1": 0, "a2": 1}, {"a1": (7,), "a2": (7,)}) is None


def test_a_passage_of_the_right_ones_own_document_is_no_negative() -> None:
    import torch

    from studio.training.loss import ranking_loss

    torch.manual_seed(0)
    queries, documents = torch.randn(3, 8), torch.randn(3, 8)
    # Text 0 and text 2 are passages of one document; text 3, of the bank, is of the same.
    kin = torch.tensor([9, 1, 9, 9])
    bank = (torch.nn.functional.normalize(torch.randn(1, 8)), torch.tensor([3]))
    numbers = torch.arange(3)[:, None]
    loss = ranking_loss(queries, documents, numbers, bank, 20, False, kin=kin)
    every = torch.cat([torch.nn.functional.normalize(documents), bank[0]])
    scores = 20 * torch.nn.functional.normalize(queries) @ every.T
    allowed = [[0, 1], [1, 0, 2, 3], [2, 1]]
    expected = [
        torch.logsumexp(scores[row, places], 0) - scores[row, places[0]]
        for row, places in enumerate(allowed)
    ]
    assert torch.allclose(loss, torch.stack(expected).mean())
