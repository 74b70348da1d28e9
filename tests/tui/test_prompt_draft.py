"""Two studios on one prompt: each sees the other's draft, and neither overwrites it unasked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from studio.project import Project
from studio.prompting.builtin import builtin
from studio.store import Store
from studio.tui.app import StudioApp
from studio.tui.dialogs.conflict import ConflictDialog, around
from studio.tui.pane import autosave, base
from studio.tui.prompt.template import TemplatePart
from tests.support.hostile import assert_harmless, storable
from tests.support.prompt_pane import AT_ONCE, text_of, title_of
from tests.support.waiting import quiet, until_shown

THEIRS = builtin("question-answering") + " Theirs."


@pytest.fixture
def elsewhere(project: Project) -> Iterator[Store]:
    """Another studio's connection."""
    store = Store(project.store.path)
    yield store
    store.close()


@pytest.fixture
def app(wired: Project) -> StudioApp:
    return StudioApp(wired, screen="prompt")


@pytest.fixture(autouse=True)
def slowly_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only leaving the field saves, so that another studio can come in between."""
    monkeypatch.setattr(autosave, "DELAY_S", 60.0)


async def write(pilot: Any) -> None:
    """Type a letter at the end of the template."""
    await pilot.press("e")
    editor = pilot.app.screen.query_one(TemplatePart).editor
    editor.move_cursor(editor.document.end)
    await pilot.press("M")


async def clash(pilot: Any, elsewhere: Store, theirs: str = THEIRS) -> None:
    """Type here while another studio writes."""
    await quiet(pilot)
    await write(pilot)
    elsewhere.drafts.set("prompt", theirs)
    await pilot.press("escape")
    await until_shown(pilot, lambda: isinstance(pilot.app.screen, ConflictDialog))


async def test_the_others_draft_is_seen_within_a_second(app: StudioApp, elsewhere: Store) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await quiet(pilot)
        elsewhere.drafts.set("prompt", THEIRS)
        await until_shown(
            pilot, lambda: app.screen.query_one(TemplatePart).text == THEIRS
        )  # fmt: skip


async def test_an_untouched_editor_in_focus_follows_too_and_undo_brings_the_old_back(
    app: StudioApp, elsewhere: Store
) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await quiet(pilot)
        part = app.screen.query_one(TemplatePart)
        before = part.text
        await pilot.press("e")
        elsewhere.drafts.set("prompt", THEIRS)
        await until_shown(pilot, lambda: part.text == THEIRS)
        part.editor.undo()
        assert part.text == before


async def test_two_drafts_ask_and_nothing_is_overwritten(app: StudioApp, elsewhere: Store) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await clash(pilot, elsewhere)
        assert elsewhere.drafts.get("prompt") == THEIRS
        held = elsewhere.drafts.get("prompt:held")
        assert held is not None
        assert held.endswith("M")


async def test_no_question_comes_up_under_the_hands_of_somebody_who_writes(
    app: StudioApp, elsewhere: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await quiet(pilot)
        await write(pilot)
        elsewhere.drafts.set("prompt", THEIRS)
        part = app.screen.query_one(TemplatePart)
        part.flush()
        await pilot.press(*" time to be both", "enter")
        part.flush()
        assert "nothing is lost" in text_of(app, "template-remarks")
        assert (elsewhere.drafts.get("prompt:held") or "").endswith("M time to be both\n")
        assert elsewhere.drafts.get("prompt") == THEIRS
        monkeypatch.setattr(base, "LOOK_S", 60.0)
        await pilot.press("escape", *"mtb", "enter")
        await until_shown(pilot, lambda: isinstance(app.screen, ConflictDialog))
        await pilot.press(*"mtb", "enter")
        await quiet(pilot)
        assert isinstance(app.screen, ConflictDialog)
        assert elsewhere.drafts.get("prompt") == THEIRS
        assert (elsewhere.drafts.get("prompt:held") or "").endswith("M time to be both\n")


async def test_d_without_a_second_draft_says_that_all_is_saved(app: StudioApp) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await quiet(pilot)
        await pilot.press("d")
        assert "one draft only" in list(app.said)[-1].text


@pytest.mark.parametrize("key", ["m", "enter"])
async def test_mine_can_be_kept(app: StudioApp, elsewhere: Store, key: str) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await clash(pilot, elsewhere)
        await pilot.press(key)
        await until_shown(pilot, lambda: not isinstance(app.screen, ConflictDialog))
        draft = elsewhere.drafts.get("prompt")
        assert draft is not None
        assert draft.endswith("M")
        assert elsewhere.drafts.get("prompt:held") is None
        await write(pilot)
        await pilot.press("escape")
        assert (elsewhere.drafts.get("prompt") or "").endswith("MM")


async def test_theirs_can_be_taken_and_undo_brings_mine_back(
    app: StudioApp, elsewhere: Store
) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await clash(pilot, elsewhere)
        await pilot.press("t")
        await until_shown(pilot, lambda: not isinstance(app.screen, ConflictDialog))
        part = app.screen.query_one(TemplatePart)
        assert part.text == THEIRS
        assert elsewhere.drafts.get("prompt:held") is None
        part.editor.undo()
        assert part.text.endswith("M")


async def test_both_can_be_kept(app: StudioApp, elsewhere: Store) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await clash(pilot, elsewhere)
        await pilot.press("b")
        await until_shown(pilot, lambda: not isinstance(app.screen, ConflictDialog))
        newest = elsewhere.prompts.latest()
        assert newest is not None
        assert (newest.version, newest.template) == (2, THEIRS)
        assert (elsewhere.drafts.get("prompt") or "").endswith("M")


async def test_a_faulty_draft_of_theirs_becomes_no_version(
    app: StudioApp, elsewhere: Store
) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await clash(pilot, elsewhere, theirs="no template")
        await pilot.press("b")
        await quiet(pilot)
        assert isinstance(app.screen, ConflictDialog)


async def test_the_question_can_wait_and_outlives_the_program(
    app: StudioApp, project: Project, elsewhere: Store
) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await clash(pilot, elsewhere)
        await pilot.press("escape")
        await quiet(pilot)
        assert "changed elsewhere" in title_of(app, "template-section")
        await write(pilot)
        await pilot.press("escape", "escape")
        assert (elsewhere.drafts.get("prompt:held") or "").endswith("MM")
        assert elsewhere.drafts.get("prompt") == THEIRS
    again = StudioApp(project, screen="prompt")
    async with again.run_test(size=(100, 30)) as pilot:
        await quiet(pilot)
        assert "d later, compares" in text_of(again, "template-remarks")
        await pilot.press("d")
        await until_shown(pilot, lambda: isinstance(again.screen, ConflictDialog))
        await pilot.press("m")
        await until_shown(pilot, lambda: not isinstance(again.screen, ConflictDialog))
        assert (elsewhere.drafts.get("prompt") or "").endswith("MM")


async def test_a_version_saved_elsewhere_counts_as_a_change(
    app: StudioApp, elsewhere: Store
) -> None:
    elsewhere.drafts.set("prompt", THEIRS)
    async with app.run_test(size=(100, 30)) as pilot:
        await quiet(pilot)
        await write(pilot)
        elsewhere.prompts.save("x", THEIRS, "theirs")
        elsewhere.drafts.discard("prompt")
        await pilot.press("escape")
        await until_shown(pilot, lambda: isinstance(app.screen, ConflictDialog))
        await pilot.press("m")
        await until_shown(pilot, lambda: (elsewhere.drafts.get("prompt") or "").endswith("M"))


@pytest.mark.parametrize("hostile", AT_ONCE, ids=["all", "long"])
async def test_a_hostile_draft_is_shown_harmless(
    app: StudioApp, elsewhere: Store, hostile: str
) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await clash(pilot, elsewhere, theirs=storable(hostile))
        await quiet(pilot)
        assert_harmless(app)


def test_a_draft_is_only_replaced_while_it_is_what_was_seen(elsewhere: Store) -> None:
    drafts = elsewhere.drafts
    assert drafts.replace("p", "one", seen=None)
    assert not drafts.replace("p", "two", seen=None)
    assert not drafts.replace("p", None, seen="two")
    assert drafts.replace("p", "a\ud800b", seen="one")
    assert drafts.replace("p", None, seen="a\ud800b")
    assert drafts.get("p") is None


def test_the_question_shows_what_differs_and_a_little_around_it() -> None:
    same = [f"line {n}" for n in range(9)]
    mine, theirs = ["a", *same, "b"], ["a", *same, "c", "d"]
    shown = around("\n".join(mine), "\n".join(theirs))
    assert shown == ("… 8 lines alike\nline 7\nline 8\nb", "… 8 lines alike\nline 7\nline 8\nc\nd")
    assert around("x\n" * 9, "x\n" * 8)[1].count("x") >= 1
    assert around("", "a") == ("", "a")
