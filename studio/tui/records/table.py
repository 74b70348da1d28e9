"""The table of records: a view of the store as rows, a million or none, fields as columns."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from textual import work

from studio.records import RecordType
from studio.store import Store
from studio.store.review_shapes import ReviewRow, View
from studio.store.review_window import Window
from studio.tui.pane.store_access import StoreAccess
from studio.tui.records import words as say
from studio.tui.widgets.virtual_rows import Cell, VirtualRows

FINDING_S = 0.05
"""Between looks at how many records have been found so far."""


@dataclass(frozen=True, slots=True)
class RecordPages:
    """A window as the table reads it: texts cut to what a line can show."""

    window: Window

    def at(self, position: int, limit: int) -> Sequence[ReviewRow]:
        """Rows from a position on."""
        return [cut(row) for row in self.window.at(position, limit)]


def cut(row: ReviewRow) -> ReviewRow:
    """The row without the megabytes that its fields may have."""
    longest = say.LONGEST_CELL
    if len(row.text) <= longest and all(len(text) <= longest for text in row.fields.values()):
        return row
    fields = {name: text[:longest] for name, text in row.fields.items()}
    return replace(row, text=row.text[:longest], fields=fields)


@dataclass(frozen=True, slots=True)
class OpenedView:
    """A view that has just been opened."""

    window: Window
    type: RecordType
    """What its records consist of."""
    count: int
    complete: bool
    """Whether all its records have been found."""
    place: int
    """Where the cursor goes."""
    score: str
    """The filter whose score is shown."""
    query_types: bool
    """Whether sets of templates have written some."""


class RecordTable(VirtualRows[ReviewRow]):
    """The records of one view. It owns the view, and the window that is open on it."""

    class Opened(VirtualRows.Moved):
        """Another view is shown, more of it has been found, or others have changed it."""

    def __init__(self, access: StoreAccess, *, nothing: str, id: str) -> None:
        """``nothing``: what to do next where there is no record at all."""
        self.type = access.project.task.record
        """The type of the records that are shown."""
        self.score = ""
        """The filter whose score the table shows."""
        self._documents = access.project.task.needs_documents
        self._query_types = False
        columns = say.columns(self.type, "", documents=self._documents)
        super().__init__(columns, self._draw_record, access.in_front, waiting="…", id=id)
        self._access, self._nothing_yet = access, nothing
        self.view = View()
        """What is shown."""
        self.wanted = self.view
        """What is shown as soon as it is open."""
        self.window: Window | None = None
        self.has_news = False
        """Whether others have added or changed records since the view was opened."""

    def _draw_record(self, row: ReviewRow) -> Sequence[Cell]:
        return say.cells(
            row,
            self.type,
            self.score,
            documents=self._documents,
            query_types=self._query_types,
        )

    @property
    def is_complete(self) -> bool:
        """Whether all records of the view have been found."""
        return self.window is None or self.window.known()[1]

    def open(self, view: View, *, record: int | None = None, first_undecided: bool = False) -> None:
        """Show a view from its beginning, at a record in it, or at what is to be decided."""
        self.wanted = view
        self._open(view, record, first_undecided)

    def open_here(self, view: View) -> None:
        """Show a view, and stay at the record."""
        row = self.current
        self.open(view, record=row.id if row is not None else None)

    @work(exclusive=True, group="view")
    async def _open(self, view: View, record: int | None, first_undecided: bool) -> None:
        front = self._access.front
        opened = await self._access.ask(front, partial(self._opened, view, record, first_undecided))
        if opened is None or view is not self.wanted:
            return
        before, self.window = self.window, opened.window
        self.view, self.has_news = view, False
        self.type, self.score = opened.type, opened.score
        self._query_types = opened.query_types
        self.columns = say.columns(
            opened.type,
            opened.score,
            chosen=bool(view.filter),
            documents=self._documents,
            query_types=opened.query_types,
        )
        self.empty = self._nothing() if opened.complete else "Searching …"
        self.show(RecordPages(opened.window), opened.count, cursor=opened.place)
        self.post_message(self.Opened(self))
        if not opened.complete:
            self._watch_finding(opened.window)
        if before is not None:
            # On the store's thread, behind what was asked of it while it was in front.
            await self._access.ask(front, lambda _store: before.close())

    def _opened(
        self, view: View, record: int | None, first_undecided: bool, store: Store
    ) -> OpenedView | None:
        """Runs on the store's thread; a view that nobody waits for any more is not opened."""
        if view is not self.wanted:
            return None
        window = store.review.open(view)
        place = window.position_of(record) if record is not None else None
        if first_undecided:
            place = window.next_undecided(-1)
        first = next(iter(window.at(0, 1)), None)
        count, complete = window.known()
        types = store.record_types
        type = types.known().get(view.type) or types.of_project()
        score = say.shown_score(view, first)
        sets = bool(store.query_types.all()) and type is types.of_project()
        return OpenedView(window, type, count, complete, place or 0, score, sets)

    @work(exclusive=True, group="finding")
    async def _watch_finding(self, window: Window) -> None:
        """The table grows while the store still looks for records."""
        complete = False
        while not complete and window is self.window:
            await asyncio.sleep(FINDING_S)
            count, complete = window.known()
            self.empty = self._nothing() if complete else "Searching …"
            self.grow(count)
            self.post_message(self.Opened(self))
        self.refresh()

    def _nothing(self) -> str:
        if say.narrowed(self.view):
            clear = self._access.key("show-all")
            return f"No record is like that. {clear} shows all again, / searches other words."
        return self._nothing_yet

    @work(exclusive=True, group="stale")
    async def look_for_news(self) -> None:
        """Show the rows as they are now, where they stand; new ones wait for a key."""
        window, access = self.window, self._access
        if window is None or not await access.ask(access.front, lambda _store: window.stale()):
            return
        if window is not self.window:
            return
        if not self.count:
            self.open(self.view)
            return
        self.again()
        if not self.has_news:
            self.has_news = True
            self.post_message(self.Opened(self))

    async def reread(self, place: int) -> None:
        """Show the row at a position as it is now."""
        window = self.window
        if window is not None:
            found = await self._access.ask(
                self._access.front, lambda _store: (next(iter(window.at(place, 1)), None),)
            )
            self.put_row(place, found[0] if found is not None else None)

    def put_row(self, place: int, row: ReviewRow | None) -> None:
        """This row has changed."""
        if row is not None:
            self.put(place, cut(row))

    def tell_moved(self) -> None:
        """The row under the cursor has changed: what stands beside it is to be read again."""
        self.post_message(self.Moved(self))
