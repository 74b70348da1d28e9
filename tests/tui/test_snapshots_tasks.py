"""What Prompt, Generate, Examples and the wizard look like for each task; small and usual size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from studio.project import Project
from studio.tui.app import StudioApp
from studio.tui.widgets.text_pane import TextPane
from tests.support.openai_server import OpenAIServer
from tests.support.prompt_pane import score_of, settled
from tests.support.small_projects import add_gold, make_project, trained_by_rounds, words
from tests.support.waiting import quiet, until_shown

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
Compare = Callable[..., bool]


@pytest.fixture
def rule() -> Iterator[OpenAIServer]:
    with OpenAIServer(words=_said) as server:
        yield server


def _said(body: dict[str, Any]) -> str:
    text = words(body)
    return text if "\n" in text else f"{text.rstrip('?')}?"


@pytest.fixture
def made(tmp_path: Path, rule: OpenAIServer) -> Callable[[str], Project]:
    def make(task: str) -> Project:
        project = make_project(tmp_path / task, task, rule.url)
        add_gold(project)
        return project

    return make


@SIZES
@pytest.mark.parametrize("task", ["classification", "nli", "qa"])
def test_prompt(
    made: Callable[[str], Project], snap_compare: Compare, size: tuple[int, int], task: str
) -> None:
    async def ready(pilot: Pilot[int]) -> None:
        await settled(pilot)
        await until_shown(pilot, lambda: "3/3" in score_of(pilot.app))

    app = StudioApp(made(task), screen="prompt")
    assert snap_compare(app, terminal_size=size, run_before=ready)


@SIZES
@pytest.mark.parametrize("theme", ["studio-dark", "studio-light"])
def test_generate(
    made: Callable[[str], Project], snap_compare: Compare, size: tuple[int, int], theme: str
) -> None:
    async def ready(pilot: Pilot[int]) -> None:
        outlook = pilot.app.screen.query_one("#outlook", Static)
        await until_shown(pilot, lambda: "calls" in str(outlook.render()))
        pilot.app.theme = theme
        await quiet(pilot)

    app = StudioApp(made("classification"), screen="generate")
    assert snap_compare(app, terminal_size=size, run_before=ready)


@SIZES
def test_examples(
    made: Callable[[str], Project], snap_compare: Compare, size: tuple[int, int]
) -> None:
    async def ready(pilot: Pilot[int]) -> None:
        await quiet(pilot)

    app = StudioApp(made("qa"), screen="examples")
    assert snap_compare(app, terminal_size=size, run_before=ready)


@SIZES
def test_train_where_rounds_train(
    made: Callable[[str], Project], snap_compare: Compare, size: tuple[int, int]
) -> None:
    async def ready(pilot: Pilot[int]) -> None:
        await until_shown(
            pilot, lambda: "this model" in pilot.app.screen.query_one("#scores", TextPane).plain
        )
        await quiet(pilot)

    project = made("classification")
    trained_by_rounds(project)
    app = StudioApp(project, screen="train")
    assert snap_compare(app, terminal_size=size, run_before=ready)


@SIZES
@pytest.mark.parametrize("below", [0, 1, 2], ids=["search", "labels", "pairs"])
def test_the_wizard_for_own_files(
    snap_compare: Compare, size: tuple[int, int], below: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ready(pilot: Pilot[int]) -> None:
        await pilot.press("n")
        await quiet(pilot)
        await pilot.press(*["right"] * below, "j", "left")
        await quiet(pilot)

    monkeypatch.chdir("/")
    assert snap_compare(StudioApp(), terminal_size=size, run_before=ready)
