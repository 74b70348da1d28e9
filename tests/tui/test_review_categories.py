"""Review by category: what is asked for, what a threshold keeps of each, and how a judge begins."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.jobs.categories import CategoryCount
from studio.project import Project
from studio.records import LABELLED_TEXT, Record
from studio.store.review_shapes import View
from studio.tui.app import StudioApp
from studio.tui.jobs.start import StartDialog
from studio.tui.review.categories import CategoriesDialog
from studio.tui.review.pane import ReviewPane
from studio.tui.review.retained import CategoryTable
from studio.tui.review.retained import _lines as retained_lines
from studio.tui.widgets.form import Form
from studio.tui.widgets.rows import RowList
from studio.tui.widgets.virtual_rows import VirtualRows
from tests.support.hostile import frame
from tests.support.waiting import until_shown
from tests.tui.test_review_pane import opened

SIZE = (100, 32)


def text(app: StudioApp) -> str:
    return "\n".join(frame(app))


def table(app: StudioApp) -> VirtualRows:
    return app.screen.query_one(VirtualRows)


def kept_of_each(app: StudioApp) -> list[str]:
    return str(app.screen.query_one(CategoryTable).render()).splitlines()


async def test_b_counts_what_is_asked_for_and_enter_shows_those(mill: Project) -> None:
    app = StudioApp(mill, screen="review")
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        await pilot.press("b")
        await until_shown(pilot, lambda: "12 instructions, 0 without" in text(app))
        assert isinstance(app.screen, CategoriesDialog)
        rows = app.screen.query_one(RowList).rows
        found = [(row.cells[0], *row.cells[2:]) for row in rows]
        assert found == [
            ("write", "6", "50.0%", "50%"),
            ("· letter", "3", "25.0%", "100%"),
            ("· program", "3", "25.0%", "0%"),
            ("name", "3", "25.0%", "100%"),
            ("· river", "3", "25.0%", "100%"),
            ("写", "3", "25.0%", "100%"),
            ("· 诗", "3", "25.0%", "100%"),
        ]
        await pilot.press("right", "g")
        await until_shown(pilot, lambda: "Each object with its verbs" in text(app))
        await pilot.press("left", "j", "j", "enter")
        await until_shown(pilot, lambda: table(app).view.search == "program write")
        await until_shown(pilot, lambda: table(app).count == 3)


async def test_a_label_is_looked_for_as_a_label(tmp_path: Path) -> None:
    made = Project.create(tmp_path / "stays", task="classification")
    hostile = "go\0od\x1b[2J"
    made.store.records.add(
        Record(LABELLED_TEXT, {"text": f"room {n}", "label": label})
        for n, label in enumerate((hostile, hostile, "bad"))
    )
    app = StudioApp(made, screen="review")
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        await pilot.press("b")
        await until_shown(pilot, lambda: "3 texts" in text(app))
        await pilot.press("left")
        await until_shown(pilot, lambda: "kind of task or label" in text(app))
        await pilot.press("enter")
        await until_shown(pilot, lambda: table(app).view == View(field="label", value=hostile))


@pytest.mark.parametrize("size", [(80, 24), SIZE])
async def test_c_shows_what_a_threshold_keeps_of_each_category(
    mill: Project, size: tuple[int, int]
) -> None:
    app = StudioApp(mill, screen="review")
    async with app.run_test(size=size) as pilot:
        await opened(pilot)
        await pilot.press("t")
        await until_shown(pilot, lambda: "kept 9" in text(app))
        await pilot.press("c")
        await until_shown(pilot, lambda: "write" in text(app) and "50.0%" in text(app))
        await pilot.press("c", *["right"] * 2)
        await until_shown(pilot, lambda: "kept 6 (-3)" in text(app))
        await until_shown(pilot, lambda: "object" in kept_of_each(app)[0])
        assert [line.split()[:5] for line in kept_of_each(app)[1:]] == [
            ["letter", "3", "0", "0.0%", "-3"],
            ["program", "3", "0", "0.0%"],
            ["river", "3", "3", "100.0%", "█" * 12],
            ["诗", "3", "3", "100.0%", "█" * 12],
        ]
        await pilot.press("c", "c", "escape")
        assert isinstance(app.screen, ReviewPane)


@pytest.mark.parametrize("screen", ["review", "generate"])
async def test_i_plans_a_judge(mill: Project, screen: str) -> None:
    app = StudioApp(mill, screen=screen)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        if screen == "generate":
            await pilot.press("escape", "w")
        await pilot.press("i")
        await until_shown(pilot, lambda: isinstance(app.screen, StartDialog))
        assert "keep_from" in app.screen.query_one(Form).values


def test_categories_that_have_no_room_are_counted() -> None:
    found = [CategoryCount(f"verb {n}", 10, n % 10) for n in range(30)]
    shown = [line.plain for line in retained_lines(found, (), "verb", 12)]
    assert len(shown) == 12
    assert shown[-1] == "and 20 more: `studio categories` lists all"
    assert "more" not in [*retained_lines(found[:11], (), "verb", 12)][-1].plain
