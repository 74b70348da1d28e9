"""Stored scores: their spread, thresholds that move on them, and what is said of it before."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.records import StudioError, Verdict
from studio.store import Store
from studio.store.db import value
from studio.store.review_shapes import Bin, View
from tests.support.project import fill, queries
from tests.support.reviewing import check, reviewed, stand


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return reviewed(tmp_path)


def scored(folder: Path, name: str, scores: dict[float, bool]) -> Store:
    """One record per score, kept or dropped by one filter."""
    store = Store.create(folder / "studio.db")
    fill(store, ["a document"])
    records = queries(store, len(scores))
    store.verdicts.add(
        Verdict(record, name, kept, score, "" if kept else "weak")
        for record, (score, kept) in zip(records, scores.items(), strict=True)
    )
    return store


def kept(store: Store) -> list[int]:
    return [record.id for record in store.records.all(kept=True)]


def test_a_filters_scores_are_told_with_its_threshold(store: Store) -> None:
    length, trip = store.review.scores()
    assert (length.filter, length.count, length.low, length.high) == ("length", 8, 1, 8)
    assert (length.better, length.threshold) == ("low", 7)
    assert (trip.filter, trip.count, trip.better, trip.threshold) == ("round-trip", 7, "low", 1)


def test_a_project_without_scores_has_none(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "studio.db")
    assert store.review.scores() == []
    assert store.review.histogram("copy", 10) == []
    with pytest.raises(StudioError, match="“copy” has stored no scores"):
        store.review.move_threshold("copy", 1, "Ada")


def test_a_filter_that_keeps_high_scores_is_known_by_what_it_dropped(tmp_path: Path) -> None:
    store = scored(tmp_path, "likelihood", {-9.0: False, -5.0: False, -2.0: True, -1.0: True})
    [info] = store.review.scores()
    assert (info.better, info.threshold) == ("high", -2)
    assert store.review.would_keep("likelihood", -5) == (3, 1)
    store.review.move_threshold("likelihood", -5, "Ada")
    assert kept(store) == [2, 3, 4]
    store.review.move_threshold("likelihood", -1, "Ada")
    assert kept(store) == [4]


def test_a_filter_that_dropped_nothing_is_known_by_name(tmp_path: Path) -> None:
    store = scored(tmp_path, "language", {0.5: True, 0.9: True})
    [info] = store.review.scores()
    assert (info.better, info.threshold) == ("high", 0.5)
    store.review.move_threshold("language", 0.8, "Ada")
    assert kept(store) == [2]
    assert store.review.reasons() == {"language": 1}


def test_what_a_threshold_would_keep_is_what_it_keeps(store: Store) -> None:
    for k in (3, 2, 1, 0, 2):
        would = store.review.would_keep("round-trip", k)
        store.review.move_threshold("round-trip", k, "Ada")
        link = store.verdicts.chain()[1]
        assert would == (link.kept, link.judged - link.kept)


def test_a_document_that_was_not_found_stays_dropped_whatever_the_threshold(store: Store) -> None:
    for k in (3, 0, 100):
        store.review.move_threshold("round-trip", k, "Ada")
        assert 4 not in kept(store)
    assert kept(store) == [1, 2, 3, 5, 6, 7]


def test_a_threshold_that_keeps_nothing_can_be_moved_back(store: Store) -> None:
    before = stand(store)
    store.review.move_threshold("round-trip", 0, "Ada")
    assert kept(store) == []
    [_, trip] = store.review.scores()
    assert (trip.better, trip.threshold) == ("low", None)
    store.review.move_threshold("round-trip", 1, "Ada")
    assert stand(store) == before


def test_a_moved_threshold_writes_only_what_turns_over(store: Store) -> None:
    count = "SELECT count(*) FROM verdicts"
    before = value(store.db, count)
    assert store.review.move_threshold("round-trip", 2, "Ada").count == 2
    assert value(store.db, count) == before + 2
    assert store.review.move_threshold("round-trip", 2, "Ada").id == 0
    check(store)


def test_a_loosened_filter_says_what_later_filters_never_judged(store: Store) -> None:
    change = store.review.move_threshold("length", 8, "Ada")
    assert change.warning == (
        "1 of the records that come back were never judged by round-trip. "
        "Run the filters again to have them judged."
    )
    assert store.review.last_changes(1)[0].warning == change.warning
    assert store.review.move_threshold("round-trip", 2, "Ada").warning == ""


def test_a_tightened_filter_warns_of_nothing(store: Store) -> None:
    change = store.review.move_threshold("length", 2, "Ada")
    assert (change.words, change.warning) == ("Moved length to 2: 5 records judged anew", "")
    # The filter that dropped it first gives the reason.
    assert store.review.reasons() == {"round-trip": 5, "too-long": 2}


def test_a_persons_word_stands_above_a_moved_threshold(store: Store) -> None:
    store.review.reject([1], "Ada")
    store.review.accept([3], "Ada")
    store.review.move_threshold("round-trip", 2, "Ada")
    assert kept(store) == [2, 3, 5, 6]


def test_a_histogram_of_whole_numbers_has_whole_columns(store: Store) -> None:
    assert store.review.histogram("round-trip", 10) == [
        Bin(0, 1, 0, 1),
        Bin(1, 2, 2, 0),
        Bin(2, 3, 0, 2),
        Bin(3, 4, 0, 2),
    ]
    wide = store.review.histogram("length", 4)
    assert [(bar.low, bar.high, bar.kept, bar.dropped) for bar in wide] == [
        (1, 3, 2, 0),
        (3, 5, 2, 0),
        (5, 7, 2, 0),
        (7, 9, 1, 1),
    ]


def test_a_histogram_follows_the_view_and_the_bounds(store: Store) -> None:
    water = store.review.histogram("length", 10, View(search="water"))
    assert sum(bar.kept + bar.dropped for bar in water) == 2
    low = store.review.histogram("round-trip", 10, low=1, high=2)
    assert [(bar.low, bar.kept + bar.dropped) for bar in low] == [(1, 3), (2, 4)]


def test_a_histogram_of_one_score_has_one_column(tmp_path: Path) -> None:
    store = scored(tmp_path, "copy", {0.25: True})
    [bar] = store.review.histogram("copy", 40)
    assert bar.kept == 1


@given(
    scores=st.lists(st.floats(0, 1), min_size=1, max_size=20, unique=True),
    bins=st.integers(1, 12),
)
@settings(max_examples=40)
def test_a_histogram_counts_every_score_once(
    tmp_path_factory: pytest.TempPathFactory, scores: list[float], bins: int
) -> None:
    folder = tmp_path_factory.mktemp("scores")
    store = scored(folder, "copy", {score: score < 0.5 for score in scores})
    bars = store.review.histogram("copy", bins)
    assert 1 <= len(bars) <= bins
    assert sum(bar.kept for bar in bars) == sum(score < 0.5 for score in scores)
    assert sum(bar.dropped for bar in bars) == sum(score >= 0.5 for score in scores)
    assert bars[0].low == min(scores)
    assert bars[-1].high >= max(scores) or bars[-1].high == pytest.approx(max(scores))
    assert all(left.high == right.low for left, right in pairwise(bars))
    store.close()
