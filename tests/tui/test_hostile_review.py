"""Hostile text in every place of Review: no control in any frame, all aligned, bytes kept."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot

from studio.project import Project
from studio.records import Document
from studio.tui.app import StudioApp
from studio.tui.review.pane import ReviewPane
from studio.tui.widgets.editor import Editor
from tests.support.hostile import HOSTILE, TEXTS, assert_harmless, attack_record
from tests.support.waiting import quiet, until_shown
from tests.tui.test_review_pane import here, opened, rows


@pytest.fixture
def attacked(project: Project) -> Project:
    """One record of each kind: as document, title, prompt, model, answer, reason, reviewer."""
    store = project.store
    for number, text in enumerate(TEXTS, 1):
        store.documents.begin_import()
        store.documents.stage([Document(f"id{number}" + text[:300], text, f"{number} " + text)])
        store.documents.commit_import()
        attack_record(project, number, text, store.documents.count())
    return project


async def press(pilot: Pilot[int], *keys: str) -> None:
    app = pilot.app
    assert isinstance(app, StudioApp)
    for key in keys:
        await pilot.press(key)
        assert_harmless(app)


async def test_every_view_of_every_record(attacked: Project) -> None:
    app = StudioApp(attacked, screen="review")
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        pane = app.screen
        assert isinstance(pane, ReviewPane)
        for number in range(1, len(HOSTILE) + 1):
            rows(app).cursor = number - 1
            await until_shown(
                pilot, lambda: pane._details._shown and pane._details._shown.record.id == here(app)
            )
            await press(pilot, "z", "z", "z", "z")


async def test_dialogs_titles_and_notifications(
    attacked: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUDIO_REVIEWER", "anna \x1b[31m\u202e\x9b汉")
    app = StudioApp(attacked, screen="review")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await press(pilot, "g", "v", "j", "a", "u", "space", "A", "escape", "R", "enter")
        await press(pilot, "d", "down", *["right"] * 5, "down", *["right"] * 5, "escape")
        await press(pilot, "t", "down", "right", "escape", "s", "escape", "question_mark", "escape")


async def test_search_words_from_another_pane(attacked: Project) -> None:
    app = StudioApp(attacked, screen="review")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        pane = app.screen
        assert isinstance(pane, ReviewPane)
        for hostile in HOSTILE.values():
            pane.open_at(search=hostile[:300])
            await quiet(pilot)
            assert_harmless(app)


@pytest.mark.parametrize("kind", ["escape", "bidi", "nul", "emoji", "separators"])
async def test_an_edit_keeps_every_other_character(attacked: Project, kind: str) -> None:
    number = [*HOSTILE].index(kind) + 1
    before = attacked.store.records.get(number)
    assert before is not None
    app = StudioApp(attacked, screen="review")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        rows(app).cursor = number - 1
        await press(pilot, "e")
        await until_shown(pilot, lambda: app.focused is app.screen.query_one("#edit", Editor))
        await press(pilot, "!", "escape")
        after = attacked.store.records.get(number)
        assert after is not None
        assert after.text == before.text + "!"


async def test_a_copy_is_what_is_stored(attacked: Project) -> None:
    app = StudioApp(attacked, screen="review")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        pane = app.screen
        assert isinstance(pane, ReviewPane)
        for number in range(1, len(HOSTILE) + 1):
            rows(app).cursor = number - 1
            await pilot.pause()
            stored = attacked.store.records.get(number)
            assert stored is not None
            assert pane.copy_text() == stored.text
