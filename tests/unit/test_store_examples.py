"""Examples: an edit keeps the wording that a request saw; delete can be undone; use is counted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from studio.records import NOTE, Example, Record, RecordType, StudioError, Verdict
from studio.store import Store
from tests.support.project import call, fill


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store.create(tmp_path / "studio.db")
    fill(store, ["a document", "another"])
    return store


def add(store: Store, *wordings: str) -> list[Example]:
    store.examples.add(Example(f"about {query}", query) for query in wordings)
    return store.examples.all()[-len(wordings) :]


def test_examples_keep_the_order_in_which_they_were_added(store: Store) -> None:
    add(store, "one", "two")
    add(store, "three")
    assert [e.query for e in store.examples.all()] == ["one", "two", "three"]
    assert [e.position for e in store.examples.all()] == [0, 1, 2]


def test_keystrokes_before_any_use_are_one_wording(store: Store) -> None:
    [example] = add(store, "o")
    for query in ("on", "one", "one."):
        assert store.examples.edit(replace(example, query=query)) == example.revision_id
    assert store.examples.all()[0].query == "one."


def test_an_edit_keeps_the_wording_that_a_request_saw(store: Store) -> None:
    [example] = add(store, "before")
    store.shot_sets.save([example.revision_id])
    revision = store.examples.edit(replace(example, query="after"))
    assert revision != example.revision_id
    assert store.examples.all()[0].query == "after"
    worded = store.examples.revisions([example.revision_id, revision])
    assert [e.query for e in worded] == ["before", "after"]


def test_an_edit_that_changes_no_word_makes_no_wording(store: Store) -> None:
    [example] = add(store, "same")
    store.shot_sets.save([example.revision_id])
    changed = replace(example, enabled=False, tags="short odd")
    assert store.examples.edit(changed) == example.revision_id
    assert store.examples.all() == [changed]
    assert store.examples.all(enabled_only=True) == []


def test_an_edit_of_no_example_is_refused(store: Store) -> None:
    with pytest.raises(StudioError, match="no example 9"):
        store.examples.edit(Example("d", "q", id=9))


def test_a_deleted_example_comes_back_in_its_place(store: Store) -> None:
    first, second, _ = add(store, "one", "two", "three")
    store.examples.delete(second.id)
    store.examples.delete(first.id)
    assert [e.query for e in store.examples.all()] == ["three"]
    for deleted in (first, second):
        store.examples.restore(deleted.id)
    assert [e.query for e in store.examples.all()] == ["one", "two", "three"]


def test_examples_take_the_order_they_are_given(store: Store) -> None:
    first, second = add(store, "one", "two")
    store.examples.reorder([second.id, first.id])
    assert [e.query for e in store.examples.all()] == ["two", "one"]


def test_an_example_knows_the_records_it_helped_to_make(store: Store) -> None:
    first, second = add(store, "one", "two")
    both = store.shot_sets.save([first.revision_id, second.revision_id])
    store.examples.edit(replace(first, query="one, reworded"))
    reworded = store.examples.all()[0]
    alone = store.shot_sets.save([reworded.revision_id])
    store.generations.save(
        [
            call("made by both", draw=0, shot_set_id=both),
            call("made by the new wording", draw=1, shot_set_id=alone),
            call("made by none", draw=2),
        ]
    )
    store.verdicts.add([Verdict(1, "copy", kept=False, reason="copied")])
    used = store.examples.use(first.id)
    assert (used.records, used.kept) == (2, 1)
    assert store.examples.use(second.id).records == 1
    assert [r.text for r in store.examples.made(first.id)] == [
        "made by the new wording",
        "made by both",
    ]


def test_an_equal_shot_set_is_stored_once_and_order_counts(store: Store) -> None:
    first, second = (e.revision_id for e in add(store, "one", "two"))
    there = store.shot_sets.save([first, second])
    assert store.shot_sets.save([first, second]) == there
    back = store.shot_sets.save([second, first])
    assert back != there
    assert store.shot_sets.revision_ids(back) == [second, first]


def test_use_of_all_is_the_use_of_each_and_counts_no_record_twice(store: Store) -> None:
    first, second, third = add(store, "one", "two", "three")
    both = store.shot_sets.save([first.revision_id, second.revision_id])
    alone = store.shot_sets.save([second.revision_id])
    store.generations.save(
        [
            call("a", draw=0, shot_set_id=both),
            call("b", draw=1, shot_set_id=alone),
            call("c", draw=2),
        ]
    )
    store.verdicts.add([Verdict(1, "copy", kept=False, reason="copied")])
    # A task that is still without an answer is a note; with its answer it counts, once.
    store.records.add([Record(NOTE, {"text": "on the way"}, generation_id=1)])
    uses = store.examples.uses()
    assert uses.by_example == {e.id: store.examples.use(e.id) for e in (first, second)}
    assert third.id not in uses.by_example
    assert (uses.together.records, uses.together.kept, uses.together.share) == (2, 1, 0.5)


def test_no_use_at_all_is_nothing(store: Store) -> None:
    uses = store.examples.uses()
    assert (uses.by_example, uses.together.records, uses.together.share) == ({}, 0, 0.0)


def test_tags_are_merged_with_those_of_another_writer(store: Store) -> None:
    [example] = add(store, "one")
    store.examples.tag(example.id, add=["a", "b"], drop=[])
    store.examples.tag(example.id, add=["c", "b"], drop=["a", "never there"])
    assert store.examples.all()[0].tags == "b c"


def test_a_copy_stands_right_below(store: Store) -> None:
    first, _ = add(store, "one", "two")
    store.examples.add_after(first.id, replace(first, query="one and a half"))
    assert [e.query for e in store.examples.all()] == ["one", "one and a half", "two"]


def test_an_example_of_another_type_keeps_its_fields_and_their_history(store: Store) -> None:
    order = RecordType("order", ("instruction", "input", "output"), "order", "orders")
    [added] = store.examples.add(
        [Example("", "Translate.", type=order, fields={"input": "chat 学习", "output": "cat"})]
    )
    seen = Store(store.path).examples.get(added)
    assert seen is not None
    assert (seen.query, seen.type, seen.fields["output"]) == ("Translate.", order, "cat")
    store.shot_sets.save([seen.revision_id])
    changed = replace(seen, fields={**seen.fields, "output": "a cat"})
    stored = store.examples.reword(changed, seen)
    assert store.examples.get(added) == stored
    wordings = store.examples.revisions([stored.revision_id, seen.revision_id])
    assert [one.fields["output"] for one in wordings] == ["a cat", "cat"]
