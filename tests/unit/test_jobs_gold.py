"""Marks of a person become gold: right, wrong, undone, never training data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.evaluation.retrieval import evaluate
from studio.jobs import gold
from studio.jobs.datasets import gold_set
from studio.jobs.training_data import without_gold
from studio.records import Example, StudioError
from studio.store import Store
from tests.support.data import gold_query, query_for
from tests.support.project import fill


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.create(tmp_path / "studio.db")
    fill(opened, ["a room at home", "meals with customers", "押金应当退还"])
    yield opened
    opened.close()


def mark(store: Store, text: str, document: int, grade: int | None, who: str = "ada"):
    return gold.mark(store, gold.find(store, text), text, "validation", document, grade, who)


def test_the_first_mark_makes_the_query_gold_of_search(store: Store) -> None:
    mark(store, "home office?", 1, 1)
    mark(store, "home office?", 2, 0)
    [query] = store.gold.all("validation")
    assert (query.text, query.origin, query.relevant) == ("home office?", "search", {1: 1, 2: 0})
    first, _ = store.gold.marks(query.outside_id)
    assert (first.origin, first.reviewer) == ("search", "ada")
    assert first.marked.startswith("20")


def test_case_and_punctuation_make_no_other_query(store: Store) -> None:
    mark(store, "Home office?", 1, 1)
    mark(store, "home  OFFICE", 2, 1)
    [query] = store.gold.all("validation")
    assert query.text == "Home office?"
    assert query.relevant == {1: 1, 2: 1}


def test_a_mark_that_changes_nothing_is_no_deed(store: Store) -> None:
    assert mark(store, "x y", 1, 1) is not None
    assert mark(store, "x y", 1, 1) is None
    assert mark(store, "never asked", 1, None) is None
    assert store.gold.judged_counts() == {"validation": 1}


def test_undo_brings_the_former_mark_back(store: Store) -> None:
    store.gold.add([gold_query("q1", "home office", "test", {1: 2})])
    change = mark(store, "home office", 1, 0)
    assert store.gold.all("test")[0].relevant == {1: 0}
    assert change is not None
    gold.undo(store, change)
    assert store.gold.all("test")[0].relevant == {1: 2}
    assert store.gold.marks("q1")[0].origin == "import"


def test_undoing_the_last_mark_takes_the_query_too_and_undoing_that_brings_it_back(
    store: Store,
) -> None:
    first = mark(store, "home office", 1, 1)
    assert first is not None
    gold.undo(store, first)
    assert store.gold.all("validation") == []
    mark(store, "home office", 1, 1)
    off = mark(store, "home office", 1, None)
    assert store.gold.all("validation") == []
    assert off is not None
    gold.undo(store, off)
    assert store.gold.all("validation")[0].relevant == {1: 1}


def test_right_leaves_a_higher_grade_as_it_was_imported(store: Store) -> None:
    store.gold.add([gold_query("q1", "home office", "test", {1: 3})])
    assert mark(store, "home office", 1, 1) is None
    assert store.gold.all("test")[0].relevant == {1: 3}


def test_an_import_of_the_same_query_keeps_what_a_person_marked(store: Store) -> None:
    store.gold.add([gold_query("q1", "home office", "test", {1: 1})])
    mark(store, "home office", 2, 0)
    store.gold.add([gold_query("q1", "home office", "test", {1: 1, 2: 1, 3: 1})])
    assert store.gold.all("test")[0].relevant == {1: 1, 2: 0, 3: 1}
    store.gold.add([gold_query("q1", "another question", "test", {3: 1})])
    assert store.gold.all("test")[0].relevant == {3: 1}


def test_an_empty_query_cannot_be_marked(store: Store) -> None:
    with pytest.raises(StudioError, match="empty"):
        mark(store, "  ", 1, 1)


def test_marks_make_neither_examples_nor_records(store: Store) -> None:
    mark(store, "home office", 1, 1)
    assert store.examples.all() == []
    assert list(store.records.all()) == []


def test_what_has_the_words_of_marked_gold_is_not_trained_on(store: Store) -> None:
    store.records.add([query_for(1, "Home office!"), query_for(1, "a room to work in")])
    mark(store, "home office", 1, 1)
    kept, left_out = without_gold(store, store.records.all(kept=True))
    assert [record.text for record in kept] == ["a room to work in"]
    assert left_out == 1


def test_nor_what_was_only_ever_marked_wrong(store: Store) -> None:
    store.records.add([query_for(1, "home office")])
    mark(store, "home office", 2, 0)
    assert without_gold(store, store.records.all(kept=True)) == ([], 1)


def test_marked_gold_is_scored_and_said_in_words(store: Store) -> None:
    store.gold.add([gold_query("q1", "lunch", "validation", {2: 1})])
    mark(store, "home office", 1, 1)
    mark(store, "home office", 2, 0)
    found = gold_set(store, "validation")
    assert found.label == "2 gold validation queries (1 import, 1 marked in Search)"
    name = next(query.outside_id for query in found.queries if query.origin == "search")
    wrong_first = evaluate({name: {"2": 2.0, "1": 1.0}, "q1": {"2": 1.0}}, found.qrels())
    assert wrong_first.per_query["mrr@10"] == {"q1": 1.0, name: 0.5}


def test_a_query_that_was_only_marked_wrong_scores_nothing(store: Store) -> None:
    mark(store, "home office", 2, 0)
    assert gold_set(store, "validation").queries == []
    assert store.gold.judged_counts() == {}
    assert store.gold.origins("validation") == {}


def test_a_mark_switches_off_the_examples_that_ask_the_same_and_undo_switches_them_on(
    store: Store,
) -> None:
    [same, other, off] = store.examples.add(
        [Example("d", "Home office?"), Example("d", "meals"), Example("d", "home, office")]
    )
    store.examples.switch(off, on=False)

    def on() -> list[int]:
        return [one.id for one in store.examples.all(enabled_only=True)]

    first, second = mark(store, "home office", 1, 1), mark(store, "home office", 2, 0)
    assert first is not None
    assert second is not None
    assert (first.switched_off, second.switched_off, on()) == ((same,), (), [other])
    gold.undo(store, second)
    assert on() == [other], "it is gold still"
    gold.undo(store, first)
    assert on() == [same, other]


def test_examples_and_kept_records_with_the_same_words_are_found(store: Store) -> None:
    [shot, off] = store.examples.add([Example("d", "Home office"), Example("d", "home, office")])
    store.examples.switch(off, on=False)
    store.records.add(
        [query_for(1, "home OFFICE?"), query_for(1, "my home office"), query_for(3, "押金")]
    )
    assert gold.same_words(store, "home office") == gold.Same((shot, off), (1,))
    assert gold.same_words(store, "押金") == gold.Same((), (3,))
    assert gold.same_words(store, "100%_\\ '\"") == gold.Same((), ())


def test_every_change_of_gold_shows_in_its_version(store: Store) -> None:
    versions = [store.gold.version()]
    change = mark(store, "home office", 1, 1)
    versions.append(store.gold.version())
    mark(store, "home office", 1, 0)
    versions.append(store.gold.version())
    assert change is not None
    store.gold.move(change.outside_id, "test")
    versions.append(store.gold.version())
    assert len(set(versions)) == 4
    assert store.gold.all("test")[0].text == "home office"


def test_a_query_of_signs_alone_is_told_from_others(store: Store) -> None:
    mark(store, "???", 1, 1)
    mark(store, "🍜", 2, 1)
    assert gold.find(store, "🍜").relevant == {2: 1}
    assert gold.find(store, "!!!") is None
