"""Has a server make one batch, and finds out whether it did when the call for it failed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from studio.llm.batch_api import BatchServer, BatchState, RequestFile
from studio.llm.failures import CallFailed

TICK_S = 0.2
"""How often it is looked whether somebody wants a stop."""
MOST_TRIES = 6
"""Tries to send a batch."""
LOOKS = 3
LOOK_S = 1.0
"""A batch may be listed only a bit after it was made."""
NO_ROUTE = (404, 405)
"""What a server without a Batch API answers."""


@dataclass(frozen=True, slots=True)
class BatchSending:
    """How batches of a run are sent."""

    server: BatchServer
    should_stop: Callable[[], bool]
    on_tick: Callable[[], object]
    """Called again and again while a batch is on its way."""
    rest: Callable[[float], Awaitable[None]]
    """Waits so many seconds, unless somebody wants a stop."""
    on_note: Callable[[str], None]

    async def made(self, file: RequestFile, name: str) -> BatchState:
        """Send it, again and again where that may help. Raises CallFailed; see ``found_after``."""
        for attempt in range(1, MOST_TRIES):
            try:
                return await self._unless_stopped(file, name)
            except CallFailed as failed:
                if failed.status in NO_ROUTE:
                    client = self.server.client
                    where = f"{client.endpoint.name} ({client.base_url})"
                    sentence = f"{where} has no Batch API. Take the engine live."
                    raise CallFailed("denied", sentence, status=failed.status) from failed
                if failed.kind in ("fatal", "denied", "refused"):
                    raise
                self.on_note(f"{failed} The batch is sent again.")
                await self.rest(failed.retry_after or 0.5 * 2**attempt)
        return await self._unless_stopped(file, name)

    async def found_after(self, failed: CallFailed, name: str) -> BatchState | None:
        """The batch that a failed call may have made; None where it surely made none.

        Raises ``failed`` where nobody knows: the server may still be at it.
        """
        if failed.status in NO_ROUTE:
            return None
        is_unsure = failed.maybe_paid or failed.kind in ("late", "broken")
        try:
            found = await (self.found(name) if is_unsure else self.server.find(name))
        except CallFailed:
            raise failed from None
        if found is None and is_unsure:
            raise failed
        return found

    async def found(self, name: str) -> BatchState | None:
        """The batch of that name, which may have been made just now. Raises CallFailed."""
        for look in range(LOOKS):
            await asyncio.sleep(LOOK_S if look else 0.0)
            if (found := await self.server.find(name)) is not None:
                return found
        return None

    async def _unless_stopped(self, file: RequestFile, name: str) -> BatchState:
        """A large file is long on its way. Raises CallFailed when somebody wants a stop: the
        server may have been told to make the batch all the same."""
        task: asyncio.Task[BatchState] | None = None
        while not self.should_stop():
            task = task or asyncio.create_task(self.server.create(file, name))
            await asyncio.wait({task}, timeout=TICK_S)
            if task.done():
                return task.result()
            self.on_tick()
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
            if not task.cancelled():
                return task.result()
        raise CallFailed("fatal", "Stopped while a batch was being sent.", maybe_paid=True)
