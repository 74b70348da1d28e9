"""The form for a new training: what is chosen, counted, refused and kept; then a real training."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from studio.jobs.queue import ENDED
from studio.jobs.train_params import TrainParams
from studio.project import Project
from studio.runs import JobState
from studio.tui.app import StudioApp
from studio.tui.train.form import TrainForm
from studio.tui.widgets.editor import Field
from studio.tui.widgets.form import Form
from studio.tui.widgets.rows import RowList
from tests.support import tiny_encoder
from tests.support.data import gold_query
from tests.support.trained import QUESTIONS, add_gold, add_model, add_records
from tests.support.waiting import quiet, until_shown
from tests.tui.test_train_pane import models, text


@pytest.fixture(autouse=True)
def no_worker_is_left(project: Project) -> Iterator[None]:
    """Jobs that a test started end with it."""
    yield
    for job in project.store.jobs.all():
        if job.state in (JobState.WAITING, JobState.RUNNING):
            project.store.jobs.request_cancel(job)


@pytest.fixture
def filled(project: Project) -> Project:
    """Twelve queries of one job, eight of them kept; the length is scored 0 to 11."""
    add_records(project, job=project.store.jobs.submit("generate", {}))
    return project


@pytest.fixture
def app(filled: Project) -> StudioApp:
    return StudioApp(filled, screen="train")


async def open_form(pilot: Pilot[int], key: str = "n") -> TrainForm:
    await quiet(pilot)
    await pilot.press(key)
    await quiet(pilot)
    assert isinstance(pilot.app.screen, TrainForm)
    return pilot.app.screen


def said(form: TrainForm, name: str) -> str:
    return str(form.query_one(f"#{name}", Static).render())


def value(form: TrainForm, name: str) -> str:
    return form.query_one(Form).values[name]


def hint(form: TrainForm, name: str) -> str:
    return str(form.query_one(f"#line-{name} .form-hint", Static).render())


def submitted(project: Project) -> TrainParams:
    job = project.store.jobs.all()[0]
    assert job.kind == "train"
    return TrainParams.from_row(job.params)


async def go_to(pilot: Pilot[int], name: str) -> None:
    pilot.app.screen.query_one(Form).go_to(name)
    await pilot.pause()


async def put(pilot: Pilot[int], name: str, typed: str) -> None:
    """Go to a line, type, and leave it."""
    await go_to(pilot, name)
    await pilot.press("enter", *typed, "escape")
    await pilot.pause()


async def test_the_form_counts_what_it_would_train_on(app: StudioApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        form = await open_form(pilot)
        assert "✓ 8 pairs on 7 documents" in said(form, "look")
        assert "a guess: none like it was trained here yet" in said(form, "look")
        assert "no validation gold" in said(form, "look")


async def test_queries_with_a_gold_querys_words_are_left_out_and_counted(
    app: StudioApp, filled: Project
) -> None:
    filled.store.gold.add([gold_query("g", "Query 0 问题?", "test", {1: 1})])
    async with app.run_test(size=(120, 40)) as pilot:
        form = await open_form(pilot)
        assert "✓ 7 pairs" in said(form, "look")
        assert "1 left out: each has a gold query's words" in said(form, "look")


async def test_the_data_can_be_chosen_by_filter_score_and_job(
    app: StudioApp, filled: Project
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        form = await open_form(pilot)
        await pilot.press("right", "right")
        await quiet(pilot)
        assert value(form, "kept_by") == "length"
        assert "✓ 12 pairs" in said(form, "look")
        await go_to(pilot, "score_of")
        await pilot.press("right", "down", "enter", "2", "down", "4", "escape")
        await quiet(pilot)
        assert "✓ 3 pairs" in said(form, "look")
        await go_to(pilot, "from_job")
        await pilot.press("right", "s")
        await quiet(pilot)
        params = submitted(filled)
        assert (params.kept_by, params.score_of) == ("length", "length")
        assert (params.min_score, params.max_score, params.from_job) == (2.0, 4.0, 1)


async def test_a_reranker_is_trained_over_the_retriever_that_is_chosen(
    app: StudioApp, no_workers: list[int]
) -> None:
    add_model(app.project, "retriever-1", split=None)
    (app.project.models_dir / "retriever-1").mkdir()
    async with app.run_test(size=(120, 40)) as pilot:
        form = await open_form(pilot, "a")
        await until_shown(pilot, lambda: "7 documents against each right one" in said(form, "look"))
        assert "8 queries" in said(form, "look")
        (line,) = [one for one in form.query_one(Form).fields if one.name == "retriever"]
        choices = {one.value for one in line.choices}
        assert choices == {"", "base", "model-1"}
        await pilot.press("s")
        await until_shown(pilot, lambda: bool(app.project.store.jobs.unfinished(("rerank",))))
        (job,) = app.project.store.jobs.unfinished(("rerank",))
        assert (job.params["base"], job.params["evaluate"]) == ("minilm-l6", True)
        await until_shown(pilot, lambda: "reranker" in str(models(app)))


async def test_space_lists_all_values_of_a_line(app: StudioApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        form = await open_form(pilot)
        await go_to(pilot, "encoder")
        await pilot.press("space")
        rows = app.screen.query_one(RowList).rows
        assert {"minilm-l6", "wordllama-256"} <= {row.key.removeprefix("=") for row in rows}
        await pilot.press("G", "enter")
        assert value(form, "encoder") == rows[-1].key.removeprefix("=")


async def test_an_encoder_that_is_not_here_shows_the_command_to_fetch_it(
    app: StudioApp, filled: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STUDIO_MODELS", str(tmp_path / "empty"))
    async with app.run_test(size=(120, 40)) as pilot:
        form = await open_form(pilot)
        while value(form, "encoder") != "mpnet-base":
            await go_to(pilot, "encoder")
            await pilot.press("right")
        await pilot.pause()
        assert "studio models pull mpnet-base" in hint(form, "encoder")
        await pilot.press("s")
        await quiet(pilot)
        assert "studio models pull mpnet-base" in said(form, "look")
        assert app.screen is form


@pytest.mark.parametrize(
    ("name", "typed", "problem"),
    [
        ("epochs", "many", "type a number from 0.01"),
        ("batch_size", "1", "type a whole number from 2"),
        ("learning_rate", "-1", "type a number from 1e-12"),
        ("distillation", "2", "type a number from 0 to 1"),
        ("hard_negatives", "99", "type a whole number from 0 to 8"),
        ("min_score", "abc", "type a number, or leave it empty"),
        ("seed", "1.5", "type a whole number from 0"),
        ("seed", "9" * 40, "type a whole number from 0"),
        ("encoder", "/nowhere/at/all", "There is no folder"),
        ("name", "../x", "The model name '../x' cannot be a folder's"),
    ],
)
async def test_values_are_checked_as_they_are_typed(
    app: StudioApp, filled: Project, name: str, typed: str, problem: str
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        form = await open_form(pilot)
        await put(pilot, name, typed)
        assert f"! {problem}" in hint(form, name)
        assert said(form, "look").startswith("✗ ")
        await pilot.press("s")
        await quiet(pilot)
        assert app.screen is form
        assert [job.kind for job in filled.store.jobs.all()] == ["generate"]


async def test_the_lowest_score_is_not_above_the_highest(app: StudioApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        form = await open_form(pilot)
        await put(pilot, "min_score", "9")
        await put(pilot, "max_score", "1")
        assert "! the lowest score is above it" in hint(form, "max_score")


async def test_empty_lines_take_the_recipes_numbers_shown_in_brackets(
    app: StudioApp, filled: Project
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        form = await open_form(pilot)
        assert form.query_one("#field-batch_size", Field).placeholder == "(32)"
        assert form.query_one("#field-seed", Field).placeholder == "(13)"
        await pilot.press("s")
        await quiet(pilot)
        params = submitted(filled)
        assert (params.batch_size, params.epochs, params.evaluate) == (None, None, True)
        assert models(app)[0][1].startswith(f"retriever-{filled.store.jobs.all()[0].id}")


async def test_what_was_typed_is_kept_as_a_draft_until_it_is_started(
    app: StudioApp, filled: Project
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        form = await open_form(pilot)
        await go_to(pilot, "name")
        await pilot.press("enter", *"garten花", "escape", "escape", "n")
        await quiet(pilot)
        form = app.screen  # type: ignore[assignment]
        assert value(form, "name") == "garten花"
        await pilot.press("G", "enter")
        await quiet(pilot)
        assert submitted(filled).name == "garten花"
        assert filled.store.drafts.get("train-form") is None


async def test_a_draft_is_written_while_the_field_is_open(app: StudioApp, filled: Project) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await open_form(pilot)
        await go_to(pilot, "epochs")
        await pilot.press("enter", "7")
        await until_shown(
            pilot,
            lambda: json.loads(filled.store.drafts.get("train-form") or "{}").get("epochs") == "7",
        )
        assert app.screen.query_one(Form).is_typing


async def test_ctrl_l_puts_everything_back(app: StudioApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        form = await open_form(pilot)
        await pilot.press("right")
        await put(pilot, "epochs", "7")
        await pilot.press("ctrl+l")
        await quiet(pilot)
        assert (value(form, "kept_by"), value(form, "epochs")) == ("", "")


async def test_s_begins_with_the_settings_of_the_model_under_the_cursor(
    app: StudioApp, filled: Project
) -> None:
    settings = {"batch_size": 16, "seed": 7, "max_score": 3.0, "score_of": "length"}
    add_model(filled, "older", split=None, base="wordllama-256", **settings)
    async with app.run_test(size=(120, 40)) as pilot:
        form = await open_form(pilot, "s")
        names = ("encoder", "batch_size", "seed", "max_score", "score_of", "name")
        found = tuple(value(form, name) for name in names)
        assert found == ("wordllama-256", "16", "7", "3", "length", "")
        assert "✓ 3 pairs" in said(form, "look")


async def test_the_time_is_told_by_an_earlier_pace_where_there_is_one(
    app: StudioApp, filled: Project
) -> None:
    import platform

    model = add_model(
        filled, "older", split=None, trained_side="query", distillation=0.5, max_length=256
    )
    pace = {"machine": platform.node(), "step_s": 60.0, "rest_s": 30.0}
    filled.store.models.set_scores(model.id, {**model.scores, "pace": pace})
    async with app.run_test(size=(120, 40)) as pilot:
        form = await open_form(pilot)
        assert "1 step of 32 pairs, about 2 min (as fast as older was here)" in said(form, "look")


async def test_nothing_to_train_on_is_refused(app: StudioApp, filled: Project) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        form = await open_form(pilot)
        await pilot.press("left")
        await pilot.press("s")
        await quiet(pilot)
        assert value(form, "kept_by") == "person"
        assert "Nothing to train on: ✗ no record is chosen" in said(form, "look")
        assert app.screen is form


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
async def test_keys_go_from_line_to_line_and_through_choices(
    app: StudioApp, size: tuple[int, int]
) -> None:
    async with app.run_test(size=size) as pilot:
        form = await open_form(pilot)
        reached = []
        for key in ("down", "j", "down", "up", "k", "up"):
            await pilot.press(key)
            reached.append(form.query_one(Form).current)
        assert reached == ["score_of", "min_score", "max_score", "min_score", "score_of", "kept_by"]
        values = []
        await go_to(pilot, "recipe")
        for key in ("right", "l", "left", "h"):
            await pilot.press(key)
            values.append(value(form, "recipe"))
        assert values == ["published", "recommended", "published", "recommended"]


async def test_what_is_chosen_can_be_typed_instead_where_anything_goes(
    app: StudioApp, tmp_path: Path
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        form = await open_form(pilot)
        await go_to(pilot, "encoder")
        await pilot.press("enter", *["backspace"] * 20, *str(tmp_path), "escape")
        assert value(form, "encoder") == str(tmp_path)
        await pilot.press("right")
        assert value(form, "encoder") == "minilm-l6"


async def test_a_draft_of_an_older_studio_is_read(app: StudioApp, filled: Project) -> None:
    older = {"score": "..4", "path": "./here", "recipe": "published", "interpolate": "no"}
    filled.store.drafts.set("train-form", json.dumps({**older, "score_of": "length"}))
    async with app.run_test(size=(120, 40)) as pilot:
        form = await open_form(pilot)
        names = ("min_score", "max_score", "encoder", "recipe", "interpolate", "score_of")
        found = tuple(value(form, name) for name in names)
        assert found == ("", "4", "./here", "published", "no", "length")


async def test_at_80_cells_the_help_of_the_line_in_hand_stands_below(app: StudioApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        form = await open_form(pilot)
        await go_to(pilot, "patience")
        await pilot.pause()
        meaning = str(form.query_one(".form-meaning", Static).render())
        assert meaning.startswith("Patience: checks without a gain")
        line = form.query_one("#line-patience")
        assert form.query_one(Form).region.contains_region(line.region)


@pytest.fixture
def tiny(project: Project, tmp_path: Path) -> Project:
    """The tiny encoder as base, its words as queries, and gold to score on."""
    project.store.values.set("encoder", str(tiny_encoder.static_encoder(tmp_path / "tiny")))
    add_records(project, 24)
    add_gold(project, "validation")
    add_gold(project, "test")
    return project


async def test_a_real_training_from_the_form_to_before_and_after(tiny: Project) -> None:
    app = StudioApp(tiny, screen="train")
    async with app.run_test(size=(120, 40)) as pilot:
        form = await open_form(pilot)
        assert value(form, "encoder").endswith("tiny")
        for name, typed in (("epochs", "6"), ("batch_size", "4"), ("distillation", "0")):
            await put(pilot, name, typed)
        await pilot.press("s")
        await until_shown(
            pilot, lambda: [job.state in ENDED for job in tiny.store.jobs.all()] == [True]
        )
        (job,) = tiny.store.jobs.all()
        assert job.state is JobState.DONE, job.message
        app.screen.store_changed()  # type: ignore[attr-defined]
        await quiet(pilot)
        row = models(app)[0]
        assert row[1] == f"retriever-{job.id}"
        assert "→" in row[4]
        assert "→" in row[5]
        assert f"on {len(QUESTIONS)} gold test queries" in text(app, "#scores")
        (model,) = tiny.store.models.all()
        assert model.scores["pace"]["step_s"] > 0
