"""The client against a real HTTP server: what goes out, what comes back, how it can fail."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from email.utils import formatdate
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.calls import Answer, Decoding, Message, Request
from studio.llm.client import Delta, LLMClient, clients_for
from studio.llm.failures import CallFailed, retry_after
from studio.llm.reading import cost_of
from studio.servers import is_loopback
from studio.settings import Endpoint
from tests.support.openai_server import OpenAIServer
from tests.support.waiting import PATIENCE_S


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        running.keep_requests = True
        yield running


def endpoint(server: OpenAIServer, **changes: object) -> Endpoint:
    settings = {"model": "stand-in", "timeout_s": PATIENCE_S, **changes}
    return Endpoint(name="here", base_url=server.url, **settings)  # type: ignore[arg-type]


def chat(text: str = "permits and buildings", **decoding: object) -> Request:
    turns = (Message("system", "Ask."), Message("user", text))
    return Request(turns, "stand-in", Decoding(**decoding), seed=5)  # type: ignore[arg-type]


def completion(text: str = "permits and buildings\n\nQuestion:") -> Request:
    return Request((Message("prompt", text),), "stand-in")


async def answer(server: OpenAIServer, request: Request, **changes: object) -> Answer:
    async with LLMClient(endpoint(server, **changes), None) as client:
        return await client.complete(request)


async def failure(server: OpenAIServer, request: Request, **changes: object) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        await answer(server, request, **changes)
    return caught.value


async def test_a_chat_request_goes_out_whole(server: OpenAIServer) -> None:
    decoding = {"temperature": 0.3, "top_p": 0.9, "max_tokens": 7, "stop": ("\n",)}
    await answer(server, chat(**decoding, presence_penalty=0.5))
    (sent,) = server.requests
    assert sent == {
        "model": "stand-in",
        "messages": [
            {"role": "system", "content": "Ask."},
            {"role": "user", "content": "permits and buildings"},
        ],
        "temperature": 0.3,
        "top_p": 0.9,
        "max_tokens": 7,
        "stop": ["\n"],
        "presence_penalty": 0.5,
        "seed": 5,
    }


async def test_a_completion_request_goes_to_its_own_route(server: OpenAIServer) -> None:
    got = await answer(server, completion())
    assert got.text
    assert server.requests[0]["prompt"].endswith("Question:")


async def test_usage_price_and_endpoint_are_in_the_answer(server: OpenAIServer) -> None:
    got = await answer(server, chat(), price_in=1.0, price_out=10.0)
    assert got.prompt_tokens == server.paid.prompt_tokens
    assert got.completion_tokens == server.paid.completion_tokens
    expected = (server.paid.prompt_tokens + 10 * server.paid.completion_tokens) / 1e6
    assert got.cost == pytest.approx(expected)
    assert got.endpoint == "here"
    assert got.latency_s > 0


async def test_an_unknown_price_or_count_makes_the_cost_unknown(server: OpenAIServer) -> None:
    assert (await answer(server, chat())).cost is None
    server.fail_next("no-usage")
    uncounted = await answer(server, chat(), price_in=1.0, price_out=1.0)
    assert (uncounted.cost, uncounted.prompt_tokens) == (None, None)


async def test_a_cut_answer_says_so(server: OpenAIServer) -> None:
    assert (await answer(server, chat(max_tokens=2))).finish_reason == "length"


async def test_a_lone_surrogate_does_not_stop_a_request(server: OpenAIServer) -> None:
    assert (await answer(server, chat("broken \ud800 text"))).text


async def test_newer_models_get_the_parameter_that_they_ask_for() -> None:
    with OpenAIServer(max_tokens_name="max_completion_tokens") as server:
        assert (await answer(server, chat(max_tokens=3))).completion_tokens == 3


@pytest.mark.parametrize(
    ("fault", "kind", "sentence", "maybe_paid"),
    [
        ("busy", "busy", "HTTP 429", False),
        ("overloaded", "busy", "HTTP 503", False),
        ("quota", "fatal", "quota is spent", False),
        ("error", "broken", "HTTP 500", False),
        ("reset", "broken", "dropped the connection", True),
        ("truncated", "broken", "not as an OpenAI-compatible server", True),
        ("nonsense", "broken", "not as an OpenAI-compatible server", True),
        ("no-choices", "broken", "no choices", True),
        ("wrong-key", "fatal", "refused the key", False),
        ("missing-model", "denied", "no such model", False),
        ("too-long", "refused", "exceeds the context window", False),
    ],
)
@pytest.mark.parametrize("request_of", [chat, completion])
async def test_each_failure_says_what_it_means(
    server: OpenAIServer,
    fault: str,
    kind: str,
    sentence: str,
    maybe_paid: bool,
    request_of: object,
) -> None:
    assert callable(request_of)
    server.fail_next(fault)  # type: ignore[arg-type]
    failed = await failure(server, request_of())
    assert (failed.kind, failed.maybe_paid) == (kind, maybe_paid)
    assert sentence in str(failed)
    assert "here" in str(failed)


async def test_a_server_that_hangs_is_late(server: OpenAIServer) -> None:
    server.fail_next("hang")
    failed = await failure(server, chat(), timeout_s=0.2)
    assert (failed.kind, failed.maybe_paid) == ("late", True)
    assert "timeout_s" in str(failed)


async def test_a_server_that_trickles_is_late_too() -> None:
    with OpenAIServer(token_s=0.2) as server:
        failed = await failure(server, chat(), timeout_s=0.3)
    assert failed.kind == "late"


async def test_nobody_there_is_down() -> None:
    with OpenAIServer() as server:
        gone = server
    failed = await failure(gone, chat())
    assert failed.kind == "down"
    assert "Start the server" in str(failed)


async def test_a_missing_completions_route_is_named() -> None:
    with OpenAIServer(completions_route=False) as server:
        failed = await failure(server, completion())
    assert failed.kind == "denied"
    assert "route" in str(failed)


async def test_the_wait_that_the_server_asks_for_is_known(server: OpenAIServer) -> None:
    server.fail_next("busy", retry_after=7)
    assert (await failure(server, chat())).retry_after == 7.0


async def test_without_a_key_the_openai_key_of_the_environment_stays_home(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    server.api_key = "sk-secret"
    assert (await failure(server, chat())).kind == "fatal"


async def test_a_proxy_of_the_environment_is_not_used_for_loopback(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert (await answer(server, chat())).text


@pytest.mark.parametrize("request_of", [chat, completion])
async def test_a_stream_ends_with_the_whole_answer(
    server: OpenAIServer, request_of: object
) -> None:
    assert callable(request_of)
    async with LLMClient(endpoint(server), None) as client:
        *pieces, last = [item async for item in client.stream(request_of())]
        whole = await client.complete(request_of())
    assert isinstance(last, Answer)
    assert len(pieces) > 2
    assert "".join(p.text for p in pieces if isinstance(p, Delta)) == last.text == whole.text
    assert last.completion_tokens == whole.completion_tokens


async def test_a_stream_that_breaks_keeps_what_came(server: OpenAIServer) -> None:
    server.fail_next("reset-after-work")
    async with LLMClient(endpoint(server), None) as client:
        *pieces, last = [item async for item in client.stream(chat())]
    assert isinstance(last, Answer)
    assert pieces
    assert (last.finish_reason, last.text[:4]) == ("error", "what")
    assert "dropped the connection" in last.error


async def test_a_stream_with_a_refused_key_raises(server: OpenAIServer) -> None:
    server.fail_next("wrong-key")
    async with LLMClient(endpoint(server), None) as client:
        with pytest.raises(CallFailed, match="refused the key"):
            _ = [item async for item in client.stream(chat())]


async def test_an_abandoned_stream_can_be_closed(server: OpenAIServer) -> None:
    async with LLMClient(endpoint(server), None) as client:
        stream = client.stream(chat())
        assert isinstance(await anext(stream), Delta)
        await stream.aclose()
        assert (await client.complete(chat())).text


async def test_the_models_on_offer() -> None:
    with OpenAIServer(models=("one", "two")) as server:
        async with LLMClient(endpoint(server), None) as client:
            assert await client.models() == ["one", "two"]


def test_every_base_url_has_its_client() -> None:
    many = Endpoint("many", base_url="http://a/v1", extra_base_urls=("http://b/v1",))
    assert [client.base_url for client in clients_for(many, None)] == ["http://a/v1", "http://b/v1"]


def test_cost_counts_millions_of_tokens() -> None:
    priced = Endpoint("p", price_in=0.15, price_out=0.6)
    assert cost_of(priced, 1_000_000, 500_000) == pytest.approx(0.45)
    assert cost_of(priced, None, 1) is None
    assert cost_of(Endpoint("free", price_in=0.0, price_out=0.0), 5, 5) == 0.0


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://127.0.0.1:8000/v1", True),
        ("http://localhost:11434/v1", True),
        ("http://[::1]:1/v1", True),
        ("https://api.openai.com/v1", False),
        ("http://127.0.0.1.evil.example/v1", False),
        ("not a url", False),
    ],
)
def test_loopback_is_told_apart(url: str, loopback: bool) -> None:
    assert is_loopback(url) is loopback


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after": "-4"}, 0.0),
        ({"retry-after": "86400"}, 86400.0),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1e999"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": formatdate(1_000_030, usegmt=True)}, 30.0),
    ],
)
def test_retry_after_in_all_its_shapes(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, now=1_000_000.0) == seconds


@given(st.text(max_size=40))
def test_no_retry_after_header_breaks(value: str) -> None:
    seconds = retry_after({"retry-after": value}, now=0.0)
    assert seconds is None or 0.0 <= seconds < inf


def test_importing_the_room_loads_nothing_heavy() -> None:
    code = (
        "import sys, studio.llm.client, studio.llm.engine, studio.llm.embedded\n"
        "heavy = {'openai', 'aiohttp', 'numpy', 'torch', 'httpx2', 'xllamacpp'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
