"""One endpoint's client: a request goes out as the OpenAI protocol, an answer comes back."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from studio.api_keys import without_keys
from studio.llm import failures
from studio.llm.failures import CallFailed
from studio.records import Answer, Request
from studio.servers import is_loopback
from studio.settings import Endpoint

if TYPE_CHECKING:
    from openai import AsyncOpenAI

NO_KEY = "no-key"
SEED_MODULUS = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of an answer that is still coming in."""

    text: str


class LLMClient:
    """Calls one base URL of an endpoint; one attempt a call, retries are the engine's.

    Nothing heavy happens before the first call, and then off the event loop.
    """

    def __init__(
        self, endpoint: Endpoint, api_key: str | None, base_url: str | None = None
    ) -> None:
        self.endpoint = endpoint
        self.base_url = base_url or endpoint.base_url
        self._key = api_key
        self._sdk: AsyncOpenAI | None = None
        self._opening = asyncio.Lock()
        self._max_tokens_name = "max_tokens"

    async def __aenter__(self) -> LLMClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Give the connections back."""
        sdk, self._sdk = self._sdk, None
        if sdk is not None:
            await sdk.close()

    async def complete(self, request: Request) -> Answer:
        """The whole answer. Raises :class:`CallFailed` with what it means for the run."""
        started = time.monotonic()
        raw = await self._guarded(request, stream=False)
        return self._answer(raw, time.monotonic() - started)

    async def stream(self, request: Request) -> AsyncGenerator[Delta | Answer]:
        """The text piece by piece, then the whole :class:`Answer` as the last item.

        A failure is the last item too (``finish_reason`` ``error`` with the pieces so far), except
        a fatal one, which raises :class:`CallFailed`.
        """
        gathered = _Gathered(time.monotonic())
        try:
            async with contextlib.aclosing(self._chunks(request)) as chunks:
                async for chunk in chunks:
                    if piece := gathered.take(chunk):
                        yield Delta(piece)
        except CallFailed as failed:
            if failed.kind == "fatal":
                raise
            gathered.failed(str(failed))
        yield gathered.answer(self.endpoint)

    async def _chunks(self, request: Request) -> AsyncGenerator[Any]:
        deadline = time.monotonic() + self.endpoint.timeout_s
        stream = await self._guarded(request, stream=True)
        try:
            while True:
                # Around each step alone: over a yield, it would time the consumer too.
                async with asyncio.timeout(deadline - time.monotonic()):
                    chunk = await anext(stream, None)
                if chunk is None:
                    return
                yield chunk
        except Exception as error:
            raise self._meaning(error) from error
        finally:
            await stream.close()

    async def models(self) -> list[str]:
        """The names of the models that the server offers."""
        sdk = await self._open()
        try:
            async with asyncio.timeout(self.endpoint.timeout_s):
                page = await sdk.models.list()
            return [str(model.id) for model in page.data]
        except Exception as error:
            raise self._meaning(error) from error

    async def _guarded(self, request: Request, *, stream: bool) -> Any:
        """One attempt under the endpoint's time-out, every failure as CallFailed."""
        try:
            async with asyncio.timeout(self.endpoint.timeout_s):
                return await self._send(request, stream)
        except Exception as error:
            failed = self._meaning(error)
            if not self._renames_max_tokens(failed):
                raise failed from error
        return await self._guarded(request, stream=stream)

    def _renames_max_tokens(self, failed: CallFailed) -> bool:
        """Newer OpenAI models refuse ``max_tokens`` and name the parameter that they want."""
        new_name = "max_completion_tokens"
        wants = failed.kind == "refused" and new_name in str(failed)
        if not wants or self._max_tokens_name == new_name:
            return False
        self._max_tokens_name = new_name
        return True

    def _meaning(self, error: Exception) -> CallFailed:
        if isinstance(error, CallFailed):
            return error
        if isinstance(error, TimeoutError):
            return failures.timed_out(self.endpoint, self.base_url)
        return failures.from_sdk(error, self.endpoint, self.base_url)

    async def _send(self, request: Request, stream: bool) -> Any:
        sdk = await self._open()
        options = self._options(request, stream)
        if request.style == "completion":
            prompt = _encodable(request.messages[0].content)
            return await sdk.completions.create(prompt=prompt, **options)
        messages: Any = [
            {"role": m.role, "content": _encodable(m.content)} for m in request.messages
        ]
        return await sdk.chat.completions.create(messages=messages, **options)

    def _options(self, request: Request, stream: bool) -> dict[str, Any]:
        decoding = request.decoding
        chat = request.style == "chat"
        options: dict[str, Any] = {
            "model": request.model,
            "temperature": decoding.temperature,
            "top_p": decoding.top_p,
            "seed": request.seed % SEED_MODULUS,
            self._max_tokens_name if chat else "max_tokens": decoding.max_tokens,
        }
        if decoding.stop:
            options["stop"] = list(decoding.stop)
        if decoding.presence_penalty:
            options["presence_penalty"] = decoding.presence_penalty
        if stream:
            options |= {"stream": True, "stream_options": {"include_usage": True}}
        return options

    def _answer(self, raw: Any, seconds: float) -> Answer:
        choices = getattr(raw, "choices", None)
        if not choices:
            where = f"{self.endpoint.name} ({self.base_url})"
            raise failures.nonsense(where, f"no choices in {str(raw)[:80]!r}")
        gathered = _Gathered(time.monotonic() - seconds)
        gathered.take(raw)
        return gathered.answer(self.endpoint)

    async def _open(self) -> AsyncOpenAI:
        async with self._opening:
            if self._sdk is None:
                self._sdk = await asyncio.to_thread(self._connectable)
        return self._sdk

    def _connectable(self) -> AsyncOpenAI:
        from openai import AsyncOpenAI, DefaultAioHttpClient

        # A proxy from the environment cannot reach this machine's own loopback.
        # What was meant for one server is not sent on to another.
        http = DefaultAioHttpClient(
            trust_env=not is_loopback(self.base_url), follow_redirects=False
        )
        return AsyncOpenAI(
            # Never empty: the SDK would then send OPENAI_API_KEY to whatever server this is.
            api_key=self._key or NO_KEY,
            base_url=self.base_url,
            timeout=self.endpoint.timeout_s,
            max_retries=0,
            http_client=http,
        )


