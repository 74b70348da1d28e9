"""What all parts of Rounds stand on: the run as it stands, its errors, and the error in hand."""

from __future__ import annotations

from pathlib import Path

from textual.widget import Widget

from studio.records import Label, Record, Round
from studio.store.runs import ErrorRow
from studio.tui.actions import in_scope, key_name
from studio.tui.pane.store_pane import StorePane
from studio.tui.rounds.sheet import LIVE
from studio.tui.rounds.snapshot import ErrorDetails, ErrorPages, RunSnapshot, beside
from studio.tui.widgets.rows import RowList
from studio.tui.widgets.virtual_rows import VirtualRows


class RoundsCore(StorePane):
    """State and helpers that judging, editing and asking share. All of it is read from rows."""

    def __init__(self) -> None:
        super().__init__()
        self._look = RunSnapshot(None, None)
        self._number: int | None = None
        """The round that a person chose; None follows the newest that was scored."""
        self._pages: ErrorPages | None = None
        self._beside: ErrorDetails | None = None
        self._labels: list[Label] = []
        self._asking: dict[int, str] = {}
        """Error → what the LLM has written of it so far."""
        self._diff = False

    def open_threads(self, path: Path) -> None:
        """Threads begin when something is asked of them."""
        super().open_threads(path)
        self._look_thread = self.new_thread(path)
        """The run as a whole, which may take longer."""

    @property
    def errors(self) -> VirtualRows[ErrorRow]:
        """The list of errors."""
        return self.part("#errors", VirtualRows)

    @property
    def additions(self) -> RowList:
        """What was written from the error in hand."""
        return self.part("#additions", RowList)

    @property
    def is_retrieval(self) -> bool:
        """Whether errors are queries, and what is right a document."""
        return self.project.task.gold == "documents"

    @property
    def shown_round(self) -> Round | None:
        """The round whose errors are shown."""
        if self._number is not None and (chosen := self._look.round(self._number)) is not None:
            return chosen
        scored = [one for one in self._look.rounds if one.errors is not None]
        # A last round without an error has nothing to look at: the one before has its additions.
        with_errors = [one for one in scored if one.errors]
        return next(iter(reversed(with_errors or scored)), None)

    def keys(self) -> dict[str, str]:
        """Action → the key in force, as a person reads it."""
        names = [action.id for action in in_scope("rounds") if action.keys]
        return {name: key_name(self.studio.keys_of(name)[0]) for name in names}

    def main_list(self) -> Widget | None:
        """The errors."""
        return self.errors

    # -- the error in hand --

    async def in_hand(self) -> ErrorDetails | None:
        """The error under the cursor with its additions, read if need be."""
        row = await self.errors.settled()
        if row is None:
            return None
        if self._beside is None or self._beside.error.id != row.id:
            await self.read_beside(row.id)
        return self._beside

    async def read_beside(self, error_id: int, *, choose: int | None = None) -> None:
        """Read an error whole and show it; ``choose``: the addition to stand on."""
        found = await self.ask(self._store_thread, lambda store: beside(store, error_id))
        row = self.errors.current
        if row is not None and row.id == error_id:
            self._beside = found
            self.show_beside(choose)

    def show_beside(self, choose: int | None = None) -> None:
        """Draw the error in hand."""

    @property
    def streaming(self) -> str | None:
        """What is being written for the error in hand; None when nothing is."""
        row = self.errors.current
        return self._asking.get(row.id) if row is not None else None

    @property
    def chosen(self) -> Record | None:
        """The addition under the cursor; None where one streams in, or there is none."""
        row, found = self.additions.current, self._beside
        if row is None or found is None or row.key == LIVE:
            return None
        return next((item for item in found.additions if str(item.id) == row.key), None)

    async def reread_row(self, position: int) -> None:
        """Show the line of an error as it is now."""
        pages = self._pages
        if pages is None:
            return
        found = await self.ask(self._store_thread, lambda _store: pages.at(position, 1))
        if pages is self._pages:
            for row in found or ():
                self.errors.put(position, row)

    def position_of(self, error_id: int) -> int | None:
        """Where an error stands in the list."""
        ids = self._pages.ids if self._pages is not None else ()
        return ids.index(error_id) if error_id in ids else None

    def read_look(self) -> None:
        """Read the run again, beside the screen."""
