"""One endpoint's client: a request goes out as the OpenAI protocol, an answer comes back."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from studio.calls import Answer, Request
from studio.llm import failures
from studio.llm.failures import CallFailed
from studio.llm.reading import Gathered, NotTheProtocol, error_in, parts_of
from studio.llm.refused_settings import RefusedSettings, refused_by
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

    What a model refuses of a request is learnt, and the rest sent again at once; ``on_note`` is
    told so once. Nothing heavy happens before the first call, and then off the event loop.
    """

    def __init__(
        self, endpoint: Endpoint, api_key: str | None, base_url: str | None = None
    ) -> None:
        self.endpoint = endpoint
        self.base_url = base_url or endpoint.base_url
        self.on_note: Callable[[str], None] = _ignore
        self._told = ""
        self._key = api_key
        self._sdk: AsyncOpenAI | None = None
        self._opening = asyncio.Lock()

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
        gathered = Gathered(time.monotonic())
        async with contextlib.aclosing(self._parts(request, stream=False)) as parts:
            async for part in parts:
                gathered.take(part)
        return gathered.answer(self.endpoint)

    async def stream(self, request: Request) -> AsyncGenerator[Delta | Answer]:
        """The text piece by piece, then the whole :class:`Answer` as the last item.

        A failure is the last item too (``finish_reason`` ``error`` with the pieces so far), except
        a fatal one, which raises :class:`CallFailed`.
        """
        gathered = Gathered(time.monotonic())
        try:
            async with contextlib.aclosing(self._parts(request, stream=True)) as parts:
                async for part in parts:
                    if piece := gathered.take(part):
                        yield Delta(piece)
        except CallFailed as failed:
            if failed.kind == "fatal":
                raise
            gathered.failed(str(failed))
        yield gathered.answer(self.endpoint)

    async def models(self) -> list[str]:
        """The names of the models that the server offers; none when it lists none."""
        sdk = await self._open()
        try:
            async with asyncio.timeout(self.endpoint.timeout_s):
                page = await sdk.models.list()
            found = getattr(page, "data", None)
            return [str(model.id) for model in found or () if getattr(model, "id", None)]
        except Exception as error:
            raise self._meaning(error) from error

    async def _parts(self, request: Request, *, stream: bool) -> AsyncGenerator[dict[str, Any]]:
        """The parts of one answer, all within the endpoint's time; every failure as CallFailed."""
        ends = asyncio.get_running_loop().time() + self.endpoint.timeout_s
        response = await self._accepted(request, stream, ends)
        parts = parts_of(response.iter_bytes(), response.http_response.charset_encoding)
        answered, last = False, "nothing"
        try:
            while True:
                # Around each step alone: over a yield, it would time the consumer too.
                async with asyncio.timeout_at(ends):
                    part = await anext(parts, None)
                if part is None:
                    break
                if error := error_in(part):
                    raise failures.from_body(error, self.endpoint, self.base_url)
                answered, last = answered or bool(part.get("choices")), repr(part)[:80]
                yield part
            if not answered:
                raise NotTheProtocol(f"no choices in {last}")
        except Exception as error:
            raise self._meaning(error) from error
        finally:
            await parts.aclose()
            await response.close()

    async def _accepted(self, request: Request, stream: bool, ends: float) -> Any:
        """The response to the request, less what the model refuses of it."""
        refused = refused_by(self.base_url, request.model)
        body = _body(request, stream)
        while True:
            # Calls that go out together all meet the refusal; each is sent again.
            sent = refused.fit(body)
            try:
                async with asyncio.timeout_at(ends):
                    response = await self._post(request, sent)
            except Exception as error:
                failed = self._meaning(error)
                if failed.kind == "refused":
                    refused.learn(failed, sent)
                if refused.fit(body) == sent:
                    raise failed from error
            else:
                self._tell(refused)
                return response

    def _tell(self, refused: RefusedSettings) -> None:
        refused.keep()
        if refused.names and (said := refused.sentence()) != self._told:
            self._told = said
            self.on_note(said)

    def _meaning(self, error: Exception) -> CallFailed:
        if isinstance(error, NotTheProtocol):
            return failures.nonsense(f"{self.endpoint.name} ({self.base_url})", str(error))
        if isinstance(error, TimeoutError):
            return failures.timed_out(self.endpoint, self.base_url)
        return failures.from_exception(error, self.endpoint, self.base_url)

    async def _post(self, request: Request, body: dict[str, Any]) -> Any:
        """The response as soon as its head is there; its body is read by us, not by the SDK."""
        sdk = await self._open()
        route: Any = sdk.completions if request.style == "completion" else sdk.chat.completions
        return await route.with_streaming_response.create(**body).__aenter__()

    async def _open(self) -> AsyncOpenAI:
        async with self._opening:
            if self._sdk is None:
                self._sdk = await asyncio.to_thread(self._connectable)
        return self._sdk

    def _connectable(self) -> AsyncOpenAI:
        from openai import AsyncOpenAI, DefaultAioHttpClient

        parts = urlsplit(self.base_url)
        # A proxy from the environment cannot reach this machine's own loopback.
        # What was meant for one server is not sent on to another.
        http = DefaultAioHttpClient(
            trust_env=not is_loopback(self.base_url), follow_redirects=False
        )
        return AsyncOpenAI(
            # Never empty: the SDK would then send OPENAI_API_KEY to whatever server this is.
            api_key=self._key or NO_KEY,
            base_url=parts._replace(query="").geturl(),
            default_query=dict(parse_qsl(parts.query)),
            timeout=self.endpoint.timeout_s,
            max_retries=0,
            http_client=http,
        )


def clients_for(endpoint: Endpoint, api_key: str | None) -> list[LLMClient]:
    """A client for each base URL of the endpoint."""
    urls = (endpoint.base_url, *endpoint.extra_base_urls)
    return [LLMClient(endpoint, api_key, url) for url in urls]


def _body(request: Request, stream: bool) -> dict[str, Any]:
    """The request in the words of the protocol, as it goes out if the model takes everything."""
    decoding = request.decoding
    body: dict[str, Any] = {
        "model": request.model,
        "temperature": decoding.temperature,
        "top_p": decoding.top_p,
        "seed": request.seed % SEED_MODULUS,
        "max_tokens": decoding.max_tokens,
    }
    if request.style == "completion":
        body["prompt"] = _encodable(request.messages[0].content)
    else:
        body["messages"] = [
            {"role": m.role, "content": _encodable(m.content)} for m in request.messages
        ]
    if decoding.stop:
        body["stop"] = list(decoding.stop)
    if decoding.presence_penalty:
        body["presence_penalty"] = decoding.presence_penalty
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return body


def _encodable(text: str) -> str:
    """Lone surrogates cannot travel as UTF-8; they go as question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _ignore(note: str) -> None:
    """Nobody wants to know."""
