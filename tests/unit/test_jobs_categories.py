"""Categories of records: counted, kept by a filter or judge, and written as files."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from studio.jobs import importing
from studio.jobs.categories import (
    By,
    CategoryCount,
    counted,
    last_words,
    retention,
    retention_row,
)
from studio.jobs.category_files import bars, row_of, write
from studio.jobs.context import JobContext
from studio.methods.tasks_written import TASK
from studio.project import Project
from studio.records import INSTRUCTION, LABELLED_TEXT, Record, StudioError, Verdict
from studio.store.review_scores import Rule
from tests.support.verbs import Verbs, assert_one_sentence

ASKED = (
    "Write a program that counts the sheep.", "Write a program that ties a rope.",
    "Write a poem on the mill.", "Name the river.", "мельница",
)  # fmt: skip
SCORES = (2.0, 4.5, 4.5, 5.0, None)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project.create(tmp_path / "mill", task="instructions")
    rows = made.store.records.add(Record(INSTRUCTION, {"instruction": text}) for text in ASKED)
    made.store.verdicts.add(
        Verdict(row or 0, "accuracy", score is None or score >= 4.5, score, _reason(score))
        for row, score in zip(rows, SCORES, strict=True)
    )
    return made


def _reason(score: float | None) -> str:
    return "unscored" if score is None else "low-score" if score < 4.5 else ""


def test_records_are_counted_by_verb_and_object(project: Project) -> None:
    found = counted(project.store, kept=None)
    assert [(one.name, one.count) for one in found] == [("write", 3), ("name", 1), ("", 1)]
    assert [(one.name, one.count) for one in found[0].parts] == [("program", 2), ("poem", 1)]
    kept = counted(project.store)
    assert [(one.name, one.count) for one in kept] == [("write", 2), ("name", 1), ("", 1)]


@pytest.mark.parametrize(
    ("by", "told"),
    [("verb", {"write": (3, 2), "name": (1, 1)}), ("object", {"program": (2, 1), "poem": (1, 1)})],
)
def test_what_a_judge_keeps_of_each_category(
    project: Project, by: By, told: dict[str, tuple[int, int]]
) -> None:
    """Those that it could not score are none of them."""
    found = retention(project.store, "accuracy").now(by)
    assert {one.name: (one.count, one.kept) for one in found}.items() >= told.items()
    assert sum(one.count for one in found) == 4


def test_a_threshold_elsewhere_keeps_other_categories(project: Project) -> None:
    found = retention_row(retention(project.store, "accuracy").by_rule(Rule("high", 5.0, 5.0)))
    assert found == {
        "write": {"judged": 3, "kept": 0, "share": 0.0},
        "name": {"judged": 1, "kept": 1, "share": 1.0},
    }


def test_a_filter_that_judged_nothing_is_told_with_those_that_did(project: Project) -> None:
    with pytest.raises(StudioError, match=r"“novelty” has judged records here\. These have: acc"):
        retention(project.store, "novelty")


def test_labels_and_the_kinds_of_tasks_are_categories(project: Project) -> None:
    store = project.store
    [parent] = store.records.add([Record(TASK, {"task": "Sort it.", "kind": "classification"})])
    store.records.add([Record(INSTRUCTION, {"instruction": "Sort it."}, parent_id=parent)])
    found = {one.name: one.count for one in counted(store, kept=None, by="kind")}
    assert found == {"classification": 1, "": 5}
    store.records.add([Record(LABELLED_TEXT, {"text": "A dry barn.", "label": "good"})])
    assert [one.name for one in counted(store, "text", by="kind")] == ["good"]


def test_kinds_of_tasks_come_in_with_a_file_and_come_in_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "BATCH", 2)
    project = Project.create(tmp_path / "pond", task="instructions")
    file = tmp_path / "theirs.jsonl"
    rows = [
        {
            "instruction": f"Do {n}.",
            "output": "Done.",
            **({"task_type": {"major": [kind]}} if kind else {}),
        }
        for n, kind in enumerate(("summary", "story", "summary", "", "summary"))
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for _ in range(2):
        job = project.store.jobs.get(project.store.jobs.submit("import", {}))
        assert job is not None
        importing.import_records(JobContext(project, job), file, importing.Report())
    found = {one.name: one.count for one in counted(project.store, by="kind")}
    assert found == {"summary": 3, "story": 1, "": 1}
    assert project.store.records.counts("kind").total == 2
    assert retention_row(last_words(project.store).now())["summary"]["judged"] == 3


def test_the_plot_has_a_bar_for_each_and_fits_the_width(project: Project) -> None:
    lines = bars(counted(project.store, kept=None), 5, 2, 60).splitlines()
    assert [line.split()[0] for line in lines] == ["write", "program", "poem", "name", "river"]
    assert all(len(line) <= 60 for line in lines)
    assert [line.count("█") for line in lines] == [22, 14, 7, 7, 7]
    assert "60.0%" in lines[0]


def test_files_are_written_as_their_names_end(project: Project, tmp_path: Path) -> None:
    found = counted(project.store, kept=None)
    for end in (".csv", ".json", ".svg", ".txt"):
        write(tmp_path / f"plot{end}", found, 5, 2)
    assert (tmp_path / "plot.csv").read_text().splitlines()[:2] == [
        "category,part,count,kept", "write,,3,3",
    ]  # fmt: skip
    rows = json.loads((tmp_path / "plot.json").read_text())
    assert rows == row_of(found, 5, 2, with_kept=True)
    drawn = ElementTree.parse(tmp_path / "plot.svg").getroot()
    titles = [one.text for one in drawn.iter("{http://www.w3.org/2000/svg}title")]
    assert titles == ["write: 3", "program: 2", "poem: 1", "name: 1", "river: 1"]
    with pytest.raises(StudioError, match=r"plot\.gif says nothing of its format"):
        write(tmp_path / "plot.gif", found, 5, 2)


def test_the_verb_tells_what_is_asked_for_and_what_a_judge_keeps(
    project: Project, tmp_path: Path
) -> None:
    studio = Verbs(tmp_path)
    told = studio("categories", "--all", "--by", "object", "-p", project.path, "--json").json
    assert (told["records"], told["without"]) == (5, 1)
    assert told["categories"][0] == {
        "name": "program", "count": 2, "share": 0.4,
        "parts": [{"name": "write", "count": 2, "share": 0.4}],
    }  # fmt: skip
    told = studio("categories", "--filter", "accuracy", "-p", project.path, "--json").json
    assert told["categories"][0]["kept_share"] == 0.6667
    shown = studio("categories", "--out", tmp_path / "c.svg", "-p", project.path)
    assert "write" in shown.out
    assert "4 records; 1 have no verb" in shown.out
    assert (tmp_path / "c.svg").exists()
    wrong = studio("categories", "--by", "colour", "-p", project.path)
    assert_one_sentence(wrong, 2, "'--by': 'colour' is not one of 'kind', 'verb', 'object'")


def test_names_from_outside_are_harmless_in_files(tmp_path: Path) -> None:
    found = [CategoryCount("=1+1<b>", 2, 2), CategoryCount("\x1b[2J\nred", 1, 1)]
    for end in (".csv", ".svg", ".txt"):
        write(tmp_path / f"plot{end}", found, 5, 2)
    assert (tmp_path / "plot.csv").read_text().splitlines()[1] == "'=1+1<b>,,2,2"
    titles = [*ElementTree.parse(tmp_path / "plot.svg").getroot().itertext()]
    assert "=1+1<b>: 2" in titles
    assert "\ufffd[2J red: 1" in titles
    assert len((tmp_path / "plot.txt").read_text().splitlines()) == 2
    assert "\x1b" not in (tmp_path / "plot.txt").read_text()
