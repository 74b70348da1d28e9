"""One endpoint's client: a request goes out as the OpenAI protocol, an answer comes back.

The calls are aiohttp's own. The same call takes .32 ms of processor time this way, .53 through the
HTTP client of the ``openai`` package, 1.05 through its ``post`` and 3.3 through its ``create``
(which walks through all turns of a prompt); a bare aiohttp loop takes .25.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from studio.calls import Answer, Request
from studio.llm import failures
from studio.llm.failures import CallFailed
from studio.llm.proxies import proxy_of
from studio.llm.reading import Gathered, NotTheProtocol, error_in, lines_of, parts_in, parts_of
from studio.llm.refused_settings import RefusedSettings, refused_by
from studio.settings import Endpoint

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession
    from yarl import URL

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
        self._session: ClientSession | None = None
        self._proxy: str | None = None
        self._addresses: dict[str, URL] = {}
        self._refused: dict[str, RefusedSettings] = {}
        self._opening = asyncio.Lock()

    async def __aenter__(self) -> LLMClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Give the connections back."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def complete(self, request: Request) -> Answer:
        """The whole answer. Raises :class:`CallFailed` with what it means for the run."""
        gathered = Gathered(time.monotonic())
        try:
            async with asyncio.timeout(self.endpoint.timeout_s):
                response = await self._accepted(request, stream=False)
                whole = await response.read()
            parts = parts_in(whole, response.charset)
            for part in parts:
                gathered.take(self._checked(part))
            if not any(part.get("choices") for part in parts):
                last = repr(parts[-1])[:80] if parts else "nothing"
                raise NotTheProtocol(f"no choices in {last}")
        except Exception as error:
            raise self._meaning(error) from error
        return gathered.answer(self.endpoint)

    async def stream(self, request: Request) -> AsyncGenerator[Delta | Answer]:
        """The text piece by piece, then the whole :class:`Answer` as the last item.

        A failure is the last item too (``finish_reason`` ``error`` with the pieces so far), except
        a fatal one, which raises :class:`CallFailed`.
        """
        gathered = Gathered(time.monotonic())
        try:
            async with contextlib.aclosing(self._parts(request)) as parts:
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
        listed = await self.asked("GET", "models")
        data = listed.get("data") if isinstance(listed, dict) else None
        named = [one.get("id") for one in data or () if isinstance(one, dict)]
        return [str(name) for name in named if name]

    async def asked(
        self, method: str, route: str, *, within_s: float | None = None, **sent: Any
    ) -> Any:
        """The JSON that another route of the server gives. within_s: instead of the endpoint's
        time; sent: as aiohttp takes it. Raises :class:`CallFailed`."""
        try:
            async with asyncio.timeout(within_s or self.endpoint.timeout_s):
                async with await self._request(method, route, **sent) as response:
                    return json.loads(await response.read())
        except Exception as error:
            raise self._meaning(error) from error

    async def lines(self, route: str) -> AsyncGenerator[bytes]:
        """A file at the server, line by line as it comes in; each piece within the endpoint's
        time. Raises :class:`CallFailed`."""
        try:
            async with asyncio.timeout(self.endpoint.timeout_s):
                response = await self._request("GET", route)
            async with response, contextlib.aclosing(self._pieces(response)) as pieces:
                async for line in lines_of(pieces):
                    yield line
        except Exception as error:
            raise self._meaning(error) from error

    async def _pieces(self, response: ClientResponse) -> AsyncGenerator[bytes]:
        while True:
            async with asyncio.timeout(self.endpoint.timeout_s):
                piece = await response.content.readany()
            if not piece:
                return
            yield piece

    async def _request(self, method: str, route: str, **sent: Any) -> ClientResponse:
        session = await self._open()
        # What was meant for one server is not sent on to another.
        response = await session.request(
            method, self._address(route), proxy=self._proxy, allow_redirects=False, **sent
        )
        await self._refuse_errors(response)
        return response

    async def _parts(self, request: Request) -> AsyncGenerator[dict[str, Any]]:
        """The parts of a stream, all within the endpoint's time; every failure as CallFailed."""
        ends = asyncio.get_running_loop().time() + self.endpoint.timeout_s
        response: ClientResponse | None = None
        answered, last = False, "nothing"
        try:
            async with asyncio.timeout_at(ends):
                response = await self._accepted(request, stream=True)
            parts = parts_of(response.content.iter_any(), response.charset)
            async with contextlib.aclosing(parts):
                while True:
                    # Around each step alone: over a yield, it would time the consumer too.
                    async with asyncio.timeout_at(ends):
                        part = await anext(parts, None)
                    if part is None:
                        break
                    answered, last = answered or bool(part.get("choices")), repr(part)[:80]
                    yield self._checked(part)
            if not answered:
                raise NotTheProtocol(f"no choices in {last}")
        except Exception as error:
            raise self._meaning(error) from error
        finally:
            if response is not None:
                response.close()

    def _checked(self, part: dict[str, Any]) -> dict[str, Any]:
        """Raises CallFailed for an error that calls itself an answer."""
        if error := error_in(part):
            raise failures.from_body(error, self.endpoint, self.base_url)
        return part

    async def _accepted(self, request: Request, *, stream: bool) -> ClientResponse:
        """The response to the request, less what the model refuses of it."""
        refused, body = self.refused_by(request.model), body_of(request, stream=stream)
        while True:
            # Calls that go out together all meet the refusal; each is sent again.
            sent = refused.fit(body) if refused.names else body
            try:
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

    def refused_by(self, model: str) -> RefusedSettings:
        """What is known of the settings that a model refuses here."""
        if (refused := self._refused.get(model)) is None:
            refused = self._refused[model] = refused_by(self.base_url, model)
        return refused

    def _tell(self, refused: RefusedSettings) -> None:
        refused.keep()
        if refused.names and (said := refused.sentence()) != self._told:
            self._told = said
            self.on_note(said)

    def _meaning(self, error: Exception) -> CallFailed:
        if isinstance(error, CallFailed):
            return error
        if isinstance(error, NotTheProtocol):
            return failures.nonsense(f"{self.endpoint.name} ({self.base_url})", str(error))
        if isinstance(error, TimeoutError):
            return failures.timed_out(self.endpoint, self.base_url)
        return failures.from_exception(error, self.endpoint, self.base_url)

    async def _post(self, request: Request, body: dict[str, Any]) -> ClientResponse:
        """The response as soon as its head is there. Raises CallFailed for a status of errors."""
        # Lone surrogates cannot travel as UTF-8; they go as question marks.
        data = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        return await self._request("POST", route_of(request), data=data)

    async def _refuse_errors(self, response: ClientResponse) -> None:
        if response.status < 300:
            return
        said: Any = (await response.read()).decode("utf-8", "replace")
        with contextlib.suppress(ValueError, RecursionError):
            said = json.loads(said)
        raise failures.from_status(
            response.status, said, response.headers, self.endpoint, self.base_url
        )

    def _address(self, route: str) -> URL:
        """Where a route is, with the query that the base URL may have."""
        if route not in self._addresses:
            from yarl import URL

            parts = urlsplit(self.base_url)
            path = f"{parts.path.rstrip('/')}/{route}"
            self._addresses[route] = URL(parts._replace(path=path).geturl())
        return self._addresses[route]

    async def _open(self) -> ClientSession:
        if self._session is not None:
            return self._session
        async with self._opening:
            if self._session is None:
                trusted = await asyncio.to_thread(self._prepared)
                self._session = self._connectable(trusted)
        return self._session

    def _prepared(self) -> ssl.SSLContext | bool:
        """Whom to trust: the authorities that the ``openai`` package trusts."""
        import aiohttp  # noqa: F401

        self._proxy = proxy_of(self.base_url)
        if not self.base_url.startswith("https"):
            return True
        import httpx2

        return httpx2.create_ssl_context()

    def _connectable(self, trusted: ssl.SSLContext | bool) -> ClientSession:
        import aiohttp

        return aiohttp.ClientSession(
            # How many calls there are at a time is the engine's.
            connector=aiohttp.TCPConnector(limit=0, ssl=trusted),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={
                "Authorization": f"Bearer {self._key or NO_KEY}",
                "Content-Type": "application/json",
                "Accept": "application/json",
                "User-Agent": "studio",
            },
        )


def clients_for(endpoint: Endpoint, api_key: str | None) -> list[LLMClient]:
    """A client for each base URL of the endpoint."""
    urls = (endpoint.base_url, *endpoint.extra_base_urls)
    return [LLMClient(endpoint, api_key, url) for url in urls]


def route_of(request: Request) -> str:
    """Where such a request goes, below the base URL."""
    return "completions" if request.style == "completion" else "chat/completions"


def body_of(request: Request, *, stream: bool = False) -> dict[str, Any]:
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
        body["prompt"] = request.messages[0].content
    else:
        body["messages"] = [{"role": m.role, "content": m.content} for m in request.messages]
    if decoding.stop:
        body["stop"] = list(decoding.stop)
    if decoding.presence_penalty:
        body["presence_penalty"] = decoding.presence_penalty
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return body


def _ignore(note: str) -> None:
    """Nobody wants to know."""
