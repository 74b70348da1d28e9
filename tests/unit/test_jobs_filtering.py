"""The filter job over instructions: the chain that fits, what filters know, settings, refusals."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from studio.jobs import filtering
from studio.jobs.context import JobContext
from studio.jobs.params import FilterParams
from studio.project import Project
from studio.records import INSTRUCTION, Example, Record, StudioError
from tests.support.data import labelled
from tests.support.verbs import Verbs, assert_one_sentence

TASKS = [
    ("Name three rivers of Europe", "", "Danube, Rhine and Loire.", ""),
    ("Draw a picture of the river that you like best", "", "I like the Danube.", "blacklist"),
    ("Write a program that prints the rivers", "", "print('Danube')", "start"),
    ("Go on", "", "The river goes on to the sea.", "too-short"),
    ("Say this sentence in other words", "It is late.", "It is late.", "copied"),
    ("Say which word is the longest", "a bb", "The word bb is.", "conflict"),
    ("Say which word is the longest", "a bb", "The word a is.", "conflict"),
    ("Give the capital of each country", "France", "It is Paris.", ""),
    ("Give the capital of each country", "Spain", "It is Madrid.", ""),
    ("Name the three rivers of Europe", "", "They are the Po, the Don and the Spree.",
     "near-duplicate"),
    ("List all the months of the year", "", "They are January, February and so on.", "duplicate"),
]  # fmt: skip
"""Instruction, input, output, and why the usual chain drops it."""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    for place in ("CONFIG", "DATA", "CACHE"):
        monkeypatch.setenv(f"STUDIO_{place}", str(tmp_path / place))
    project = Project.create(tmp_path / "project", task="instructions")
    project.store.records.add(
        [
            Record(INSTRUCTION, {"instruction": text, "input": given, "output": output})
            for text, given, output, _ in TASKS
        ]
    )
    seed = {"input": "", "output": "January …"}
    one = Example("", "List all the months of the year.", type=INSTRUCTION, fields=seed)
    project.store.examples.add([one])
    return project


def filtered(project: Project, **told: object) -> JobContext:
    params = FilterParams(**told)  # type: ignore[arg-type]
    number = project.store.jobs.submit("filter", params.to_row())
    assert project.store.jobs.claim(number, os.getpid())
    job = project.store.jobs.get(number)
    assert job is not None
    context = JobContext(project, job)
    filtering.run(context)
    return context


def reasons(project: Project) -> list[str]:
    return [one.reason for one in project.store.records.all(type="instruction")]


def test_each_filter_drops_what_it_is_for(project: Project) -> None:
    context = filtered(project)
    assert reasons(project) == [reason for *_, reason in TASKS]
    assert [link["filter"] for link in context.result["chain"]] == context.result["filters_done"]
    assert context.result["kept"] == 3
    kept = context.result["retention"]
    assert kept["all"]["name"] == {"judged": 2, "kept": 1, "share": 0.5}
    assert kept["blacklist"]["draw"] == {"judged": 1, "kept": 0, "share": 0.0}
    assert {*kept} == {"all", *context.result["filters_done"]}


def test_what_was_dropped_when_it_was_read_is_no_link_of_the_chain(project: Project) -> None:
    echo = {"instruction": "List all the months of the year.", "output": "x"}
    project.store.records.add([Record(INSTRUCTION, echo, reason="echo")])
    result = filtered(project).result
    chain = result["chain"]
    assert "echo" not in [link["filter"] for link in chain]
    assert (result["dropped"]["echo"], result["dropped_now"].get("echo")) == (1, None)
    assert sum(result["dropped_now"].values()) == len(TASKS) - result["kept"]
    assert chain[0]["judged"] == len(TASKS)


def test_the_chain_and_its_settings_are_told(project: Project) -> None:
    told = {"chain": "novelty,per-task,sample", "settings": "per-task.most=1,sample.size=5"}
    context = filtered(project, **told, seed=3)
    assert context.result["filters_done"] == ["novelty", "per-task", "sample"]
    labels = [link["label"] for link in context.result["chain"]]
    assert labels[1:] == ["Per task: the first 1 records of one instruction",
                          "Sample: 5 at random (seed 3)"]  # fmt: skip
    assert context.result["kept"] == 5
    assert reasons(project)[-1] == "duplicate"


def test_scores_are_stored_so_that_thresholds_move(project: Project) -> None:
    filtered(project)
    review = project.store.review
    assert review.would_keep("blacklist", 2) == (10, 0)
    assert review.move_threshold("blacklist", 2, "Ada").count == 1
    assert reasons(project)[1] == ""


def test_filters_know_the_bundled_lists_until_there_is_a_template(project: Project) -> None:
    known = filtering.filter_context_of(project)
    assert "picture" in known.lists["blacklist"]
    assert known.examples == ("List all the months of the year.",)
    assert known.query_words == (1, 60)
    template = filtering._bundled(project).replace('"image", "images"', '"rivers"')
    project.store.prompts.save("mine", template, "")
    known = filtering.filter_context_of(project)
    assert {"rivers", "picture"} <= set(known.lists["blacklist"])
    assert "image" not in known.lists["blacklist"]
    assert known.query_words == (4, 150)


def test_labelled_texts_have_no_lists(tmp_path: Path, project: Project) -> None:
    other = Project.create(tmp_path / "labelled", task="classification")
    other.store.records.add([labelled("the film was a joy", "pos"), labelled("joy", "pos")])
    assert filtering.filter_context_of(other).lists == {}
    assert filtered(other).result["filters_done"] == ["length", "language", "duplicates"]


def test_what_cannot_be_is_refused_before_anything_is_judged(project: Project) -> None:
    filtered(project)
    before = reasons(project)
    for told in ({"chain": "copy"}, {"settings": "sample.size=3"}, {"settings": "novelty.near=7"}):
        with pytest.raises(StudioError):
            filtered(project, **told)
    assert reasons(project) == before


def test_the_verb_lists_what_fits_and_refuses_the_rest(project: Project, tmp_path: Path) -> None:
    studio = Verbs(tmp_path)
    told = ("--filters", "+sample,-starts", "--set", "sample.size=3,novelty.near=0.6", "--json")
    found = {
        one["filter"]: one for one in studio("filter", "-p", project.path, "--list", *told).json
    }
    assert "copy" not in found
    assert found["sample"]["chosen"]
    assert not found["sample"]["usual"]
    assert found["sample"]["settings"] == {"size": 3, "seed": 13}
    assert not found["starts"]["chosen"]
    assert (
        found["novelty"]["label"]
        == "Novelty: ROUGE-L over 0.6 with an example or an earlier record"
    )
    assert "per-task" in studio("filter", "-p", project.path, "--list").out
    wrong = studio("filter", "-p", project.path, "--set", "noveltie.near=0.6", "--json")
    assert_one_sentence(wrong, 2, "There is no filter “noveltie”; did you mean “novelty”")
    assert project.store.jobs.all() == []
