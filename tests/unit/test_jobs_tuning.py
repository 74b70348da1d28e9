"""Tuning a small LLM as a job, and what base and tuned model answer to gold."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from studio.jobs import answering, kinds, preferring, tuning
from studio.jobs.context import Cancelled, JobContext
from studio.jobs.tune_params import AnswerParams, TuneParams
from studio.project import Project
from studio.records import INSTRUCTION, CapReached, Example, Gold, Record, StudioError, WrongTask
from studio.store.models import Evaluation
from tests.support import tuned
from tests.support.openai_server import OpenAIServer

TASKS = [(f"Say the number {n}.", "", f"it is {n} {n}") for n in range(8)]


@pytest.fixture
def llama(tiny_llm: Path) -> str:
    return str(tiny_llm)


def fields(task: tuple[str, str, str]) -> dict[str, str]:
    return dict(zip(INSTRUCTION.fields, task, strict=True))


def add_gold(project: Project) -> None:
    """Three items of each split."""
    for place, split in enumerate(("validation", "test")):
        project.store.gold.add(
            Gold(INSTRUCTION, fields((f"Tell {split} {n}.", "with care", f"told {n}")),
                 "test" if place else "validation", f"{split}-{n}")
            for n in range(3)
        )  # fmt: skip


@pytest.fixture
def context(tmp_path: Path) -> JobContext:
    project = Project.create(tmp_path / "project", task="instructions")
    project.store.records.add(Record(INSTRUCTION, fields(task)) for task in TASKS)
    add_gold(project)
    return claimed(project, "tune")


def claimed(project: Project, kind: str, **params: object) -> JobContext:
    number = project.store.jobs.submit(kind, params)
    assert project.store.jobs.claim(number, os.getpid())
    job = project.store.jobs.get(number)
    assert job is not None
    return JobContext(project, job)


def quick(llama: str, **more: object) -> TuneParams:
    return TuneParams(base=llama, steps=2, batch_size=2, evaluations=1, **more)  # type: ignore[arg-type]


def test_a_tuned_model_has_its_records_its_curves_its_card_and_its_scores(
    context: JobContext, llama: str
) -> None:
    store = context.store
    # A record with a gold instruction's words is left out.
    store.records.add([Record(INSTRUCTION, fields(("Tell test 1!", "with care", "nothing")))])
    # Examples are learnt from too, but for those that are gold or have no answer yet.
    seeds = [("Say hello.", "hello"), ("Tell test 1!", "no"), ("Wait.", "")]
    store.examples.add(
        Example("", one, type=INSTRUCTION, fields={"input": "with care", "output": said})
        for one, said in seeds
    )
    tuning.tune_kept(context, quick(llama, name="mine"))
    assert context.result["examples"] == 1
    model = store.models.latest()
    assert model is not None
    assert model.snapshot_id is not None
    assert store.snapshots.record_ids(model.snapshot_id) == list(range(1, 9))
    assert context.result["left_out_gold"] == 1
    assert {"mine loss", "mine loss on validation"} <= {*store.jobs.points(context.job.id)}
    folder = context.project.path / model.path
    assert (folder / "model.safetensors").is_file()
    assert (folder / "adapter").is_dir()

    context.keep(**answering.measure(context, AnswerParams(answer_tokens=4)))
    found = context.result
    assert [*found["scores"]] == ["base", "trained"]
    assert {*found["scores"]["trained"]} == {"rouge_l", "loss", "perplexity"}
    assert found["gold"] == "3 gold test instructions; answers of at most 4 tokens"
    base, trained = store.evaluations.of_model(model.id)
    assert {*trained.answers} == {*base.answers} == {"test-0", "test-1", "test-2"}
    difference = found["tests"]["trained_vs_base"]["loss"]["difference"][0]
    scores = found["scores"]
    assert difference == pytest.approx(scores["trained"]["loss"] - scores["base"]["loss"], abs=2e-4)
    card = (folder / "README.md").read_text()
    assert "pipeline_tag: text-generation" in card
    assert "Loss on validation: base" in card
    assert "| trained |" in card
    assert "snapshot 1 of 8 records" in card


def test_a_system_that_was_scored_before_an_interruption_is_not_scored_again(
    context: JobContext, llama: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuning.tune_kept(context, quick(llama))
    answering.measure(context, AnswerParams(answer_tokens=2))

    def refuse(*_: object) -> Evaluation:
        raise AssertionError("scored again")

    monkeypatch.setattr(answering, "_scored", refuse)
    again = answering.measure(context, AnswerParams(answer_tokens=2))
    assert len(context.store.evaluations.of_job(context.job.id)) == 2
    assert again["items"] == 3


def test_a_stop_ends_the_training_and_the_scoring(context: JobContext, llama: str) -> None:
    context.stop.set()
    with pytest.raises(Cancelled):
        tuning.tune_kept(context, quick(llama))
    assert context.store.models.all() == []
    context.stop.clear()
    tuning.tune_kept(context, quick(llama))
    context.stop.set()
    with pytest.raises(Cancelled):
        answering.measure(context, AnswerParams(answer_tokens=2))
    assert context.store.evaluations.of_job(context.job.id) == []


def test_what_cannot_be_tuned_or_scored_is_told_in_a_sentence(
    context: JobContext, llama: str
) -> None:
    with pytest.raises(StudioError, match="No model is tuned yet"):
        answering.measure(context, AnswerParams())
    with pytest.raises(StudioError, match="no model 9"):
        answering.measure(context, AnswerParams(model_id=9))
    with pytest.raises(WrongTask, match="studio tune"):
        kinds.run_kind(claimed(context.project, "train"))
    empty = Project.create(context.project.path.with_name("empty"), task="instructions")
    with pytest.raises(StudioError, match="No instruction is kept"):
        tuning.tune_kept(claimed(empty, "tune"), quick(llama))
    with pytest.raises(StudioError, match="no gold test instructions"):
        answering.measure(claimed(empty, "evaluate"), AnswerParams())


def test_a_tuned_model_can_be_tuned_on(context: JobContext, llama: str) -> None:
    tuning.tune_kept(context, quick(llama, name="first"))
    folder = str(context.project.path / "models" / "first")
    tuning.tune_kept(context, quick(folder, name="second"))
    second = context.store.models.latest()
    assert second is not None
    assert (second.parent_id, second.base) == (1, "./models/first")


def test_an_llm_compares_the_answers_in_both_orders(tmp_path: Path) -> None:
    project = tuned.make(tmp_path / "helpdesk")
    model = tuned.add_model(project)
    base, trained = project.store.evaluations.of_model(model.id)
    with OpenAIServer(words=prefers_le_mill) as server:
        server.keep_requests = True
        told = {"base_url": server.url, "model": "stand-in"}
        context = claimed(project, "evaluate", judge=told)
        table = preferring.judge(context, told, trained, base)
        # Four pairs, each in both orders.
        assert len(server.requests) == 8
        again = preferring.judge(claimed(project, "evaluate", judge=told), told, trained, base)
        assert len(server.requests) == 8, "no answer is paid twice"
    assert {name: table[name] for name in ("won", "lost", "tied", "unread", "by")} == {
        "won": 1, "lost": 0, "tied": 3, "unread": 0, "by": "stand-in",
    }  # fmt: skip
    assert again["won"] == 1
    _, kept = project.store.evaluations.of_model(model.id)
    assert kept.per_query["preferred"] == {"test-0": 0, "test-1": 1, "test-2": 0, "test-3": 0}
    assert project.store.records.counts("instruction").total == 12, "preferences are notes"


def prefers_le_mill(body: dict[str, Any]) -> str:
    """Where the tuned model said “le mill”, that one; else whatever stands first."""
    asked = str(body["messages"][-1]["content"])
    first = asked.partition("Answer 1:")[2].partition("Answer 2:")
    return "2\nIt has the article." if "le mill" in first[2] else "1"


def test_a_cap_ends_the_judge_and_the_job_goes_on_with_a_higher_one(tmp_path: Path) -> None:
    project = tuned.make(tmp_path / "helpdesk")
    model = tuned.add_model(project)
    base, trained = project.store.evaluations.of_model(model.id)
    with OpenAIServer(words=prefers_le_mill) as server:
        server.keep_requests = True
        told = {"base_url": server.url, "model": "stand-in", "budget_tokens": 700}
        context = claimed(project, "evaluate", judge=told)
        with pytest.raises(CapReached):
            preferring.judge(context, told, trained, base)
        assert context.result["judged"]["unread"] > 0
        asked = len(server.requests)
        table = preferring.judge(context, {**told, "budget_tokens": 100_000}, trained, base)
        assert (table["unread"], len(server.requests) - asked) == (0, 8 - asked)
