"""What panes of records stand on: the store off the screen, widgets and the person by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from textual.widget import Widget

from studio.records import StudioError
from studio.store import Store
from studio.tui.actions import key_name
from studio.tui.pane.base import Pane
from studio.tui.pane.store_thread import StoreThread

T = TypeVar("T")
W = TypeVar("W", bound=Widget)


class StorePane(Pane):
    """A pane that asks its store on threads, and shows what comes back."""

    def __init__(self) -> None:
        super().__init__()
        self._who = ""
        self._parts: dict[str, Widget] = {}
        self._threads: list[StoreThread] = []

    def open_threads(self, path: Path) -> None:
        """Threads begin when something is asked of them."""
        self._store_thread = self.new_thread(path)
        """Decisions, pages and what they show, in order."""

    def new_thread(self, path: Path) -> StoreThread:
        """A thread that ends with the pane."""
        self._threads.append(StoreThread(path))
        return self._threads[-1]

    async def on_unmount(self) -> None:
        """Let files, connections and models go."""
        if self.ready:
            for thread in self._threads:
                thread.close()
        await self.close_wires()

    async def close_wires(self) -> None:
        """Close what answers stream from."""

    @property
    def reviewer(self) -> str:
        """Whose word this is."""
        if not self._who:
            from studio import settings

            self._who = settings.reviewer(self.project.path)
        return self._who

    def part(self, name: str, kind: type[W]) -> W:
        """One of the pane's widgets. What a thread hands over at the program's end finds it too."""
        if name not in self._parts:
            self._parts[name] = self.query_one(name, kind)
        found = self._parts[name]
        assert isinstance(found, kind)
        return found

    def key(self, action: str) -> str:
        """The key in force for one of the pane's actions, as a person reads it."""
        return key_name(self.studio.keys_of(f"{self.NAME}.{action}")[0])

    async def ask(self, thread: StoreThread, call: Callable[[Store], T]) -> T | None:
        """Do this on a thread; None, and the sentence told, when it cannot be done."""
        try:
            return await thread.run(call)
        except StudioError as error:
            self.studio.tell(str(error), bad=True)
            return None

    async def on_thread(self, call: Callable[[], T]) -> T:
        """How a list reads its pages: behind the decisions before them."""
        return await self._store_thread.run(lambda _store: call())