class _Gathered:
    """An answer as it comes in, in one piece or in many."""

    def __init__(self, started: float) -> None:
        self._started = started
        self._pieces: list[str] = []
        self._finish = ""
        self._usage: Any = None
        self._error = ""

    def take(self, part: Any) -> str:
        """Add a whole response or a chunk; the text that it brought."""
        self._usage = getattr(part, "usage", None) or self._usage
        choices = getattr(part, "choices", None) or []
        if not choices:
            return ""
        choice = choices[0]
        self._finish = getattr(choice, "finish_reason", None) or self._finish
        piece = _text_of(choice)
        self._pieces.append(piece)
        return piece

    def failed(self, sentence: str) -> None:
        self._finish, self._error = "error", sentence

    def answer(self, endpoint: Endpoint) -> Answer:
        prompt = _count(self._usage, "prompt_tokens")
        completion = _count(self._usage, "completion_tokens")
        details = getattr(self._usage, "prompt_tokens_details", None)
        return Answer(
            text=without_keys("".join(self._pieces)),
            finish_reason=self._finish or "unknown",
            prompt_tokens=prompt,
            completion_tokens=completion,
            cached_tokens=_count(details, "cached_tokens"),
            cost=cost_of(endpoint, prompt, completion),
            latency_s=time.monotonic() - self._started,
            endpoint=endpoint.name,
            error=self._error,
        )


def clients_for(endpoint: Endpoint, api_key: str | None) -> list[LLMClient]:
    """A client for each base URL of the endpoint."""
    urls = (endpoint.base_url, *endpoint.extra_base_urls)
    return [LLMClient(endpoint, api_key, url) for url in urls]


def cost_of(endpoint: Endpoint, prompt: int | None, completion: int | None) -> float | None:
    """US dollars for these tokens; None when a price or a count is unknown."""
    price_in, price_out = endpoint.price_in, endpoint.price_out
    if price_in is None or price_out is None or prompt is None or completion is None:
        return None
    return (prompt * price_in + completion * price_out) / 1e6


def _text_of(choice: Any) -> str:
    """The text of a chat message, a chat delta or a completion."""
    holder = getattr(choice, "message", None) or getattr(choice, "delta", None)
    text = getattr(holder, "content", None) if holder else getattr(choice, "text", None)
    return text if isinstance(text, str) else ""


def _count(holder: Any, name: str) -> int | None:
    value = getattr(holder, name, None)
    return value if isinstance(value, int) and value >= 0 else None


def _encodable(text: str) -> str:
    """Lone surrogates cannot travel as UTF-8; they go as question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")
