"""Which records a training takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.records import Verdict
from studio.store import Store
from studio.store.choices import Choice
from tests.support.project import call, fill, queries


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Six records: two chains of filters have judged, a person had words on two."""
    store = Store.create(tmp_path / "studio.db")
    fill(store, ["one", "two"])
    rows = queries(store, 6)
    add = store.verdicts.add
    add(
        Verdict(row, "length", row != 1, float(row), "" if row != 1 else "too-long") for row in rows
    )
    add(
        Verdict(row, "round-trip", row % 2 == 0, float(row % 3), "" if row % 2 == 0 else "x")
        for row in rows[1:]
    )
    add([Verdict(5, "person", True), Verdict(6, "person", False, reason="person")])
    return store


def chosen(store: Store, choice: Choice) -> list[int]:
    found = [record.id for record in store.choices.records(choice)]
    assert store.choices.count(choice).records == len(found)
    return found


def test_by_default_the_last_word_decides(store: Store) -> None:
    assert chosen(store, Choice()) == [2, 4, 5]


def test_up_to_a_filter_later_ones_have_no_say_but_a_persons_rejection_has(store: Store) -> None:
    assert chosen(store, Choice(kept_by="length")) == [2, 3, 4, 5]
    assert chosen(store, Choice(kept_by="round-trip")) == [2, 4]
    assert chosen(store, Choice(kept_by="person")) == [5]


def test_what_an_earlier_filter_dropped_since_is_not_kept_by_a_later_one(store: Store) -> None:
    store.verdicts.add([Verdict(4, "length", False, 4.0, "too-long")])
    assert chosen(store, Choice(kept_by="round-trip")) == [2]


def test_an_undone_verdict_has_no_say(store: Store) -> None:
    (first,) = [v.id for v in store.verdicts.of_record(1) if v.filter == "length"]
    store.verdicts.undo(first)
    assert 1 not in chosen(store, Choice(kept_by="length"))
    assert 1 in chosen(store, Choice())


def test_scores_bound_the_choice_on_both_sides(store: Store) -> None:
    assert chosen(store, Choice(score_of="length", min_score=4)) == [4, 5]
    assert chosen(store, Choice(score_of="length", max_score=4)) == [2, 4]
    assert chosen(store, Choice("length", "round-trip", 2, 2)) == [2, 5]
    assert chosen(store, Choice(score_of="no such filter")) == []


def test_by_prompt_version_and_job(store: Store) -> None:
    first, second = (store.prompts.save("p", f"template {n}") for n in (1, 2))
    job = store.jobs.submit("generate", {})
    store.generations.save([call("a", prompt_id=first.id)])
    store.generations.save([call("b", prompt_id=second.id, draw=1)], job)
    assert chosen(store, Choice(prompt_version=1)) == [7]
    assert chosen(store, Choice(prompt_version=2, job=job)) == [8]
    assert chosen(store, Choice(prompt_version=1, job=job)) == []


def test_documents_and_a_few_among_the_chosen_are_counted(store: Store) -> None:
    assert store.choices.count(Choice()).documents == 1
    assert store.choices.count_among(Choice(), [1, 2, 3, 4, 99]) == 2
    assert store.choices.count_among(Choice(), []) == 0


def test_filters_stand_in_the_order_of_the_chain_with_their_scores(store: Store) -> None:
    found = [(f.name, f.low, f.high) for f in store.choices.filters()]
    assert found == [("length", 1.0, 6.0), ("round-trip", 0.0, 2.0)]


def test_only_jobs_that_made_records_are_offered(store: Store) -> None:
    store.jobs.submit("train", {})
    job = store.jobs.submit("generate", {})
    store.generations.save([call("a")], job)
    assert [(row, kind) for row, kind, _ in store.choices.jobs()] == [(job, "generate")]


def test_an_empty_project_has_nothing_to_choose(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "empty.db")
    assert store.choices.filters() == []
    assert store.choices.jobs() == []
    assert chosen(store, Choice()) == []
