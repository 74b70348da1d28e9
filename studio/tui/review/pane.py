"""Review: a million records in a table, one key each, and beside it all that made a record."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input, Static

from studio.store import Store
from studio.store.review_shapes import View
from studio.store.review_window import Window
from studio.tui.actions import bindings
from studio.tui.review import words as say
from studio.tui.review.core import Pages
from studio.tui.review.details import RecordDetails
from studio.tui.review.editing import ReviewEditing
from studio.tui.review.filters import RecordFilters
from studio.tui.widgets.editor import Editor, Field
from studio.tui.widgets.text_pane import Section, TextPane
from studio.tui.widgets.virtual_rows import VirtualRows

SEARCH_DELAY_S = 0.15
FINDING_S = 0.05
"""Between looks at how many records have been found so far."""
NO_RECORDS = (
    "No record yet. 3 goes to Generate, where an LLM writes queries for your documents; "
    "ctrl+r runs the whole path. What it makes is judged here."
)
NO_ROUNDS = (
    "No record yet. 5 goes to Rounds, where an LLM writes them and a small model learns from them. "
    "What it writes is judged here."
)

PARTS: dict[str, type[Widget]] = {
    "#records": VirtualRows,
    "#records-section": Section,
    "#search": Field,
    "#edit": Editor,
    "#edit-section": Section,
    "#side": Section,
    "#provenance": TextPane,
    "#session": Static,
}
"""The pane's widgets by name."""


@dataclass(frozen=True, slots=True)
class OpenedView:
    """A view that has just been opened."""

    window: Window
    count: int
    complete: bool
    """Whether all its records have been found."""
    place: int
    """Where the cursor goes."""
    score: str
    """The filter whose score is shown."""


