"""What was searched for before is a key away, in every field that searches, also tomorrow."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from studio.project import Project
from studio.store import Store
from studio.store.keyvalue import MOST_SEARCHES
from studio.tui.app import StudioApp
from studio.tui.pane.recalled_field import RecalledField
from tests.support.waiting import quiet, until_shown

KEY = "sk-" + "abcdefgh" * 3


def field(app: StudioApp, name: str) -> RecalledField:
    return app.screen.query_one(name, RecalledField)


async def searched(pilot: Pilot[object], *keys: str) -> None:
    await pilot.press(*keys)
    await quiet(pilot)


@pytest.mark.parametrize(
    ("pane", "name", "opens"),
    [
        ("review", "#search", "slash"),
        ("search", "#asked", "slash"),
        ("examples", "#search", "slash"),
        ("examples", "#filter", "f"),
        ("jobs", "#only", "slash"),
    ],
)
async def test_up_and_down_walk_through_earlier_words_also_after_a_restart(
    project: Project, pane: str, name: str, opens: str
) -> None:
    first = StudioApp(project, screen=pane)
    async with first.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        await searched(pilot, opens, "ctrl+u", *"one", "enter")
        await searched(pilot, opens, "ctrl+u", *"two 水", "escape")
    app = StudioApp(project, screen=pane)
    async with app.run_test(size=(80, 24)) as pilot:
        await quiet(pilot)
        await searched(pilot, opens, "ctrl+u", *"thr", "up")
        assert field(app, name).value == "two 水"
        await pilot.press("up")
        assert field(app, name).value == "one"
        await pilot.press("up", "down", "down")
        assert field(app, name).value == "thr", "what was being typed comes back"
        await pilot.press("up", "up", "!", "up")
        assert field(app, name).value == "two 水", "a recalled entry that was changed is a new one"


async def test_words_that_are_searched_for_again_come_to_the_front(project: Project) -> None:
    app = StudioApp(project, screen="review")
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        for words in ("one", "two", "one"):
            await searched(pilot, "slash", "ctrl+u", *words, "enter")
    assert project.store.searches.of("records") == ["one", "two"]


async def test_a_key_is_not_remembered(project: Project) -> None:
    app = StudioApp(project, screen="review")
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        await searched(pilot, "slash", *KEY, "enter")
        await until_shown(pilot, lambda: project.store.searches.of("records"))
    assert KEY.encode() not in b"".join(p.read_bytes() for p in project.path.glob("studio.db*"))


async def test_quitting_in_the_field_remembers_its_words(project: Project) -> None:
    app = StudioApp(project, screen="search")
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        await pilot.press(*"water", "ctrl+q")
    assert project.store.searches.of("query") == ["water"]


def test_the_oldest_entries_go(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "studio.db")
    for number in range(MOST_SEARCHES + 5):
        store.searches.add("records", str(number))
    kept = store.searches.of("records")
    assert (len(kept), kept[0], kept[-1]) == (MOST_SEARCHES, "104", "5")
    store.values.set("searches:records", {"damaged": 1})
    assert store.searches.of("records") == []
