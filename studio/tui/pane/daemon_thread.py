"""Work beside the screen that leaving the program does not wait for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


async def run_in_daemon_thread(deed: Callable[[], T]) -> T:
    """As ``asyncio.to_thread``, on a thread of its own that ends with the program.

    The loop's own threads are waited for at the end: a model that loads for seconds, or an index
    that is being built, would keep the person from the shell for as long.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        try:
            result = deed()
        except BaseException as error:
            settle: Callable[[], None] = _failed(future, error)
        else:
            settle = _done(future, result)
        # The program may have left meanwhile, and its loop with it.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(settle)

    threading.Thread(target=run, daemon=True).start()
    return await future


def _done(future: asyncio.Future[T], result: T) -> Callable[[], None]:
    def settle() -> None:
        if not future.done():
            future.set_result(result)

    return settle


def _failed(future: asyncio.Future[T], error: BaseException) -> Callable[[], None]:
    def settle() -> None:
        if not future.done():
            future.set_exception(error)

    return settle