class ReviewPane(RecordFilters, ReviewEditing, RecordDetails):
    """The table with its field on the left or above, the record's provenance beside it."""

    NAME = "review"
    CSS_PATH = "review.tcss"
    AUTO_FOCUS = "#records"
    BINDINGS: ClassVar[list[Any]] = [*bindings("review")]

    def __init__(self) -> None:
        super().__init__()
        self._wanted: View = self._view
        self._typing: Timer | None = None
        self._fresh = False
        """Whether others have added or changed records since the view was opened."""

    def compose_body(self) -> ComposeResult:
        """Table, side, and the session's line."""
        self.open_threads(self.project.store.path)
        self.records_of = self.project.task
        with Horizontal(id="review"):
            with Vertical(id="table"):
                with Section(id="records-section").titled("Records"):
                    yield Field(placeholder="/ search the records", id="search")
                    yield VirtualRows(
                        say.columns("", self.records_of),
                        self.draw_row,
                        self.on_thread,
                        waiting="…",
                        id="records",
                    )
                with Section(id="edit-section").titled("Edit — kept as you type, esc finishes"):
                    yield Editor(id="edit")
            with Section(id="side"):
                yield TextPane(id="provenance")
        yield Static("", id="session")

    def begin(self) -> None:
        """Open everything; the rest follows the first rows."""
        for name, kind in PARTS.items():
            self.part(name, kind)
        self.title_side()
        self.reopen(self._view, first_undecided=True)
        self.run_worker(self._begin_rest(), group="begin")

    async def _begin_rest(self) -> None:
        if await self.take_up_drafts():
            self.rows.again()
        found = await self.ask(self._side_thread, lambda store: store.review.prompts())
        self._prompts = {one.id: f"{one.name} v{one.version}" for one in found or ()}
        await self._count_now()

    # -- which records --

    def reopen(
        self, view: View, *, record: int | None = None, first_undecided: bool = False
    ) -> None:
        """Show a view from its beginning, at a record in it, or at what is to be decided."""
        self._wanted = view
        self._open_view(view, record, first_undecided)

    @work(exclusive=True, group="view")
    async def _open_view(self, view: View, record: int | None, first_undecided: bool) -> None:
        opened = await self.ask(
            self._store_thread, partial(self._opened, view, record, first_undecided)
        )
        if opened is None or view is not self._wanted:
            return
        before, self._window = self._window, opened.window
        self._view, self._fresh, self._score = view, False, opened.score
        rows = self.rows
        rows.columns = say.columns(opened.score, self.records_of, chosen=bool(view.filter))
        rows.empty = self._nothing() if opened.complete else "Searching …"
        rows.show(Pages(opened.window), opened.count, cursor=opened.place)
        self.retitle()
        if not opened.complete:
            self._watch_finding(opened.window)
        if before is not None:
            # On the store's thread, behind what was asked of it while it was in front.
            await self.ask(self._store_thread, lambda _store: before.close())

    def _opened(
        self, view: View, record: int | None, first_undecided: bool, store: Store
    ) -> OpenedView | None:
        """Runs on the store's thread; a view that nobody waits for any more is not opened."""
        if view is not self._wanted:
            return None
        window = store.review.open(view)
        place = window.position_of(record) if record is not None else None
        if first_undecided:
            place = window.next_undecided(-1)
        first = next(iter(window.at(0, 1)), None)
        count, complete = window.known()
        return OpenedView(window, count, complete, place or 0, say.shown_score(view, first))

    @work(exclusive=True, group="finding")
    async def _watch_finding(self, window: Window) -> None:
        """The table grows while the store still looks for records."""
        complete = False
        while not complete and window is self._window:
            await asyncio.sleep(FINDING_S)
            count, complete = window.known()
            self.rows.empty = self._nothing() if complete else "Searching …"
            self.rows.grow(count)
            self.retitle()
        self.rows.refresh()

    def _nothing(self) -> str:
        if say.narrowed(self._view):
            clear = self.key("show-all")
            return f"No record is like that. {clear} shows all again, / searches other words."
        return NO_RECORDS if self.records_of.has_path else NO_ROUNDS

    def retitle(self) -> None:
        """What is shown, what is chosen, and whether there is more to read."""
        rows = self.rows
        parts = [say.title(self._view, rows.count, self._prompts)]
        window = self._window
        if window is not None and not window.known()[1]:
            parts.append("searching …")
        if self._fresh:
            parts.append(f"! new or changed rows: {self.key('read-again')} shows them")
        if (span := rows.span) is not None:
            many = span[1] - span[0] + 1
            parts.insert(0, f"Range of {many:,}: {self.key('accept')} {self.key('reject')} "
                            f"{self.key('flag')} on it, esc leaves")  # fmt: skip
        elif rows.marks:
            keys = " ".join(self.key(name) for name in ("accept-all", "reject-all", "flag-all"))
            parts.insert(0, f"{len(rows.marks):,} marked: {keys} on them")
        self.part("#records-section", Section).titled(" · ".join(parts))

    def store_changed(self) -> None:
        """Show the rows as they are now, where they stand; new ones wait for a key."""
        self._look_for_new()
        self.count_soon()

    @work(exclusive=True, group="stale")
    async def _look_for_new(self) -> None:
        window = self._window
        if window is None or not await self.ask(self._store_thread, lambda _store: window.stale()):
            return
        if window is not self._window:
            return
        if not self.rows.count:
            self.reopen(self._view)
            return
        self.rows.again()
        if not self._fresh:
            self._fresh = True
            self.retitle()

    def open_at(self, **place: Any) -> None:
        """``record``: go to it, whatever is filtered; ``search``: look for these words."""
        if (words := place.get("search")) is not None:
            self._search(str(words))
        record = place.get("record")
        if record is not None:
            self.put_words("")
            self.reopen(View(), record=int(record))

    # -- the search field --

    @on(Input.Changed, "#search")
    def _search_typed(self, event: Input.Changed) -> None:
        event.stop()
        if event.value != self._wanted.search:
            self._stop_typing()
            words = event.value
            self._typing = self.set_timer(SEARCH_DELAY_S, partial(self._search_for, words))

    @on(Input.Submitted, "#search")
    def _search_entered(self, event: Input.Submitted) -> None:
        event.stop()
        self._search_for(event.value)
        self.set_focus(self.rows)

    def _search_for(self, words: str) -> None:
        self._stop_typing()
        if words != self._wanted.search:
            self.reopen(replace(self._wanted, search=words))

    def _search(self, words: str) -> None:
        self.put_words(words)
        self.reopen(View(search=words))

    def _stop_typing(self) -> None:
        if self._typing is not None:
            self._typing.stop()
            self._typing = None

    async def action_leave(self) -> None:  # type: ignore[override]
        """Finish the edit or the search, and go back to the table."""
        if self._open is not None:
            await self.finish_edit()
            return
        if self._typing is not None:
            self._search_for(self.part("#search", Field).value)
        self.set_focus(self.rows)

    def action_find(self) -> None:
        """Go to the search field."""
        self.part("#search", Field).focus()

    # -- the table --

    @on(VirtualRows.Moved)
    def _moved(self, event: VirtualRows.Moved) -> None:
        event.stop()
        if self.rows.begun is not None:
            self.retitle()
        self.show_side()

    @on(VirtualRows.Chosen)
    def _chosen(self, event: VirtualRows.Chosen) -> None:
        event.stop()
        self.part("#provenance", TextPane).focus()

    @on(VirtualRows.Failed)
    def _failed(self, event: VirtualRows.Failed) -> None:
        event.stop()
        self.studio.tell(event.words, bad=True)
