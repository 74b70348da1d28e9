"""One thread with a store of its own: whatever is asked of it is done in order, off the screen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from studio.store import Store

T = TypeVar("T")


class StoreThread:
    """Calls run one after the other on this thread; the screen awaits or forgets them.

    Decisions and the pages of the list share one, so that a row is never read older than the
    decision before it.
    """

    def __init__(self, path: Path) -> None:
        """Nothing is opened before the first call."""
        self._path = path
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="review")
        self._store: Store | None = None
        self._last: Future[Any] | None = None
        self._closed = False

    async def run(self, call: Callable[[Store], T]) -> T:
        """Do this on the thread; raises what ``call`` raises.

        After the close, whoever still asks belongs to a screen that is gone: it is cancelled.
        """
        if self._closed:
            raise asyncio.CancelledError
        under_way = self._thread.submit(lambda: call(self._open()))
        self._last = under_way
        # A screen that goes away stops waiting; what was asked for is done all the same.
        return await asyncio.shield(asyncio.wrap_future(under_way))

    def finish(self, seconds: float) -> None:
        """Wait for what is under way, for the end of the program."""
        if self._last is not None:
            with suppress(TimeoutError, CancelledError):
                self._last.exception(seconds)

    def close(self) -> None:
        """Close the store once all is done."""
        self._closed = True
        self._thread.submit(self._close)
        self._thread.shutdown(wait=False)

    def _open(self) -> Store:
        if self._store is None:
            self._store = Store(self._path)
        return self._store

    def _close(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None
