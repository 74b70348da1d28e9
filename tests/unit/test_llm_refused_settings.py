"""What a model refuses of a request is learnt once, for all calls, and remembered."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from studio.calls import Answer, Decoding, Message, Request
from studio.llm import refused_settings
from studio.llm.client import LLMClient
from studio.llm.failures import CallFailed
from studio.llm.refused_settings import refused_by
from studio.settings import Endpoint
from tests.support.openai_server import OpenAIServer
from tests.support.waiting import PATIENCE_S

NOT_SUPPORTED = "Unsupported parameter: '{}' is not supported with this model."
RENAMED = "'max_tokens' is not supported here. Use 'max_completion_tokens' instead."
ONE_ONLY = "Unsupported value: 'temperature' does not support 0.7, only the default (1)."
NOT_BOTH = "`temperature` and `top_p` cannot both be specified. Use only one of them."


@pytest.fixture(autouse=True)
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing is known at the start; returns where it is kept."""
    monkeypatch.setenv("STUDIO_STATE", str(tmp_path))
    monkeypatch.setattr(refused_settings, "_known", {})
    return tmp_path / "refused_settings.json"


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        running.keep_requests = True
        yield running


def refuse(
    server: OpenAIServer, said: str, *names: str, param: str = "", status: int = 400
) -> None:
    """Refuse requests that hold all these names."""

    async def reply(_: web.Request, body: dict[str, Any] | None) -> web.Response | None:
        if body is None or not all(name in body for name in names):
            return None
        error = {"message": said, "type": "invalid_request_error", "param": param or None}
        return web.json_response({"error": error}, status=status)

    server.reply = reply


def request(number: int = 0, system: str = "") -> Request:
    turns = [Message("user", f"document {number} about permits")]
    if system:
        turns.insert(0, Message("system", system))
    return Request(tuple(turns), "stand-in", Decoding(stop=("\n",), presence_penalty=0.5))


def client(server: OpenAIServer) -> LLMClient:
    return LLMClient(Endpoint("here", server.url, "stand-in", timeout_s=PATIENCE_S), None)


async def asked(server: OpenAIServer, *wanted: Request) -> list[Answer]:
    async with client(server) as opened:
        return await asyncio.gather(*map(opened.complete, wanted or [request()]))


@pytest.mark.parametrize(
    ("said", "names", "left_out"),
    [
        (ONE_ONLY, ["temperature"], {"temperature"}),
        (NOT_SUPPORTED.format("seed"), ["seed"], {"seed"}),
        (NOT_SUPPORTED.format("stop"), ["stop"], {"stop"}),
        (NOT_SUPPORTED.format("presence_penalty"), ["presence_penalty"], {"presence_penalty"}),
        (NOT_BOTH, ["temperature", "top_p"], {"top_p"}),
        ("seed, stop: unknown fields", ["seed", "stop"], {"seed", "stop"}),
    ],
)
async def test_what_is_refused_is_left_out_and_the_rest_is_sent(
    server: OpenAIServer, said: str, names: list[str], left_out: set[str]
) -> None:
    refuse(server, said, *names)
    (answer,) = await asked(server)
    assert answer.text
    first, second = server.requests
    assert set(first) - set(second) == left_out
    await asked(server)
    assert len(server.requests) == 3, "what was learnt is not tried again"


async def test_what_pydantic_forbids_is_found_by_its_place(server: OpenAIServer) -> None:
    async def reply(_: web.Request, body: dict[str, Any] | None) -> web.Response | None:
        names = [name for name in ("seed", "presence_penalty") if name in (body or {})]
        rows = [
            {"type": "extra_forbidden", "loc": ["body", n], "msg": "Extra field"} for n in names
        ]
        return web.json_response({"detail": rows}, status=422) if rows else None

    server.reply = reply
    (answer,) = await asked(server)
    assert answer.text
    assert {"seed", "presence_penalty"}.isdisjoint(server.requests[-1])


