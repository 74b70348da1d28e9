"""Instruction data from seeds to files, by the verbs that a person types."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from studio import methods
from studio.project import Project
from tests.support import instructions, small_projects
from tests.support.openai_server import OpenAIServer
from tests.support.tasks import jobs_in_this_process
from tests.support.verbs import Verbs, assert_one_sentence


@pytest.fixture(scope="module")
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(words=instructions.answer) as running:
        yield running


@pytest.fixture(scope="module")
def any_method() -> Iterator[OpenAIServer]:
    with OpenAIServer(words=small_projects.words) as running:
        yield running


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Verbs]:
    with jobs_in_this_process():
        yield Verbs(tmp_path)


@pytest.fixture
def seeds(tmp_path: Path) -> Path:
    rows = [
        {"instruction": one, "input": given, "output": output}
        for one, given, output in instructions.SEEDS
    ]
    return lines(tmp_path / "seeds.jsonl", rows)


def lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def made(studio: Verbs, path: Path, *more: object) -> Path:
    assert studio("new", path, "--task", "instructions", *more).code == 0
    return path


def test_from_seeds_to_files(
    studio: Verbs, server: OpenAIServer, seeds: Path, tmp_path: Path
) -> None:
    path = made(studio, tmp_path / "helpdesk", "--seeds", seeds)
    asked = ("--endpoint", server.url, "--model", "stand-in", "-p", path, "--json")
    written = studio("generate", "--wanted", 10, *asked).json
    assert written["generated"] >= 10
    assert not studio("generate", "--wanted", 10, *asked).json["spent"]["prompt_tokens"]
    kept = studio("filter", "-p", path, "--json").json["kept"]
    assert 0 < kept <= written["generated"]
    exported = studio("export", "alpaca", "-p", path, "--json").json
    [file] = [Path(name) for name in exported["files"] if name.endswith("alpaca.json")]
    rows = json.loads(file.read_text("utf-8"))
    assert len(rows) == kept
    assert all(row["instruction"] and row["output"] for row in rows)


def test_seeds_that_cannot_be_used_are_told_with_their_lines(studio: Verbs, tmp_path: Path) -> None:
    rows = [{"instruction": "Say yes.", "output": "Yes."}, {"instruction": "Say no."}]
    seeds = lines(tmp_path / "seeds.jsonl", rows)
    told = ("--task", "instructions", "--seeds", seeds)
    found = studio("new", tmp_path / "told", *told, "--json").json
    assert (found["examples"], found["skipped"]) == (1, {"no-output": 1})
    shown = studio("new", tmp_path / "shown", *told).out
    assert "seeds.jsonl:2" in shown
    missing = studio("new", tmp_path / "none", "--task", "instructions", "--seeds", "nowhere")
    assert_one_sentence(missing, 1, "nowhere")
    assert not (tmp_path / "none").exists()


def test_a_record_leads_back_to_its_task_its_request_and_its_seeds(
    studio: Verbs, server: OpenAIServer, seeds: Path, tmp_path: Path
) -> None:
    path = made(studio, tmp_path / "helpdesk", "--seeds", seeds)
    asked = ("--endpoint", server.url, "--model", "stand-in", "-p", path)
    assert studio("generate", "--method", "alpaca", "--wanted", 3, *asked).code == 0
    found = studio("lineage", "record", 1, "-p", path, "--json").json
    assert found["stage"] == "tasks"
    assert {shot["instruction"] for shot in found["shots"]} <= {s[0] for s in instructions.SEEDS}


@pytest.mark.parametrize("method", ["alpaca", "seedless", "self-qa", "evol"])
def test_a_method_on_the_side_names_its_prompt_and_takes_no_ones_place(
    method: str, studio: Verbs, any_method: OpenAIServer, seeds: Path, tmp_path: Path
) -> None:
    corpus = lines(tmp_path / "corpus.jsonl", [{"id": "d1", "text": "Rye is sown in autumn."}])
    path = made(studio, tmp_path / "helpdesk", "--seeds", seeds, "--corpus", corpus)
    asked = ("--endpoint", any_method.url, "--model", "stand-in", "-p", path, "--json")
    assert studio("generate", "--wanted", 3, *asked).code == 0
    own = studio("prompt", "show", "-p", path, "--json").json
    told = studio("generate", "--method", method, *few(method), *asked).json
    listed = {one["version"]: one for one in studio("prompt", "list", "-p", path, "--json").json}
    aside = listed[told["prompt_version"]]
    assert (aside["aside"], aside["note"]) == (True, f"bundled, for {method}")
    last = Project.open(path).store.records.newest_of_run(2, 1)[0]
    found = studio("lineage", "record", last.id, "-p", path, "--json").json
    assert found["prompt_version"] == aside["version"]
    assert studio("prompt", "show", "-p", path, "--json").json == own
    assert not own["aside"]
    before = len(listed)
    again = studio("generate", "--method", method, *few(method), *asked).json
    assert (again["prompt_version"], again["spent"]["prompt_tokens"]) == (aside["version"], 0)
    assert len(studio("prompt", "list", "-p", path, "--json").json) == before


def few(method: str) -> tuple[object, ...]:
    """How few a test asks for."""
    known = methods.get(method, "instructions").settings.options()
    return tuple(x for key in ("wanted",) if key in known for x in (f"--{key}", 3))


def test_tasks_that_are_near_to_a_seed_are_dropped(
    studio: Verbs, server: OpenAIServer, tmp_path: Path
) -> None:
    path = made(studio, tmp_path / "strict")
    asked = ("--endpoint", server.url, "--model", "stand-in", "-p", path, "--json")
    told = ("--method", "seedless", "--wanted", 8)
    free = studio("generate", *told, "--novelty", 1, *asked).json
    assert "near-duplicate" not in free["generation_drops"]
    other = made(studio, tmp_path / "other")
    strict = studio("generate", *told, "--novelty", 0.3, *asked[:-2], other, "--json").json
    assert strict["generation_drops"]["near-duplicate"] > 0


def with_a_headless_block(body: dict[str, Any]) -> str:
    return f"{instructions.answer(body)}\n\nOutput: lost\nInput: lost"


def test_a_block_that_is_lost_among_good_ones_is_counted_and_shown(
    studio: Verbs, tmp_path: Path
) -> None:
    path = made(studio, tmp_path / "helpdesk")
    with OpenAIServer(words=with_a_headless_block) as server:
        asked = ("--endpoint", server.url, "--model", "stand-in", "-p", path, "--json")
        written = studio("generate", "--method", "seedless", "--wanted", 30, *asked).json
    assert written["generation_drops"]["empty"] == written["requests"] > 1
    assert studio("filter", "-p", path, "--json").json["kept"] > 0
    assert studio("export", "jsonl", "--dropped", "-p", path).code == 0
    rows = [json.loads(one) for one in (path / "exports" / "jsonl" / "records.jsonl").open()]
    lost = [row for row in rows if row["reason"] == "empty"]
    assert {(row["instruction"], row["output"], row["kept"]) for row in lost} == {
        ("", "lost", False)
    }


def test_data_of_others_comes_in_once_and_without_what_is_gold(
    studio: Verbs, tmp_path: Path
) -> None:
    path = made(studio, tmp_path / "clean")
    rows = [{"instruction": f"Say {n} in words.", "output": f"It is {n}."} for n in range(6)]
    gold = lines(tmp_path / "gold.jsonl", rows[:2])
    assert studio("gold", "import", gold, "--split", "test", "-p", path).code == 0
    brought = lines(tmp_path / "brought.jsonl", [*rows, rows[-1], {"instruction": "Say no."}])
    found = studio("import", "--records", brought, "-p", path, "--json").json
    assert found["records"] == 4
    assert found["skipped"] == {"leak": 2, "duplicate": 1, "no-output": 1}
    assert studio("import", "--records", brought, "-p", path, "--json").json["records"] == 0
    origin = studio("lineage", "record", 1, "-p", path, "--json").json["origin"]
    assert origin == f"{brought}, row 3"


def test_what_one_row_brings_leads_back_to_that_row(studio: Verbs, tmp_path: Path) -> None:
    path = made(studio, tmp_path / "tidy")
    several = [{"input": str(n), "output": str(n + 1)} for n in range(3)]
    file = lines(
        tmp_path / "theirs.jsonl",
        [
            {"instruction": "Add 1.", "instances": several},
            {"instruction": "Name a river.", "output": "Oder"},
        ],
    )
    assert studio("import", "--records", file, "-p", path, "--json").json["records"] == 4
    found = [studio("lineage", "record", n, "-p", path, "--json").json for n in range(1, 5)]
    assert [one["origin"] for one in found] == [f"{file}, row {n}" for n in (1, 1, 1, 2)]


def test_records_of_another_task_are_refused(studio: Verbs, seeds: Path, tmp_path: Path) -> None:
    path = tmp_path / "shop"
    assert studio("new", path).code == 0
    assert_one_sentence(studio("import", "--records", seeds, "-p", path), 2, "instruction data")
    other = studio("new", tmp_path / "b", "--seeds", seeds, "--task", "qa")
    assert_one_sentence(other, 2, "--seeds")


def test_a_method_that_begins_with_seeds_says_where_they_come_from(
    studio: Verbs, server: OpenAIServer, tmp_path: Path
) -> None:
    path = made(studio, tmp_path / "bare")
    asked = ("--endpoint", server.url, "--model", "stand-in", "-p", path)
    done = studio("generate", "--method", "alpaca", *asked)
    assert_one_sentence(done, 1, "studio examples import", "needs none")


def test_a_method_without_a_template_in_the_language_says_so(
    studio: Verbs, server: OpenAIServer, seeds: Path, tmp_path: Path
) -> None:
    path = made(studio, tmp_path / "english", "--seeds", seeds)
    asked = ("--endpoint", server.url, "--model", "stand-in", "-p", path)
    assert_one_sentence(studio("generate", "--method", "belle", *asked), 1, "belle-zh", "language")


def test_documents_become_questions_and_answers(
    studio: Verbs, any_method: OpenAIServer, tmp_path: Path
) -> None:
    docs = lines(
        tmp_path / "docs.jsonl", [{"_id": f"d{n}", "text": f"The mill {n} is old."} for n in (1, 2)]
    )
    path = made(studio, tmp_path / "mills", "--corpus", docs)
    asked = ("--endpoint", any_method.url, "--model", "stand-in", "-p", path, "--json")
    written = studio("generate", "--method", "self-qa", *asked).json
    assert written["generated"] > 0
    project = Project.open(path)
    answers = list(project.store.records.all(kept=True, type="instruction"))
    assert len(answers) == written["generated"]
    for one in answers:
        question = project.store.records.get(one.parent_id or 0)
        assert question is not None
        assert one.document_id
        assert (question.text, question.document_id) == (one.text, one.document_id)
    estimate = studio("generate", "--method", "self-qa", "--estimate", *asked).json
    assert estimate["requests"] + estimate["stored"] == 2 + 2 * 10
