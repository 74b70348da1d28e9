"""Changes on examples: taken back and done again, whoever did them and whatever came between."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.records import INSTRUCTION, Example, content_sha
from studio.store import Store
from studio.store.db import now
from studio.store.example_changes import (
    MOST,
    Taken,
    deletion,
    drafting,
    order,
    restoration,
    rewording,
    switching,
    tagging,
    wording_sha,
)
from studio.store.example_drafts import ExampleDraft


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store.create(tmp_path / "studio.db")
    store.examples.add(Example(f"about {query}", query) for query in ("one", "two", "three"))
    return store


def state(store: Store) -> list[tuple[str, bool, str]]:
    return [(e.query, e.enabled, e.tags) for e in store.examples.all()]


def switch_off(store: Store, session: str, example_id: int = 1) -> None:
    store.examples.switch(example_id, on=False)
    store.example_changes.note(session, "switched off", [switching(example_id, on=True)])


def test_nothing_done_is_nothing_to_undo(store: Store) -> None:
    assert store.example_changes.undo("me", now()) is None
    assert store.example_changes.redo("me") is None


def test_a_session_takes_back_its_own_changes_first_and_no_later_ones_of_others(
    store: Store,
) -> None:
    switch_off(store, "earlier", 1)
    time.sleep(0.002)
    began = now()
    switch_off(store, "other", 2)
    switch_off(store, "me", 3)
    changes = store.example_changes
    assert changes.undo("me", began) is not None
    assert [e.enabled for e in store.examples.all()] == [False, False, True]
    assert changes.undo("me", began) is not None
    assert [e.enabled for e in store.examples.all()] == [True, False, True]
    assert changes.undo("me", began) is None


def test_a_new_change_ends_what_could_be_done_again(store: Store) -> None:
    began = now()
    switch_off(store, "me")
    store.example_changes.undo("me", began)
    switch_off(store, "me", 2)
    assert store.example_changes.redo("me") is None


def test_a_wording_that_another_has_changed_since_is_left_alone(store: Store) -> None:
    example = store.examples.all()[0]
    store.examples.edit(replace(example, query="mine"))
    over = wording_sha({**example.texts, "query": "mine"})
    back = rewording(example.id, example.texts, over=over)
    store.example_changes.note("me", "kept your wording", [back])
    store.examples.edit(replace(example, query="theirs"))
    taken = store.example_changes.undo("me", now())
    assert taken is not None
    assert not taken.whole
    assert store.examples.all()[0].query == "theirs"


def test_all_fields_of_a_seed_come_back(store: Store) -> None:
    fields = {"input": "early", "output": "late"}
    store.examples.add([Example("", "Give the opposite.", type=INSTRUCTION, fields=fields)])
    seed = store.examples.all()[-1]
    mine = seed.worded({"instruction": "Say the opposite.", "input": ""})
    store.examples.edit(mine)
    back = rewording(seed.id, seed.texts, over=wording_sha(mine.texts))
    draft = ExampleDraft(seed.id, seed.texts, "me")
    store.example_changes.note("me", "kept your wording", [back, drafting(draft)])
    assert store.example_changes.undo("me", now()) == Taken("kept your wording", whole=True)
    assert store.examples.all()[-1].texts == seed.texts
    assert store.example_drafts.all() == {seed.id: draft}
    store.example_changes.redo("me")
    assert store.examples.all()[-1].fields == {"output": "late"}
    assert store.example_drafts.all() == {}


def test_what_an_older_studio_noted_can_be_taken_back(store: Store) -> None:
    example = store.examples.all()[0]
    store.examples.edit(replace(example, query="mine"))
    over = content_sha("mine", "about one")
    steps = [("word", [1, "one", "about one", over]), ("draft", [1, "half", "a text", "other"])]
    store.example_changes.note("me", "kept your wording", steps)
    assert store.example_changes.undo("me", now()) == Taken("kept your wording", whole=True)
    assert store.examples.all()[0].query == "one"
    assert store.example_drafts.all()[1].texts == {"query": "half", "document": "a text"}


def test_a_draft_of_an_older_studio_is_read(store: Store) -> None:
    store.drafts.set("example/2/elsewhere", '["half", "a text"]')
    draft = ExampleDraft(2, {"query": "half", "document": "a text"}, "elsewhere")
    assert store.example_drafts.all() == {2: draft}


def test_only_the_latest_changes_are_remembered(store: Store) -> None:
    for _ in range(MOST + 10):
        switch_off(store, "me")
    undone = 0
    while store.example_changes.undo("me", now()) is not None:
        undone += 1
    assert undone == MOST


CHANGES = st.lists(
    st.tuples(st.sampled_from(["add", "delete", "switch", "tag", "move"]), st.integers(0, 9)),
    max_size=8,
)


def do(store: Store, kind: str, number: int) -> None:
    examples, there = store.examples, store.examples.all()
    if kind == "add":
        back = deletion(*examples.add([Example("d", f"new {number}")]))
    elif not there:
        return
    elif kind == "move":
        back = order(examples.places())
        examples.reorder([example.id for example in there][::-1])
    else:
        example = there[number % len(there)]
        back = _do_to(store, kind, number, example)
    store.example_changes.note("me", kind, [back])


def _do_to(store: Store, kind: str, number: int, example: Example):
    if kind == "delete":
        store.examples.delete(example.id)
        return restoration(example.id)
    if kind == "switch":
        store.examples.switch(example.id, on=not example.enabled)
        return switching(example.id, on=example.enabled)
    add, drop = [f"t{number}"], example.tags.split()[:1]
    add = [tag for tag in add if tag not in example.tags.split()]
    store.examples.tag(example.id, add=add, drop=drop)
    return tagging(example.id, add=drop, drop=add)


@settings(max_examples=25)
@given(changes=CHANGES)
def test_any_row_of_changes_can_be_taken_back_and_done_again(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[str, int]]
) -> None:
    store = Store.create(tmp_path_factory.mktemp("deeds") / "studio.db")
    store.examples.add(Example(f"about {query}", query) for query in ("one", "two", "three"))
    states = [state(store)]
    for kind, number in changes:
        do(store, kind, number)
        states.append(state(store))

    def sets(found: list[tuple[str, bool, str]]) -> list[tuple[str, bool, frozenset[str]]]:
        return [(query, on, frozenset(tags.split())) for query, on, tags in found]

    after = state(store)
    while store.example_changes.undo("me", now()) is not None:
        pass
    assert sets(state(store)) == sets(states[0])
    while store.example_changes.redo("me") is not None:
        pass
    assert sets(state(store)) == sets(after)
    store.close()
