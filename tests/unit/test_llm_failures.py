"""What failures mean, in the shapes and words that servers have for them."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web

from studio.calls import Message, Request
from studio.llm import failures
from studio.llm.client import LLMClient
from studio.llm.failures import CallFailed, from_status
from studio.settings import Endpoint
from tests.support.openai_server import OpenAIServer
from tests.support.waiting import PATIENCE_S

HERE = Endpoint("here", "http://box:8000/v1", "m", api_key_env="MY_KEY", timeout_s=PATIENCE_S)
SPENT = "You exceeded your current quota, please check your plan and billing details."


def meaning(status: int, body: Any, **headers: str) -> CallFailed:
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return from_status(status, body, told, HERE, HERE.base_url)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (429, {"message": SPENT, "type": "insufficient_quota", "code": 429}),
        (429, {"message": SPENT, "type": "insufficient_quota", "code": None}),
        (429, [{"error": {"code": 429, "message": SPENT, "status": "RESOURCE_EXHAUSTED"}}]),
        (400, {"message": "You have reached your specified API usage limits."}),
        (400, {"message": "Your credit balance is too low to access the API."}),
        (403, {"message": "Key limit: out of credits"}),
        (402, {"message": "Insufficient Balance"}),
        (429, {"message": "Rate limit exceeded: free-models-per-day."}),
    ],
)
def test_a_spent_quota_in_any_shape_ends_the_run(status: int, body: Any) -> None:
    failed = meaning(status, body)
    assert failed.kind == "fatal"
    assert "quota" in str(failed) or "payment" in str(failed)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("Rate limit reached on requests per day (RPD). Please try again in 7m12s.", 432.0),
        (f"{SPENT} Please retry in 22.5s.", 22.5),
        ("Slow down. Please retry after 6 seconds.", 6.0),
        ("Try again in 300ms.", 0.3),
        ("Slow down.", None),
    ],
)
def test_a_limit_that_says_how_long_is_waited_for(said: str, seconds: float | None) -> None:
    failed = meaning(429, {"message": said})
    assert (failed.kind, failed.retry_after) == ("busy", seconds)


def test_nobody_waits_for_a_day() -> None:
    failed = meaning(429, {"message": "Come back tomorrow"}, retry_after="86400")
    assert failed.kind == "fatal"
    assert "a pause of 24 h" in str(failed)
    assert "Come back tomorrow" in str(failed)
    assert meaning(429, {}, retry_after="1800").kind == "busy"
    assert "a pause of 3 days" in str(meaning(503, {}, retry_after=str(3 * 86400)))


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (401, {"detail": "Not authenticated"}, "fatal", "Not authenticated. Check MY_KEY"),
        (400, [{"error": {"message": "API key not valid."}}], "fatal", "refused the key"),
        (403, "<html><title>Forbidden</title></html>", "denied", "Forbidden"),
        (404, {"error": "model 'x' not found"}, "denied", "model 'x' not found"),
        (404, "404 page not found", "denied", "ends in /v1"),
        (403, {"message": "Flagged by moderation: violence"}, "refused", "violence"),
        (400, {"message": "Filtered", "code": "content_filter"}, "refused", "Filtered"),
        (409, {"message": "Conflict"}, "busy", "Conflict"),
        (503, {"message": "Loading model"}, "busy", "loads its model"),
        (500, "", "broken", "no reason given"),
        (502, "<html><body><h1>502</h1><p>Bad Gateway</p></body></html>", "broken", "Bad Gateway"),
        (413, "too large", "refused", "too large"),
        (422, {"detail": [{"loc": ["body", "n"], "msg": "No extras"}]}, "refused", "n: No extras"),
        (407, "", "fatal", "proxy"),
    ],
)
def test_every_status_has_its_meaning_and_its_words(
    status: int, body: Any, kind: str, words: str
) -> None:
    failed = meaning(status, body)
    assert failed.kind == kind
    assert words in str(failed)
    assert str(failed).count("\n") == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_named_and_not_followed(status: int) -> None:
    with OpenAIServer() as other, OpenAIServer() as server:
        elsewhere = f"{other.url}/chat/completions"

        async def reply(_: web.Request, __: Any) -> web.Response:
            return web.Response(status=status, headers={"Location": elsewhere})

        server.reply = reply
        failed = await failure(Endpoint("here", server.url, "stand-in", timeout_s=PATIENCE_S))
        assert other.calls == 0
    assert failed.kind == "fatal"
    assert f"(HTTP {status})" in str(failed)
    assert str(failed).endswith(f"name that address instead: {other.url}")


REQUEST = Request((Message("user", "permits and buildings"),), "stand-in")


async def failure(endpoint: Endpoint) -> CallFailed:
    async with LLMClient(endpoint, None) as client:
        with pytest.raises(CallFailed) as caught:
            await client.complete(REQUEST)
    return caught.value


def test_a_query_in_the_address_goes_with_every_call() -> None:
    seen = []
    with OpenAIServer() as server:

        async def reply(request: web.Request, _: Any) -> None:
            seen.append(request.path_qs)

        server.reply = reply
        asyncio.run(_ask(Endpoint("here", f"{server.url}?api-version=7", "stand-in")))
    assert seen == ["/v1/chat/completions?api-version=7"]


async def _ask(endpoint: Endpoint) -> str:
    async with LLMClient(endpoint, None) as client:
        return (await client.complete(REQUEST)).text


async def test_https_where_only_http_is_spoken() -> None:
    with OpenAIServer() as server:
        url = server.url.replace("http://", "https://")
        failed = await failure(Endpoint("here", url, "stand-in", timeout_s=PATIENCE_S))
    assert failed.kind == "down"
    assert "does not speak https" in str(failed)


def test_a_certificate_that_is_not_trusted_is_named() -> None:
    error = ssl.SSLCertVerificationError(1, "self-signed certificate")
    error.verify_message = "self-signed certificate"
    failed = failures.from_exception(error, HERE, "https://box/v1")
    assert "certificate" in str(failed)
    assert "self-signed certificate" in str(failed)
    assert "SSL_CERT_FILE" in str(failed)


async def test_a_host_that_is_not_there() -> None:
    failed = await failure(Endpoint("here", "http://no-such-host.invalid/v1", "m", timeout_s=60))
    assert failed.kind == "down"
    assert "no-such-host.invalid" in str(failed)


@pytest.fixture
def not_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the stand-in ran on another machine: loopback is never reached through a proxy."""
    monkeypatch.setattr("studio.llm.proxies.is_loopback", lambda url: False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.usefixtures("not_loopback")
@pytest.mark.parametrize(
    ("variable", "proxy", "shown"),
    [
        ("http_proxy", "http://me:hidden@127.0.0.1:9", "http://127.0.0.1:9"),
        ("ALL_PROXY", "socks://127.0.0.1:9", "socks://127.0.0.1:9"),
        ("ALL_PROXY", "socks5://127.0.0.1:9", "socks5://127.0.0.1:9"),
    ],
)
async def test_a_proxy_that_fails_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, proxy: str, shown: str
) -> None:
    monkeypatch.setenv(variable, proxy)
    with OpenAIServer() as server:
        failed = await failure(Endpoint("here", server.url, "stand-in", timeout_s=PATIENCE_S))
        assert server.calls == 0
    assert failed.kind == "down"
    assert f"he proxy {shown} of the environment ({variable.lower()})" in str(failed)
    assert "hidden" not in str(failed)


@pytest.fixture
def cut_short() -> Iterator[OpenAIServer]:
    with OpenAIServer() as server:

        async def reply(request: web.Request, _: Any) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Length": "5000"})
            await response.prepare(request)
            await response.write(json.dumps({"choices": [{"index": 0}]}).encode()[:20])
            assert request.transport is not None
            request.transport.abort()
            return response

        server.reply = reply
        yield server


async def test_an_answer_that_is_cut_short_is_a_dropped_connection(cut_short: OpenAIServer) -> None:
    failed = await failure(Endpoint("here", cut_short.url, "stand-in", timeout_s=PATIENCE_S))
    assert (failed.kind, failed.maybe_paid) == ("broken", True)
    assert "dropped the connection" in str(failed)
