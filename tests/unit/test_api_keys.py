"""Keys are never shown, whoever repeats them; and a request goes to the server that was meant."""

from __future__ import annotations

import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from studio import servers
from studio.api_keys import BLOT, BlottingFormatter, blotted, in_url, usable
from studio.calls import Message, Request
from studio.llm.client import LLMClient
from studio.llm.endpoints import api_key
from studio.llm.failures import CallFailed
from studio.records import StudioError
from studio.settings import Endpoint
from studio.training.encoders import open_encoder

KEY = "sk-verysecret1234567890"


class Gossip(BaseHTTPRequestHandler):
    """Tells each request's key in its error, in its answer, or sends the request elsewhere."""

    status = 401
    elsewhere = ""
    seen: list[str]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        told = self.headers.get("Authorization", "")
        type(self).seen.append(told)
        choice = {"index": 0, "message": {"role": "assistant", "content": f"What is {told}?"}}
        error = {"message": f"Incorrect API key provided: {told}"}
        body = {"choices": [choice]} if self.status == 200 else {"error": error}
        content = json.dumps(body).encode()
        self.send_response(self.status)
        if self.elsewhere:
            self.send_header("Location", self.elsewhere)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Silent."""


class Serving:
    """One such server."""

    def __init__(self, status: int, elsewhere: str = "") -> None:
        self.handler = type(
            "One", (Gossip,), {"status": status, "elsewhere": elsewhere, "seen": []}
        )
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self.handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self) -> Serving:
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    monkeypatch.setenv("STUDIO_CONFIG", str(tmp_path))
    monkeypatch.setenv("STUDIO_API_KEY", KEY)
    return KEY


REQUEST = Request((Message("user", "Hello"),), "m")


async def complete(url: str) -> str:
    async with LLMClient(Endpoint("here", url, "m"), KEY) as client:
        return (await client.complete(REQUEST)).text


async def test_a_key_that_the_server_repeats_is_blotted_out(key: str) -> None:
    with Serving(401) as server, pytest.raises(CallFailed, match="refused the key") as failed:
        await complete(server.url)
    assert key not in str(failed.value)
    assert BLOT in str(failed.value)
    with Serving(200) as server:
        assert await complete(server.url) == f"What is Bearer {BLOT}?"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_request_is_not_sent_on_to_another_server(key: str, status: int) -> None:
    with Serving(200) as other, Serving(status, f"{other.url}/chat/completions") as server:
        with pytest.raises(CallFailed, match="nothing was sent there") as failed:
            await complete(server.url)
        assert failed.value.kind == "fatal"
        assert servers.host_of(other.url) in str(failed.value)
        servers.type_in(server.url)
        with pytest.raises(StudioError, match="nothing was sent there"):
            open_encoder(f"openai:m@{server.url}").encode(["a"], "query")
        assert other.handler.seen == []


def test_an_encoder_of_a_server_that_nobody_named_has_no_key(
    key: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with Serving(401) as server:
        with pytest.raises(StudioError, match="only the project names that server"):
            open_encoder(f"openai:m@{server.url}").encode(["a"], "query")
        assert servers.host_of(server.url) in caplog.text
        servers.type_in(f"openai:m@{server.url}")
        with pytest.raises(StudioError, match="refused the key"):
            open_encoder(f"openai:m@{server.url}").encode(["a"], "query")
        assert [KEY in told for told in server.handler.seen] == [False, True]


@pytest.mark.parametrize(
    ("held", "named"),
    [("sk-abc\nsk-def", "a line break"), ("sk-abc…", "U+2026"), ("“sk-abc”", "U+201C")],
)
def test_a_key_that_cannot_be_one_is_named_by_its_variable(
    monkeypatch: pytest.MonkeyPatch, held: str, named: str
) -> None:
    monkeypatch.setenv("MY_KEY", held)
    with pytest.raises(StudioError, match="MY_KEY") as refused:
        api_key(Endpoint("mine", "http://x/v1", "m", api_key_env="MY_KEY"))
    assert named in str(refused.value)
    assert "sk-abc" not in str(refused.value)


def test_blanks_around_a_key_are_no_part_of_it() -> None:
    assert usable(" sk-abc-123\n", "MY_KEY") == "sk-abc-123"


def test_a_keyring_that_breaks_is_as_one_that_holds_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import keyring

    def broken(*_: str) -> None:
        raise RuntimeError("No D-Bus here")

    monkeypatch.setattr(keyring, "get_password", broken)
    assert api_key(Endpoint("mine", "http://x/v1", "m")) is None


def test_what_is_blotted(key: str) -> None:
    assert blotted(f"key {key}.") == f"key {BLOT}."
    assert blotted("http://me:pass@box/v1?api_key=abc&x=1 down") == (
        f"http://{BLOT}@box/v1?api_key={BLOT}&x=1 down"
    )
    plain = "Mail me@box.example about http://box/v1?version=2"
    assert blotted(plain) == plain
    assert [in_url(url) for url in ("http://a@b/v1", "http://b/?sig=1", "http://b/?v=1")] == [
        True,
        True,
        False,
    ]


def test_a_log_line_holds_no_key_even_in_a_traceback(key: str) -> None:
    try:
        raise ValueError(f"Bearer {key}")
    except ValueError as error:
        record = logging.LogRecord(
            "x", logging.ERROR, "", 0, "failed", None, (ValueError, error, error.__traceback__)
        )
    told = BlottingFormatter().format(record)
    assert "ValueError: Bearer" in told
    assert key not in told


@pytest.mark.parametrize(
    "text",
    ["x" * 1_000_000, "?" + "key" * 300_000, "&" * 1_000_000, "://" * 300_000],
    ids=["letters", "names", "joins", "schemes"],
)
def test_a_text_as_long_as_it_likes_is_looked_through_once(text: str) -> None:
    # A search that begins again at each letter would go on for an hour.
    unchanged = blotted(text) == text
    assert unchanged
