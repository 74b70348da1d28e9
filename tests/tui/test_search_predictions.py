"""Search where labels are predicted, with real keys, the real process and two trained heads."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from studio.project import Project
from studio.training import small
from studio.training.small_settings import SmallSettings
from studio.tui.app import StudioApp
from studio.tui.search.predictions import about
from studio.tui.widgets.bars import KeyBar
from studio.tui.widgets.rows import RowList
from studio.tui.widgets.text_pane import TextPane
from tests.support import labelled_project, small_projects
from tests.support.data import labelled
from tests.support.tiny_encoder import TOPICS, bert_encoder
from tests.support.waiting import quiet, until_shown

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
Compare = Callable[..., bool]


@pytest.fixture
def untrained(tmp_path: Path) -> Iterator[Project]:
    made = labelled_project.make(tmp_path / "labelled", "http://127.0.0.1:9")
    yield made
    made.close()


@pytest.fixture
def trained(untrained: Project, tmp_path: Path) -> Project:
    """A run of two rounds with their models; the second one learnt the labels the other way."""
    base = str(bert_encoder(tmp_path / "base"))
    run = untrained.store.runs.add("s3", {})
    for number, names in enumerate((("near", "far"), ("far", "near"))):
        items = [
            labelled(f"what is the {topic} " + "of " * draw, names[place >= 8])
            for draw in range(3)
            for place, topic in enumerate(TOPICS)
        ]
        settings = SmallSettings(kind="head", base=base, max_length=32, device="cpu")
        path = f"models/s3-{run}-round-{number}"
        small.train(items, labelled_project.LABELS, settings, untrained.path / path)
        round_ = untrained.store.runs.begin_round(run, number)
        untrained.store.runs.update_round(round_.id, stage="scored", model_path=path)
    return untrained


@asynccontextmanager
async def opened(project: Project) -> AsyncIterator[Pilot[int]]:
    async with StudioApp(project, screen="search").run_test(size=(120, 40)) as pilot:
        yield pilot


async def typed(pilot: Pilot[int], text: str) -> None:
    await pilot.press(*["space" if letter == " " else letter for letter in text])


def rows(pilot: Pilot[int]) -> dict[str, tuple[str, ...]]:
    """Label of a model → what its row says besides."""
    listed = pilot.app.screen.query_one("#predictions", RowList)
    return {row.cells[0]: row.cells[1:] for row in listed.rows}


def predicted(pilot: Pilot[int]) -> list[str]:
    return [cells[0] for cells in rows(pilot).values()]


async def test_models_answer_as_one_types(trained: Project) -> None:
    async with opened(trained) as pilot:
        await typed(pilot, f"what is the {TOPICS[0]}")
        await until_shown(pilot, lambda: predicted(pilot) == ["far", "near"], "both models")
        assert list(rows(pilot)) == ["run 1 round 1", "run 1 round 0"]
        assert all(cells[1].endswith("%") for cells in rows(pilot).values())
        await pilot.press("ctrl+u")
        await typed(pilot, f"what is the {TOPICS[15]}")
        await until_shown(pilot, lambda: predicted(pilot) == ["near", "far"], "the other label")
        await pilot.press("ctrl+u")
        await until_shown(pilot, lambda: predicted(pilot) == ["", ""], "nothing is asked")


async def test_enter_leads_to_the_models_and_slash_back(trained: Project) -> None:
    async with opened(trained) as pilot:
        await typed(pilot, f"what is the {TOPICS[0]}")
        await pilot.press("enter")
        assert isinstance(pilot.app.focused, RowList)
        await until_shown(pilot, lambda: predicted(pilot) == ["far", "near"], "both models")
        said = pilot.app.screen.query_one("#said", TextPane)
        assert said.plain == "far"
        await pilot.press("j")
        await until_shown(pilot, lambda: said.plain == "near", "the other model")
        await pilot.press("slash")
        assert isinstance(pilot.app.focused, Input)


async def test_nothing_is_marked_where_labels_are_predicted(trained: Project) -> None:
    before = trained.store.gold.all("validation")
    async with opened(trained) as pilot:
        await typed(pilot, f"what is the {TOPICS[0]}")
        await until_shown(pilot, lambda: predicted(pilot) == ["far", "near"], "both models")
        await pilot.press("escape", *"arubosxnN+-E")
        await quiet(pilot)
        assert len(pilot.app.screen_stack) == 1
        footer = str(pilot.app.screen.query_one(KeyBar).render())
        assert not {"Right", "Wrong", "Gold", "Split", "Query"} & set(footer.split())
    assert trained.store.gold.all("validation") == before


async def test_without_a_model_it_says_where_they_come_from(untrained: Project) -> None:
    async with opened(untrained) as pilot:
        await quiet(pilot)
        listed = pilot.app.screen.query_one("#predictions", RowList)
        assert (listed.rows, listed.empty) == ((), "No model yet: 5 (Rounds) trains them.")
        said = pilot.app.screen.query_one("#said", TextPane).plain
        assert "Type a text: each model says which label it gives it" in said


async def test_a_pair_has_a_field_for_its_premise(tmp_path: Path) -> None:
    project = small_projects.make_project(tmp_path / "nli", "nli", "http://127.0.0.1:9")
    async with opened(project) as pilot:
        await typed(pilot, "it rains")
        await pilot.press("enter")
        assert pilot.app.focused is pilot.app.screen.query_one("#asked-context")
        await typed(pilot, "the street is wet")
        await pilot.press("shift+tab")
        assert pilot.app.focused is pilot.app.screen.query_one("#asked")
        await pilot.press("tab", "enter")
        assert isinstance(pilot.app.focused, RowList)
        assert "a hypothesis and its premise" in about(project.task)
    project.close()


@SIZES
def test_predictions(snap_compare: Compare, trained: Project, size: tuple[int, int]) -> None:
    async def ask(pilot: Pilot[int]) -> None:
        await typed(pilot, f"what is the {TOPICS[0]}")
        await until_shown(pilot, lambda: predicted(pilot) == ["far", "near"], "both models")
        await quiet(pilot)

    assert snap_compare(StudioApp(trained, screen="search"), terminal_size=size, run_before=ask)
