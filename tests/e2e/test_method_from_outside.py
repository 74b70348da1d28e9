"""A method in one file, outside the studio: found by every verb and every pane, nothing changed."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from studio import methods
from studio.project import Project
from studio.store.review_shapes import View
from tests.support import two_step
from tests.support.command import Command
from tests.support.openai_server import OpenAIServer
from tests.support.small_projects import make_project


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    two_step.install(tmp_path / "site")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    methods.available.cache_clear()
    yield Command(tmp_path)
    methods.available.cache_clear()


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(words=two_step.words) as running:
        yield running


@pytest.fixture
def project(studio: Command, tmp_path: Path, server: OpenAIServer) -> Project:
    return make_project(tmp_path / "songs", "classification", server.url)


def generated(studio: Command, project: Project) -> dict[str, Any]:
    found = studio("generate", "--method", "two-step", "-p", project.path, "--json").json
    return dict(found)


def test_it_is_chosen_by_its_name(studio: Command, project: Project) -> None:
    wrong = studio("generate", "--method", "two-stp", "-p", project.path)
    assert (wrong.code, "two-step" in wrong.err) == (1, True)


def test_it_writes_in_two_steps_and_grows(
    studio: Command, project: Project, server: OpenAIServer
) -> None:
    found = generated(studio, project)
    run = found["run_id"]
    records = Project.open(project.path).store.records
    moods = list(records.of_stage(run, "moods", kept=None))
    verses = list(records.of_stage(run, "verses", kept=None))
    assert len(moods) == 6
    assert {one.label for one in moods} == {"near", "far"}
    parents = {one.id: one for one in moods}
    assert all(parents[one.parent_id or 0].text == one["mood"] for one in verses)
    kept = sum(one.kept for one in verses if one.batch == 0)
    assert sum(one.batch == 1 for one in verses) == kept
    assert server.paid.calls == 2 + len(verses) == found["requests"]
    calls = server.paid.calls
    again = generated(studio, project)
    assert again["reused"] == found["requests"]
    assert server.paid.calls == calls
    assert records.run_counts(again["run_id"]) == {}, "an equal run adds nothing"


def test_every_verb_knows_its_records(studio: Command, project: Project) -> None:
    run = generated(studio, project)["run_id"]
    store = Project.open(project.path).store
    verse = next(store.records.of_stage(run, "verses"))
    line = studio("lineage", "record", verse.id, "-p", project.path, "--json").json
    assert line["verse"] == verse.text
    assert (line["label"], line["mood"], line["parent"]) == (
        verse.label, verse["mood"], verse.parent_id,
    )  # fmt: skip
    judged = studio("filter", "-p", project.path, "--type", "verse", "--json")
    assert judged.code == 0, judged.err
    wanted = {one.text for one in store.records.all(kept=True, type="verse")}
    out = studio("export", "jsonl", "-p", project.path, "--type", "verse", "--json").json
    rows = [json.loads(row) for row in Path(out["files"][0]).read_text("utf-8").splitlines()]
    assert {row["verse"] for row in rows} == wanted
    assert all(row["mood"] and row["label"] for row in rows)
    out = studio("export", "csv", "-p", project.path, "--type", "verse", "--json").json
    with Path(out["files"][0]).open(encoding="utf-8-sig", newline="") as file:
        table = list(csv.DictReader(file))
    assert {row["verse"] for row in table} == wanted


def test_review_has_its_columns(studio: Command, project: Project) -> None:
    generated(studio, project)
    store = Project.open(project.path).store
    window = store.review.open(View(type="verse"))
    row = window.at(0, 1)[0]
    assert row.text.startswith("line")
    assert {"label", "mood"} <= set(row.fields)
    window.close()


def test_its_records_stay_readable_without_it(studio: Command, project: Project) -> None:
    generated(studio, project)
    methods.available.cache_clear()
    store = Project.open(project.path).store
    verse = next(iter(store.records.all(type="verse")))
    assert verse.type.fields == ("verse", "label", "mood")
    assert verse["mood"]
