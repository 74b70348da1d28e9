"""The lines of a run: those of the methods, one from outside among them; drafts of older forms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from studio import methods
from studio.jobs.params import RoundParams
from studio.params import Params, option
from studio.project import Project
from studio.tui.generate import form as generate_form
from studio.tui.pane.params_form import Unfit
from studio.tui.pane.run_form import from_older_draft, lines_of, offered_methods, row_of
from studio.tui.rounds import form as rounds_form


@dataclass(frozen=True, slots=True)
class OutsideSettings(Params):
    """What a person can set of a method from outside."""

    moods: int = option(3, "Moods", "to write in", least=1, most=7)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    made = Project.create(tmp_path / "shop")
    yield made
    made.close()


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A method that another package brings."""
    known = methods.available()
    own = next(one for one in known if one.name == "promptagator")
    brought = replace(own, name="moody", about="queries by mood", settings=OutsideSettings)
    monkeypatch.setattr(methods, "available", lambda: (*known, brought))


def labelled(tmp_path: Path) -> Project:
    return Project.create(tmp_path / "reviews", task="classification")


@pytest.mark.usefixtures("outside")
def test_a_method_from_outside_brings_its_lines(project: Project) -> None:
    fields = generate_form.plan_fields(project)
    by_name = {one.name: one for one in fields}
    assert {one.value for one in by_name["method"].choices} == {"promptagator", "moody"}
    assert by_name["moods"].wanted == "a whole number from 1 to 7"
    shown = generate_form.lines_of(project, {"method": "moody"})
    assert "moods" in shown
    assert "shots" not in shown
    texts = {one.name: one.default for one in fields} | {"method": "moody", "moods": "5"}
    row = row_of(project, [one for one in fields if one.name in shown], texts)
    assert (row["method"], row["moods"]) == ("moody", 5)
    assert "shots" not in row


def test_what_the_lines_say_is_the_row_of_the_run(project: Project) -> None:
    fields = generate_form.plan_fields(project)
    texts = {one.name: one.default for one in fields} | {
        "documents": "1,200",
        "queries_per_document": "2",
        "endpoint": "http://gpu:8000/v1 qwen",
        "budget_usd": "2.5",
    }
    row = generate_form.row_of(project, fields, texts)
    assert (row["documents"], row["queries_per_document"], row["budget_usd"]) == (1200, 2, 2.5)
    assert (row["endpoint"], row["base_url"], row["model"]) == ("", "http://gpu:8000/v1", "qwen")
    assert (row["method"], row["shots"]) == ("promptagator", None)


def test_rounds_ask_for_what_the_task_has(project: Project, tmp_path: Path) -> None:
    names = {one.name for one in rounds_form.plan_fields(project)}
    assert "top_k" in names
    assert not names & {"kind", "train_file", "documents"}
    reviews = labelled(tmp_path)
    names = {one.name for one in rounds_form.plan_fields(reviews)}
    assert {"kind", "seed_records", "rounds"} <= names
    assert not names & {"top_k", "documents", "search"}
    reviews.close()


def test_the_tasks_own_method_comes_first(tmp_path: Path) -> None:
    reviews = labelled(tmp_path)
    offered = offered_methods(reviews, feedback=True)
    assert offered[0].name == "s3"
    assert {one.name for one in offered_methods(reviews, feedback=False)} == {"zerogen"}
    assert "rationales" in lines_of(offered[0], RoundParams)
    reviews.close()


def test_an_endpoint_that_is_not_there_is_told_at_its_line(tmp_path: Path) -> None:
    reviews = labelled(tmp_path)
    fields = rounds_form.plan_fields(reviews)
    texts = {one.name: one.default for one in fields} | {"endpoint": "nowhere"}
    with pytest.raises(Unfit) as raised:
        rounds_form.row_of(reviews, fields, texts)
    assert raised.value.name == "endpoint"
    reviews.close()


def test_drafts_of_older_forms_are_read() -> None:
    generate = {"documents": "all", "draws": "4", "usd": "1", "tokens": "9", "concurrency": "2"}
    assert from_older_draft(generate) == {
        "documents": "",
        "queries_per_document": "4",
        "budget_usd": "1",
        "budget_tokens": "9",
        "max_concurrency": "2",
    }
    assert from_older_draft({"seed": "40", "rounds": "1", "usd": ""}) == {
        "seed_records": "40",
        "rounds": "1",
        "budget_usd": "",
    }
    today = {"seed": "7", "seed_records": "40", "max_concurrency": ""}
    assert from_older_draft(today) == today
