"""Hard negatives: near, but neither the right document nor likely to be right."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from studio.evaluation.embeddings import Role
from studio.records import StudioError
from studio.training.negatives import NegativeSettings, mine
from studio.training.settings import TrainingPair


class AngleEncoder:
    """Reads a text as an angle in degrees: the cosine of two texts is that of their difference."""

    at_once = 1024

    def identity(self, role: Role) -> str:
        return "angles"

    def encode(self, texts: Sequence[str], role: Role) -> NDArray[np.float32]:
        angles = [math.radians(float(text)) for text in texts]
        return np.array([[math.cos(a), math.sin(a)] for a in angles], dtype=np.float32)


CORPUS: dict[int | str, str] = {f"d{angle}": str(angle) for angle in range(0, 180, 10)}
PAIR = TrainingPair("1", "d0", "0")
WINDOW = NegativeSettings(count=3, first_rank=1, last_rank=10, margin=0.0, hardest=True)


def negatives(pair: TrainingPair = PAIR, **changes: object) -> tuple[str, ...]:
    settings = dataclasses.replace(WINDOW, **changes)  # type: ignore[arg-type]
    (mined,) = mine([pair], CORPUS, AngleEncoder(), settings)
    return mined.negatives


def test_the_nearest_others_come_hardest_first() -> None:
    assert negatives() == ("10", "20", "30")


def test_the_first_ranks_are_skipped_and_the_last_ones_not_reached() -> None:
    assert negatives(first_rank=3) == ("30", "40", "50")
    assert negatives(first_rank=3, last_rank=4) == ("30", "40")


def test_a_negative_scores_clearly_below_the_right_document() -> None:
    assert negatives(margin=0.1) == ("30", "40", "50")


def test_no_negative_scores_above_the_ceiling() -> None:
    assert negatives(max_score=math.cos(math.radians(45))) == ("50", "60", "70")


def test_a_right_document_that_is_far_away_leaves_no_negatives_nearer_than_itself() -> None:
    far = TrainingPair("1", "d100", "100")
    assert negatives(far) == ()
    assert negatives(far, last_rank=14) == ("110", "120", "130")


def test_the_documents_of_an_equal_query_and_copies_are_no_negatives() -> None:
    corpus = {**CORPUS, "copy": "0"}
    pairs = [PAIR, TrainingPair("1", "d10", "10")]
    mined = mine(pairs, corpus, AngleEncoder(), WINDOW)
    assert [pair.negatives[0] for pair in mined] == ["20", "20"]


def test_random_negatives_are_the_same_for_the_same_seed() -> None:
    one = negatives(hardest=False)
    assert one == negatives(hardest=False)
    assert len({negatives(hardest=False, seed=seed) for seed in range(10)}) > 1
    assert list(one) == sorted(one, key=float)


def test_a_document_that_the_corpus_lacks_is_named() -> None:
    with pytest.raises(StudioError, match="document d7 of the query '1' is not in the corpus"):
        negatives(TrainingPair("1", "d7", "7"))


def test_no_pairs_give_no_pairs() -> None:
    assert mine([], CORPUS, AngleEncoder(), WINDOW) == []


def test_passages_of_the_right_ones_own_document_are_never_negatives() -> None:
    sources = {f"d{angle}": (angle // 40,) for angle in range(0, 170, 10)}
    (mined,) = mine([PAIR], CORPUS, AngleEncoder(), WINDOW, sources=sources)
    assert mined.negatives == ("40", "50", "60")
    # A passage that two documents share keeps the others of both away.
    shared = {**sources, "d0": (0, 1)}
    (mined,) = mine([PAIR], CORPUS, AngleEncoder(), WINDOW, sources=shared)
    assert mined.negatives == ("80", "90", "100")
