"""Records and models written as files, from the screen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from studio.jobs import exporting, queue
from studio.jobs.context import Cancelled, JobContext
from studio.jobs.kinds import run_kind
from studio.project import Project
from studio.records import Record, StudioError
from studio.tui.app import StudioApp
from studio.tui.jobs.start import StartDialog
from tests.support.small_projects import make_project, trained_by_rounds
from tests.support.waiting import quiet, until_shown
from tests.tui.test_panes_of_tasks import drawn


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Four labelled texts, of which one is dropped."""
    made = make_project(tmp_path / "p", "classification", "http://localhost:1")
    texts = ("a warm room", "a cold room", "no soap at all", "breakfast was kind")
    records = [Record(made.task.record, {"text": text, "label": "near"}) for text in texts]
    made.store.records.add([*records[:3], replace(records[3], kept=False, reason="test-leak")])
    yield made
    made.close()


def run(project: Project, number: int) -> dict[str, object]:
    """What the worker would do; the job's result."""
    context = JobContext(project, queue.get(project, number))
    run_kind(context)
    return context.result


async def test_all_kept_records_are_exported_from_any_pane(
    project: Project, no_workers: list[int], tmp_path: Path
) -> None:
    app = StudioApp(project, screen="jobs")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("f6")
        await until_shown(pilot, lambda: isinstance(app.screen, StartDialog))
        assert "Export the records" in drawn(app)
        # Formats that pair records with documents are none of this task's.
        for name in ("beir", "triplets"):
            assert name not in drawn(app)
        await pilot.press("g", "j", "enter", *str(tmp_path / "out"), "escape", "s")
        await until_shown(pilot, lambda: no_workers)
        assert app.current_mode == "jobs"
    assert run(project, no_workers[0])["exported"] == 3
    rows = [json.loads(line) for line in (tmp_path / "out/records.jsonl").open(encoding="utf-8")]
    assert [row["text"] for row in rows] == ["a warm room", "a cold room", "no soap at all"]
    assert {row["label"] for row in rows} == {"near"}


async def test_review_exports_what_is_marked_and_what_is_shown(
    project: Project, no_workers: list[int]
) -> None:
    app = StudioApp(project, screen="review")
    async with app.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, lambda: "a warm room" in drawn(app))
        await pilot.press("g", "space", "j", "space", "f6")
        await until_shown(pilot, lambda: isinstance(app.screen, StartDialog))
        assert "the marked records, 2" in drawn(app)
        await pilot.press("s")
        await until_shown(pilot, lambda: len(no_workers) == 1)
        await pilot.press("4", "escape", "slash", *"room", "enter")
        await until_shown(pilot, lambda: "Records 2" in drawn(app))
        await pilot.press("f6")
        await until_shown(pilot, lambda: isinstance(app.screen, StartDialog))
        assert "what is shown, 2" in drawn(app)
        await pilot.press("escape")
        await quiet(pilot)
    assert run(project, no_workers[0])["exported"] == 2
    rows = (project.exports_dir / "jsonl/records.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(row)["text"] for row in rows] == ["a warm room", "no soap at all"]


def test_notes_go_along_with_the_records(project: Project) -> None:
    project.store.review.note(2, "which room?", "anna")
    params = exporting.ExportParams()
    exporting.write(project, params, exporting.rows_of(project, params))
    rows = (project.exports_dir / "jsonl/records.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(row)["note"] for row in rows] == ["", "which room?", ""]


async def test_a_model_is_copied_whole_and_never_over_anything(
    project: Project, tmp_path: Path
) -> None:
    trained_by_rounds(project)
    folder = project.path / project.store.models.all()[0].path
    folder.mkdir(parents=True)
    (folder / "weights").write_bytes(b"w" * 9)
    app = StudioApp(project, screen="train")
    target = tmp_path / "elsewhere" / "model"
    async with app.run_test(size=(120, 40)) as pilot:
        await quiet(pilot)
        await pilot.press("o")
        await quiet(pilot)
        await pilot.press("ctrl+u", *str(target), "enter")
        await until_shown(pilot, lambda: any("is copied to" in one.text for one in app.said))
    assert (target / "weights").read_bytes() == b"w" * 9
    assert [one.name for one in target.parent.iterdir()] == ["model"]
    with pytest.raises(StudioError, match="is there already"):
        exporting.copy_model(project, project.store.models.all()[0], target)


def test_an_unknown_snapshot_or_format_is_one_sentence(project: Project) -> None:
    for params, words in (
        (exporting.ExportParams("xml"), "no export format 'xml'"),
        (exporting.ExportParams("beir"), "pairs each record with its document"),
        (exporting.ExportParams(snapshot_id=7), "no snapshot 7"),
    ):
        with pytest.raises(StudioError, match=words):
            exporting.refuse(project, params)


def test_an_export_that_is_stopped_leaves_nothing_half(project: Project) -> None:
    job_id = project.store.jobs.submit("export", exporting.ExportParams().to_row())
    context = JobContext(project, queue.get(project, job_id))
    context.stop.set()
    with pytest.raises(Cancelled):
        run_kind(context)
    assert not (project.exports_dir / "jsonl").exists()
    assert run(project, job_id)["exported"] == 3
