"""The endpoint that previews stream from: opened on first use, closed with the pane."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from studio.calls import Answer, Request
from studio.records import StudioError
from studio.tui.pane.daemon_thread import run_in_daemon_thread

if TYPE_CHECKING:
    from studio.llm.client import LLMClient
    from studio.llm.endpoints import Serving
    from studio.project import Project
    from studio.settings import Endpoint

PATIENCE_S = 0.3
"""The longest that leaving the program waits for connections and servers to end; they end anyway
when the program does."""

ELSEWHERE_S = 0.3
"""Seconds between looks for the answer that another process waits for."""


@dataclass(slots=True)
class EndpointSession:
    """One endpoint, with its client and, for an embedded model, its server."""

    project: Project
    name: str = ""
    """The endpoint's name; empty is the settings' one."""
    _stack: ExitStack = field(default_factory=ExitStack)
    _serving: Serving | None = None
    _client: LLMClient | None = None
    _closed: bool = False
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock)

    def endpoint(self) -> Endpoint:
        """The endpoint as settings name it. Raises StudioError for an unknown one."""
        if self._serving is not None:
            return self._serving.endpoint
        return endpoint_named(self.project, self.name)

    async def client(self) -> LLMClient:
        """A client of the endpoint; an embedded model is started in a thread the first time."""
        async with self._opening:
            if self._client is None:
                from studio.llm.client import LLMClient

                opened = await run_in_daemon_thread(self._open)
                self._serving = opened
                self._client = LLMClient(opened.endpoint, opened.api_key)
        return self._client

    def _open(self) -> Serving:
        # Here rather than at the first call, whose thread the end of the program would wait for.
        import aiohttp  # noqa: F401

        from studio.llm.endpoints import serving

        log = self.project.logs_dir / "llm-preview.log"
        opened = serving(self.endpoint(), self.project.settings, log)
        found = self._stack.enter_context(opened)
        if self._closed:
            # Closed while the model loaded: nobody else would ever stop it.
            self._stack.close()
        return found

    async def close(self) -> None:
        """Close connections and stop an embedded server; what lasts ends behind the scenes."""
        self._closed = True
        client, self._client, self._serving = self._client, None, None
        both = asyncio.gather(
            *([client.close()] if client is not None else []),
            run_in_daemon_thread(self._stack.close),
            return_exceptions=True,
        )
        await asyncio.wait([both], timeout=PATIENCE_S)


def endpoint_named(project: Project, name: str) -> Endpoint:
    """The endpoint of what was typed. Raises StudioError for an unknown one."""
    from studio.llm.endpoints import resolve, where_and_model

    where, model = where_and_model(name)
    return resolve(project.settings, where or None, model=model or None)


async def stream(wire: EndpointSession, request: Request) -> AsyncIterator[str | Answer]:
    """Pieces of the answer, then the answer. Raises StudioError when the endpoint cannot answer.

    Cancelling closes the connection, so that the server stops generating.
    """
    from studio.llm.failures import CallFailed

    client = await wire.client()
    try:
        async for item in client.stream(request):
            yield item if isinstance(item, Answer) else item.text
    except CallFailed as failed:
        raise StudioError(str(failed)) from failed


async def stream_once(
    session: EndpointSession, request: Request, reason: str
) -> AsyncIterator[str | Answer]:
    """As :func:`stream`, and the answer is stored, with the reason why no record comes of it.

    What was answered is not asked again; what another process asks at this moment is waited for.
    """
    from studio.jobs import ledger

    path, endpoint = session.project.store.path, session.endpoint()
    claim = partial(ledger.claim_one, path, request, endpoint)
    while (claimed := await run_in_daemon_thread(claim)) is None:
        await asyncio.sleep(ELSEWHERE_S)
    if isinstance(claimed, Answer):
        yield claimed
        return
    # Until the server says otherwise: it may have begun when the person looks elsewhere.
    paid = True
    try:
        async for piece in stream(session, request):
            if isinstance(piece, Answer):
                keep = partial(ledger.keep_one, path, request, endpoint, claimed, piece, reason)
                await asyncio.shield(run_in_daemon_thread(keep))
            yield piece
    except StudioError:
        paid = False
        raise
    finally:
        end = partial(ledger.end_one, path, claimed, paid=paid)
        threading.Thread(target=end, daemon=True).start()
