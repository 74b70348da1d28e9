"""Evaluation of any number of systems, and any two of them against each other."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from studio.cli.tables import score_table
from studio.jobs import comparing, evaluating
from studio.jobs.context import JobContext
from studio.jobs.datasets import gold_set
from studio.jobs.params import EvaluateParams
from studio.project import Project
from studio.records import QUERY, Gold, Model, StudioError
from studio.tui.jobs import words as job_words
from studio.tui.train import facts as facts_of
from studio.tui.train import words as train_words
from tests.support import tiny_encoder
from tests.support.project import fill


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> JobContext:
    for place in ("CONFIG", "DATA", "CACHE"):
        monkeypatch.setenv(f"STUDIO_{place}", str(tmp_path / place))
    project = Project.create(tmp_path / "project")
    fill(project.store, tiny_encoder.corpus().values())
    rows = [document.id for document in project.store.documents.all()]
    project.store.gold.add(
        Gold(QUERY, {"query": f"what is the {topic}"}, "test", f"t{n}", relevant={rows[n]: 1})
        for n, topic in enumerate(tiny_encoder.TOPICS[:8])
    )
    base = str(tiny_encoder.static_encoder(tmp_path / "base"))
    for name in ("older", "newer"):
        folder = tiny_encoder.static_encoder(project.models_dir / name)
        project.store.models.add(Model(name, f"models/{folder.name}", base))
    number = project.store.jobs.submit("evaluate", {})
    assert project.store.jobs.claim(number, os.getpid())
    job = project.store.jobs.get(number)
    assert job is not None
    return JobContext(project, job)


def measured(context: JobContext, *systems: str, model: int | None = None) -> dict[str, object]:
    params = EvaluateParams(model_id=model, systems=",".join(systems))
    return evaluating.measure(context, params, gold_set(context.store, "test"))


def test_the_usual_three_keep_their_names_and_their_pairs(context: JobContext) -> None:
    found = measured(context)
    assert list(found["scores"]) == ["bm25", "base", "trained"]  # type: ignore[call-overload]
    assert list(found["p_value"]) == ["trained_vs_base", "trained_vs_bm25"]  # type: ignore[call-overload]
    assert [e.system for e in context.store.evaluations.of_model(2)] == ["bm25", "base", "trained"]


def test_a_second_model_and_a_sum_are_two_more_rows_everywhere(context: JobContext) -> None:
    found = measured(context, "hybrid", "older", "model-1", "bm25", "newer", "trained")
    assert list(found["scores"]) == ["bm25", "base", "trained", "hybrid", "model-1"]  # type: ignore[call-overload]
    assert found["systems"]["model-1"] == "older"  # type: ignore[index]
    assert set(found["p_value"]) == {  # type: ignore[call-overload]
        "trained_vs_base", "trained_vs_bm25", "trained_vs_hybrid", "trained_vs_model-1",
    }  # fmt: skip
    told = list(job_words.scores_table(found))
    assert [line.split()[0] for line in told[1:6]] == ["BM25", "base", "trained", "hybrid", "older"]
    model = context.store.models.get(2)
    assert model is not None
    facts = facts_of.read_model(context.store.path, model, facts_of.Cache())
    listed = train_words.before_after(facts.systems, facts.duels, "w")
    assert "trained − older" in listed
    assert {line[8] for line in listed.splitlines()[1:6]} == {" "}, "aligned"
    assert all(line[9] in "1." for line in listed.splitlines()[1:6]), "aligned"
    card = (context.project.path / model.path / "README.md").read_text()
    assert "| older |" in card
    assert "trained vs older: p = " in card
    from rich.console import Console

    console = Console(width=120)
    with console.capture() as shown:
        console.print(score_table(found))
    assert "trained − base encoder" in shown.get()
    assert "older" in shown.get()


def test_any_two_systems_are_compared_query_by_query(context: JobContext) -> None:
    measured(context, "hybrid", "older")
    store = context.store
    assert comparing.between(store, "hybrid", "bm25").old == "BM25"
    older, newer = store.models.get(1), store.models.get(2)
    assert older is not None
    assert newer is not None
    duel = comparing.between(store, newer, older)
    assert (duel.new, duel.old, len(duel.queries)) == ("newer", "older", 8)
    assert comparing.between(store, newer, "hybrid").old == "hybrid"
    with pytest.raises(StudioError, match="has no scores per query yet"):
        comparing.between(store, newer, "model-9")


def test_a_system_that_is_not_there_is_refused_before_anything_is_scored(
    context: JobContext,
) -> None:
    with pytest.raises(StudioError, match="Did you mean hybrid"):
        measured(context, "hybird")
    assert context.store.evaluations.of_model(2) == []