async def test_calls_that_meet_a_refusal_at_once_are_all_sent_again(server: OpenAIServer) -> None:
    refuse(server, RENAMED, "max_tokens", param="max_tokens")
    answers = await asked(server, *map(request, range(24)))
    assert all(answer.text for answer in answers)
    assert len(answers) == 24
    assert server.requests[-1]["max_completion_tokens"] == Decoding().max_tokens


async def test_streams_that_meet_it_at_once_all_come(server: OpenAIServer) -> None:
    refuse(server, RENAMED, "max_tokens")
    async with client(server) as opened:

        async def last(number: int) -> object:
            return [item async for item in opened.stream(request(number))][-1]

        for answer in await asyncio.gather(*map(last, range(3))):
            assert isinstance(answer, Answer)
            assert answer.finish_reason == "stop"


@pytest.mark.parametrize("name", ["stream", "stream_options"])
async def test_a_model_that_cannot_stream_is_asked_for_the_whole(
    server: OpenAIServer, name: str
) -> None:
    refuse(server, NOT_SUPPORTED.format(name), name, param=name)
    async with client(server) as opened:
        *_, answer = [item async for item in opened.stream(request())]
    assert isinstance(answer, Answer)
    assert answer.text
    assert name not in server.requests[-1]


async def test_without_a_system_turn_the_instruction_goes_in_front(server: OpenAIServer) -> None:
    async def reply(_: web.Request, body: dict[str, Any] | None) -> web.Response | None:
        if body and body["messages"][0]["role"] == "system":
            error = {"message": "System role not supported", "code": 400}
            return web.json_response({"error": error}, status=400)
        return None

    server.reply = reply
    await asked(server, request(system="Ask in one line."))
    (turn,) = server.requests[-1]["messages"]
    assert turn["content"] == "Ask in one line.\n\ndocument 0 about permits"


@pytest.mark.parametrize(
    "said",
    [
        "This model's maximum context length is 4096 tokens, you asked for 9000 with max_tokens.",
        "max_tokens is too large: 9000. At most 4096 completion tokens are supported.",
        "The prompt is not supported.",
    ],
)
async def test_other_refusals_teach_nothing(server: OpenAIServer, said: str, memory: Path) -> None:
    refuse(server, said, "max_tokens")
    with pytest.raises(CallFailed) as caught:
        await asked(server)
    assert caught.value.kind == "refused"
    assert len(server.requests) == 1
    assert not memory.exists()


async def test_it_is_said_once_and_known_to_the_next_program(
    server: OpenAIServer, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(server, ONE_ONLY, "temperature")
    notes: list[str] = []
    async with client(server) as opened:
        opened.on_note = notes.append
        for number in range(3):
            await opened.complete(request(number))
    assert len(notes) == 1
    assert "stand-in at 127.0.0.1" in notes[0]
    assert "refuses temperature" in notes[0]
    monkeypatch.setattr(refused_settings, "_known", {})
    assert refused_by(server.url, "stand-in").names == {"temperature"}
    assert refused_by(server.url, "another").names == set()
    assert memory.exists()


async def test_what_costs_nothing_is_not_spoken_of(server: OpenAIServer) -> None:
    refuse(server, RENAMED, "max_tokens")
    await asked(server)
    assert refused_by(server.url, "stand-in").sentence() == ""


@pytest.mark.parametrize("text", ["", "[]", "{", '{"x": 3, "y": {"names": [1], "learnt": 9e9}}'])
def test_a_damaged_memory_is_an_empty_one(memory: Path, text: str) -> None:
    memory.write_text(text)
    assert refused_by("http://box/v1", "y").names == set()


def test_what_was_learnt_long_ago_is_tried_again(memory: Path) -> None:
    long_ago = time.time() - 40 * 86400
    entry = {"names": ["seed"], "learnt": long_ago}
    memory.write_text(json.dumps({"m at box/v1": entry, "n at box/v1": {**entry, "learnt": 9e9}}))
    assert refused_by("http://box/v1", "m").names == set()
    assert refused_by("http://user:secret@box/v1?key=s", "n").names == {"seed"}
