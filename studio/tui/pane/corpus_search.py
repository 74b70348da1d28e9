"""Full-text search over the corpus: a field, and the documents that hold all its words."""

from __future__ import annotations

import asyncio
from pathlib import Path

from textual import on, work
from textual.app import ComposeResult
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input

from studio.plurals import so_many
from studio.records import Document, StudioError
from studio.store import Store
from studio.tui.pane.recalled_field import RecalledField
from studio.tui.widgets.editor import Field
from studio.tui.widgets.rows import Column, Row, RowList
from studio.tui.widgets.text_pane import Section

COLUMNS = (Column("", 9), Column(""))
SEARCH_DELAY_S = 0.15
AGAIN_S = 2.0
"""Counting a million documents takes a while: not more often than this while they come in."""
MOST = 100
"""Results that are listed."""
NOTHING = "No document holds all these words. Try fewer or shorter ones; ctrl+u empties the field."
NO_CORPUS = (
    "No document yet. They come in as long as an import runs (see Jobs). To bring some in: "
    "studio import FILE --project FOLDER"
)


class CorpusSearch(Section):
    """Type to search; enter goes to the results, enter there chooses."""

    class Moved(Message):
        """The cursor of the results stands on a document, and the results have the focus."""

        def __init__(self, document: Document | None) -> None:
            super().__init__()
            self.document = document

    class Chosen(Message):
        """Enter was pressed on a document."""

        def __init__(self, document: Document) -> None:
            super().__init__()
            self.document = document

    class Found(Message):
        """A thread has searched."""

        def __init__(
            self, words: str, found: list[Document], total: int, problem: str = ""
        ) -> None:
            super().__init__()
            self.words = words
            self.found = found
            self.total = total
            self.problem = problem

    def __init__(self, store: Path, *, id: str) -> None:
        super().__init__(id=id)
        self.titled("Corpus")
        self._store = store
        self._documents: dict[str, Document] = {}
        self._timer: Timer | None = None
        self._again: Timer | None = None

    def compose(self) -> ComposeResult:
        """Field and results."""
        yield RecalledField("corpus", placeholder="/ search the corpus", id="search")
        yield RowList(COLUMNS, empty="", id="corpus")

    def on_mount(self) -> None:
        """The first documents, until something is typed; they come after the first paint."""
        self.call_after_refresh(self.search, "")

    @property
    def current(self) -> Document | None:
        """The document under the cursor of the results."""
        row = self.query_one("#corpus", RowList).current
        return self._documents.get(row.key) if row else None

    def again(self) -> None:
        """Search anew soon: the corpus may have grown, and may go on growing."""
        if self._again is None:
            self._again = self.set_timer(AGAIN_S, self._search_again)

    def _search_again(self) -> None:
        self._again = None
        self.search(self.query_one("#search", Field).value)

    @work(exclusive=True, group="search")
    async def search(self, words: str) -> None:
        """Show what holds these words."""
        try:
            found, total = await asyncio.to_thread(_found, self._store, words)
        except StudioError as error:
            self.post_message(self.Found(words, [], 0, str(error)))
        else:
            self.post_message(self.Found(words, found, total))

    @on(Found)
    def _show(self, event: Found) -> None:
        event.stop()
        words, found = event.words.strip(), event.found
        self._documents = {str(document.id): document for document in found}
        results = self.query_one("#corpus", RowList)
        results.empty = event.problem or (NOTHING if words else NO_CORPUS)
        results.show([Row(str(d.id), (d.outside_id, d.full_text[:400])) for d in found])
        more = "first " if len(found) == MOST else ""
        shown = (
            f"{more}{len(found):,} of {event.total:,}"
            if words
            else so_many(event.total, "documents")
        )
        self.titled(f"Corpus · {shown}")

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._stop_timer()
        words = event.value
        self._timer = self.set_timer(SEARCH_DELAY_S, lambda: self.search(words))

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self._stop_timer()
        self.search(event.value)
        self.query_one("#corpus").focus()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.stop()

    @on(RowList.Moved)
    def _moved(self, event: RowList.Moved) -> None:
        event.stop()
        if self.query_one("#corpus").has_focus:
            self.post_message(self.Moved(self.current))

    @on(RowList.Chosen)
    def _chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        if self.current is not None:
            self.post_message(self.Chosen(self.current))

    def on_descendant_focus(self) -> None:
        """Coming to the results shows the one under the cursor."""
        if self.query_one("#corpus").has_focus:
            self.post_message(self.Moved(self.current))

    def on_descendant_blur(self) -> None:
        """Leaving the results shows none."""
        self.post_message(self.Moved(None))


def _found(path: Path, words: str) -> tuple[list[Document], int]:
    """Runs in a thread with a connection of its own: a short Chinese word scans the corpus."""
    store = Store(path)
    try:
        return store.documents.search(words, MOST), store.documents.count()
    finally:
        store.close()
