"""Train where LLMs are tuned: the form, before and after, answers side by side."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from studio.jobs import comparing
from studio.project import Project
from studio.records import StudioError
from studio.tui.app import StudioApp
from studio.tui.jobs.start import StartDialog
from studio.tui.plots.curves import Curves
from studio.tui.train.tune_form import TuneForm
from studio.tui.widgets.form import Form
from studio.tui.widgets.rows import RowList
from studio.tui.widgets.text_pane import Section, TextPane
from tests.support import tuned
from tests.support.waiting import quiet, until_shown

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
Compare = Callable[..., bool]


@pytest.fixture
def untuned(tmp_path: Path) -> Iterator[Project]:
    project = tuned.make(tmp_path / "helpdesk")
    yield project
    project.close()


@pytest.fixture
def helpdesk(untuned: Project) -> Project:
    tuned.add_model(untuned)
    return untuned


def text(app: StudioApp, name: str) -> str:
    return app.screen.query_one(f"#{name}", TextPane).plain


async def test_n_opens_a_form_made_of_the_params_and_starts_a_tuning(
    untuned: Project, no_workers: list[int]
) -> None:
    app = StudioApp(untuned, screen="train")
    async with app.run_test(size=(120, 40)) as pilot:
        assert "chooses data and base" in app.screen.query_one("#models", RowList).empty
        await pilot.press("n")
        await until_shown(pilot, lambda: isinstance(app.screen, TuneForm))
        look = app.screen.query_one("#look", Static)
        await until_shown(pilot, lambda: "12 instructions" in str(look.render()))
        assert "9 steps of 4" in str(look.render())
        await pilot.press("s")
        await until_shown(pilot, lambda: bool(untuned.store.jobs.all()))
        [job] = untuned.store.jobs.all()
        assert (job.kind, job.params["base"], job.params["evaluate"]) == (
            "tune", "smollm2-135m", True,
        )  # fmt: skip


async def test_before_and_after_stand_beside_the_curves_of_both_losses(helpdesk: Project) -> None:
    app = StudioApp(helpdesk, screen="train")
    async with app.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, lambda: "ROUGE-L" in text(app, "scores"))
        lines = [line.split() for line in text(app, "scores").splitlines()]
        assert ["test", "base", "tuned", "difference", "p"] in lines
        assert ["loss", "3.214", "2.214", "−1.000", ".131"] in lines
        assert "Instructions: 3 won, 1 lost, 0 the same" in text(app, "scores")
        curves = app.screen.query_one("#curves", Curves).plain
        assert "validation" in curves
        assert "training" in curves
        await pilot.press("l")
        await until_shown(pilot, lambda: "snapshot 1: 12 records" in text(app, "lineage"))


async def test_an_instruction_won_shows_both_answers_beside_golds(helpdesk: Project) -> None:
    app = StudioApp(helpdesk, screen="train")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("w")
        await until_shown(pilot, lambda: "Gold: Rye is sown in autumn." in text(app, "duel"))
        assert "base smollm2-135m · ROUGE-L .444: Rye is a grain." in text(app, "duel")
        title = app.screen.query_one("#queries-section", Section).border_title
        assert str(title) == "Instructions: 3 won, 1 lost, 0 the same"
        await pilot.press("G")
        await until_shown(pilot, lambda: "A tree 🌳 [bold]by[/] it." in text(app, "duel"))
        await pilot.press("enter")
        assert app.focused is app.screen.query_one("#duel")


async def test_two_tuned_models_are_compared_answer_by_answer(helpdesk: Project) -> None:
    tuned.add_model(helpdesk, "tuned-2", base="elsewhere")
    app = StudioApp(helpdesk, screen="train")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("c", "j", "c")
        await until_shown(pilot, lambda: "tuned-2 · ROUGE-L 1.000" in text(app, "duel"))
        said = text(app, "duel")
        assert "tuned-1 · ROUGE-L 1.000: Rye is sown in autumn." in said
        assert ["base", "smollm2-135m", "elsewhere"] in [line.split() for line in said.splitlines()]


def test_answers_that_were_cut_elsewhere_are_not_compared(helpdesk: Project) -> None:
    [first] = helpdesk.store.models.all()
    second = tuned.add_model(helpdesk, "tuned-2")
    assert comparing.between(helpdesk.store, second, first)
    tuned.add_scores(helpdesk, second.id, answer_tokens=16)
    with pytest.raises(StudioError, match="at most 16 tokens for the one, answers of at most 256"):
        comparing.between(helpdesk.store, second, first)


@pytest.mark.parametrize(
    ("kind", "params"),
    [("tune", {"base": "smollm2-135m"}), ("path", {"tune": {"base": "smollm2-135m"}})],
)
async def test_a_tuning_under_way_shows_its_curve_and_can_be_stopped(
    untuned: Project, no_workers: list[int], kind: str, params: dict[str, Any]
) -> None:
    store = untuned.store
    number = store.jobs.submit(kind, params)
    assert store.jobs.claim(number, os.getpid())
    store.jobs.add_points(number, [(f"tuned-{number} loss on validation", 0, 3.1)])
    store.jobs.progress(number, os.getpid(), 3, 30, f"training tuned-{number} · loss 2.900")
    app = StudioApp(untuned, screen="train")
    async with app.run_test(size=(120, 40)) as pilot:
        curves = app.screen.query_one("#curves", Curves)
        await until_shown(pilot, lambda: "validation" in curves.plain)
        [row] = app.screen.query_one("#models", RowList).rows
        assert row.cells[1].startswith(f"tuned-{number} · training")
        assert row.cells[2] == "smollm2-135m"
        assert "base and tuned model stand here" in text(app, "scores")
        await pilot.press("x")
        await until_shown(pilot, lambda: store.jobs.get(number).cancel_requested)  # type: ignore[union-attr]


@SIZES
@pytest.mark.parametrize("keys", [(), ("w", "j")], ids=["scores", "answers"])
def test_pictures(
    snap_compare: Compare, helpdesk: Project, size: tuple[int, int], keys: tuple[str, ...]
) -> None:
    app = StudioApp(helpdesk, screen="train")

    async def act(pilot: Pilot[int]) -> None:
        await until_shown(pilot, lambda: "ROUGE-L" in text(app, "scores"))
        for key in keys:
            await pilot.press(key)
            await quiet(pilot)
        await quiet(pilot)

    assert snap_compare(app, terminal_size=size, run_before=act)


async def test_scoring_is_planned_with_an_llm_that_compares_the_answers(
    helpdesk: Project, no_workers: list[int]
) -> None:
    app = StudioApp(helpdesk, screen="train")
    async with app.run_test(size=(120, 40)) as pilot:
        app.action_start_evaluate()
        await until_shown(pilot, lambda: isinstance(app.screen, StartDialog))
        await quiet(pilot)
        form = app.screen.query_one(Form)
        lines = ["split", "model_id", "answer_tokens", "judge_endpoint", "budget_usd"]
        assert [one.name for one in form.fields] == [*lines, "budget_tokens"]
        form.fill({**form.values, "judge_endpoint": "nowhere"})
        await pilot.press("s")
        await quiet(pilot)
        assert isinstance(app.screen, StartDialog), "there is no such endpoint"
        form.fill({**form.values, "judge_endpoint": "embedded:smollm2-135m"})
        await pilot.press("s")
        await until_shown(pilot, lambda: len(no_workers) == 1)
        job = helpdesk.store.jobs.all()[0]
        assert (job.kind, job.params["judge"]["endpoint"]) == ("evaluate", "embedded:smollm2-135m")
