"""Train with real keys: models, curves, scores, won and lost, comparing, lineage, deeds."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

import pytest

from studio.project import Project
from studio.records import Verdict
from studio.runs import JobState
from studio.tui.app import StudioApp
from studio.tui.plots.curves import Curves
from studio.tui.search.pane import SearchPane
from studio.tui.train.pane import TrainPane
from studio.tui.widgets.bars import KeyBar
from studio.tui.widgets.rows import RowList
from studio.tui.widgets.text_pane import Section, TextPane
from tests.support.trained import add_curves, add_gold, add_model, add_records, add_scores
from tests.support.waiting import quiet


@pytest.fixture(autouse=True)
def no_worker_is_left(project: Project) -> Iterator[None]:
    """Jobs that a test started end with it."""
    yield
    for job in project.store.jobs.all():
        if job.state in (JobState.WAITING, JobState.RUNNING):
            project.store.jobs.request_cancel(job)


@pytest.fixture
def app(project: Project) -> StudioApp:
    return StudioApp(project, screen="train")


@pytest.fixture
def trained(project: Project) -> Project:
    """Two scored models: the newer one gained more."""
    add_records(project)
    add_gold(project)
    add_model(project, "older", gain=0.05, batch_size=16)
    add_model(project, "newer", gain=0.2, created="2026-03-02T09:00:00.000+00:00")
    return project


def pane(app: StudioApp) -> TrainPane:
    assert isinstance(app.screen, TrainPane)
    return app.screen


def models(app: StudioApp) -> list[tuple[str, ...]]:
    return [row.cells for row in app.screen.query_one("#models", RowList).rows]


def queries(app: StudioApp) -> list[tuple[str, ...]]:
    return [row.cells for row in app.screen.query_one("#queries", RowList).rows]


def text(app: StudioApp, name: str) -> str:
    return " ".join(app.screen.query_one(name, TextPane).plain.split())


def title(app: StudioApp, name: str) -> str:
    return str(app.screen.query_one(name, Section).border_title)


async def test_models_stand_newest_first_with_their_scores(
    app: StudioApp, trained: Project
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        newer, older = models(app)
        assert newer[1:6] == ("newer", "minilm-l6", "8", ".400 → .500", ".350 → .500")
        assert newer[6] == ".031"
        assert older[1] == "older"
        assert title(app, "#models-section") == "Models 2"


async def test_curves_show_loss_and_validation_with_the_best_step(
    app: StudioApp, trained: Project
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        drawn = app.screen.query_one(Curves).plain
        assert "Loss  ● training" in drawn
        assert "nDCG@10 on validation  ● trained 0.480  ▲ base 0.400" in drawn
        assert "best: step 30, .500" in drawn


async def test_before_and_after_say_in_plain_words_whether_it_gained(
    app: StudioApp, trained: Project
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        said = text(app, "#scores")
        assert "nDCG@10 MRR@10 Recall@100 BM25 .350 .250–.450" in said
        assert "on 6 gold test queries" in said
        assert "these are only 6 queries: more gold would tell more" in said
        assert "Queries: 5 won, 1 lost, 0 the same; w lists them." in said
        assert "8 pairs · 60 steps, kept step 30, the best" in said


async def test_won_and_lost_queries_are_sorted_and_open_in_search(
    app: StudioApp, trained: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    went: list[dict[str, object]] = []
    monkeypatch.setattr(SearchPane, "open_at", lambda _self, **place: went.append(place))
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        await pilot.press("w")
        await quiet(pilot)
        assert title(app, "#queries-section") == "Queries: 5 won, 1 lost, 0 the same"
        assert [row[0] for row in queries(app)] == [*["+.200"] * 5, "−.100"]
        assert queries(app)[-1][3] == "licence for a café ☕"
        await pilot.press("G", "enter")
        await quiet(pilot)
        assert app.current_mode == "search"
        assert went == [{"gold": "test-5"}]


async def test_b_lists_the_queries_won_against_bm25(app: StudioApp, trained: Project) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        await pilot.press("w", "b")
        await quiet(pilot)
        assert title(app, "#duel-section") == "newer against BM25"
        assert {row[2] for row in queries(app)} == {".350"}
        await pilot.press("b")
        await quiet(pilot)
        assert title(app, "#duel-section") == "newer against its base"


async def test_enter_on_a_model_lists_its_queries_and_esc_goes_back(
    app: StudioApp, trained: Project
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        await pilot.press("enter")
        await quiet(pilot)
        assert app.focused is app.screen.query_one("#queries")
        await pilot.press("escape")
        assert app.focused is app.screen.query_one("#models")
        await pilot.press("escape")
        assert app.screen.query_one("#curves-view").display


async def test_two_models_are_compared_with_settings_and_significance(
    app: StudioApp, trained: Project
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        await pilot.press("j", "c")
        assert models(app)[1][0] == "◆"
        assert "c on another compares" in title(app, "#models-section")
        await pilot.press("k", "c")
        await quiet(pilot)
        said = text(app, "#duel")
        assert "A newer B older" in said
        assert "nDCG@10 .500 .387 +.113" in said
        assert "batch_size 32 16" in said
        assert "A − B +.113 nDCG@10" in said
        assert len(queries(app)) == 6
        await pilot.press("escape", "j", "c")
        assert models(app)[1][0] == ""


async def test_a_model_without_scores_cannot_be_compared_and_says_so(
    app: StudioApp, trained: Project
) -> None:
    add_model(trained, "unscored", split=None)
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        await pilot.press("c", "j", "c")
        await quiet(pilot)
        said = text(app, "#duel")
        assert "unscored has no scores for each gold item yet" in said
        assert "setting newer unscored" not in said
        assert queries(app) == []


async def test_an_unscored_model_says_which_key_scores_it(app: StudioApp, project: Project) -> None:
    add_model(project, split=None)
    add_gold(project, "test")
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        assert "Not scored yet. e scores" in text(app, "#scores")
        await pilot.press("w")
        await quiet(pilot)
        assert "has no scores for each gold item yet" in text(app, "#duel")


async def test_the_key_to_the_right_never_leaves_what_was_won_and_lost(
    app: StudioApp, trained: Project
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        await pilot.press("w")
        await quiet(pilot)
        await pilot.press("h", "l", "l", "l")
        await quiet(pilot)
        assert app.focused is app.screen.query_one("#queries")


async def test_the_lineage_tells_data_prompts_filters_and_parents(
    app: StudioApp, trained: Project, job: Callable[..., int]
) -> None:
    parent = trained.store.models.all()[0]
    chain = [{"filter": "length", "label": "x", "judged": 12, "kept": 10}]
    job("filter", JobState.DONE, result={"chain": chain})
    newest = "2026-03-05T09:00:00.000+00:00"
    add_model(trained, "third", parent=parent.id, kept_by="length", created=newest)
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        await pilot.press("l")
        await quiet(pilot)
        said = text(app, "#lineage")
        assert "third" in said
        assert "8 records" in said
        assert "chosen by kept by length" in said
        assert "filter length: kept 10 of 12" in said
        assert "↳ goes on from Model 2 newer" in said
        assert "brought from outside" in said


async def test_a_running_training_shows_its_curves_and_clock(
    app: StudioApp, project: Project, job: Callable[..., int]
) -> None:
    running = job(
        "train", JobState.RUNNING, done=30, total=120, pid=os.getpid(), heartbeat=time.time(),
        params={"name": "garden", "encoder": "wordllama-256"}, message="training garden · loss 1",
    )  # fmt: skip
    add_curves(project, running, "garden", steps=30)
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        (row,) = models(app)
        assert row[0] == "●"
        assert row[1:3] == ("garden · training", "wordllama-256")
        assert row[4] == "30/120"
        assert "30 of 120" in title(app, "#curves-section")
        drawn = app.screen.query_one(Curves).plain
        assert "● training 0.500" in drawn
        assert drawn.splitlines()[-1].split()[-1] == "120"
        project.store.jobs.add_points(running, [("garden loss", 35, 0.25)])
        app.screen.store_changed()  # type: ignore[attr-defined]
        await quiet(pilot)
        assert "● training 0.250" in app.screen.query_one(Curves).plain


async def test_a_stopped_training_stands_among_the_models_by_its_time(
    app: StudioApp, trained: Project, job: Callable[..., int]
) -> None:
    job("train", JobState.CANCELLED, created="2026-03-01T12:00:00.000+00:00")
    job("train", JobState.RUNNING, pid=os.getpid(), heartbeat=time.time())
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        assert [row[0] for row in models(app)] == ["●", "", "–", ""]


async def test_the_cursor_goes_from_a_training_to_its_model(
    app: StudioApp, trained: Project, job: Callable[..., int]
) -> None:
    number = job("train", JobState.RUNNING, pid=os.getpid(), heartbeat=time.time())
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        made = add_model(trained, "made", created="2026-02-01T09:00:00.000+00:00")
        with trained.store.write() as conn:
            conn.execute("UPDATE models SET job_id = ? WHERE id = ?", (number, made.id))
            conn.execute("UPDATE jobs SET state = 'done' WHERE id = ?", (number,))
        app.screen.store_changed()  # type: ignore[attr-defined]
        await quiet(pilot)
        assert pane(app).model is not None
        assert pane(app).model.name == "made"  # type: ignore[union-attr]
        footer = str(app.screen.query_one(KeyBar).render())
        assert "Evaluate" in footer
        assert "Stop it" not in footer


async def test_x_asks_a_running_training_to_stop(
    app: StudioApp, project: Project, job: Callable[..., int]
) -> None:
    running = job("train", JobState.RUNNING, pid=os.getpid(), heartbeat=time.time())
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        await pilot.press("x")
        assert project.store.jobs.is_cancelled(running)


async def test_r_resumes_a_stopped_training(
    app: StudioApp, project: Project, job: Callable[..., int]
) -> None:
    stopped = job("train", JobState.CANCELLED)
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        assert "r goes on" in text(app, "#scores")
        await pilot.press("r")
        await quiet(pilot)
        found = project.store.jobs.get(stopped)
        assert found is not None
        assert found.state in (JobState.WAITING, JobState.RUNNING, JobState.FAILED)


async def test_cancel_and_resume_on_a_model_say_what_to_choose(
    app: StudioApp, trained: Project
) -> None:
    said: list[str] = []
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        app.tell = lambda words, **_: said.append(words)  # type: ignore[method-assign]
        await pilot.press("x", "r")
    assert "Choose a training that runs" in said[0]
    assert "Choose a training that was stopped" in said[1]


async def test_enter_on_a_training_goes_to_its_job(app: StudioApp, job: Callable[..., int]) -> None:
    job("train", JobState.FAILED, message="out of 内存 🧾")
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        assert "out of 内存 🧾" in text(app, "#scores")
        await pilot.press("enter")
        await quiet(pilot)
        assert app.current_mode == "jobs"


async def test_e_scores_the_model_on_the_gold_there_is(app: StudioApp, trained: Project) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        await pilot.press("e")
        job = trained.store.jobs.all()[0]
        assert (job.kind, job.params["model_id"], job.params["split"]) == ("evaluate", 2, "test")


async def test_e_asks_which_gold_when_there_are_both_kinds(
    app: StudioApp, trained: Project
) -> None:
    add_gold(trained, "validation")
    async with app.run_test(size=(80, 24)) as pilot:
        await quiet(pilot)
        await pilot.press("e", "j", "enter")
        assert trained.store.jobs.all()[0].params["split"] == "validation"


async def test_without_gold_an_unscored_model_leads_to_search(
    app: StudioApp, project: Project
) -> None:
    add_model(project, split=None)
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        assert "go to Search (7)" in text(app, "#scores")
        assert "mark what is right with a" in text(app, "#scores")


async def test_e_without_gold_says_how_to_get_some(app: StudioApp, project: Project) -> None:
    add_model(project, split=None)
    said: list[str] = []
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        app.tell = lambda words, **_: said.append(words)  # type: ignore[method-assign]
        await pilot.press("e")
    assert "There is no gold to score on" in said[0]


async def test_scores_that_come_from_elsewhere_appear(app: StudioApp, project: Project) -> None:
    add_gold(project)
    model = add_model(project, split=None)
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        add_scores(project, model.id, 0.1)
        app.screen.store_changed()  # type: ignore[attr-defined]
        await quiet(pilot)
        assert "5 won, 1 lost" in text(app, "#scores")


async def test_m_renames_a_model_and_its_folder_stays(app: StudioApp, trained: Project) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        await pilot.press("m", *["backspace"] * 5, *"花园", "enter")
        await quiet(pilot)
        model = trained.store.models.get(2)
        assert model is not None
        assert (model.name, model.path) == ("花园", "models/newer")
        assert models(app)[0][1] == "花园"
        assert "Loss" in app.screen.query_one(Curves).plain


async def test_a_name_that_is_taken_is_refused(app: StudioApp, trained: Project) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        await pilot.press("m", *["backspace"] * 5, *"older", "enter", "escape")
        assert [model.name for model in trained.store.models.all()] == ["newer", "older"]


async def test_t_writes_a_note_that_stays(app: StudioApp, trained: Project) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        await pilot.press("t", *"with 退货", "enter")
        await quiet(pilot)
        assert "“with 退货”" in text(app, "#scores")
        await pilot.press("j", "k")
        await quiet(pilot)
        assert "“with 退货”" in text(app, "#scores")


async def test_y_copies_the_models_folder(app: StudioApp, trained: Project) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        await pilot.press("y")
        assert app.clipboard == str(trained.path / "models" / "newer")


async def test_v_switches_curves_and_scores_on_a_narrow_screen(
    app: StudioApp, trained: Project
) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await quiet(pilot)
        curves, scores = (app.screen.query_one(f"#{n}-section") for n in ("curves", "scores"))
        assert scores.display
        assert not curves.display
        assert "v shows the curves" in title(app, "#scores-section")
        await pilot.press("v")
        assert curves.display
        assert not scores.display


async def test_other_panes_open_a_model_or_a_jobs_model(app: StudioApp, trained: Project) -> None:
    job = trained.store.models.all()[1].job_id
    async with app.run_test(size=(120, 40)) as pilot:
        await app.go("train", model=1)
        await quiet(pilot)
        assert pane(app).model is not None
        assert pane(app).model.name == "older"  # type: ignore[union-attr]
        await app.go("train", model=2)
        await quiet(pilot)
        await app.go("train", job=job)
        await quiet(pilot)
        assert pane(app).model.name == "older"  # type: ignore[union-attr]


async def test_an_empty_pane_says_what_to_press(app: StudioApp, project: Project) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await quiet(pilot)
        assert "no query is kept to train on. ^r runs the whole path" in pane(app).table.empty
        for key in ("w", "c", "l", "e", "v", "b", "x", "r", "m", "t", "s", "y", "enter"):
            await pilot.press(key)
        assert app.is_running
        rows = add_records(project, 3)
        project.store.verdicts.add([Verdict(rows[0], "person", True)])
        app.screen.store_changed()  # type: ignore[attr-defined]
        assert "n chooses data and base" in pane(app).table.empty


async def test_keys_pressed_fast_are_all_done(app: StudioApp, trained: Project) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        await pilot.press("j", "c", "k", "c", "escape", "w", "b", "l", "escape", "v", "j")
        await quiet(pilot)
        assert pane(app).model is not None
        assert pane(app).model.name == "older"  # type: ignore[union-attr]
        assert app.screen.query_one("#curves-view").display
