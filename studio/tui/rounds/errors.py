"""The errors on the left: what the model got wrong on validation, and what it predicted."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from textual.app import ComposeResult

from studio.records import Label
from studio.runs import Round
from studio.store import Store
from studio.store.runs import ErrorRow
from studio.tui.pane.store_access import StoreAccess
from studio.tui.rounds import words as say
from studio.tui.rounds.snapshot import ErrorPages
from studio.tui.widgets.text_pane import Section
from studio.tui.widgets.virtual_rows import Cell, VirtualRows

NO_ROUND = "The errors of the small model come here as soon as the first round is scored."
NO_ERROR = "The small model gets every validation item right: there is no error to extrapolate."


class NoErrors:
    """No error at all."""

    def at(self, position: int, limit: int) -> list[ErrorRow]:
        """None."""
        return []


class ErrorList(Section):
    """The errors of one round. It owns the rows, and which round they are of."""

    def __init__(self, access: StoreAccess, labels: Sequence[Label]) -> None:
        super().__init__(id="errors-section")
        self._access, self._kind = access, access.project.task
        self._pages: ErrorPages | None = None
        self._shown: tuple[int, int | None] = (0, None)
        """(round's row, its errors) that the list holds."""
        columns = say.columns(self._kind, [one.name for one in labels])
        self.rows: VirtualRows[ErrorRow] = VirtualRows(
            columns, self._draw, access.in_front, waiting="…", id="errors"
        )
        """The list itself."""

    def compose(self) -> ComposeResult:
        """The list alone."""
        self.titled("Errors")
        yield self.rows

    def _draw(self, row: ErrorRow) -> list[Cell]:
        return say.cells(row, self._kind)

    async def show(self, shown: Round | None, last: int) -> None:
        """The errors of a round; ``last`` is the newest round's number.

        Whatever is shown, the list tells that its cursor has moved: more may be written from the
        error there by now.
        """
        self.titled(self._title(shown, last))
        self.rows.empty = NO_ERROR if shown is not None and shown.errors == 0 else NO_ROUND
        wanted = (shown.id, shown.errors) if shown is not None else (0, None)
        if shown is None:
            self._shown, self._pages = wanted, None
            self.rows.show(NoErrors(), 0)
        elif wanted == self._shown and self._pages is not None:
            # What the worker has written since: new extrapolations, verdicts of others.
            self.rows.again()
            self.rows.post_message(VirtualRows.Moved(self.rows))
        else:
            await self._open(wanted, partial(_pages, shown.id))

    async def _open(self, wanted: tuple[int, int | None], read: partial[ErrorPages]) -> None:
        pages = await self._access.ask(self._access.front, read)
        if pages is not None:
            place = self.rows.cursor if wanted[0] == self._shown[0] else 0
            self._shown, self._pages = wanted, pages
            self.rows.show(pages, len(pages.ids), cursor=place)

    def _title(self, shown: Round | None, last: int) -> str:
        if shown is None:
            return "Errors"
        of = f" of {last}" if last != shown.number else ""
        key = self._access.key
        way = f" · {key('previous-round')} {key('next-round')} other rounds" if last else ""
        return f"Errors of round {shown.number}{of}: {shown.errors or 0:,}{way}"

    def position_of(self, error_id: int) -> int | None:
        """Where an error stands in the list."""
        ids = self._pages.ids if self._pages is not None else ()
        return ids.index(error_id) if error_id in ids else None

    async def reread(self, place: int) -> None:
        """Show the line of an error as it is now."""
        pages = self._pages
        if pages is None:
            return
        found = await self._access.ask(self._access.front, lambda _store: pages.at(place, 1))
        if pages is self._pages:
            for row in found or ():
                self.rows.put(place, row)


def _pages(round_id: int, store: Store) -> ErrorPages:
    """Runs on the store's thread."""
    return ErrorPages(store, round_id, store.runs.error_ids(round_id))
