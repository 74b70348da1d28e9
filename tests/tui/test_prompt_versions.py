"""Versions: what changed word by word, notes that can be written later, the way back."""

from __future__ import annotations

import pytest

from studio.project import Project
from studio.prompting.builtin import builtin
from studio.tui.app import StudioApp
from studio.tui.dialogs.ask import AskText
from studio.tui.prompt.template import TemplatePart
from studio.tui.prompt.version_diff import difference
from studio.tui.prompt.versions import Versions
from studio.tui.widgets.rows import RowList
from tests.support.hostile import assert_harmless, storable
from tests.support.prompt_pane import AT_ONCE, settled, streams, title_of
from tests.support.waiting import quiet, until_shown


@pytest.fixture
def app(wired: Project) -> StudioApp:
    wired.store.prompts.save("x", builtin("question-answering") + " Be brief.", "brief")
    wired.store.prompts.save("x", builtin("question-answering") + " Be very brief.", "briefer")
    return StudioApp(wired, screen="prompt")


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        ("same", "same", ["The same text."]),
        (
            "say one thing of it\nsame",
            "say two things of it\nsame",
            ["line 1", "~ say [-one-]{+two+} [-thing-]{+things+} of it", "  same"],
        ),
        ("房东不退押金", "房东拒退押金", ["line 1", "~ 房东[-不-]{+拒+}退押金"]),
        ("a\nb", "a", ["line 1", "  a", "- [-b-]"]),
        ("a", "a\nb", ["line 1", "  a", "+ {+b+}"]),
        ("quite other words", "网上买的", ["line 1", "- [-quite other words-]", "+ {+网上买的+}"]),
    ],
)
def test_words_that_went_and_came_carry_marks_besides_colours(
    old: str, new: str, shown: list[str]
) -> None:
    assert difference(old, new).plain.splitlines() == shown


@pytest.mark.parametrize("hostile", AT_ONCE, ids=["all", "long"])
async def test_a_hostile_version_is_shown_harmless(project: Project, hostile: str) -> None:
    text = storable(hostile)
    project.store.prompts.save(text, builtin("generic") + text, text)
    project.store.drafts.set("prompt", builtin("generic") + "x" + text)
    app = StudioApp(project, screen="prompt")
    async with app.run_test(size=(80, 24)) as pilot:
        await quiet(pilot)
        await pilot.press("v")
        await quiet(pilot)
        assert_harmless(app)
        await pilot.press("d")
        await quiet(pilot)
        assert_harmless(app)


def diff_of(app: StudioApp) -> str:
    return app.screen.query_one("#diff").plain  # type: ignore[attr-defined]


async def test_d_shows_the_difference_to_the_version_before(app: StudioApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("v")
        await quiet(pilot)
        assert diff_of(app) == "The same text."
        await pilot.press("d")
        await pilot.pause()
        assert "From v2 to v3" in title_of(app, "versions-diff")
        assert "{+very +}" in diff_of(app) or "{+ very+}" in diff_of(app)
        await pilot.press("G")
        await pilot.pause()
        assert "v1 is the first" in title_of(app, "versions-diff")


async def test_a_note_can_be_written_later(app: StudioApp, wired: Project) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("v", "j", "n")
        await quiet(pilot)
        assert isinstance(app.screen, AskText)
        await pilot.press("end", *", wirklich 简", "enter")
        await quiet(pilot)
        assert isinstance(app.screen, Versions)
        changed = wired.store.prompts.by_version(2)
        assert changed is not None
        assert changed.note == "brief, wirklich 简"
        row = app.screen.query_one(RowList).current
        assert row is not None
        assert row.cells[-1] == "brief, wirklich 简"
        await pilot.press("escape")
        await quiet(pilot)
        assert "v3 briefer" in title_of(app, "template-section")


async def test_escape_leaves_the_note_as_it_was(app: StudioApp, wired: Project) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("v", "n", "x", "escape")
        await quiet(pilot)
        assert wired.store.prompts.all()[0].note == "briefer"


async def test_c_compares_the_editor_with_a_version(app: StudioApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await pilot.press("v", "j", "c")
        await settled(pilot, sides=2)
        assert [side.variant.name for side in streams(app).sides] == ["v3 briefer", "v2 brief"]


async def test_saving_a_text_that_is_a_version_says_so_and_keeps_the_draft(
    app: StudioApp, wired: Project
) -> None:
    first = wired.store.prompts.by_version(1)
    assert first is not None
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("v", "G", "enter")
        await until_shown(pilot, lambda: app.screen.query_one(TemplatePart).text == first.template)
        await pilot.press("w")
        await quiet(pilot)
        assert "version 1 already" in list(app.said)[-1].text
        assert wired.store.drafts.get("prompt") == first.template
