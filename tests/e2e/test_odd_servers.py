"""What a person is told of servers that refuse, think too long, filter or ask to wait: by verb."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from studio.project import Project
from studio.prompting.builtin import builtin
from studio.records import Example
from tests.support.openai_server import OpenAIServer
from tests.support.project import fill
from tests.support.verbs import Verbs, assert_one_sentence

DOCUMENTS = 6


@pytest.fixture
def studio(tmp_path: Path) -> Verbs:
    return Verbs(tmp_path)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    made = Project.create(tmp_path / "p")
    fill(made.store, [f"Permit {n} allows building sheds of size {n}." for n in range(DOCUMENTS)])
    examples = [("A permit for a fence.", "may i fence"), ("A permit for a roof.", "may i roof")]
    made.store.examples.add([Example(document, query) for document, query in examples])
    made.store.prompts.save("question-answering", builtin("question-answering"), "first")
    made.close()
    return tmp_path / "p"


def generate(studio: Verbs, project: Path, server: OpenAIServer) -> Any:
    where = ("--endpoint", server.url, "--model", "stand-in", "--queries", 1)
    return studio("generate", "-p", project, *where, "--json")


def reply_with(server: OpenAIServer, body: dict[str, Any], status: int = 200, **how: Any) -> None:
    async def reply(_: web.Request, __: Any) -> web.Response:
        return web.json_response(body, status=status, **how)

    server.reply = reply


def choice(finish: str, **message: Any) -> dict[str, Any]:
    said = {"role": "assistant", **message}
    return {"choices": [{"index": 0, "finish_reason": finish, "message": said}]}


def test_a_refused_setting_is_told_beside_the_result(
    studio: Verbs, project: Path, server: OpenAIServer
) -> None:
    async def reply(_: web.Request, body: dict[str, Any] | None) -> web.Response | None:
        if body is None or body.get("temperature", 1) == 1:
            return None
        error = {"message": "'temperature' does not support 0.7, only the default (1)."}
        return web.json_response({"error": error}, status=400)

    server.reply = reply
    done = generate(studio, project, server)
    assert done.json["generated"] == DOCUMENTS
    assert done.json["notes"] == [done.err.strip()]
    assert "refuses temperature: it is asked without it" in done.err
    again = studio(*f"jobs watch {done.json['job']} -p {project} --json".split())
    assert again.json["generated"] == DOCUMENTS


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (choice("length", content="", reasoning_content="Hm."), "raise max_tokens"),
        (choice("length", content="<think>Hm"), "raise max_tokens"),
        (choice("stop", content=None, refusal="I can't help."), "most often: refusal"),
        ({"error": {"message": "The upstream sleeps", "code": 502}}, "The upstream sleeps"),
    ],
)
def test_why_nothing_came(
    studio: Verbs, project: Path, server: OpenAIServer, body: dict[str, Any], words: str
) -> None:
    reply_with(server, body)
    assert_one_sentence(generate(studio, project, server), 1, words)


def test_a_pause_of_a_day_ends_the_run_with_one_sentence(
    studio: Verbs, project: Path, server: OpenAIServer
) -> None:
    late = {"Retry-After": "86400"}
    reply_with(server, {"error": {"message": "Enough for today"}}, 429, headers=late)
    done = generate(studio, project, server)
    assert_one_sentence(done, 1, "a pause of 24 h (HTTP 429): Enough for today")
    server.reply = None
    resumed = studio("jobs", "resume", 1, "-p", project, "--json")
    assert resumed.json["generated"] == DOCUMENTS


def test_a_moderated_document_is_dropped_with_its_reason_and_not_asked_again(
    studio: Verbs, project: Path, server: OpenAIServer
) -> None:
    async def reply(_: web.Request, body: dict[str, Any] | None) -> web.Response | None:
        if body is None or "Permit 3 " not in str(body["messages"]):
            return None
        return web.json_response({"error": {"message": "Flagged by moderation"}}, status=403)

    server.reply = reply
    done = generate(studio, project, server)
    assert done.json["generated"] == DOCUMENTS - 1
    assert done.json["generation_drops"] == {"refusal": 1}
    assert done.json["spent"]["cost"] is None
    asked = server.calls
    assert generate(studio, project, server).json["reused"] == DOCUMENTS
    assert server.calls == asked
