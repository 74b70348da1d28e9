"""Keys that come in one piece, as over a slow line: each goes where it was meant to go."""

from __future__ import annotations

import pytest
from textual import events
from textual.keys import _character_to_key
from textual.pilot import Pilot

from studio.project import Project
from studio.tui.app import StudioApp
from studio.tui.review.pane import ReviewPane
from studio.tui.widgets.editor import Editor, Field
from studio.tui.widgets.virtual_rows import VirtualRows
from tests.support.data import query_for
from tests.support.waiting import quiet, until_shown


def burst(app: StudioApp, *keys: str) -> None:
    """All keys before the program has looked at the first."""
    for key in keys:
        name = _character_to_key(key) if len(key) == 1 else key
        event = events.Key(name, key if len(key) == 1 else None)
        event.set_sender(app)
        app.post_message(event)


async def opened(pilot: Pilot[int]) -> None:
    await until_shown(pilot, lambda: pilot.app.screen.query_one(VirtualRows).current is not None)


async def test_what_is_typed_behind_the_search_key_is_searched_for(project: Project) -> None:
    project.store.records.add(query_for(document_id=1, text=f"query {n} 押金") for n in range(9))
    app = StudioApp(project, screen="review")
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(pilot)
        burst(app, "/", *"urarf", "backspace", *"!押金")
        field = app.screen.query_one("#search", Field)
        await until_shown(pilot, lambda: field.value.endswith("金"))
        assert field.value == "urar!押金"
        assert project.store.review.last_changes(1) == []


async def test_what_is_typed_behind_the_edit_key_is_text(project: Project) -> None:
    project.store.records.add([query_for(document_id=1, text="one"), query_for(1, "two")])
    app = StudioApp(project, screen="review")
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(pilot)
        burst(app, "e", *" ar ", "escape", "a", "r")
        await until_shown(pilot, lambda: len(project.store.review.last_changes(9)) == 3)
        assert project.store.records.get(1) == query_for(1, "one ar ", id=1)
        assert not project.store.records.get(2).kept  # type: ignore[union-attr]


async def test_pasted_text_waits_for_the_key_before_it(project: Project) -> None:
    app = StudioApp(project, screen="examples")
    async with app.run_test(size=(100, 30)) as pilot:
        await quiet(pilot)
        burst(app, "e")
        app.post_message(events.Paste(" 汉字 pasted").set_sender(app))
        burst(app, "!")
        editor = app.screen.query_one("#query", Editor)
        await until_shown(pilot, lambda: editor.value.endswith("work in 汉字 pasted!"))


@pytest.mark.parametrize("pane", ["examples", "search"])
async def test_a_paste_that_is_no_text_for_a_field_is_told_and_not_taken(
    project: Project, pane: str
) -> None:
    app = StudioApp(project, screen=pane)
    async with app.run_test(size=(100, 30)) as pilot:
        await quiet(pilot)
        await pilot.press("e" if pane == "examples" else "slash")
        await until_shown(pilot, lambda: isinstance(app.screen.focused, Editor | Field))
        app.post_message(events.Paste("deduct " * 700_000).set_sender(app))
        burst(app, "!")
        await until_shown(pilot, lambda: any("nothing of it was taken" in m.text for m in app.said))
        focused = app.screen.focused
        assert isinstance(focused, Editor | Field)
        assert focused.value.endswith("!")
        assert "deduct deduct" not in focused.value


async def test_keys_go_on_when_what_had_the_focus_goes_away(project: Project) -> None:
    app = StudioApp(project, screen="review")
    async with app.run_test(size=(100, 30)) as pilot:
        await quiet(pilot)
        burst(app, "d", "right", "escape", "t", "escape", "z", "d")
        await until_shown(pilot, lambda: not isinstance(app.screen, ReviewPane))
        burst(app, "escape")
        await until_shown(pilot, lambda: isinstance(app.screen, ReviewPane))
