"""Verdicts: each filter's latest counts, the person's is the last word, and all can be undone."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.records import Verdict
from studio.store import Store
from studio.store.verdicts import PERSON, ChainLink
from tests.support.project import fill, queries


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store.create(tmp_path / "studio.db")
    fill(store, ["a document"])
    return store


def state(store: Store, record: int) -> tuple[bool, str]:
    found = store.records.get(record)
    assert found is not None
    return found.kept, found.reason


def drop(record: int, by: str, reason: str = "copied") -> Verdict:
    return Verdict(record, by, kept=False, reason=reason)


def keep(record: int, by: str) -> Verdict:
    return Verdict(record, by, kept=True)


def last(store: Store, record: int) -> int:
    return store.verdicts.of_record(record)[-1].id


def test_a_record_without_verdicts_is_kept(store: Store) -> None:
    [record] = queries(store, 1)
    assert state(store, record) == (True, "")


def test_one_filter_that_drops_is_enough_and_gives_the_reason(store: Store) -> None:
    [record] = queries(store, 1)
    store.verdicts.add([keep(record, "length"), drop(record, "copy"), keep(record, "language")])
    assert state(store, record) == (False, "copied")


def test_the_first_filter_that_drops_gives_the_reason(store: Store) -> None:
    [record] = queries(store, 1)
    store.verdicts.add([drop(record, "length", "too-long"), drop(record, "copy", "copied")])
    assert state(store, record) == (False, "too-long")


def test_the_persons_word_is_the_last_one_whatever_filters_say_later(store: Store) -> None:
    [record] = queries(store, 1)
    store.verdicts.add([drop(record, "copy")])
    store.verdicts.add([keep(record, PERSON)])
    assert state(store, record) == (True, "")
    store.verdicts.add([drop(record, "length")])
    assert state(store, record) == (True, "")
    store.verdicts.add([drop(record, PERSON, "person")])
    assert state(store, record) == (False, "person")


def test_undo_of_the_persons_word_brings_back_the_one_before(store: Store) -> None:
    [record] = queries(store, 1)
    store.verdicts.add([drop(record, "copy")])
    store.verdicts.add([keep(record, PERSON)])
    store.verdicts.add([drop(record, PERSON, "person")])
    store.verdicts.undo(last(store, record))
    assert state(store, record) == (True, "")
    store.verdicts.undo(last(store, record))
    assert state(store, record) == (False, "copied")


def test_a_filter_that_judges_again_supersedes_itself(store: Store) -> None:
    [record] = queries(store, 1)
    store.verdicts.add([drop(record, "copy")])
    store.verdicts.add([keep(record, "copy")])
    assert state(store, record) == (True, "")
    assert [verdict.kept for verdict in store.verdicts.of_record(record)] == [True]
    assert store.verdicts.chain() == [ChainLink("copy", judged=1, kept=1)]


def test_undo_of_a_verdict_that_is_not_there_changes_nothing(store: Store) -> None:
    (record,) = queries(store, 1)
    store.verdicts.add([drop(record, "copy")])
    store.verdicts.undo(77)
    assert not state(store, record)[0]
    assert store.verdicts.chain() == [ChainLink("copy", judged=1, kept=0)]


def test_undo_of_the_filters_leaves_people(store: Store) -> None:
    first, second = queries(store, 2)
    store.verdicts.add([drop(first, "copy"), drop(second, "copy"), drop(second, PERSON, "person")])
    store.verdicts.undo_filters(store.verdicts.filters(), "query")
    assert state(store, first) == (True, "")
    assert state(store, second) == (False, "person")
    assert store.verdicts.chain() == []


def test_undo_of_one_filter_leaves_the_others(store: Store) -> None:
    first, second = queries(store, 2)
    store.verdicts.add([drop(first, "copy"), drop(second, "length", "too-long")])
    store.verdicts.undo_filter("copy", "query")
    assert state(store, first) == (True, "")
    assert state(store, second) == (False, "too-long")


def test_counts_say_how_many_fell_to_what(store: Store) -> None:
    records = queries(store, 5)
    store.verdicts.add([drop(record, "copy") for record in records[:2]])
    store.verdicts.add([drop(records[2], "length", "too-long")])
    counts = store.records.counts()
    assert (counts.total, counts.kept) == (5, 2)
    assert counts.dropped == {"copied": 2, "too-long": 1}


def test_the_chain_counts_what_reached_and_what_passed_each_filter(store: Store) -> None:
    records = queries(store, 4)
    store.verdicts.add([Verdict(r, "length", kept=r > 1) for r in records])
    store.verdicts.add([Verdict(r, "copy", kept=r > 2) for r in records[1:]])
    store.verdicts.add([drop(records[3], PERSON, "person")])
    assert store.verdicts.chain() == [ChainLink("length", 4, 3), ChainLink("copy", 3, 2)]


def ranked(store: Store) -> list[int]:
    """Ten records with ranks 1 to 10 in the round trip at K=1, before another filter."""
    records = queries(store, 10)
    job = store.jobs.submit("filter", {})
    store.verdicts.add(
        [
            Verdict(record, "round-trip", rank == 1, score=rank, reason="" if rank == 1 else "rt")
            for rank, record in enumerate(records, 1)
        ],
        job,
    )
    store.verdicts.add([keep(records[0], "language")], job)
    return records


def test_a_threshold_shows_its_effect_before_it_is_moved(store: Store) -> None:
    ranked(store)
    assert store.verdicts.would_keep("round-trip", [1, 3, 20]) == {1: 1, 3: 3, 20: 10}


def test_a_threshold_moves_on_stored_scores_and_back(store: Store) -> None:
    records = ranked(store)
    before = store.records.counts()
    assert store.review.move_threshold("round-trip", 3, "Ada").count == 2
    assert store.records.counts().kept == 3
    assert [link.kept for link in store.verdicts.chain()] == [3, 1]
    assert store.review.move_threshold("round-trip", 1, "Ada").count == 2
    assert store.records.counts() == before
    assert store.verdicts.of_record(records[4])[0].score == 5


def test_a_filter_keeps_its_place_in_the_chain_when_its_threshold_moves(store: Store) -> None:
    ranked(store)
    store.review.move_threshold("round-trip", 3, "Ada")
    assert [link.filter for link in store.verdicts.chain()] == ["round-trip", "language"]


def test_a_moved_threshold_does_not_overrule_people_or_other_filters(store: Store) -> None:
    records = ranked(store)
    store.verdicts.add([drop(records[1], PERSON, "person"), drop(records[2], "copy")])
    store.review.move_threshold("round-trip", 5, "Ada")
    assert state(store, records[1]) == (False, "person")
    assert state(store, records[2]) == (False, "copied")
    assert state(store, records[3]) == (True, "")


def last_word(said: list[tuple[str, bool, bool]]) -> bool:
    """The rule in its plainest form, over (filter, kept, undone) in order."""
    in_force = {by: kept for by, kept, undone in said if not undone}
    return in_force[PERSON] if PERSON in in_force else all(in_force.values())


@given(
    said=st.lists(
        st.tuples(st.sampled_from(["a", "b", PERSON]), st.booleans(), st.booleans()), max_size=8
    )
)
@settings(max_examples=60)
def test_the_last_word_follows_the_rule_in_any_order(
    store: Store, said: list[tuple[str, bool, bool]]
) -> None:
    record = queries(store, 1)[0]
    for by, kept, undone in said:
        store.verdicts.add([Verdict(record, by, kept, reason="" if kept else "x")])
        if undone:
            mine = [v.id for v in store.verdicts.of_record(record) if v.filter == by]
            store.verdicts.undo(max(mine))
    kept, reason = state(store, record)
    assert kept == last_word(said)
    assert bool(reason) != kept
