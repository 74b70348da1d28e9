"""How far a reviewer has come, and whether two agree."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.store import Store
from studio.store.review_people import kappa
from studio.store.review_shapes import View
from tests.support.reviewing import many, reviewed


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return reviewed(tmp_path)


def test_a_tally_counts_records_and_not_keys(store: Store) -> None:
    review = store.review
    review.accept([1], "Ada")
    review.reject([1], "Ada")
    review.accept([2], "Ada")
    review.reject(View(document_id=2), "Ada")
    review.edit(3, "another", "Ada")
    review.edit(3, "yet another", "Ada")
    review.accept([5], "Bob")
    tally = review.tally("Ada")
    assert (tally.decided, tally.accepted, tally.rejected) == (6, 1, 5)
    assert (tally.edited, tally.left) == (1, 2)


def test_what_is_undone_or_cleared_is_not_counted(store: Store) -> None:
    review = store.review
    review.accept([1], "Ada")
    review.accept([2], "Ada")
    review.undo("Ada")
    assert review.tally("Ada").decided == 1
    review.clear([1], "Ada")
    assert (review.tally("Ada").decided, review.tally("Ada").left) == (0, 8)


def test_a_tally_can_begin_with_the_session(store: Store) -> None:
    store.review.accept([1], "Ada")
    moment = datetime.now(UTC) + timedelta(seconds=1)
    assert store.review.tally("Ada", moment).decided == 0
    assert store.review.tally("Ada", moment - timedelta(hours=1)).decided == 1


def at(store: Store, record: int, seconds: float) -> None:
    """A decision at that second."""
    change = store.review.accept([record], "Ada")
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    conn = store.db.conn
    conn.execute("UPDATE changes SET created = ? WHERE id = ?", (moment.isoformat(), change.id))


def test_the_pace_leaves_long_pauses_out(store: Store) -> None:
    at(store, 1, 0)
    assert store.review.tally("Ada").per_minute is None
    for record, second in ((2, 3), (3, 6), (4, 9)):
        at(store, record, second)
    assert store.review.tally("Ada").per_minute == pytest.approx(20)
    at(store, 5, 3_600)
    assert store.review.tally("Ada").per_minute == pytest.approx(4 * 60 / 69)


def test_a_bulk_says_nothing_of_the_pace(store: Store) -> None:
    at(store, 1, 0)
    at(store, 2, 3)
    store.review.reject(View(), "Ada")
    assert store.review.tally("Ada").per_minute == pytest.approx(20)


def test_nobody_has_judged_yet(store: Store) -> None:
    found = store.review.agreement()
    assert (found.reviewers, found.both, found.kappa) == ((), 0, None)
    store.review.accept([1], "Ada")
    assert store.review.agreement().reviewers == ("Ada",)


def test_kappa_is_that_of_a_table_worked_out_by_hand(store: Store) -> None:
    # 20 both yes, 5 only Ada, 10 only Bob, 15 both no: (35/50 - 0.5) / (1 - 0.5) = 0.4.
    many(store, 50)
    ids = list(range(9, 59))
    store.review.accept(ids[:25], "Ada")
    store.review.reject(ids[25:], "Ada")
    store.review.accept(ids[:20] + ids[25:35], "Bob")
    store.review.reject(ids[20:25] + ids[35:], "Bob")
    found = store.review.agreement()
    assert found.reviewers == ("Ada", "Bob")
    assert found.table == ((20, 5), (10, 15))
    assert (found.both, found.kappa) == (50, pytest.approx(0.4))


def test_each_reviewers_latest_word_counts(store: Store) -> None:
    review = store.review
    review.accept([1, 2, 3], "Ada")
    review.accept([1, 2, 3], "Bob")
    review.reject([3], "Ada")
    assert review.agreement().table == ((2, 0), (1, 0))
    review.undo("Ada")
    assert review.agreement().table == ((3, 0), (0, 0))
    review.clear([1], "Bob")
    assert review.agreement().both == 2


def test_of_three_reviewers_the_two_that_share_most_are_compared(store: Store) -> None:
    review = store.review
    review.accept([1, 2, 3], "Ada")
    review.reject([3], "Bob")
    review.accept([1, 2], "Zoe")
    assert review.agreement().reviewers == ("Ada", "Zoe")
    assert review.agreement("Ada", "Bob").table == ((0, 1), (0, 0))
    assert review.agreement("Bob", "Zoe").both == 0


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (((10, 0), (0, 10)), 1.0),
        (((0, 10), (10, 0)), -1.0),
        (((25, 25), (25, 25)), 0.0),
        (((10, 0), (0, 0)), None),
        (((0, 0), (0, 0)), None),
        (((45, 15), (25, 15)), 0.1304),
        (((25, 35), (5, 35)), 0.2593),
    ],
)
def test_kappa_has_its_textbook_values(
    table: tuple[tuple[int, int], tuple[int, int]], expected: float | None
) -> None:
    found = kappa(table)
    assert found == expected if expected is None else found == pytest.approx(expected, abs=1e-4)


@given(st.tuples(*[st.integers(0, 100)] * 4))
def test_kappa_does_not_depend_on_who_is_first(cells: tuple[int, int, int, int]) -> None:
    a, b, c, d = cells
    found = kappa(((a, b), (c, d)))
    assert found == kappa(((a, c), (b, d)))
    assert found is None or -1 <= found <= 1.0000001
