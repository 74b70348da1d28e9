"""Two studios on one project: each sees the other's edits, and neither overwrites the other."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from studio.project import Project
from studio.records import Example
from studio.store import Store
from studio.tui.app import StudioApp
from studio.tui.dialogs.conflict import ConflictDialog
from studio.tui.examples.writer import ExampleWriter
from studio.tui.store_poller import POLL_S
from studio.tui.widgets.editor import Editor
from studio.tui.widgets.rows import RowList
from studio.tui.widgets.text_pane import TextPane
from tests.support.waiting import quiet, until_shown
from tests.tui.test_terminal import Terminal

FIRST = "can i write off the spare room i work in"


@pytest.fixture
def app(project: Project) -> StudioApp:
    return StudioApp(project, screen="examples")


@pytest.fixture
def other(project: Project) -> Iterator[Store]:
    """What another studio has open."""
    store = Store(project.store.path)
    yield store
    store.close()


def wordings(project: Project) -> list[str]:
    return [example.query for example in project.store.examples.all()]


def listed(app: StudioApp) -> list[tuple[str, str]]:
    """Mark and query of each row."""
    rows = app.screen_stack[0].query_one("#examples", RowList).rows
    return [(row.cells[0], row.cells[1]) for row in rows]


def edit_elsewhere(other: Store, query: str, example_id: int = 1) -> None:
    example = other.examples.get(example_id)
    assert example is not None
    other.examples.reword(replace(example, query=query), example)


async def in_conflict(pilot: Pilot[int], other: Store, theirs: str = "their words") -> None:
    """Type in the first example while the other studio saves it."""
    await pilot.press("e", *" mine")
    editor = pilot.app.screen.query_one("#query", Editor)
    # In one moment: between two awaits, the program cannot see the one before the other.
    edit_elsewhere(other, theirs)
    editor.insert("!")
    await until_shown(pilot, lambda: project_drafts(other) != {})


def project_drafts(other: Store) -> dict[str, str]:
    return other.drafts.starting("example/")


async def test_each_sees_the_others_edit_within_a_second(project: Project) -> None:
    second = Project.open(project.path)
    left, right = (
        StudioApp(project, screen="examples"),
        StudioApp(second, screen="examples"),
    )
    async with (
        left.run_test(size=(100, 30)) as left_hand,
        right.run_test(size=(100, 30)) as right_hand,
    ):
        await left_hand.press("e", "!", "escape")
        await until_shown(right_hand, lambda: listed(right)[0][1] == FIRST + "!")
        assert right.screen.query_one("#query", Editor).value == FIRST + "!"
        assert POLL_S < 1
        await right_hand.press("e", "?", "escape")
        await until_shown(left_hand, lambda: listed(left)[0][1] == FIRST + "!?")
    second.close()


async def test_a_text_in_hand_follows_as_long_as_nothing_is_typed(
    app: StudioApp, project: Project, other: Store
) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("e")
        edit_elsewhere(other, "their words")
        editor = app.screen.query_one("#query", Editor)
        await until_shown(pilot, lambda: editor.value == "their words")
        await pilot.press(*" and mine", "escape")
        assert wordings(project)[0] == "their words and mine"


async def test_a_conflict_overwrites_nothing_and_steals_no_key(
    app: StudioApp, project: Project, other: Store
) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await in_conflict(pilot, other)
        assert wordings(project)[0] == "their words"
        assert "nothing is lost" in str(app.screen.query_one("#remarks", Static).render())
        await pilot.press(*" mtb")
        assert app.screen.query_one("#query", Editor).value == FIRST + " mine! mtb"
        assert listed(app)[0] == ("≠", "their words")


async def test_leaving_the_text_asks_with_both_wordings(
    app: StudioApp, project: Project, other: Store
) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await in_conflict(pilot, other)
        await pilot.press("escape")
        await quiet(pilot)
        assert isinstance(app.screen, ConflictDialog)
        texts = [str(pane.query_one(Static).render()) for pane in app.screen.query(TextPane)]
        assert FIRST + " mine!" in texts[0]
        assert "their words" in texts[1]


@pytest.mark.parametrize(
    ("key", "after", "rows"),
    [
        ("m", [FIRST + " mine!"], 3),
        ("t", ["their words"], 3),
        ("b", ["their words", FIRST + " mine!"], 4),
    ],
)
async def test_each_answer_does_what_it_says_and_can_be_undone(
    app: StudioApp, project: Project, other: Store, key: str, after: list[str], rows: int
) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await in_conflict(pilot, other)
        await pilot.press("escape")
        await quiet(pilot)
        await pilot.press(key)
        await quiet(pilot)
        assert wordings(project)[: len(after)] == after
        assert len(wordings(project)) == rows
        assert app.screen.query_one("#query", Editor).value == after[-1]
        assert project.store.example_drafts.all() == {}
        await pilot.press("u")
        assert wordings(project)[0] == "their words"
        assert len(wordings(project)) == 3
        assert project.store.example_drafts.all()[1].texts["query"] == FIRST + " mine!"
        assert listed(app)[0][0] == "≠"


async def test_esc_keeps_a_draft_that_d_decides_on_after_a_restart(
    app: StudioApp, project: Project, other: Store
) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await in_conflict(pilot, other)
        await pilot.press("escape")
        await quiet(pilot)
        await pilot.press("escape")
        await quiet(pilot)
        assert app.screen.query_one("#query", Editor).value == "their words"
        assert listed(app)[0] == ("≠", "their words")
    again = StudioApp(project, screen="examples")
    async with again.run_test(size=(100, 30)) as pilot:
        await quiet(pilot)
        assert "d compares" in str(again.screen.query_one("#remarks", Static).render())
        await pilot.press("d")
        await quiet(pilot)
        await pilot.press("enter")
        await quiet(pilot)
        assert wordings(project)[0] == FIRST + " mine!"
        assert listed(again)[0] == ("●", FIRST + " mine!")


async def test_writing_on_over_a_draft_asks_first(
    app: StudioApp, project: Project, other: Store
) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await in_conflict(pilot, other)
        await pilot.press("escape")
        await quiet(pilot)
        await pilot.press("escape")
        for key in ("e", "E", "enter"):
            await quiet(pilot)
            await pilot.press(key)
            await quiet(pilot)
            assert isinstance(app.screen, ConflictDialog), key
            await pilot.press("escape")


async def test_d_without_a_draft_says_that_all_is_saved(app: StudioApp) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("d")
        assert not isinstance(app.screen, ConflictDialog)


async def test_what_changes_once_more_while_one_decides_is_asked_again(
    app: StudioApp, project: Project, other: Store
) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await in_conflict(pilot, other)
        await pilot.press("escape")
        await quiet(pilot)
        edit_elsewhere(other, "their last words")
        await pilot.press("m")
        await quiet(pilot)
        assert isinstance(app.screen, ConflictDialog)
        assert wordings(project)[0] == "their last words"
        await pilot.press("m")
        await quiet(pilot)
        assert wordings(project)[0] == FIRST + " mine!"


@pytest.mark.parametrize(
    ("key", "after"),
    [
        ("m", [FIRST + " mine!"]),
        ("t", []),
        ("b", [FIRST + " mine!"]),
    ],
)
async def test_an_example_deleted_while_one_writes_it(
    app: StudioApp, project: Project, other: Store, key: str, after: list[str]
) -> None:
    rest = wordings(project)[1:]
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("e", *" mine")
        other.examples.delete(1)
        await quiet(pilot)
        assert app.screen.query_one("#query", Editor).value == FIRST + " mine"
        await pilot.press("!", "escape")
        await quiet(pilot)
        assert isinstance(app.screen, ConflictDialog)
        await pilot.press(key)
        await quiet(pilot)
        assert sorted(wordings(project)) == sorted([*after, *rest])
        assert not isinstance(app.screen, ConflictDialog)
        await pilot.press("u")
        assert wordings(project) == rest
        assert project.store.example_drafts.all()[1].texts["query"] == FIRST + " mine!"


async def test_an_example_deleted_elsewhere_keeps_its_row_until_its_text_is_left(
    app: StudioApp, project: Project, other: Store
) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("e")
        other.examples.delete(1)
        await quiet(pilot)
        assert len(listed(app)) == 3
        await pilot.press("escape")
        await quiet(pilot)
        assert [query for _, query in listed(app)] == wordings(project)
        assert len(wordings(project)) == 2


async def test_a_draft_of_a_deleted_example_stays_on_the_list_and_takes_no_deed(
    app: StudioApp, project: Project, other: Store
) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("e", "!")
        other.examples.delete(1)
        await quiet(pilot)
        await pilot.press("?", "escape")
        await quiet(pilot)
        await pilot.press("escape")
        await quiet(pilot)
        assert listed(app)[0] == ("≠", FIRST)
        assert app.screen.query_one("#query", Editor).value == FIRST + "!?"
        await pilot.press("space", "x", "t", "D", "J", "w")
        await pilot.press("escape")
        assert len(wordings(project)) == 2
        assert project.store.example_drafts.all()[1].texts["query"] == FIRST + "!?"


async def test_deleting_an_example_with_a_draft_deletes_both_and_undo_brings_both_back(
    app: StudioApp, project: Project, other: Store
) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await in_conflict(pilot, other)
        await pilot.press("escape")
        await quiet(pilot)
        await pilot.press("escape", "x")
        await quiet(pilot)
        assert len(listed(app)) == 2
        await pilot.press("u")
        assert listed(app)[0] == ("≠", "their words")


async def test_tags_and_switches_of_two_studios_are_merged(
    app: StudioApp, project: Project, other: Store
) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("t")
        other.examples.tag(1, add=["theirs"], drop=[])
        other.examples.switch(1, on=False)
        await pilot.press(*"mine", "enter")
        await quiet(pilot)
        example = project.store.examples.all()[0]
        assert (set(example.tags.split()), example.enabled) == ({"mine", "theirs"}, False)


async def test_undo_takes_back_only_what_was_done_here(project: Project, other: Store) -> None:
    app = StudioApp(project, screen="examples")
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("space")
        await quiet(pilot)
        second = Project.open(project.path)
        right = StudioApp(second, screen="examples")
        async with right.run_test(size=(100, 30)) as right_hand:
            await right_hand.press("j", "x")
            await pilot.press("u")
            assert [e.enabled for e in project.store.examples.all()] == [True, True]
            await right_hand.press("u")
            assert len(wordings(project)) == 3
        second.close()


def test_kill_in_the_middle_of_a_conflict_loses_nothing(project: Project) -> None:
    other = Store(project.store.path)
    terminal = Terminal(project.path)
    try:
        terminal.expect("spare room")
        terminal.press("e")
        terminal.expect("Leave the field")
        terminal.press("X")
        terminal.wait(lambda: "X" in wordings(project)[0])
        for attempt in range(20):
            # As long as the key does not come before the program has seen their words.
            edit_elsewhere(other, f"their words {attempt} ")
            terminal.press("Y")
            terminal.read(0.6)
            if project_drafts(other):
                break
        terminal.press("QZ")
        terminal.wait(lambda: other.example_drafts.all()[1].texts["query"].endswith("YQZ"))
        os.kill(terminal.child.pid, signal.SIGKILL)
        terminal.end()
        assert wordings(project)[0] == f"their words {attempt} "
        assert other.example_drafts.all()[1].texts["query"].endswith("YQZ")
    finally:
        terminal.child.close(force=True)
        other.close()


def test_drafts_of_two_studios_do_not_meet(project: Project, other: Store) -> None:
    example = project.store.examples.all()[0]
    left, right = ExampleWriter(project.store, "left"), ExampleWriter(other, "right")
    left.open(example)
    right.open(example)
    edit_elsewhere(other, "a third one")
    left.write({"query": "what left wrote"})
    right.write({"query": "what right wrote"})
    left.write({"query": "what left wrote on"})
    drafts = other.drafts.starting("example/1/")
    assert "what left wrote on" in drafts["example/1/left"]
    assert "what right wrote" in drafts["example/1/right"]
    assert wordings(project)[0] == "a third one"


def test_an_unseen_wording_is_never_written_over(project: Project, other: Store) -> None:
    from studio.store.examples import Conflict

    seen = project.store.examples.all()[0]
    edit_elsewhere(other, "theirs")
    with pytest.raises(Conflict, match="changed elsewhere"):
        project.store.examples.reword(replace(seen, query="mine"), seen)
    assert project.store.examples.reword(replace(seen, query="theirs"), seen).query == "theirs"
    other.examples.delete(seen.id)
    with pytest.raises(Conflict, match="deleted elsewhere"):
        project.store.examples.reword(replace(seen, query="mine"), seen)
    assert isinstance(seen, Example)


async def test_a_draft_under_way_elsewhere_shows_and_stands_in_nobodys_way(
    app: StudioApp, project: Project, other: Store
) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await quiet(pilot)
        theirs = ExampleWriter(other, "elsewhere")
        theirs.open(other.examples.all()[0])
        await pilot.press("e", "!", "escape")
        theirs.write({"query": "under way elsewhere", "document": "d"})
        await until_shown(pilot, lambda: listed(app)[0] == ("≠", FIRST + "!"))
        await pilot.press("e", "?", "escape")
        assert not isinstance(app.screen, ConflictDialog)
        assert wordings(project)[0] == FIRST + "!?"
        await pilot.press("d")
        await quiet(pilot)
        assert isinstance(app.screen, ConflictDialog)
