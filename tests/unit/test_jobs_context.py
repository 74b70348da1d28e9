"""What a running job sees: throttled progress, a cancel, and a result that lasts."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import fields
from pathlib import Path

import pytest

from studio.jobs.context import WATCH_S, Cancelled, JobContext, heartbeats
from studio.jobs.datasets import encoder_name, gold_set, read_corpus
from studio.jobs.params import (
    FilterParams,
    Params,
    PathParams,
    RoundParams,
    RunParams,
)
from studio.jobs.setup import sample_project, samples, save_template
from studio.jobs.train_params import (
    EvaluateParams,
    TrainParams,
)
from studio.project import Project
from studio.records import Example, StudioError
from studio.runs import Job, JobState
from studio.store import Store
from tests.support.data import gold_query
from tests.support.project import fill
from tests.support.waiting import PATIENCE_S, until


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("STUDIO_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("STUDIO_DATA", str(tmp_path / "data"))
    return Project.create(tmp_path / "project")


@pytest.fixture
def context(project: Project) -> JobContext:
    number = project.store.jobs.submit("import", {})
    assert project.store.jobs.claim(number, os.getpid())
    return JobContext(project, row(project, number))


def row(project: Project, number: int) -> Job:
    found = project.store.jobs.get(number)
    assert found is not None
    return found


def test_progress_is_written_a_few_times_a_second_and_always_at_the_end(
    project: Project, context: JobContext
) -> None:
    screen = Store(project.store.path)
    seen = set()
    for done in range(1, 2_001):
        context.progress(done, 2_000, "reading")
        seen.add(screen.data_version())
    assert len(seen) < 100
    assert row(project, context.job.id).done == 2_000


def test_progress_names_its_stage(project: Project, context: JobContext) -> None:
    context.stage = "filter"
    context.progress(1, 2, "copy")
    assert row(project, context.job.id).message == "filter: copy"


def test_what_a_job_found_adds_up_and_lasts(project: Project, context: JobContext) -> None:
    context.keep(documents=3)
    context.keep(kept=2, names=["消", "\ud800"])
    assert row(project, context.job.id).result == context.result
    assert context.result == {"documents": 3, "kept": 2, "names": ["消", "\ud800"]}


def test_a_cancel_stops_the_job_within_a_second(project: Project, context: JobContext) -> None:
    assert WATCH_S < 1
    with heartbeats(context):
        context.check()
        project.store.jobs.request_cancel(context.job)
        assert context.stop.wait(PATIENCE_S)
        assert context.should_stop()
        with pytest.raises(Cancelled):
            context.check()


def test_a_job_that_another_worker_has_stops(project: Project, context: JobContext) -> None:
    with heartbeats(context):
        project.store.jobs.requeue(context.job)
        project.store.jobs.claim(context.job.id, os.getpid() + 1)
        assert context.stop.wait(PATIENCE_S)


def test_a_cancel_is_seen_while_another_writes(project: Project, context: JobContext) -> None:
    project.store.jobs.request_cancel(context.job)
    writer = Store(project.store.path)
    with writer.write(), heartbeats(context):
        assert context.stop.wait(PATIENCE_S)


def test_heartbeats_show_life_and_end_with_the_body(project: Project, context: JobContext) -> None:
    with project.store.write() as conn:
        conn.execute("UPDATE jobs SET heartbeat = 0")
    assert row(project, context.job.id).state is JobState.INTERRUPTED
    with heartbeats(context):
        until(lambda: row(project, context.job.id).state is JobState.RUNNING)
    assert "heartbeat" not in [thread.name for thread in threading.enumerate()]


@pytest.mark.parametrize(
    "params",
    [
        RunParams(documents=5, search="tax", temperature=0.2, budget_usd=1.5),
        RoundParams(rounds=3, approve="person", epochs=0.5),
        FilterParams(chain="length,copy", settings="length.most=9", k=3),
        TrainParams(batch_size=8, bf16=False),
        EvaluateParams(split="validation"),
        PathParams(generate={"documents": 3}),
    ],
)
def test_params_come_back_from_a_row_as_they_were(params: Params) -> None:
    assert type(params).from_row(json.loads(json.dumps(params.to_row()))) == params


def test_params_of_another_version_are_read_with_defaults() -> None:
    found = TrainParams.from_row({"batch_size": 4, "a_thing_of_the_future": 1})
    assert found == TrainParams(batch_size=4)
    assert len(fields(found)) > 5


def test_a_corpus_is_read_with_titles_joined(project: Project) -> None:
    fill(project.store, ["one", "two"])
    assert read_corpus(project.store).texts == ["one", "two"]


def test_a_project_without_documents_has_no_corpus(project: Project) -> None:
    with pytest.raises(StudioError, match=r"has no documents.*studio import"):
        read_corpus(project.store)


def test_gold_is_labelled_by_where_it_came_from(project: Project) -> None:
    fill(project.store, ["one", "two"])
    project.store.gold.add([gold_query("q", "what?", "test", {1: 1, 2: 2})])
    gold = gold_set(project.store, "test")
    assert gold.label == "1 gold test query (1 import)"
    assert gold.texts() == {"q": "what?"}
    assert gold.qrels() == {"q": {"1": 1, "2": 2}}


def test_examples_that_are_switched_off_stand_in_for_test_gold_only(project: Project) -> None:
    fill(project.store, ["one"])
    project.store.examples.add(
        [
            Example("one", "held out", document_id=1, enabled=False),
            Example("one", "shown", document_id=1),
            Example("elsewhere", "off, but of no document", enabled=False),
        ]
    )
    gold = gold_set(project.store, "test")
    assert "held-out examples, not independent gold" in gold.label
    assert [query.text for query in gold.queries] == ["held out"]
    assert gold_set(project.store, "validation").queries == []


def test_the_encoder_is_what_was_asked_for_then_the_projects_then_the_settings(
    project: Project,
) -> None:
    assert encoder_name(project, "") == "minilm-l6"
    project.store.values.set("encoder", "m3e-small")
    assert encoder_name(project, "") == "m3e-small"
    assert encoder_name(project, "minilm-l6") == "minilm-l6"


def test_a_project_gets_the_template_of_its_language(project: Project) -> None:
    assert save_template(project).name == "generic"
    project.store.values.set("language", "zh")
    assert save_template(project).name == "generic-zh"
    assert [prompt.version for prompt in project.store.prompts.all()] == [2, 1]


def test_a_template_may_be_a_file(project: Project, tmp_path: Path) -> None:
    text = save_template(project, "generic").template
    path = tmp_path / "mine.md"
    path.write_text(text + "\n", "utf-8")
    assert save_template(project, str(path)).version == 2


@pytest.mark.parametrize("name", ["no-such-template", "/nowhere/at-all.md"])
def test_a_template_that_is_not_there_is_refused_with_those_that_are(
    project: Project, name: str
) -> None:
    with pytest.raises(StudioError, match=r"templates are: .*generic"):
        save_template(project, name)
    assert project.store.prompts.all() == []


def test_a_template_that_is_no_text_is_refused(project: Project, tmp_path: Path) -> None:
    (tmp_path / "bad.md").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(StudioError, match=r"bad\.md is not valid utf-16 \(byte 2\): convert"):
        save_template(project, str(tmp_path / "bad.md"))


def test_each_sample_makes_a_project_with_its_template(project: Project, tmp_path: Path) -> None:
    assert samples()
    for name, sample in samples().items():
        made, params = sample_project(tmp_path / name, name)
        assert (made.title, made.language) == (sample.title, sample.language)
        latest = made.store.prompts.latest()
        assert latest is not None
        assert latest.name == sample.template
        assert all(Path(path).exists() for path in params.values())


def test_a_sample_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match=r"no sample 'x'. The samples are: .*tax_en"):
        sample_project(tmp_path / "x", "x")
    assert not (tmp_path / "x").exists()


def test_a_cancel_is_heard_while_weights_load(context: JobContext) -> None:
    never, told = threading.Event(), list[str]()
    context.stop.set()
    with pytest.raises(Cancelled):
        context.loads(lambda: never.wait(PATIENCE_S), "the base LLM")
    never.set()
    context.stop.clear()

    def load() -> str:
        told.append(threading.current_thread().name)
        return "weights"

    assert context.loads(load, "the base LLM") == "weights"
    with pytest.raises(StudioError, match="There is no such"):
        context.loads(_missing, "the base LLM")
    assert told == ["loading"]


def _missing() -> str:
    raise StudioError("There is no such file.")
