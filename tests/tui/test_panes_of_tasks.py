"""Generate, Jobs and Examples for tasks that train by rounds: what works, what is used instead."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from textual.widgets import Static

from studio.project import Project
from studio.records import Record
from studio.runs import JobState
from studio.store import Store
from studio.tui.actions import in_scope
from studio.tui.app import StudioApp
from studio.tui.dialogs.ask import Choose
from studio.tui.jobs.start import StartDialog
from studio.tui.widgets.form import Form
from studio.tui.widgets.rows import RowList
from studio.tui.widgets.text_pane import Section, TextPane
from tests.support.openai_server import OpenAIServer
from tests.support.small_projects import add_gold, make_project, trained_by_rounds, words
from tests.support.waiting import quiet, until_shown
from tests.tui.test_generate_pane import LIVE

SIZE = (120, 40)


@pytest.fixture
def rule() -> Iterator[OpenAIServer]:
    with OpenAIServer(words=words) as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, rule: OpenAIServer) -> Iterator[Project]:
    """A project of texts with labels."""
    made = make_project(tmp_path / "p", "classification", rule.url)
    add_gold(made)
    yield made
    made.close()


def drawn(app: StudioApp) -> str:
    """What stands on the screen."""
    strips = app.screen._compositor.render_strips()
    return "\n".join(strip.text for strip in strips)


async def test_generate_names_the_rounds_and_s_goes_to_their_form(project: Project) -> None:
    app = StudioApp(project, screen="generate")
    async with app.run_test(size=SIZE) as pilot:
        await until_shown(
            pilot, lambda: "calls" in str(app.screen.query_one("#outlook", Static).render())
        )
        said = app.screen.query_one("#form", TextPane).plain
        assert "writes texts, trains a model on them" in said
        assert said.index("s3") < said.index("zerogen")
        assert "204, estimated" in str(app.screen.query_one("#outlook", Static).render())
        assert "quer" not in drawn(app).lower()
        await pilot.press("o")
        assert app.screen is app.base_screen
        await pilot.press("s")
        await until_shown(pilot, lambda: app.current_mode == "rounds")
        await until_shown(pilot, lambda: isinstance(app.focused, Form))


async def test_generate_watches_a_run_of_rounds_in_the_words_of_the_task(
    project: Project, job: Callable[..., int]
) -> None:
    running = job(
        "s3", JobState.RUNNING, pid=os.getpid(), heartbeat=time.time(), live=json.dumps(LIVE)
    )
    text = Record(project.task.record, {"text": "a warm room", "label": "near"}, job_id=running)
    project.store.records.add([text], running)
    app = StudioApp(project, screen="generate")
    async with app.run_test(size=SIZE) as pilot:
        await until_shown(pilot, lambda: len(app.screen.query_one("#newest", RowList).rows) == 1)
        assert app.screen.query_one("#newest", RowList).rows[0].cells == ("a warm room", "near")
        assert str(app.screen.query_one("#stream-section", Section).border_title) == "Newest texts"
        figures = str(app.screen.query_one("#figures", Static).render())
        assert "texts" in figures
        assert "quer" not in drawn(app).lower()


async def test_ctrl_r_and_every_step_lead_to_the_form_of_rounds(project: Project) -> None:
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=SIZE) as pilot:
        await quiet(pilot)
        assert "an LLM writes texts" in app.screen.query_one(RowList).empty
        await pilot.press("n")
        await quiet(pilot)
        assert isinstance(app.screen, Choose)
        listed = [row.key for row in app.screen.query_one(RowList).rows]
        assert listed == ["app.path", "app.start-filter", "app.start-judge"]
        await pilot.press("escape", "ctrl+r")
        await until_shown(pilot, lambda: app.current_mode == "rounds")
        assert project.store.jobs.all() == []


async def test_the_filters_that_fit_the_records_are_offered(project: Project) -> None:
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=SIZE) as pilot:
        app.action_start_filter()
        await until_shown(pilot, lambda: isinstance(app.screen, StartDialog))
        form = app.screen.query_one(Form)
        names = [one.name for one in form.fields]
        assert names[:2] == ["filter-length", "filter-language"]
        assert {"filter-novelty", "filter-sample", "settings"} <= {*names}
        assert not {"filter-copy", "round_trip", "k", "encoder"} & {*names}
        assert (form.values["filter-length"], form.values["filter-novelty"]) == ("yes", "no")
        await pilot.press("G", "k", "enter", *"novelti.near=0.6", "escape", "s")
        await until_shown(pilot, lambda: "did you mean “novelty”" in drawn(app))
        assert project.store.jobs.all() == []


async def test_a_judge_is_planned_with_rubric_endpoint_and_cap(project: Project) -> None:
    text = Record(project.task.record, {"text": "a warm room", "label": "near"})
    project.store.records.add([text])
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=SIZE) as pilot:
        app.action_start_judge()
        await until_shown(pilot, lambda: isinstance(app.screen, StartDialog))
        form = app.screen.query_one(Form)
        lines = ["by", "rubric", "keep_from", "endpoint", "budget_usd", "budget_tokens"]
        assert [one.name for one in form.fields] == lines
        # A rubric is nothing for the judge of accuracy: nothing starts, and the line says why.
        await pilot.press("g", "j", "enter", *"warm", "escape", "s")
        await until_shown(pilot, lambda: "takes no rubric" in drawn(app))
        assert project.store.jobs.all() == []


async def test_examples_shows_the_demonstrations_of_the_template(project: Project) -> None:
    app = StudioApp(project, screen="examples")
    async with app.run_test(size=SIZE) as pilot:
        await quiet(pilot)
        said = app.screen.query_one("#demonstrations", TextPane).plain
        assert "[[demonstrations]]" in said
        assert "2 Prompt edits them" in said
        assert "the parcel came a day early" in said
        # Keys of examples do nothing here, and break nothing.
        keys = [key for action in in_scope("examples") for key in action.keys]
        await pilot.press(*keys, "escape", "y")
        assert not app.screen.query("Input, TextArea")
        assert app.focused is app.screen.query_one("#demonstrations")
        prompt = project.store.prompts.latest()
        assert prompt is not None
        changed = prompt.template.replace("a day early", "a week early")
        with closing(Store(project.store.path)) as elsewhere:
            elsewhere.drafts.set("prompt", changed)
        await until_shown(pilot, lambda: "a week early" in drawn(app))


async def test_the_panes_tell_of_no_fault_of_the_programs_own_template(project: Project) -> None:
    app = StudioApp(project, screen="prompt")
    async with app.run_test(size=SIZE) as pilot:
        for key in ("2", "3", "1", "8"):
            await pilot.press(key)
            await quiet(pilot)
        assert [told.text for told in app.said] == []


async def test_train_tells_what_the_rounds_gained_and_offers_nothing_of_the_path(
    project: Project,
) -> None:
    trained_by_rounds(project)
    app = StudioApp(project, screen="train")
    async with app.run_test(size=SIZE) as pilot:
        scores = app.screen.query_one("#scores", TextPane)
        await until_shown(pilot, lambda: "this model" in scores.plain)
        lines = [line.split() for line in scores.plain.splitlines()]
        assert ["round", "0", "8", ".500", ".400", "before", "any", "round"] in lines
        assert ["round", "1", "12", ".750", ".700", "this", "model"] in lines
        assert "round 1 − round 0 on gold test  +.300 accuracy" in scores.plain
        assert ["near", ".800", ".600", ".686", "10"] in lines
        for word in ("BM25", "quer", "pairs", "Evaluate", "Won/lost", "New training"):
            assert word not in drawn(app)
        for key in "nsewbc":
            await pilot.press(key)
            await quiet(pilot)
            assert app.screen is app.base_screen
            assert "5 goes there" in [*app.said][-1].text
        assert project.store.jobs.all() == []
