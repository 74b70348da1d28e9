"""S3 from the command line: rounds, approval, baselines, kills, and everything that can be odd."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from studio.jobs import queue
from studio.project import Project
from studio.records import LABELLED_TEXT, Gold
from tests.support import labelled_project as rule
from tests.support.command import Command
from tests.support.openai_server import OpenAIServer
from tests.support.tiny_encoder import bert_encoder
from tests.support.waiting import until

SEED = 12
SCORES = ("round", "records", "errors", "validation", "test")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bert_encoder(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(words=rule.words) as running:
        yield running


@pytest.fixture
def project(studio: Command, tmp_path: Path, server: OpenAIServer) -> Project:
    return rule.make(tmp_path / "near", server.url)


def s3(studio: Command, project: Project, tiny: Path, *more: object) -> Any:
    return studio(
        "s3", "-p", project.path, "--kind", "head", "--base", tiny, "--seed-records", SEED,
        "--patience", 0, "--json", *more,
    )  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> Any:
    """What an undisturbed run of one round found."""
    folder = tmp_path_factory.mktemp("whole")
    with OpenAIServer(words=rule.words) as server:
        project = rule.make(folder / "near", server.url)
        found = s3(Command(folder), project, tiny, "--rounds", 1, "--concurrency", 2).json
        project.close()
    return found


def shown(result: dict[str, Any]) -> list[dict[str, Any]]:
    """The rounds without their seconds."""
    return [{name: row[name] for name in SCORES} for row in result["rounds"]]


def test_rounds_find_errors_and_close_the_gap(
    studio: Command, project: Project, tiny: Path, server: OpenAIServer
) -> None:
    found = s3(studio, project, tiny, "--rounds", 2).json
    assert [row["round"] for row in found["rounds"]] == [0, 1, 2]
    first, last = found["rounds"][0], found["rounds"][-1]
    assert first["records"] == SEED
    assert first["errors"] > 0
    assert last["records"] == sum(found["additions"].values())
    assert last["validation"]["accuracy"] > first["validation"]["accuracy"]
    assert (project.path / found["model_path"] / "small.json").exists()
    assert found["stopped"] == "all 2 rounds are done"
    # Two requests for ten reasons for each label, then an item each.
    assert server.paid.calls == 4 + SEED + found["dropped"]["0"].get("duplicate", 0) + sum(
        row["errors"] for row in found["rounds"][:2]
    )


def test_a_run_can_be_read_again(studio: Command, project: Project, tiny: Path) -> None:
    found = s3(studio, project, tiny, "--rounds", 1).json
    again = studio("s3", "show", found["run_id"], "-p", project.path, "--json").json
    assert shown(again) == shown(found)
    listed = studio("s3", "show", "-p", project.path, "--json").json
    assert [row["method"] for row in listed] == ["s3"]
    assert "round" in studio("s3", "show", found["run_id"], "-p", project.path).out


def test_an_equal_run_pays_nothing(
    studio: Command, project: Project, tiny: Path, server: OpenAIServer
) -> None:
    first = s3(studio, project, tiny).json
    paid = server.paid.calls
    second = s3(studio, project, tiny).json
    assert server.paid.calls == paid
    assert second["run_id"] != first["run_id"]
    assert shown(second) == shown(first)


def test_a_run_rests_until_a_person_lets_it_go_on(
    studio: Command, project: Project, tiny: Path
) -> None:
    rests = s3(studio, project, tiny, "--approve", "person", "--rounds", 1).json
    assert rests["waiting_for"] == "approval"
    assert len(rests["rounds"]) == 1
    store = Project.open(project.path).store
    addition = next(store.records.of_stage(rests["run_id"], "extrapolation"))
    review = Project.open(project.path).store.review
    review.reject([addition.id], "me")
    done = studio("s3", "approve", rests["run_id"], "-p", project.path, "--json").json
    assert [row["round"] for row in done["rounds"]] == [0, 1]
    assert done["rounds"][1]["records"] == SEED + rests["additions"]["1"] - 1
    refused = studio("s3", "approve", rests["run_id"], "-p", project.path)
    assert (refused.code, "does not wait" in refused.err) == (1, True)


def test_a_prompt_that_is_saved_while_a_run_rests_is_not_that_runs(
    studio: Command, project: Project, tiny: Path
) -> None:
    rests = s3(studio, project, tiny, "--approve", "person", "--rounds", 2).json
    store = Project.open(project.path).store
    first = store.prompts.latest()
    assert first is not None
    store.prompts.save(first.name, first.template.replace("as hard to judge", "as easy"), "other")
    again = studio("s3", "approve", rests["run_id"], "-p", project.path, "--json").json
    assert again["additions"]["2"] > 0
    with store.write() as conn:
        asked = conn.execute("SELECT DISTINCT prompt_id FROM generations").fetchall()
    assert [row[0] for row in asked] == [first.id]


def test_methods_are_compared_at_the_same_number_of_records(
    studio: Command, project: Project, tiny: Path
) -> None:
    found = studio(
        "s3", "compare", "-p", project.path, "--kind", "head", "--base", tiny,
        "--seed-records", SEED, "--seeds", 2, "--methods",
        "zerogen,progen,goldgen,s3,s3-without-rationales,s3-without-extrapolation", "--json",
    ).json  # fmt: skip
    rows = {row["method"]: row for row in found["table"]}
    assert list(rows) == [
        "zerogen", "progen", "goldgen", "s3", "s3-without-rationales", "s3-without-extrapolation",
    ]  # fmt: skip
    assert rows["progen"]["records"] == found["records"]
    assert rows["zerogen"]["records"] == rows["s3"]["records"] == found["records"]
    assert rows["s3-without-extrapolation"]["records"] == found["records"]
    assert "sd" in rows["s3"]["test"]
    assert 0 < rows["zerogen"]["s3_against_it"]["p_mcnemar"] <= 1


def test_gold_trains_on_its_own_file(
    studio: Command, project: Project, tiny: Path, tmp_path: Path
) -> None:
    file = tmp_path / "train.jsonl"
    rows = rule.gold(40, "validation", seed=9)
    file.write_text("".join(json.dumps(dict(one.fields)) + "\n" for one in rows))
    found = s3(studio, project, tiny, "--method", "gold", "--train-file", file).json
    assert found["rounds"][0]["records"] == 40
    assert "--train-file" in s3(studio, project, tiny, "--method", "gold").err


def test_another_data_set_s_additions_go_on_top(
    studio: Command, project: Project, tiny: Path, tmp_path: Path
) -> None:
    file = tmp_path / "more.jsonl"
    rows = [
        {"text": f"what is the {topic} of the {topic} and more", "label": label}
        for label, topics in (("near", rule.NEAR), ("far", rule.FAR))
        for topic in topics
    ]
    leak = rule.gold(1, "test")[0].text
    rows.append({"text": leak, "label": "near"})
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = s3(studio, project, tiny, "--rounds", 0, "--add-records", file).json
    assert found["rounds"][0]["records"] == SEED + 16
    assert found["dropped"]["0"]["test-leak"] == 1


def test_filters_leave_what_the_run_itself_dropped(
    studio: Command, project: Project, tiny: Path, server: OpenAIServer
) -> None:
    test = project.store.gold.all("test")
    server.words = lambda body: (
        test[0].text
        if "Write another" in str(body["messages"][-1]["content"])
        else rule.words(body)
    )
    found = s3(studio, project, tiny, "--rounds", 1).json
    assert found["dropped"]["1"]["test-leak"] == found["rounds"][0]["errors"]
    kept = Project.open(project.path).store.records.counts().kept
    assert studio("filter", "-p", project.path, "--json").code == 0
    counts = Project.open(project.path).store.records.counts()
    assert counts.dropped["test-leak"] == found["rounds"][0]["errors"]
    assert counts.kept <= kept


# -- kills --


STAGES = ("rationales", "seed", "round 0", "extrapolation 1")


def stage_is_reached(path: Path, job: int, stage: str) -> Callable[[], bool]:
    """A stage may be over before anybody looks."""
    begun = STAGES[STAGES.index(stage) :]

    def check() -> bool:
        with closing(sqlite3.connect(path / "studio.db")) as db, db:
            row = db.execute("SELECT state, message FROM jobs WHERE id = ?", (job,)).fetchone()
        assert row[0] in ("waiting", "running"), row
        return str(row[1]).startswith(begun)

    return check


def stored_answers(path: Path) -> int:
    with closing(sqlite3.connect(path / "studio.db")) as db, db:
        return int(db.execute("SELECT count(*) FROM generations").fetchone()[0])


def looks_again(path: Path, job: int) -> None:
    """Wait for a sign of life of the worker: it looks at its orders before each."""

    def beat() -> float:
        with closing(sqlite3.connect(path / "studio.db")) as db, db:
            return float(
                db.execute("SELECT heartbeat FROM jobs WHERE id = ?", (job,)).fetchone()[0]
            )

    before = beat()
    until(lambda: beat() != before)


LOST = 4
"""Two in flight at the kill, and two that came in within the window that is written at once."""


@pytest.mark.parametrize("stage", STAGES)
def test_a_killed_run_goes_on_to_the_same_numbers(
    studio: Command, whole: Any, tiny: Path, tmp_path: Path, stage: str
) -> None:
    with OpenAIServer(words=rule.words, latency_s=0.1) as slow:
        other = rule.make(tmp_path / "killed", slow.url)
        job = s3(studio, other, tiny, "--rounds", 1, "--concurrency", 2, "--detach").json["job"]
        until(stage_is_reached(other.path, job, stage))
        with closing(sqlite3.connect(other.path / "studio.db")) as db, db:
            pid = int(db.execute("SELECT pid FROM jobs WHERE id = ?", (job,)).fetchone()[0])
        os.kill(pid, signal.SIGKILL)
        until(lambda: queue.get(other, job).state.value == "interrupted" and not slow.in_flight)
        assert slow.paid.calls - stored_answers(other.path) <= LOST
        resumed = studio("jobs", "resume", job, "-p", other.path, "--json")
        assert resumed.code == 0
        ended = queue.wait(other, job)
        assert ended.state.value == "done", ended.message
        # What was lost was paid and is asked again; what was stored never is. The server may have
        # taken up calls only after the kill.
        assert sum(count - 1 for count in slow.paid.bodies.values()) <= LOST
    assert shown(ended.result) == shown(whole)
    assert ended.result["additions"] == whole["additions"]


def test_a_paused_run_asks_nothing_and_ends_in_the_same_numbers(
    studio: Command, whole: Any, tiny: Path, tmp_path: Path
) -> None:
    def held_from_the_seed_on(body: dict[str, Any]) -> str:
        if "List " not in str(body["messages"][-1]["content"]):
            slow.hold()
        return rule.words(body)

    with OpenAIServer(words=held_from_the_seed_on) as slow:
        other = rule.make(tmp_path / "paused", slow.url)
        job = s3(studio, other, tiny, "--rounds", 1, "--concurrency", 2, "--detach").json["job"]
        until(lambda: slow.held)
        paused = studio("jobs", "pause", job, "-p", other.path, "--json")
        assert paused.code == 0
        looks_again(other.path, job)

        def rests() -> bool:
            slow.let_go()
            return "paused" in queue.get(other, job).message and not slow.in_flight

        until(rests)
        slow.release()
        slow.words = rule.words
        calls = slow.calls
        time.sleep(1)
        assert slow.calls == calls
        assert studio("jobs", "resume", job, "-p", other.path, "--json").code == 0
        ended = queue.wait(other, job)
        assert ended.state.value == "done", ended.message
        assert not [body for body, count in slow.paid.bodies.items() if count > 1]
    assert shown(ended.result) == shown(whole)


# -- what can be odd --


def test_a_model_without_errors_has_nothing_to_extrapolate(
    studio: Command, project: Project, tiny: Path
) -> None:
    easy = [
        Gold(
            LABELLED_TEXT,
            {"text": f"what is the {topic} of the {topic} or {n}", "label": label},
            "validation",
            f"e{n}",
        )
        for n, (label, topic) in enumerate([("near", rule.NEAR[0]), ("far", rule.FAR[0])])
    ]
    with project.store.write() as conn:
        conn.execute("DELETE FROM gold WHERE split = 'validation'")
    project.store.gold.add(easy)
    found = s3(studio, project, tiny).json
    assert len(found["rounds"]) == 1
    assert "gets every validation item right" in found["stopped"]


def test_a_label_without_gold_is_warned_of(studio: Command, project: Project, tiny: Path) -> None:
    with project.store.write() as conn:
        conn.execute(
            "DELETE FROM gold WHERE split = 'validation'"
            " AND json_extract(fields, '$.label') = 'far'"
        )
    found = s3(studio, project, tiny, "--rounds", 1).json
    assert any("label far" in warning for warning in found["warnings"])


def test_zero_rounds_train_on_the_seed(studio: Command, project: Project, tiny: Path) -> None:
    found = s3(studio, project, tiny, "--rounds", 0, "--epochs", 2, "--batch-size", 4).json
    assert [row["round"] for row in found["rounds"]] == [0]
    assert found["stopped"] == "no round was asked for"
    warned = "A linear head knows no epochs and no batches"
    assert any(warning.startswith(warned) for warning in found["warnings"])


def test_an_llm_that_refuses_is_told_of(
    studio: Command, project: Project, tiny: Path, server: OpenAIServer
) -> None:
    server.words = lambda _body: "No."
    refused = s3_failing(studio, project, tiny)
    assert "requests gave a text" in refused.err
    assert "'No.'" in refused.err
    assert "Traceback" not in refused.err


def test_an_llm_that_echoes_its_errors_is_told_of(
    studio: Command, project: Project, tiny: Path, server: OpenAIServer
) -> None:
    def echo(body: dict[str, Any]) -> str:
        asked = str(body["messages"][-1]["content"])
        return asked.split("\n\n")[1] if "Write another" in asked else rule.words(body)

    server.words = echo
    found = s3(studio, project, tiny, "--rounds", 2).json
    assert len(found["rounds"]) == 1
    assert found["dropped"]["1"]["copied"] == found["rounds"][0]["errors"]
    assert any("None of the extrapolations" in warning for warning in found["warnings"])


def test_a_project_without_gold_or_labels_says_what_to_do(
    studio: Command, project: Project, tiny: Path
) -> None:
    with project.store.write() as conn:
        conn.execute("DELETE FROM gold")
    assert "studio gold import" in s3_failing(studio, project, tiny).err
    project.store.labels.set([])
    assert "studio labels set" in s3_failing(studio, project, tiny).err


def test_a_validation_set_that_improves_no_more_ends_the_run(
    studio: Command, project: Project, tiny: Path, server: OpenAIServer
) -> None:
    # Extrapolations that teach nothing new.
    server.words = lambda body: rule.words(
        replace_last(body, str(body["messages"][-1]["content"]).replace("Write another", "Write"))
    )
    found = studio(
        "s3", "-p", project.path, "--kind", "head", "--base", tiny, "--seed-records", SEED,
        "--patience", 1, "--rounds", 5, "--json",
    ).json  # fmt: skip
    assert len(found["rounds"]) < 6
    assert "did not improve" in found["stopped"]
    scores = [row["validation"]["accuracy"] for row in found["rounds"]]
    kept = scores.index(max(scores))
    assert kept < len(scores) - 1
    assert found["stopped"].endswith(f"after round {kept}; the model of round {kept} is kept")
    assert found["model_path"].endswith(f"round-{kept}")


def replace_last(body: dict[str, Any], content: str) -> dict[str, Any]:
    *others, last = body["messages"]
    return {**body, "messages": [*others, {**last, "content": content}]}


def s3_failing(studio: Command, project: Project, tiny: Path) -> Any:
    failed = studio("s3", "-p", project.path, "--kind", "head", "--base", tiny, "--seed-records", 5)
    assert failed.code == 1
    return failed
