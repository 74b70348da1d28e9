"""Seeds, gold and exports of a project of instructions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from studio.jobs.exporting import ExportParams, refuse, rows_of, write
from studio.jobs.gold_items import import_labelled
from studio.jobs.importing import Report, import_examples
from studio.jobs.plans import own_method, planned, run_row
from studio.project import Project
from studio.records import INSTRUCTION, NOTE, Example, Record, StudioError, WrongTask
from tests.support.project import fill

ADD = {"instruction": "Add the numbers.", "input": "1 and 2", "output": "3"}
OTHER_INPUT = {**ADD, "input": "4 and 5", "output": "9"}
RIVER = {"instruction": "Name a river.", "input": "", "output": "Oder"}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.create(tmp_path / "tasks", task="instructions")


def lines(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def brought(project: Project, path: Path) -> tuple[int, dict[str, int]]:
    """How many seeds came in, and what was refused by code."""
    report = Report()
    return len(import_examples(project.store, path, report)), dict(report.skipped)


def test_two_seeds_of_one_instruction_with_different_inputs_are_two(
    project: Project, tmp_path: Path
) -> None:
    path = lines(tmp_path / "seeds.jsonl", ADD, OTHER_INPUT, ADD)
    assert brought(project, path) == (2, {"duplicate": 1})
    assert brought(project, path)[1] == {"duplicate": 3}
    found = project.store.examples.all()
    assert [(one.type, one.query, dict(one.fields)) for one in found] == [
        (INSTRUCTION, "Add the numbers.", {"input": "1 and 2", "output": "3"}),
        (INSTRUCTION, "Add the numbers.", {"input": "4 and 5", "output": "9"}),
    ]


def test_a_seed_that_is_gold_is_refused_and_its_sister_is_not(
    project: Project, tmp_path: Path
) -> None:
    import_labelled(project, lines(tmp_path / "gold.jsonl", ADD), "test")
    path = lines(tmp_path / "seeds.jsonl", {**ADD, "output": "three"}, OTHER_INPUT)
    assert brought(project, path) == (1, {"gold-query": 1})


def test_gold_of_both_splits_is_drawn_from_any_public_shape(
    project: Project, tmp_path: Path
) -> None:
    tasks = [
        {
            "instruction": f"Add {more}.",
            "instances": [{"input": f"{n}{more}", "output": f"{n}{more}."} for n in range(5)],
        }
        for more in range(2)
    ]
    path = lines(tmp_path / "gold.jsonl", *tasks)
    done = import_labelled(project, path, "auto")
    assert done.added == {"validation": 5, "test": 5}
    assert len({gold.outside_id for gold in project.store.gold.all()}) == 10


def test_gold_that_says_otherwise_is_a_conflict(project: Project, tmp_path: Path) -> None:
    path = lines(tmp_path / "gold.jsonl", ADD, {**ADD, "output": "4"}, ADD)
    done = import_labelled(project, path, "test")
    assert [(row.where, row.code) for row in done.skipped] == [
        ("gold.jsonl:2", "conflict"),
        ("gold.jsonl:3", "duplicate"),
    ]


def record(fields: dict[str, str]) -> Record:
    return Record(INSTRUCTION, fields)


def test_an_export_leaves_out_what_is_gold(project: Project, tmp_path: Path) -> None:
    import_labelled(project, lines(tmp_path / "gold.jsonl", RIVER), "test")
    project.store.records.add([record(ADD), record({**RIVER, "output": "Amur"})])
    params = ExportParams(format="alpaca", folder=str(tmp_path / "out"))
    refuse(project, params)
    done = write(project, params, rows_of(project, params))
    assert (done.rows, done.left_out_gold) == (1, 1)
    assert json.loads((tmp_path / "out" / "alpaca.json").read_text()) == [ADD]


def test_formats_of_instructions_are_for_instructions(project: Project, tmp_path: Path) -> None:
    project.store.records.add([record(ADD), Record(NOTE, {"text": "why", "label": ""})])
    with pytest.raises(WrongTask, match="holds one instruction a row"):
        refuse(project, ExportParams(format="alpaca", type="note"))
    refuse(project, ExportParams(format="jsonl", type="note"))
    other = Project.create(tmp_path / "search")
    with pytest.raises(WrongTask, match="Choose one of: beir, csv, jsonl, medi, pairs"):
        refuse(other, ExportParams(format="sharegpt"))
    with pytest.raises(WrongTask, match="pairs each record with its document"):
        refuse(project, ExportParams(format="triplets"))


def test_a_file_without_a_seed_is_refused(project: Project, tmp_path: Path) -> None:
    path = lines(tmp_path / "seeds.jsonl", {"instruction": "Name a river."})
    with pytest.raises(StudioError, match="the instruction has no output"):
        brought(project, path)


def test_a_seed_without_an_output_is_shown_to_no_llm(project: Project) -> None:
    (project.path / "studio.toml").write_text(
        'endpoint = "here"\n[endpoints.here]\nbase_url = "http://localhost:1/v1"\nmodel = "m"\n'
    )
    project = Project.open(project.path)
    row = run_row(project, method="alpaca")
    half = Example("", "Name a river.", type=INSTRUCTION, fields={"output": " "})
    project.store.examples.add([half])
    with pytest.raises(StudioError, match=r"on and has its output \(1 have none\)\. Write"):
        planned(project, row)
    project.store.examples.add([
        Example("", "Name a hill.", type=INSTRUCTION, fields={"output": "Brocken"})
    ])  # fmt: skip
    _, plan, _ = planned(project, row)
    shown = {example.query for shots in plan.pool for example in shots.examples}
    assert shown == {"Name a hill."}


def test_a_project_without_examples_writes_from_documents_or_from_nothing(
    project: Project,
) -> None:
    assert own_method(project) == run_row(project)["method"] == "seedless"
    fill(project.store, ["A river runs through the town."])
    assert own_method(project) == "self-qa"
    fields = {"input": "", "output": "Oder"}
    project.store.examples.add([Example("", "Name a river.", type=INSTRUCTION, fields=fields)])
    assert own_method(project) == "self-instruct"
