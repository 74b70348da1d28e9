"""Every theme in every pane: what is drawn can be read (WCAG 2.2 AA: 4.5 to 1)."""

from __future__ import annotations

import ast
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual.color import Color

import studio.tui
from studio.project import Project
from studio.tui.actions import PANES
from studio.tui.app import StudioApp
from studio.tui.theme import ANSI, THEMES
from tests.support import rounds
from tests.support.trained import add_gold, add_model, add_records, add_scores
from tests.support.waiting import quiet

LEAST = 4.5
DEPTHS = (ColorSystem.TRUECOLOR, ColorSystem.EIGHT_BIT)


def drawn(app: StudioApp) -> Iterator[Segment]:
    """What is in front: a pane is dimmed on purpose behind a box."""
    boxes = app.screen.query(".dialog, #--container")
    region = boxes.first().region if boxes else app.screen.region
    for strip in app.screen._compositor.render_strips()[region.y : region.bottom]:
        yield from strip.crop(region.x, region.right)


def contrast(app: StudioApp, style: Style, depth: ColorSystem) -> float:
    """Of a piece as it goes to the terminal, whose own colours stand where none is given."""
    theme = app.current_theme
    # One in 256 colours gets the nearest.
    style = Style.from_color(
        style.color and style.color.downgrade(depth),
        style.bgcolor and style.bgcolor.downgrade(depth),
    ) + Style(dim=style.dim)
    front = style.color.get_truecolor() if style.color else None
    back = style.bgcolor.get_truecolor() if style.bgcolor else None
    one = Color(*front) if front else Color.parse(theme.foreground or "#fff")
    other = Color(*back) if back else Color.parse(theme.background or "#000")
    if style.dim:
        one = other.blend(one, 0.5)
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: Color) -> float:
    """Relative, as WCAG defines it."""
    parts = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in colour.normalized
    ]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def unreadable(app: StudioApp) -> list[str]:
    found = []
    for segment in drawn(app):
        # Lines, bars and blocks are no text.
        text = "".join(one for one in segment.text if unicodedata.category(one)[0] in "LNP")
        if text and segment.style is not None:
            told = {depth.name: contrast(app, segment.style, depth) for depth in DEPTHS}
            bad = {name: round(share, 2) for name, share in told.items() if share < LEAST}
            found += [f"{segment.text.strip()!r} {bad}"] if bad else []
    return found


@pytest.fixture
def full(wired: Project) -> Project:
    """Something to show in each pane."""
    add_records(wired)
    add_gold(wired)
    add_gold(wired, "validation")
    add_scores(wired, add_model(wired, "trained").id, 0.05)
    return wired


async def in_all_themes(app: StudioApp, *keys: str) -> dict[str, list[str]]:
    found = {}
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        await pilot.press(*keys)
        await quiet(pilot)
        # The sixteen colours of a terminal are the person's own.
        for theme in (one for one in THEMES if one is not ANSI):
            app.theme = theme.name
            await quiet(pilot)
            found[theme.name] = unreadable(app)
    return {name: texts for name, texts in found.items() if texts}


@pytest.mark.parametrize("pane", PANES)
async def test_all_that_a_pane_draws_can_be_read(full: Project, pane: str) -> None:
    keys = {"search": ("slash", *"home", "enter"), "prompt": ("tab",)}.get(pane, ())
    assert await in_all_themes(StudioApp(full, screen=pane), *keys) == {}


@pytest.mark.parametrize("keys", [("question_mark",), ("ctrl+p",), ("f5",)], ids=lambda k: k[0])
async def test_so_can_what_comes_up_over_it(full: Project, keys: tuple[str, ...]) -> None:
    assert await in_all_themes(StudioApp(full, screen="review"), *keys) == {}


async def test_so_can_a_run_with_its_errors(tmp_path: Path) -> None:
    made = rounds.project(tmp_path / "p")
    rounds.two_rounds(made)
    assert await in_all_themes(StudioApp(made, screen="rounds")) == {}
    made.close()


def test_no_colour_is_worked_out_without_what_is_behind_it() -> None:
    """``partial=True`` leaves the background out, so that a tone that goes by it turns white."""
    partial = [
        f"{path.name}:{node.lineno}"
        for path in Path(studio.tui.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.keyword) and node.arg == "partial"
    ]
    assert partial == []
