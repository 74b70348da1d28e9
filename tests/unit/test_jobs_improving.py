"""Prompts are improved by trying wordings; nothing changes that a person did not choose."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from studio.evaluation.wordings import WordingRow, cells, verdict
from studio.jobs import improving
from studio.jobs.context import JobContext
from studio.jobs.improve_params import ImproveParams
from studio.methods.improving import FORM, TRIAL, WORDING, body_of, wording_in
from studio.project import Project
from studio.prompting.builtin import builtin
from studio.records import CapReached, StudioError
from tests.support import improver
from tests.support.openai_server import OpenAIServer

SMALL = ImproveParams(documents=16, held_out=20, proposals=2)


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(words=improver.words) as running:
        yield running


@pytest.fixture
def project(tmp_path: Path, server: OpenAIServer) -> Project:
    return improver.make_project(tmp_path / "plants", server.url)


def improved(project: Project, params: ImproveParams = SMALL) -> dict[str, Any]:
    """What a job says at its end, run in the test's own process."""
    job = project.store.jobs.get(project.store.jobs.submit("improve", params.to_row()))
    assert job is not None
    context = JobContext(project, job)
    improving.run(context)
    return context.result


def test_the_template_of_reflection_is_whole() -> None:
    assert FORM.lint(builtin("improve", "improve")) == []


def test_a_better_wording_is_handed_over_aside(project: Project, server: OpenAIServer) -> None:
    before = project.store.prompts.latest()
    assert before is not None
    found = improved(project)
    own, best = (WordingRow(**row) for row in found["improved"])
    assert (own.version, own.found, own.documents) == (before.version, 0, 20)
    assert (best.found, best.p_value is not None and best.p_value < 0.01) == (20, True)
    assert best.gain == pytest.approx(best.score)
    saved = project.store.prompts.by_version(best.version)
    assert saved is not None
    assert saved.aside
    assert improver.TOLD in saved.template
    assert body_of(saved.template)[0] == body_of(before.template)[0]
    assert project.store.prompts.latest() == before
    for at_shell in (True, False):
        said = verdict([own, best], found["proposals"], at_shell=at_shell)
        assert "is better than version" in said
        assert ("--prompt" in said) is at_shell
    # 4 tried and 4 again with each proposal that wins, 8 that choose, 20 held out, twice.
    assert server.paid.calls <= 2 * (1 + 8) + 2 * 8 + 2 * 20


def test_wordings_and_trials_are_notes_with_their_calls(project: Project) -> None:
    improved(project)
    records = project.store.records
    [first, *_] = records.all(type=WORDING.name)
    assert first["wording"] == f"{improver.TOLD} Write the query only."
    trials = list(records.all(type=TRIAL.name))
    assert {one["wording"] for one in trials} == {"0", "1"}
    assert all(one.generation_id for one in trials)
    assert records.counts("query").total == 0


def test_progress_counts_proposals(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[int, int | None, str]] = []

    def progress(
        context: JobContext, done: int, total: int | None, message: str = "", **_: object
    ) -> None:
        told.append((done, total, ": ".join((context.stage, message))))

    monkeypatch.setattr(JobContext, "progress", progress)
    improved(project)
    steps = list(dict.fromkeys((done, total, said.split(":")[0]) for done, total, said in told))
    assert [one for one in steps if one[1]] == [
        (0, 4, "trying the prompt"),
        (1, 4, "proposal 1 of 2"),
        (3, 4, "comparing"),
    ]
    assert any("1 wording ·" in said for *_, said in told)


def test_what_was_paid_is_not_asked_again(project: Project, server: OpenAIServer) -> None:
    first = improved(project)
    paid = server.paid.calls
    again = improved(project)
    assert again["improved"] == first["improved"]
    assert server.paid.calls == paid


def test_proposals_that_are_no_template_change_nothing(tmp_path: Path) -> None:
    with OpenAIServer(words=improver.words_in_vain) as server:
        project = improver.make_project(tmp_path / "vain", server.url)
        found = improved(project)
    assert [row["found"] for row in found["improved"]] == [0]
    [one, *_] = project.store.records.all(type=WORDING.name)
    assert (one.kept, one.reason) == (False, "no-template")
    rows = [WordingRow(**row) for row in found["improved"]]
    assert verdict(rows, found["proposals"], at_shell=False).startswith(
        "None of 2 proposals did better"
    )


def test_a_cap_holds(project: Project, server: OpenAIServer) -> None:
    with pytest.raises(CapReached):
        improved(project, ImproveParams(**{**SMALL.to_row(), "budget_tokens": 4_000}))
    assert server.paid.prompt_tokens + server.paid.completion_tokens <= 4_000


def test_an_estimate_is_an_upper_bound(project: Project, server: OpenAIServer) -> None:
    told = improving.estimate_improving(project, SMALL)
    improved(project)
    assert server.paid.calls <= told.requests


def test_too_few_documents_are_told(tmp_path: Path, server: OpenAIServer) -> None:
    project = Project.create(tmp_path / "few", title="Few")
    with pytest.raises(StudioError, match="no such prompt"):
        improving.improvable(project, None)


@pytest.mark.parametrize(
    ("answer", "wording"),
    [
        ("-----\nWrite it.\n-----", "Write it."),
        ("Because.\n---\nWrite it.\n\nSoon.\n---\nDone.", "Write it.\n\nSoon."),
        ("```markdown\nWrite it.\n```", "Write it."),
        ("The new prompt:\n-----\nWrite it.", "Write it."),
        ("Write it.\n-----", "Write it."),
        ("Write it.", "Write it."),
        ("-----\nOld.\n-----\nBetter:\n-----\nNew.\n-----", "New."),
        ("", ""),
    ],
)
def test_the_wording_in_an_answer(answer: str, wording: str) -> None:
    assert wording_in(answer) == wording


def test_a_row_of_the_table() -> None:
    own = WordingRow(3, 5, 20, 0.25, None, 0.2)
    new = WordingRow(7, 12, 20, 0.1, 0.875, 0.55, 0.35, 0.1, 0.6, 0.0421)
    assert cells(own) == ("3", "5/20", "25%", "", "0.200", "", "", "")
    assert cells(new)[3:] == ("88%", "0.550", "+0.350", "+0.100 … +0.600", "0.042")
