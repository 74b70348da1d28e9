"""Evaluation of any number of systems, and any two of them against each other."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from studio.calls import Answer, Message, Request
from studio.cli.tables import score_table
from studio.evaluation import systems
from studio.evaluation.measures import gain_lines
from studio.jobs import comparing, evaluating
from studio.jobs.context import JobContext
from studio.jobs.datasets import gold_set
from studio.jobs.project_systems import systems_of
from studio.jobs.train_params import EvaluateParams
from studio.project import Project
from studio.prompting.builtin import builtin
from studio.prompting.template_set import MemberText
from studio.prompting.templates import parse
from studio.records import QUERY, TRIPLET, Gold, Record, StudioError
from studio.runs import Model
from studio.store.generations import Finished
from studio.tui.jobs import outcome
from studio.tui.train import facts as facts_of
from studio.tui.train import words as train_words
from tests.support import tiny_encoder
from tests.support.claimed import claimed
from tests.support.project import fill
from tests.support.template_sets import set_text


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
    return claimed(project, "evaluate")


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
    told = list(outcome.scores_table(found))
    assert [line.split()[0] for line in told[1:6]] == ["BM25", "base", "trained", "hybrid", "older"]
    model = context.store.models.get(2)
    assert model is not None
    facts = facts_of.read_model(context.store.path, model, facts_of.Cache())
    listed = train_words.before_after(model, facts.systems, facts.duels, "w")
    assert "trained − older" in listed
    assert {line[8] for line in listed.splitlines()[1:6]} == {" "}, "aligned"
    assert all(line[9] in "1." for line in listed.splitlines()[1:6]), "aligned"
    card = (context.project.path / model.path / "README.md").read_text()
    assert "| older |" in card
    assert "trained vs older: p = " in card
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
    with pytest.raises(StudioError, match="has no scores for each gold item yet"):
        comparing.between(store, newer, "model-9")


def test_a_system_that_is_not_there_is_refused_before_anything_is_scored(
    context: JobContext,
) -> None:
    with pytest.raises(StudioError, match="Did you mean hybrid"):
        measured(context, "hybird")
    assert context.store.evaluations.of_model(2) == []


def test_an_encoder_that_cannot_be_opened_is_refused_before_anything_is_scored(
    context: JobContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(
        JobContext, "progress", lambda self, done, total, message: told.append(message)
    )
    weights = next((context.project.models_dir / "newer").rglob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-9])
    with pytest.raises(StudioError, match=r"newer could not be loaded: .* is cut off"):
        measured(context, "hybrid")
    assert told == ["opening base", "opening trained"]


def named(context: JobContext, prefixes: dict[str, str], **given: str) -> dict[str, object]:
    """An evaluation of a model that was trained with these prefixes, from a base without any."""
    model = context.store.models.get(2)
    assert model is not None
    tiny_encoder.static_encoder(context.project.models_dir / "prompted")
    config = context.project.models_dir / "prompted" / "config_sentence_transformers.json"
    own = {role: prefixes[f"{role}_prompt"] for role in ("query", "document")}
    config.write_text(json.dumps(json.loads(config.read_text()) | {"prompts": own}))
    row = Model("prompted", "models/prompted", model.base, settings=prefixes)
    number = context.store.models.add(row)
    params = EvaluateParams(model_id=number, **given)
    return evaluating.measure(context, params, gold_set(context.store, "test"))


PREFIXES = {"query_prompt": "the river ", "document_prompt": "stone of "}


def test_the_base_reads_what_the_trained_model_reads(context: JobContext) -> None:
    # The weights are the same, so that any difference would be the prompts' alone.
    found = named(context, PREFIXES)
    scores: dict[str, object] = found["scores"]  # type: ignore[assignment]
    assert scores["base"] == scores["trained"] != measured(context, model=2)["scores"]["base"]  # type: ignore[index]
    both = {"query": "the river ", "document": "stone of "}
    assert found["prompts"] == {"base": both, "trained": both}
    console = Console(width=150)
    with console.capture() as shown:
        console.print(score_table(found))
    line = "Prefixes: base, trained “the river ” before each query and “stone of ” before each"
    assert line in shown.get()
    model = context.store.models.get(3)
    assert model is not None
    facts = facts_of.read_model(context.store.path, model, facts_of.Cache())
    assert line in train_words.before_after(model, facts.systems, facts.duels, "w")
    assert "before queries the river" in train_words.made_from(model, 4, "pairs", "")
    card = (context.project.path / model.path / "README.md").read_text()
    assert 'put `"the river "` before each query and `"stone of "` before each document' in card


def test_prompts_may_be_given_to_all_encoders_alike(context: JobContext) -> None:
    found = named(context, PREFIXES, query_prompt="what is ")
    both = {"query": "what is ", "document": "stone of "}
    assert found["prompts"] == {"base": both, "trained": both}
    scores: dict[str, object] = found["scores"]  # type: ignore[assignment]
    assert scores["base"] == scores["trained"]


def test_another_encoder_in_the_bases_place_keeps_its_own_prompts(
    context: JobContext, tmp_path: Path
) -> None:
    other = str(tiny_encoder.static_encoder(tmp_path / "other"))
    found = named(context, PREFIXES, encoder=other)
    assert found["prompts"]["base"] == {"query": "", "document": ""}  # type: ignore[index]
    said = systems.prefix_words(found["prompts"], found["systems"])  # type: ignore[arg-type]
    assert said.startswith("Prefixes: base without; trained “the river ” before each query")


def test_nothing_is_said_of_prompts_where_there_are_none(context: JobContext) -> None:
    assert systems.prefix_words(measured(context)["prompts"]) == ""  # type: ignore[arg-type]


def test_an_evaluation_reads_as_many_tokens_as_the_training_did(context: JobContext) -> None:
    model = Model("short", "models/newer", "a/base", settings={"max_length": 24})
    context.store.models.add(model)
    there = systems_of(context.project, max_length=EvaluateParams().max_length)
    assert {one.max_length for one in there if one.name in ("base", "trained")} == {24}


def test_scored_pairs_have_spearmans_correlation_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUDIO_CACHE", str(tmp_path / "cache"))
    project = Project.create(tmp_path / "pairs", task="embedding")
    topics = tiny_encoder.TOPICS
    project.store.gold.add(
        Gold(
            TRIPLET,
            {"query": f"the {topics[n]}", "positive": f"a {topics[n + n % 2]}", "group": "sts",
             "score": str(5 - 4 * (n % 2))},
            "test", f"t{n}",
        )
        for n in range(8)
    )  # fmt: skip
    base = str(tiny_encoder.static_encoder(tmp_path / "base"))
    tiny_encoder.static_encoder(project.models_dir / "mine")
    number = project.store.models.add(
        Model("mine", "models/mine", base, settings={"instructions": True})
    )
    found = measured(claimed(project, "evaluate"), model=number)
    console = Console(width=150)
    with console.capture() as shown:
        console.print(score_table(found))
    model = project.store.models.get(number)
    assert model is not None
    facts = facts_of.read_model(project.store.path, model, facts_of.Cache())
    card = (project.path / model.path / "README.md").read_text()
    assert "prompt_name=task" in card
    for told in (
        shown.get(),
        card,
        train_words.before_after(model, facts.systems, facts.duels, "w"),
    ):
        assert "Spearman on 8 scored pairs: base" in told
        assert "trained − base: +0.000 Spearman" in told


def test_models_trained_on_one_query_type_say_what_it_brought(context: JobContext) -> None:
    store = context.store
    kinds = [builtin("zero-shot").replace("zero-shot", name) for name in ("short", "long")]
    store.prompts.save("set", set_text([MemberText(1, text) for text in kinds]))
    members = [store.prompts.save(parse(text).name, text, aside=True).id for text in kinds]
    for prompt, count in zip(members, (1, 2), strict=True):
        for n in range(count):
            request = Request((Message("user", f"{prompt} {n}"),), "m", prompt_id=prompt)
            record = Record(QUERY, {"query": f"query {prompt} {n}"}, document_id=1)
            store.generations.save([Finished(request, Answer("x"), "", (record,))], context.job.id)
    rows = [record.id for record in store.records.all()]
    for model, taken in ((1, rows[:1]), (2, rows)):
        snapshot = store.snapshots.take(taken, "a run")
        with store.write() as conn:
            conn.execute("UPDATE models SET snapshot_id = ? WHERE id = ?", (snapshot, model))
    assert len(measured(context, model=1)["gain_by_type"]) == 1  # type: ignore[arg-type]
    found = measured(context, model=2)
    gains: Any = found["gain_by_type"]
    assert [one["types"] for one in gains] == [{"short": 1}, {"short": 1, "long": 2}]
    assert gains[1]["difference"] == found["difference"]["trained_vs_base"]  # type: ignore[index]
    alone, both = gain_lines(gains)
    assert alone.startswith("Trained on 1 short alone (older): +0.")
    assert both.startswith("Trained on 1 short, 2 long (newer): ")
    job = replace(context.job, result=found)
    assert both in outcome.result_text(job)
    console = Console(width=200)
    with console.capture() as shown:
        console.print(score_table(found))
    assert alone in shown.get()
