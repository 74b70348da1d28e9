"""Jump mode: a letter on each part, the letter goes there."""

from __future__ import annotations

from textual.widgets import Input

from studio.project import Project
from studio.tui.app import StudioApp
from studio.tui.dialogs.jump import Jump
from studio.tui.jobs.start import StartDialog
from tests.support.hostile import frame
from tests.support.waiting import quiet


async def letters(app: StudioApp) -> dict[str, str]:
    """Letter → id of the part that it goes to."""
    assert isinstance(app.screen, Jump)
    return {letter: part.id or "" for letter, part in app.screen._parts.items()}


async def test_a_letter_goes_to_its_part(project: Project) -> None:
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("ctrl+o")
        await pilot.pause()
        where = await letters(app)
        letter = next(letter for letter, part in where.items() if part == "log")
        assert f" {letter} " in "\n".join(frame(app))
        await pilot.press(letter)
        assert app.focused is not None
        assert app.focused.id == "log"


async def test_escape_stays_and_other_keys_do_nothing(project: Project) -> None:
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(80, 24)) as pilot:
        before = app.focused
        await pilot.press("f9", "m")
        assert isinstance(app.screen, Jump)
        await pilot.press("escape")
        assert not isinstance(app.screen, Jump)
        assert app.focused is before


async def test_a_digit_goes_to_a_pane(project: Project) -> None:
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("ctrl+o", "0")
        await pilot.pause()
        assert app.current_mode == "home"


async def test_it_works_out_of_a_text_field_and_in_a_dialog(project: Project) -> None:
    app = StudioApp(project, screen="examples")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("e", "ctrl+o")
        await pilot.pause()
        where = await letters(app)
        letter = next(letter for letter, part in where.items() if part == "examples")
        await pilot.press(letter)
        assert app.focused is not None
        assert app.focused.id == "examples"
        await pilot.press("ctrl+r")
        await quiet(pilot)
        await pilot.press("ctrl+o")
        await pilot.pause()
        where = await letters(app)
        letter = next(letter for letter, part in where.items() if part == "field-budget_usd")
        await pilot.press(letter, *"0.5")
        await quiet(pilot)
        assert isinstance(app.screen, StartDialog)
        assert app.screen.query_one("#field-budget_usd", Input).value == "0.5"
