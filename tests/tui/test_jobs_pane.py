"""Jobs with real keys: rows, facts, log, cancel, resume, starting steps."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import pytest
from textual.events import Key
from textual.widgets import Static

from studio.jobs import queue
from studio.project import Project
from studio.runs import JobState, Model
from studio.store import Store
from studio.tui.app import StudioApp
from studio.tui.dialogs.ask import Choose
from studio.tui.jobs.delete_files import DeleteFiles
from studio.tui.jobs.start import StartDialog, form_lines, params_of
from studio.tui.pane.params_form import Unfit
from studio.tui.widgets.bars import KeyBar
from studio.tui.widgets.editor import Field
from studio.tui.widgets.form import Form
from studio.tui.widgets.rows import RowList
from studio.tui.widgets.text_pane import TextPane
from tests.support.hostile import frame
from tests.support.waiting import quiet, until_shown
from tests.tui.test_job_view import RESULT

JobMaker = Callable[..., int]


def states(app: StudioApp) -> list[str]:
    return [row.cells[2] for row in app.screen.query_one(RowList).rows]


async def test_every_job_of_the_project_is_listed(project: Project, job: JobMaker) -> None:
    job("import", JobState.DONE)
    job("generate", JobState.FAILED, message="The endpoint is down.")
    job("train", JobState.RUNNING, pid=2**22 - 1, heartbeat=time.time())
    async with StudioApp(project, screen="jobs").run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert states(pilot.app) == ["! interrupted", "✗ failed", "✓ done"]


async def test_a_job_of_another_program_shows_up_by_itself(project: Project) -> None:
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        other = Store(project.store.path)
        other.jobs.submit("train", {})
        other.close()
        await quiet(pilot)
        assert states(app) == ["… waiting"]


async def test_the_log_is_shown_and_follows(project: Project, job: JobMaker) -> None:
    job_id = job("train", JobState.RUNNING, pid=os.getpid(), heartbeat=time.time())
    log = project.logs_dir / queue.log_path(project, job_id).name
    log.write_text("first line \x1b[31mred\n", "utf-8")
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(120, 40)) as pilot:
        pane = app.screen.query_one("#log", TextPane)
        await until_shown(pilot, lambda: "first line" in pane.plain)
        with log.open("a") as file:
            file.write("second line\n")
        await until_shown(pilot, lambda: "second line" in pane.plain)
        await pilot.press("l")
        assert app.focused is app.screen.query_one("#log")
        await pilot.press("escape")
        assert isinstance(app.focused, RowList)


async def test_cancel_asks_the_worker_to_stop(project: Project, job: JobMaker) -> None:
    job_id = job("train", JobState.RUNNING, pid=os.getpid(), heartbeat=time.time())
    async with StudioApp(project, screen="jobs").run_test(size=(120, 40)) as pilot:
        await pilot.press("x")
        asked = project.store.jobs.get(job_id)
        assert asked is not None
        assert asked.cancel_requested


async def test_cancel_of_a_finished_job_is_told(project: Project, job: JobMaker) -> None:
    job("train", JobState.DONE)
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("c")
        assert "nothing to cancel" in list(app.said)[-1].text


async def test_one_key_resumes_an_interrupted_job(
    project: Project, job: JobMaker, no_workers: list[int]
) -> None:
    job_id = job("train", JobState.RUNNING, pid=2**22 - 1, heartbeat=time.time())
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert "r goes on" in app.screen.query_one("#facts", TextPane).plain
        await pilot.press("r")
        assert no_workers == [job_id]


async def test_the_path_starts_from_anywhere_with_a_small_dialog(
    project: Project, no_workers: list[int]
) -> None:
    app = StudioApp(project, screen="home")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("ctrl+r")
        await pilot.pause()
        assert isinstance(app.screen, StartDialog)
        await pilot.press("g", "enter", "ctrl+u", "5", "escape", "s")
        await quiet(pilot)
        assert app.current_mode == "jobs"
        made = project.store.jobs.all()[0]
        assert made.kind == "path"
        assert made.params["generate"]["documents"] == 5
        assert no_workers == [made.id]


async def test_a_wrong_number_is_told_and_nothing_starts(
    project: Project, no_workers: list[int]
) -> None:
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("ctrl+r")
        await pilot.pause()
        await pilot.press("g", "enter", "ctrl+u", *"many", "escape", "s")
        await quiet(pilot)
        assert isinstance(app.screen, StartDialog)
        assert "Documents is 'many'" in "\n".join(frame(app))
        assert no_workers == []
        # It is kept for the next time.
        await pilot.press("escape", "ctrl+r")
        await quiet(pilot)
        assert "many" in "\n".join(frame(app))


@pytest.mark.parametrize(("place", "kind"), [(2, "filter"), (3, "judge"), (5, "evaluate")])
async def test_a_step_starts_alone_as_it_stands(
    project: Project, no_workers: list[int], place: int, kind: str
) -> None:
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("n")
        await pilot.pause()
        assert isinstance(app.screen, Choose)
        await pilot.press(*["j"] * place, "enter")
        await quiet(pilot)
        await pilot.press("enter")
        await quiet(pilot)
        assert [job.kind for job in project.store.jobs.all()] == [kind]


async def test_a_filter_is_chosen_link_by_link_and_only_what_fits_is_asked(
    project: Project, no_workers: list[int]
) -> None:
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("n", "j", "j", "enter")
        await quiet(pilot)
        names = [one.name for one in app.screen.query_one(Form).fields]
        assert names[:2] == ["filter-length", "filter-copy"]
        assert names[-3:] == ["round_trip", "k", "encoder"]
        # Copies stay, and BM25 looks for the document among the first two.
        await pilot.press("g", "j", "right", *["j"] * (len(names) - 4), "left", "left")
        await quiet(pilot)
        form = app.screen.query_one(Form)
        assert form.values["round_trip"] == "bm25"
        assert [one.name for one in form.fields][-1] == "k"
        await pilot.press("j", "right", "s")
        await quiet(pilot)
        [made] = project.store.jobs.all()
        assert made.params["chain"] == "-copy"
        assert (made.params["round_trip"], made.params["k"]) == ("bm25", 2)


@pytest.mark.parametrize("mode", ["bm25", "off"])
async def test_a_form_opens_again_with_fewer_lines_and_starts(
    project: Project, no_workers: list[int], mode: str
) -> None:
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("n", "j", "j", "enter")
        await quiet(pilot)
        app.screen.query_one(Form).put("round_trip", mode)
        await quiet(pilot)
        await pilot.press("escape", "n", "j", "j", "enter")
        await quiet(pilot)
        form = app.screen.query_one(Form)
        assert (form.values["round_trip"], form.current) == (mode, "")
        await pilot.press("enter")
        await quiet(pilot)
        [made] = project.store.jobs.all()
        assert made.params["round_trip"] == mode


async def test_what_the_path_trains_is_chosen_whatever_filters_before(project: Project) -> None:
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("ctrl+r")
        await quiet(pilot)
        form, ready = app.screen.query_one(Form), list[dict[str, Any]]()
        form.put("encoder", "minilm-l6")
        for mode in ("bm25", "off"):
            form.put("round_trip", mode)
            await quiet(pilot)
            assert "encoder" in [one.name for one in form.fields]
            ready.append(params_of(project, "path", form.fields, form.values))
        assert [one["train"]["encoder"] for one in ready] == ["minilm-l6"] * 2


async def test_a_line_that_is_not_shown_holds_nothing_up(
    project: Project, no_workers: list[int]
) -> None:
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("n", "j", "j", "enter")
        await quiet(pilot)
        form = app.screen.query_one(Form)
        form.put("k", "many")
        form.put("round_trip", "off")
        await quiet(pilot)
        await pilot.press("s")
        await quiet(pilot)
        [made] = project.store.jobs.all()
        assert made.params["round_trip"] == "off"


async def test_what_a_job_was_told_stands_in_the_words_of_its_form(
    project: Project, job: JobMaker
) -> None:
    params = {"method": "promptagator", "budget_tokens": 5000, "max_concurrency": 4}
    job("generate", JobState.DONE, params=params)
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        text = app.screen.query_one("#facts", TextPane).plain
        assert "Cap in tokens    5,000" in text
        assert "Calls at a time  4" in text
        assert "budget_tokens" not in text


@pytest.mark.parametrize(("place", "pane"), [(1, "generate"), (4, "train")])
async def test_a_step_with_a_form_of_its_own_leads_to_it(
    project: Project, no_workers: list[int], place: int, pane: str
) -> None:
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("n")
        await pilot.pause()
        await pilot.press(*["j"] * place, "enter")
        await quiet(pilot)
        assert app.current_mode == pane
        assert isinstance(app.focused, Form)
        assert no_workers == []


async def test_a_step_starts_from_the_palette(project: Project, no_workers: list[int]) -> None:
    app = StudioApp(project, screen="examples")
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("ctrl+p", *"filter the records")
        await quiet(pilot)
        await pilot.press("enter")
        await quiet(pilot)
        assert isinstance(app.screen, StartDialog)


async def test_two_jobs_of_one_kind_keep_the_cursor_on_its_row(
    project: Project, job: JobMaker
) -> None:
    first = job("import", JobState.DONE)
    app = StudioApp(project, screen="jobs", attach_job=first)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        job("import", JobState.DONE)
        app.screen.store_changed()  # type: ignore[attr-defined]
        current = app.screen.query_one(RowList).current
        assert current is not None
        assert current.key == str(first)


async def test_a_run_is_paused_and_goes_on_by_one_key(project: Project, job: JobMaker) -> None:
    job_id = job("generate", JobState.RUNNING, pid=os.getpid(), heartbeat=time.time())
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("p")
        assert queue.get(project, job_id).is_paused
        assert states(app) == ["‖ paused"]
        assert "p" in footer(app)
        await pilot.press("p")
        assert states(app) == ["● running"]


async def test_what_cannot_be_paused_says_what_to_do_instead(
    project: Project, job: JobMaker
) -> None:
    job("train", JobState.RUNNING, pid=os.getpid(), heartbeat=time.time())
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("p")
        assert "Cancel it instead" in list(app.said)[-1].text


async def test_the_footer_names_only_what_the_job_allows(project: Project, job: JobMaker) -> None:
    job("generate", JobState.DONE)
    job("train", JobState.RUNNING, pid=os.getpid(), heartbeat=time.time())
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.pause()
        assert {"Stop", "Log", "Filter"} <= footer(app)
        assert not {"Pause", "Resume"} & footer(app)
        await pilot.press("j")
        await pilot.pause()
        assert "Stop" not in footer(app)


def footer(app: StudioApp) -> set[str]:
    return set(str(app.screen.query_one(KeyBar).render()).split())


async def test_jobs_are_filtered_by_kind_and_state(project: Project, job: JobMaker) -> None:
    job("train", JobState.FAILED)
    job("train", JobState.DONE)
    job("generate", JobState.FAILED)
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("slash", *"train fail")
        await pilot.pause()
        rows = app.screen.query_one(RowList).rows
        assert [row.cells[:3] for row in rows] == [("1", "train", "✗ failed")]
        await pilot.press("enter", "slash", "x", "enter")
        await pilot.pause()
        assert states(app) == []
        assert "esc shows all" in app.screen.query_one(RowList).empty
        await pilot.press("escape")
        await pilot.pause()
        assert len(states(app)) == 3


async def test_keys_typed_after_the_slash_are_words_not_deeds(
    project: Project, job: JobMaker
) -> None:
    number = job("train", JobState.RUNNING, pid=os.getpid(), heartbeat=time.time())
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        for key in ("slash", "c", "x", "p", "slash"):
            # All at once, as a slow link hands them over.
            app.post_message(Key(key, "/" if key == "slash" else key))
        await until_shown(pilot, lambda: app.screen.query_one("#only", Field).value == "cxp/")
        assert app.screen.query_one("#only", Field).value == "cxp/"
        assert not queue.get(project, number).cancel_requested


async def test_waiting_jobs_say_their_turn(project: Project) -> None:
    for _ in range(3):
        project.store.jobs.submit("train", {})
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        what = [row.cells[4] for row in app.screen.query_one(RowList).rows]
        assert what == ["starts after 2 other", "starts after 1 other", "next to start"]


async def test_what_the_training_gained_is_seen_without_scrolling(
    project: Project, job: JobMaker
) -> None:
    job("path", JobState.DONE, result=RESULT)
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        strips = app.screen._compositor.render_strips()
        lines = ["".join(segment.text for segment in strip) for strip in strips]
        said = "trained .650 vs base .600 nDCG@10, +.050, p = .012: better"
        assert any(said in line for line in lines)


@pytest.mark.parametrize(
    ("kind", "values", "pane"),
    [
        ("generate", {"state": JobState.CANCELLED}, "generate"),
        ("filter", {"state": JobState.DONE}, "review"),
        ("train", {"state": JobState.DONE, "result": {"model_id": 1}}, "train"),
        ("path", {"state": JobState.DONE, "result": {"model_id": 1}}, "train"),
        ("import", {"state": JobState.DONE}, "examples"),
    ],
)
async def test_enter_goes_to_what_a_job_made(
    project: Project, job: JobMaker, kind: str, values: dict[str, Any], pane: str
) -> None:
    job(kind, values.pop("state"), **values)
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        assert "enter opens it in" in app.screen.query_one("#facts", TextPane).plain
        await pilot.press("enter")
        await quiet(pilot)
        assert app.current_mode == pane


async def test_enter_on_a_job_that_made_nothing_gives_the_keys_to_its_facts(
    project: Project, job: JobMaker
) -> None:
    job("train", JobState.FAILED, message="No query is kept.")
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("enter")
        assert app.focused is app.screen.query_one("#facts")


@pytest.fixture
def trained(project: Project, job: JobMaker) -> int:
    """A finished training with a log, checkpoints and a model."""
    number = job("train", JobState.DONE, result={"model_id": 1})
    name = f"retriever-{number}"
    (project.logs_dir / queue.log_path(project, number).name).write_text("x" * 4_000)
    for folder, size in ((name, 3_000_000), (f"{name}.training", 5_000_000)):
        (project.models_dir / folder).mkdir()
        (project.models_dir / folder / "weights").write_bytes(b"x" * size)
    project.store.models.add(Model(name, f"models/{name}", "base", job_id=number))
    return number


async def test_files_are_deleted_after_a_look_at_what_and_how_much(
    project: Project, trained: int
) -> None:
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("delete")
        await quiet(pilot)
        assert isinstance(app.screen, DeleteFiles)
        rows = [row.cells for row in app.screen.query_one(RowList).rows]
        assert rows == [
            ("[x]", f"log job-{trained}.log", "4 KB"),
            ("[x]", f"checkpoints retriever-{trained}.training", "5.0 MB"),
            ("[ ]", f"model retriever-{trained}", "3.0 MB"),
        ]
        said = str(app.screen.query_one("#sum", Static).visual)
        assert "y deletes what is marked (2 of 3, 5.0 MB) for good" in said
        await pilot.press("y")
        await until_shown(pilot, lambda: queue.get(project, trained).deleted and not app.workers)
        assert (project.models_dir / f"retriever-{trained}" / "weights").exists()
        assert not (project.models_dir / f"retriever-{trained}.training").exists()
        assert not queue.log_path(project, trained).exists()
        kept = queue.get(project, trained)
        assert kept.result == {"model_id": 1}
        assert f"checkpoints retriever-{trained}.training (5.0 MB)" in kept.deleted
        assert kept.deleted in app.screen.query_one("#facts", TextPane).plain


async def test_a_model_is_deleted_only_when_it_is_marked(project: Project, trained: int) -> None:
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("delete")
        await quiet(pilot)
        await pilot.press("space", "j", "space", "j", "space")
        await pilot.pause()
        assert "cannot search" in str(app.screen.query_one("#meaning", Static).visual)
        await pilot.press("y")
        await until_shown(pilot, lambda: queue.get(project, trained).deleted and not app.workers)
        assert not (project.models_dir / f"retriever-{trained}").exists()
        assert queue.log_path(project, trained).exists()
        assert project.store.models.get(1) is not None


async def test_esc_and_an_empty_choice_delete_nothing(project: Project, trained: int) -> None:
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("delete")
        await quiet(pilot)
        await pilot.press("space", "j", "space", "y")
        assert isinstance(app.screen, DeleteFiles)
        await pilot.press("escape")
        await pilot.pause()
        assert queue.get(project, trained).deleted == ""
        assert queue.log_path(project, trained).exists()


async def test_a_running_jobs_files_stay(project: Project, job: JobMaker) -> None:
    job("train", JobState.RUNNING, pid=os.getpid(), heartbeat=time.time())
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("delete")
        await quiet(pilot)
        assert "Cancel it before" in list(app.said)[-1].text


def test_the_path_is_made_of_typed_values(project: Project) -> None:
    values = {"documents": "12", "queries_per_document": "2", "budget_usd": "1.5", "k": "3"}
    lines = form_lines(project, "path")
    by_url = params_of(
        project, "path", lines, {**values, "endpoint": "http://localhost:8000/v1 qwen"}
    )
    run = by_url["generate"]
    assert (run["base_url"], run["model"]) == ("http://localhost:8000/v1", "qwen")
    by_name = params_of(
        project,
        "path",
        lines,
        {**values, "endpoint": "embedded:smollm2-135m", "encoder": "minilm-l6"},
    )
    run = by_name["generate"]
    assert (run["endpoint"], run["documents"]) == ("embedded:smollm2-135m", 12)
    assert (run["queries_per_document"], run["budget_usd"]) == (2, 1.5)
    assert by_name["filter"]["k"] == 3
    assert by_name["filter"]["encoder"] == by_name["train"]["encoder"] == "minilm-l6"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"documents": "-3"}, "Documents"),
        ({"documents": "٣x"}, "Documents"),
        ({"queries_per_document": "0"}, "Queries"),
        ({"endpoint": "http://x"}, "Endpoint"),
        ({"budget_usd": "lots"}, "Cap in"),
        ({"budget_usd": "nan"}, "Cap in"),
        ({"round_trip": "maybe"}, "Round trip"),
        ({"k": "0"}, "Keep in"),
    ],
)
def test_typed_values_are_checked_by_line(
    project: Project, changes: dict[str, str], field: str
) -> None:
    lines = form_lines(project, "path")
    told = {"endpoint": "", "round_trip": "base", "k": "1", **changes}
    with pytest.raises(Unfit, match=field):
        params_of(project, "path", lines, told)
