"""A real HTTP server that speaks the OpenAI protocol, deterministically, and misbehaves on request.

In a test::

    with OpenAIServer() as server:
        server.fail_next("busy", "reset", retry_after=0.1)   # the next two calls
        ...LLMClient(Endpoint("x", base_url=server.url, model="stand-in"), None)...
        assert server.paid.calls == 1

From another process: ``python -m tests.support.openai_server --port 0`` prints one JSON line
``{"url": …}``; ``GET /stats`` tells what it was paid for, ``POST /faults`` takes
``{"faults": ["busy"], "retry_after": 0.1}``.

The answer depends on the request alone: a few words of its last document, chosen by the seed.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import collections
import dataclasses
import hashlib
import json
import random
import re
import struct
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

from tests.support.batches import StandInBatches

Fault = Literal[
    "busy",  # 429, with Retry-After
    "overloaded",  # 503
    "error",  # 500
    "hang",  # never answers
    "hold",  # answers well, once the held calls are released
    "reset",  # closes the connection without an answer
    "reset-after-work",  # the same, but the work was done and is billed
    "truncated",  # JSON cut in the middle
    "nonsense",  # 200 with a web page
    "no-choices",  # valid JSON without an answer
    "wrong-key",  # 401
    "missing-model",  # 404
    "too-long",  # 400: over the context window
    "quota",  # 429 that no waiting mends
    "no-usage",  # an answer without token counts
    "cut",  # finish_reason length
]
Words = Callable[[dict[str, Any]], str]
Usage = Callable[[dict[str, Any]], dict[str, int]]
Reply = Callable[[web.Request, dict[str, Any] | None], Awaitable[web.StreamResponse | None]]
"""A test's own answer to a call, or to a look at the models (no body); None for the usual one."""

DIMENSIONS = 64
ERRORS: dict[str, tuple[int, str, str]] = {
    "busy": (429, "rate_limit_exceeded", "Too many requests."),
    "overloaded": (503, "overloaded", "No worker is free."),
    "error": (500, "server_error", "Something broke."),
    "wrong-key": (401, "invalid_api_key", "Incorrect API key provided."),
    "missing-model": (404, "model_not_found", "The model does not exist."),
    "too-long": (400, "context_length_exceeded", "The prompt exceeds the context window."),
    "quota": (429, "insufficient_quota", "You exceeded your current quota."),
}


