"""The document under the cursor of a ranking: read in a thread, its matching words marked."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from textual import work
from textual.app import ComposeResult
from textual.content import Content, Span

from studio.records import Document
from studio.safe_text import one_line, visible
from studio.store import Store
from studio.tui.search.ranking import spans
from studio.tui.widgets.text_pane import Section, TextPane

MATCH = "bold underline"


class FoundDocument(Section):
    """Title and text, or what a newcomer reads while nothing is selected."""

    def __init__(self) -> None:
        super().__init__(id="hit-section")
        self.titled("Document")
        self._document: Document | None = None
        self._wanted: int | None = None
        self._pattern: re.Pattern[str] | None = None

    def compose(self) -> ComposeResult:
        """The text alone."""
        yield TextPane(id="hit")

    @property
    def text(self) -> TextPane:
        """What shows it."""
        return self.query_one("#hit", TextPane)

    def show_none(self, instead: str) -> None:
        """Nothing is selected."""
        self._document = self._wanted = None
        self.text.show(instead, "$text-muted")

    def show(self, store: Path, document_id: int, pattern: re.Pattern[str] | None) -> None:
        """Show a document; ``pattern`` finds the words to mark."""
        self._wanted, self._pattern = document_id, pattern
        self._read(store, document_id)

    @work(exclusive=True)
    async def _read(self, store: Path, document_id: int) -> None:
        if self._document is None or self._document.id != document_id:
            found = await asyncio.to_thread(_document, store, document_id)
            if document_id != self._wanted:
                return
            self._document = found
            self.text.scroll_home(animate=False)
        if self._document is not None:
            self._put(self._document)

    def _put(self, document: Document) -> None:
        shown = visible(document.text)
        if document.title:
            shown = f"{one_line(document.title)}\n\n{shown}"
        marked = [Span(start, end, MATCH) for start, end in spans(self._pattern, shown)]
        text = f"{document.title}\n\n{document.text}" if document.title else document.text
        self.text.put(Content(shown, spans=marked), text)


def _document(path: Path, document_id: int) -> Document | None:
    """Runs in a thread: a document may be megabytes."""
    store = Store(path)
    try:
        return store.documents.get(document_id)
    finally:
        store.close()
