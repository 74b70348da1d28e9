"""Answers in the shapes that servers send them, over a real connection."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from aiohttp import web

from studio.calls import Answer, Message, Request
from studio.llm.client import Delta, LLMClient
from studio.llm.failures import CallFailed
from studio.settings import Endpoint
from tests.support.openai_server import OpenAIServer
from tests.support.waiting import PATIENCE_S

REQUEST = Request((Message("user", "permits and buildings"),), "stand-in")
PIECES = ("where do", " permits", " come from?")
TEXT = "".join(PIECES)


def client(server: OpenAIServer, **changes: Any) -> LLMClient:
    settings = {"model": "stand-in", "timeout_s": PATIENCE_S, **changes}
    return LLMClient(Endpoint("here", base_url=server.url, **settings), None)


def say(server: OpenAIServer, body: Any, **how: Any) -> None:
    """Answer every call with this body: bytes, or what goes as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    how.setdefault("content_type", "application/json")

    async def reply(request: web.Request, asked: dict[str, Any] | None) -> web.Response:
        return web.Response(body=raw, **how)

    server.reply = reply


def whole(content: Any, finish: str | None = "stop", **message: Any) -> dict[str, Any]:
    said = {"role": "assistant", "content": content, **message}
    choice = {"index": 0, "finish_reason": finish, "message": said}
    return {"id": "x", "choices": [choice], "usage": {"prompt_tokens": 5, "completion_tokens": 3}}


def event(data: Any) -> bytes:
    return b"data: " + (data if isinstance(data, bytes) else json.dumps(data).encode()) + b"\n\n"


def delta(**content: Any) -> bytes:
    return event({"choices": [{"index": 0, "delta": content}]})


async def complete(server: OpenAIServer) -> Answer:
    async with client(server) as opened:
        return await opened.complete(REQUEST)


async def stream(server: OpenAIServer, **changes: Any) -> tuple[list[str], Answer]:
    async with client(server, **changes) as opened:
        *pieces, last = [item async for item in opened.stream(REQUEST)]
    assert isinstance(last, Answer)
    return [piece.text for piece in pieces if isinstance(piece, Delta)], last


THINKING = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (whole([{"type": "text", "text": "where "}, {"type": "text", "text": "do"}]), "where do"),
        (whole([THINKING, {"type": "text", "text": "where"}]), "<think>Hm.</think>\nwhere"),
        (whole(["where ", "do"]), "where do"),
        (whole("where", reasoning_content="Hm."), "<think>Hm.</think>\nwhere"),
        (whole("where", reasoning="Hm."), "<think>Hm.</think>\nwhere"),
        (whole(None, "length", reasoning_content="Hm."), "<think>Hm."),
        (whole("where", tool_calls=None, reasoning=None), "where"),
    ],
)
async def test_content_and_thinking_in_every_shape(
    server: OpenAIServer, message: dict[str, Any], text: str
) -> None:
    say(server, message)
    assert (await complete(server)).text == text
    assert (await stream(server))[1].text == text


@pytest.mark.parametrize(
    ("message", "finish"),
    [
        (whole("", "content_filter"), "content_filter"),
        (whole("", "SAFETY"), "content_filter"),
        (whole(None, "stop", refusal="I can't help with that."), "content_filter"),
        (whole("where do", "MAX_TOKENS"), "length"),
        (whole("where do", None), "unknown"),
        (whole("where do", "eos"), "eos"),
    ],
)
async def test_why_it_ended(server: OpenAIServer, message: dict[str, Any], finish: str) -> None:
    say(server, message)
    assert (await complete(server)).finish_reason == finish


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"prompt_tokens": 5.0, "completion_tokens": 3.0}, (5, 3)),
        ({"prompt_tokens": None, "completion_tokens": None}, (None, None)),
        ({"prompt_tokens": -1, "completion_tokens": "3"}, (None, None)),
        (None, (None, None)),
    ],
)
async def test_counts_in_odd_shapes(
    server: OpenAIServer, usage: Any, tokens: tuple[int | None, int | None]
) -> None:
    say(server, whole(TEXT) | {"usage": usage})
    answer = await complete(server)
    assert (answer.prompt_tokens, answer.completion_tokens) == tokens


