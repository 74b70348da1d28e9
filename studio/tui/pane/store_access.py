"""How a pane and its widgets reach the store off the screen: threads, and whose word it is."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TypeVar

from studio.project import Project
from studio.records import StudioError
from studio.store import Store
from studio.tui.pane.base import Pane
from studio.tui.pane.store_thread import StoreThread

T = TypeVar("T")


class StoreAccess:
    """One pane's threads; each begins when something is asked of it, and ends with the pane."""

    def __init__(self, pane: Pane) -> None:
        self._pane = pane
        path = pane.project.store.path
        self.front = StoreThread(path)
        """Decisions, pages and what they show, in order."""
        self.side = StoreThread(path)
        """What may take longer: provenance, counts, histograms, a run as a whole."""
        self.long = StoreThread(path)
        """Changes on many records."""

    @property
    def project(self) -> Project:
        """The open project; its own store may be used for what takes no time."""
        return self._pane.project

    @cached_property
    def reviewer(self) -> str:
        """Whose word it is."""
        from studio import settings

        return settings.reviewer(self.project.path)

    def tell(self, words: str, *, bad: bool = False) -> None:
        """Tell the person."""
        self._pane.studio.tell(words, bad=bad)

    def write(
        self,
        call: Callable[[], T],
        then: Callable[[T], object] = lambda _done: None,
        *,
        name: str = "",
        typed: str = "",
    ) -> bool:
        """Write something short with the project's own store; see :meth:`BaseApp.write`."""
        return self._pane.studio.write(call, then, name=name, typed=typed)

    async def written(self, call: Callable[[], T]) -> T | None:
        """The same, for who waits for what it gives back; None, and it is told, when it failed."""
        return await self._pane.studio.written(call)

    def key(self, action: str) -> str:
        """The key in force for one of the pane's actions, as a person reads it."""
        return self._pane.key(action)

    async def ask(self, thread: StoreThread, call: Callable[[Store], T]) -> T | None:
        """Do this on a thread; None, and the sentence told, when it cannot be done."""
        try:
            return await thread.run(call)
        except StudioError as error:
            self.tell(str(error), bad=True)
            return None

    async def in_front(self, call: Callable[[], T]) -> T:
        """How a list reads its pages: behind the decisions before them."""
        return await self.front.run(lambda _store: call())

    def finish(self) -> None:
        """Wait for what is under way in front, for the end of the program."""
        self.front.finish(2.0)

    def close(self) -> None:
        """Let files and connections go."""
        for thread in (self.front, self.side, self.long):
            thread.close()
