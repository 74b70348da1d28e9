"""What Search looks like: three columns, or one when narrow, with marks; the list of gold."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from studio.project import Project
from studio.records import Example
from studio.runs import Model
from studio.tui.app import StudioApp
from studio.tui.search.dialogs import BrowseGold, SystemChoice
from tests.support.data import gold_query
from tests.support.openai_server import OpenAIServer
from tests.support.tiny_encoder import cross_encoder
from tests.support.waiting import quiet
from tests.tui.test_search_pane import Keys, choose

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
THEMES = pytest.mark.parametrize("theme", ["studio-dark", "studio-ansi"])
Compare = Callable[..., bool]


@pytest.fixture
def gold(project: Project, llm: OpenAIServer) -> Project:
    """Gold in three scripts; the base encoder is an endpoint that answers the same each time."""
    project.store.values.set("encoder", f"openai:stand-in@{llm.url}")
    add = project.store.gold.add
    add([gold_query("v1", "deductible meals 🍜", "validation", {2: 1, 1: 0, 5: 1})])
    add([gold_query("v2", "网购商品可以退货吗", "validation", {6: 1})])
    add([gold_query("t1", "café licence ☕", "test", {8: 1}, origin="search")])
    project.store.examples.add([Example("d", "Deductible meals?")])
    return project


@pytest.fixture
def reranked(gold: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """With a reranker among the models."""
    monkeypatch.setattr("studio.jobs.project_systems.sees_gpu", lambda: False)
    of = {"learner": "reranker", "max_length": 64}
    gold.store.models.add(Model("order", "models/order", "stand-in", settings=of))
    return gold


def keys_of(pilot: Pilot[int]) -> Keys:
    app = pilot.app
    assert isinstance(app, StudioApp)
    return Keys(app, pilot)


async def settle(keys: Keys, rows: int) -> None:
    """Wait for both searches, and for all that threads read."""
    await keys.until(lambda: keys.pane.columns.columns[2].state.state == "absent")
    await keys.press("escape", "E")
    await keys.until(lambda: len(keys.ids("base")) == rows)
    keys.app.clear_notifications()
    await quiet(keys.pilot)


@SIZES
@THEMES
def test_search(snap_compare: Compare, gold: Project, size: tuple[int, int], theme: str) -> None:
    async def search(pilot: Pilot[int]) -> None:
        keys = keys_of(pilot)
        keys.app.theme = theme
        await keys.until(lambda: keys.pane._gold.queries)
        await keys.ask("deductible meals")
        await settle(keys, 8)
        await keys.press("j")
        await quiet(keys.pilot)

    app = StudioApp(gold, screen="search")
    assert snap_compare(app, terminal_size=size, run_before=search)


@SIZES
def test_search_with_a_reranker(
    snap_compare: Compare, reranked: Project, size: tuple[int, int]
) -> None:
    cross_encoder(reranked.models_dir / "order")

    async def search(pilot: Pilot[int]) -> None:
        keys = keys_of(pilot)
        await keys.until(lambda: keys.pane._gold.queries)
        await keys.ask("deductible meals")
        await settle(keys, 8)
        await choose(keys, "trained", "base + reranker")
        await keys.until(lambda: len(keys.ids("reranked")) == 8)
        await keys.press("l", "l", "j")
        await quiet(pilot)

    app = StudioApp(reranked, screen="search")
    assert snap_compare(app, terminal_size=size, run_before=search)


@SIZES
def test_the_systems(snap_compare: Compare, reranked: Project, size: tuple[int, int]) -> None:
    async def choosing(pilot: Pilot[int]) -> None:
        keys = keys_of(pilot)
        await keys.until(lambda: keys.pane.columns.columns[2].state.state == "absent")
        await keys.until(lambda: keys.pane._gold.queries)
        await keys.press("escape", "o")
        await keys.until(lambda: isinstance(pilot.app.screen, SystemChoice))
        await quiet(pilot)

    app = StudioApp(reranked, screen="search")
    assert snap_compare(app, terminal_size=size, run_before=choosing)


@SIZES
def test_search_in_chinese(snap_compare: Compare, gold: Project, size: tuple[int, int]) -> None:
    async def search(pilot: Pilot[int]) -> None:
        keys = keys_of(pilot)
        await keys.until(lambda: keys.pane._gold.queries)
        keys.pane.open_at(gold="v2")
        await settle(keys, 8)
        await keys.press("l")
        await quiet(keys.pilot)

    app = StudioApp(gold, screen="search")
    assert snap_compare(app, terminal_size=size, run_before=search)


@SIZES
def test_search_before_the_first_query(
    snap_compare: Compare, gold: Project, size: tuple[int, int]
) -> None:
    async def wait(pilot: Pilot[int]) -> None:
        keys = keys_of(pilot)
        await keys.until(lambda: keys.pane.columns.columns[2].state.state == "absent")
        await keys.until(lambda: keys.pane._gold.queries)
        await quiet(pilot)

    app = StudioApp(gold, screen="search")
    assert snap_compare(app, terminal_size=size, run_before=wait)


@SIZES
def test_gold_queries(snap_compare: Compare, gold: Project, size: tuple[int, int]) -> None:
    async def browse(pilot: Pilot[int]) -> None:
        keys = keys_of(pilot)
        await keys.until(lambda: keys.pane.columns.columns[2].state.state == "absent")
        await keys.until(lambda: keys.pane._gold.queries)
        await keys.press("escape", "b")
        await keys.until(lambda: isinstance(pilot.app.screen, BrowseGold))
        await keys.press("s", "s")
        await quiet(pilot)

    app = StudioApp(gold, screen="search")
    assert snap_compare(app, terminal_size=size, run_before=browse)