@pytest.mark.parametrize(
    ("raw", "how"),
    [
        (b"\xef\xbb\xbf" + json.dumps(whole(TEXT)).encode(), {}),
        (b"\n   \n" + json.dumps(whole(TEXT), indent=1).encode() + b"\n\n", {}),
        (json.dumps(whole(TEXT)).encode(), {"content_type": "text/plain"}),
        (
            gzip.compress(json.dumps(whole(TEXT)).encode()),
            {"headers": {"Content-Encoding": "gzip"}},
        ),
        (json.dumps(whole(TEXT)).encode() + b"\n\ndata: [DONE]\n\n", {}),
        (event(whole(TEXT)) + event(b"[DONE]"), {"content_type": "text/event-stream"}),
    ],
    ids=["mark", "blanks", "plain text", "gzip", "with an end", "as events"],
)
async def test_json_in_any_wrapping(server: OpenAIServer, raw: bytes, how: dict[str, Any]) -> None:
    say(server, raw, **how)
    assert (await complete(server)).text == TEXT
    pieces, answer = await stream(server)
    assert ("".join(pieces), answer.text, answer.finish_reason) == (TEXT, TEXT, "stop")


async def test_another_charset(server: OpenAIServer) -> None:
    raw = json.dumps(whole("où est l'été?"), ensure_ascii=False).encode("latin-1")
    say(server, raw, charset="latin-1")
    assert (await complete(server)).text == "où est l'été?"


DELTAS = b"".join(delta(content=piece) for piece in PIECES)


@pytest.mark.parametrize(
    "raw",
    [
        DELTAS + event(b"[DONE]"),
        DELTAS,
        b": PROCESSING\n\n" + DELTAS.replace(b"\n\n", b"\r\n\r\n: keep-alive\r\n\r\n"),
        b"retry: 3000\n\nid: 7\nevent: message\n" + DELTAS,
        delta(role="assistant", content=None) + DELTAS + event({"choices": [], "usage": None}),
        DELTAS.replace(b"data: ", b"data:"),
        DELTAS[:-2],
        DELTAS.replace(b', "delta"', b',\ndata: "delta"'),
    ],
    ids=["done", "no end", "comments", "controls", "empty", "no blank", "cut", "two lines"],
)
async def test_streams_with_comments_controls_and_without_an_end(
    server: OpenAIServer, raw: bytes
) -> None:
    say(server, raw, content_type="text/event-stream")
    pieces, answer = await stream(server)
    assert tuple(pieces) == PIECES
    assert (answer.text, answer.error) == (TEXT, "")
    assert (await complete(server)).text == TEXT


async def test_thinking_streams_before_the_answer(server: OpenAIServer) -> None:
    raw = delta(reasoning_content="Hm") + delta(reasoning_content=".") + DELTAS
    say(server, raw, content_type="text/event-stream")
    pieces, answer = await stream(server)
    assert pieces[:2] == ["<think>Hm", "."]
    assert answer.text == f"<think>Hm.</think>\n{TEXT}"


async def test_a_stream_that_ends_in_an_error_keeps_what_came(server: OpenAIServer) -> None:
    raw = DELTAS + event({"error": {"message": "CUDA out of memory", "code": 500}})
    say(server, raw, content_type="text/event-stream")
    pieces, answer = await stream(server)
    assert ("".join(pieces), answer.finish_reason) == (TEXT, "error")
    assert "CUDA out of memory" in answer.error


async def test_a_stream_that_stalls_is_late(server: OpenAIServer) -> None:
    server.stall(2)
    _, answer = await stream(server, timeout_s=2.0)
    server.release()
    assert answer.finish_reason == "error"
    assert "gave no answer within 2 s" in answer.error


BUSY = {"message": "Provider returned error", "code": 429, "metadata": {"raw": "Too many now"}}


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        ({"error": {"message": "The upstream is overloaded", "code": 502}}, "broken", "overloaded"),
        ({"choices": None, "error": BUSY}, "busy", "Too many now"),
        ({"error": "Unexpected endpoint or method."}, "broken", "Unexpected endpoint"),
        ({"error": {"message": "Insufficient balance"}}, "fatal", "quota is spent"),
        ({"error": {"message": "Flagged by our moderation"}}, "refused", "Flagged"),
        ({"choices": [{"error": {"message": "upstream died"}}]}, "broken", "upstream died"),
        (b"<html><title>Sign in to go on</title></html>", "broken", "Sign in to go on"),
        (b"", "broken", "nothing"),
        (b"[1]", "broken", "[1]"),
        ({"choices": []}, "broken", "no choices"),
    ],
)
async def test_a_success_that_is_an_error_is_told_in_its_own_words(
    server: OpenAIServer, body: Any, kind: str, words: str
) -> None:
    say(server, body)
    with pytest.raises(CallFailed) as caught:
        await complete(server)
    assert caught.value.kind == kind
    assert words in str(caught.value)
    if kind != "fatal":
        assert words in (await stream(server))[1].error