@dataclass
class Paid:
    """What the server did the work for."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    bodies: collections.Counter[str] = field(default_factory=collections.Counter)
    """SHA-256 of each paid request body → how often; above 1 is a double payment."""


class OpenAIServer:
    """The server on a thread and event loop of its own; a context manager."""

    def __init__(
        self,
        *,
        api_key: str | None = None,
        models: tuple[str, ...] = ("stand-in",),
        latency_s: float = 0.0,
        token_s: float = 0.0,
        max_in_flight: int | None = None,
        completions_route: bool = True,
        max_tokens_name: str = "max_tokens",
        words: Words | None = None,
        usage: Usage | None = None,
        silent_every: int = 0,
        port: int = 0,
    ) -> None:
        self.api_key = api_key
        self.models = models
        self.latency_s = latency_s
        self.token_s = token_s
        self.max_in_flight = max_in_flight
        self.completions_route = completions_route
        self.max_tokens_name = max_tokens_name
        self.words: Words = words or query_words
        self.usage = usage
        self.silent_every = silent_every
        """One answer in so many comes without usage; 1 is all of them, 0 none."""
        self.paid = Paid()
        self.calls = 0
        self.in_flight = 0
        self.most_in_flight = 0
        self.held = 0
        self.requests: list[dict[str, Any]] = []
        self.keep_requests = False
        self.always: Fault | None = None
        self.reply: Reply | None = None
        self.retry_after: float | None = None
        self.batches: StandInBatches | None = StandInBatches(self._batched)
        """None: a server without that API."""
        self._faults: collections.deque[Fault | None] = collections.deque()
        self._stalled_after: int | None = None
        self._released = asyncio.Event()
        self._port = port
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> OpenAIServer:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    def fail_next(self, *faults: Fault | None, retry_after: float | None = None) -> None:
        """Misbehave at the next calls, one fault each; None is a call that goes well."""
        self.retry_after = retry_after
        self._faults.extend(faults)

    def hold(self) -> None:
        """Take calls from now on and answer none of them, until they are released."""
        self.always = "hold"

    def stall(self, after: int) -> None:
        """Let each stream from now on say that many pieces, and wait until it is released."""
        self._stalled_after = after

    def let_go(self) -> None:
        """Answer the calls that are held."""
        self._loop.call_soon_threadsafe(self._answer_held)

    def release(self) -> None:
        """Answer the calls that are held, and hold no more."""
        self.always = None
        self._stalled_after = None
        self.let_go()

    def _answer_held(self) -> None:
        self.held = 0
        released, self._released = self._released, asyncio.Event()
        released.set()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=0.1)
        self._loop.run_until_complete(self._listen(runner))
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._end(runner))
        self._loop.close()

    @staticmethod
    async def _end(runner: web.AppRunner) -> None:
        await runner.cleanup()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _listen(self, runner: web.AppRunner) -> None:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self._port, backlog=1024)
        await site.start()
        self._port = runner.addresses[0][1]

    def _app(self) -> web.Application:
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/chat/completions", self._generate)
        if self.completions_route:
            app.router.add_post("/v1/completions", self._generate)
        app.router.add_post("/v1/embeddings", self._embed)
        if self.batches:
            app.router.add_routes(self.batches.routes())
        app.router.add_get("/stats", self._stats)
        app.router.add_post("/faults", self._set_faults)
        return app

    async def _models(self, request: web.Request) -> web.StreamResponse:
        if self.reply and (own := await self.reply(request, None)):
            return own
        if refusal := self._refusal(request, None):
            return refusal
        if self.always == "nonsense":
            return await self._misbehave("nonsense", request)
        data = [
            {"id": name, "object": "model", "created": 0, "owned_by": "x"} for name in self.models
        ]
        return web.json_response({"object": "list", "data": data})

    async def _stats(self, request: web.Request) -> web.Response:
        stats = dataclasses.asdict(self.paid) | {"all_calls": self.calls}
        stats["paid_twice"] = sum(1 for count in self.paid.bodies.values() if count > 1)
        return web.json_response(stats)

    async def _set_faults(self, request: web.Request) -> web.Response:
        wanted = await request.json()
        self.always = wanted.get("always", self.always)
        self.fail_next(*wanted.get("faults", []), retry_after=wanted.get("retry_after"))
        return web.json_response({})

    async def _generate(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.calls += 1
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return await self._one(request, body)
        finally:
            self.in_flight -= 1

    async def _one(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        if self.keep_requests:
            self.requests.append(body)
        if self.reply and (own := await self.reply(request, body)):
            return own
        fault = self._faults.popleft() if self._faults else self.always
        if fault is None and self.silent_every and not self.calls % self.silent_every:
            fault = "no-usage"
        if refusal := self._refusal(request, body):
            return refusal
        if self.max_in_flight is not None and self.in_flight > self.max_in_flight:
            return self._error("busy")
        if fault == "hold":
            self.held += 1
            await self._released.wait()
        elif fault and fault not in ("no-usage", "cut", "truncated", "reset-after-work"):
            return await self._misbehave(fault, request)
        await asyncio.sleep(self.latency_s)
        answer = self._answer(body, cut=fault == "cut")
        if body.get("stream"):
            return await self._stream(request, body, answer, fault)
        return await self._whole(request, body, answer, fault)

    def _refusal(self, request: web.Request, body: dict[str, Any] | None) -> web.Response | None:
        if self.api_key and request.headers.get("Authorization") != f"Bearer {self.api_key}":
            return self._error("wrong-key")
        if body is None:
            return None
        if body.get("model") not in self.models:
            return self._error("missing-model")
        if self.max_tokens_name not in body and "max_tokens" in body:
            said = f"Unsupported parameter: 'max_tokens'. Use '{self.max_tokens_name}' instead."
            return web.json_response({"error": {"message": said, "type": "x"}}, status=400)
        return None

    def _error(self, fault: str) -> web.Response:
        status, code, message = ERRORS[fault]
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        error = {"message": message, "type": code, "code": code}
        return web.json_response({"error": error}, status=status, headers=headers)

    async def _misbehave(self, fault: str, request: web.Request) -> web.StreamResponse:
        if fault == "hang":
            await asyncio.sleep(3600)
        if fault == "reset":
            return self._reset(request)
        if fault == "nonsense":
            return web.Response(text="<html>Welcome to nginx!</html>", content_type="text/html")
        if fault == "no-choices":
            return web.json_response({"id": "x", "object": "chat.completion", "choices": []})
        return self._error(fault)

    @staticmethod
    def _reset(request: web.Request) -> web.Response:
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    def _answer(self, body: dict[str, Any], *, cut: bool) -> dict[str, Any]:
        """Text, finish reason and usage; counts the payment."""
        text, finish = self.words(body), "stop"
        for stop in body.get("stop") or []:
            text = text.split(stop, 1)[0]
        limit = body.get(self.max_tokens_name) or body.get("max_tokens") or 10**6
        pieces = re.findall(r"\s*\S+", text)
        limit = min(limit, len(pieces) // 2) if cut else limit
        if len(pieces) > limit:
            pieces, finish = pieces[: max(1, limit)], "length"
        usage = {"prompt_tokens": count_tokens(prompt_of(body)), "completion_tokens": len(pieces)}
        usage = self.usage(body) if self.usage else usage
        self._pay(body, usage)
        return {"pieces": pieces, "finish": finish, "usage": usage}

    def _pay(self, body: dict[str, Any], usage: dict[str, int]) -> None:
        self.paid.calls += 1
        self.paid.prompt_tokens += usage["prompt_tokens"]
        self.paid.completion_tokens += usage["completion_tokens"]
        wire = json.dumps(body, sort_keys=True).encode()
        self.paid.bodies[hashlib.sha256(wire).hexdigest()] += 1

    def _batched(self, body: dict[str, Any]) -> dict[str, Any]:
        """What a request of a batch is answered."""
        self.calls += 1
        answer = self._answer(body, cut=False)
        return self._reply(body, answer) | {"usage": total(answer["usage"])}

    def _reply(self, body: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        text = "".join(answer["pieces"])
        chat = "messages" in body
        choice: dict[str, Any] = {"index": 0, "finish_reason": answer["finish"]}
        choice |= {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
        return self._envelope(body, chat, choice, chunk=False)

    async def _whole(
        self, request: web.Request, body: dict[str, Any], answer: dict[str, Any], fault: str | None
    ) -> web.StreamResponse:
        await asyncio.sleep(self.token_s * len(answer["pieces"]))
        if fault == "reset-after-work":
            return self._reset(request)
        reply = self._reply(body, answer)
        if fault != "no-usage":
            reply["usage"] = total(answer["usage"])
        wire = json.dumps(reply)
        if fault == "truncated":
            wire = wire[: len(wire) // 2]
        return web.Response(text=wire, content_type="application/json")

    async def _stream(
        self, request: web.Request, body: dict[str, Any], answer: dict[str, Any], fault: str | None
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        chat = "messages" in body
        for number, piece in enumerate(answer["pieces"]):
            await asyncio.sleep(self.token_s)
            if number == self._stalled_after:
                await self._released.wait()
            delta: dict[str, Any] = {"delta": {"content": piece}} if chat else {"text": piece}
            await self._send(response, self._envelope(body, chat, {"index": 0, **delta}))
            if fault == "reset-after-work" and number == 1:
                self._reset(request)
                return response
        end: dict[str, Any] = {"index": 0, "finish_reason": answer["finish"]}
        end |= {"delta": {}} if chat else {"text": ""}
        await self._send(response, self._envelope(body, chat, end))
        if fault != "no-usage":
            last = self._envelope(body, chat, None) | {"usage": total(answer["usage"])}
            await self._send(response, last)
        await response.write(b"data: [DONE]\n\n")
        return response

    @staticmethod
    async def _send(response: web.StreamResponse, chunk: dict[str, Any]) -> None:
        await response.write(f"data: {json.dumps(chunk)}\n\n".encode())

    @staticmethod
    def _envelope(
        body: dict[str, Any], chat: bool, choice: dict[str, Any] | None, *, chunk: bool = True
    ) -> dict[str, Any]:
        kind = "text_completion" if not chat else "chat.completion" + (".chunk" if chunk else "")
        choices = [] if choice is None else [choice]
        return {"id": "x", "object": kind, "created": 0, "model": body["model"], "choices": choices}

    async def _embed(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.calls += 1
        fault = self._faults.popleft() if self._faults else self.always
        if refusal := self._refusal(request, body):
            return refusal
        if fault:
            return await self._misbehave(fault, request)
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        vectors = [embedding(text) for text in texts]
        data = [
            {"object": "embedding", "index": i, "embedding": encoded(vector, body)}
            for i, vector in enumerate(vectors)
        ]
        tokens = sum(count_tokens(text) for text in texts)
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return web.json_response(
            {"object": "list", "data": data, "model": body["model"], "usage": usage}
        )


def prompt_of(body: dict[str, Any]) -> str:
    """The whole prompt as one text."""
    if "messages" in body:
        return "\n".join(message["content"] for message in body["messages"])
    return str(body["prompt"])


def query_words(body: dict[str, Any]) -> str:
    """Some long words of the last document, chosen by the seed: a stand-in for a query."""
    prompt = body["messages"][-1]["content"] if "messages" in body else body["prompt"]
    document = prompt.strip().split("\n\n")[-1][-2000:]
    words = sorted(set(re.findall(r"[^\W\d_]{5,}", document.lower()))) or ["nothing"]
    draw = hashlib.sha256(f"{body.get('seed')}|{document}".encode("utf-8", "replace")).digest()
    return "what about " + " ".join(random.Random(draw).sample(words, min(5, len(words)))) + "?"


def count_tokens(text: str) -> int:
    """A token count: one for each four characters."""
    return len(text) // 4 + 1


def total(usage: dict[str, int]) -> dict[str, int]:
    return usage | {"total_tokens": sum(usage.values())}


def embedding(text: str) -> list[float]:
    """Hashed words, normalised: texts that share words are near each other."""
    vector = [0.0] * DIMENSIONS
    for word in re.findall(r"\w+", text.lower()) or [""]:
        digest = hashlib.sha256(word.encode("utf-8", "replace")).digest()
        vector[digest[0] % DIMENSIONS] += 1.0 if digest[1] % 2 else -1.0
    norm = sum(x * x for x in vector) ** 0.5 or 1.0
    return [x / norm for x in vector]


def encoded(vector: list[float], body: dict[str, Any]) -> list[float] | str:
    """As numbers, or as the base64 that the SDK asks for."""
    if body.get("encoding_format") != "base64":
        return vector
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def main() -> None:
    parser = argparse.ArgumentParser(description="A deterministic OpenAI-compatible server.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--model", default="stand-in")
    parser.add_argument("--api-key")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds per call")
    parser.add_argument("--token-delay", type=float, default=0.0, help="seconds per token")
    parser.add_argument("--max-in-flight", type=int, help="above it: 429")
    options = parser.parse_args()
    server = OpenAIServer(
        port=options.port,
        models=(options.model,),
        api_key=options.api_key,
        latency_s=options.latency,
        token_s=options.token_delay,
        max_in_flight=options.max_in_flight,
    )
    with server:
        print(json.dumps({"url": server.url}), flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
