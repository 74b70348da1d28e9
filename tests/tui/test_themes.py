"""Themes are remembered; NO_COLOR lets no colour through, and the cursor stays in sight."""

from __future__ import annotations

import pytest
from rich.segment import Segment

from studio.project import Project
from studio.tui import memory
from studio.tui.app import StudioApp
from studio.tui.theme import THEMES
from tests.support.waiting import quiet


async def test_f2_walks_through_the_themes_and_the_choice_is_remembered(project: Project) -> None:
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(80, 24)) as pilot:
        seen = [app.theme]
        for _ in THEMES[1:]:
            await pilot.press("f2")
            seen.append(app.theme)
    assert seen == [theme.name for theme in THEMES]
    assert StudioApp(project).theme == THEMES[-1].name


def test_what_the_settings_say_later_holds_again() -> None:
    memory.keep(theme="studio-light", instead_of="studio-dark")
    assert memory.theme_of("studio-dark") == "studio-light"
    assert memory.theme_of("studio-contrast") == "studio-contrast"


@pytest.fixture
def no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")


def segments(app: StudioApp) -> list[list[Segment]]:
    """What goes to the terminal, line by line."""
    app.screen.refresh()
    filters = app.get_line_filters()
    strips = app.screen._compositor.render_strips()
    return [
        list(strip.apply_filter(filters[-2], app.screen.background_colors[1])) for strip in strips
    ]


async def test_without_colour_the_cursor_is_reversed_and_one_at_rest_underlined(
    project: Project, no_colour: None
) -> None:
    app = StudioApp(project, screen="examples")
    async with app.run_test(size=(100, 30)) as pilot:
        await quiet(pilot)
        lines = segments(app)
        styles = [one.style for line in lines for one in line if one.style is not None]
        assert all(style.color is None and style.bgcolor is None for style in styles)
        (cursor,) = [
            line for line in lines[1:] if any(one.style and one.style.reverse for one in line)
        ]
        assert "spare room" in "".join(one.text for one in cursor)
        (rests,) = [
            line for line in lines if any(one.style and one.style.underline for one in line)
        ]
        assert "Home office" in "".join(one.text for one in rests)
        assert any(one.style and one.style.reverse for one in lines[0])


async def test_without_colour_f2_has_nothing_to_choose_from(
    project: Project, no_colour: None
) -> None:
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("f2")
        assert "NO_COLOR" in [one.text for one in app.said][-1]
    assert memory.load().theme == ""
