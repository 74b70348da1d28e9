"""A box that finds one document by its words."""

from __future__ import annotations

from pathlib import Path

from textual import on
from textual.app import ComposeResult

from studio.tui.pane.base import Dialog
from studio.tui.pane.corpus_search import CorpusSearch
from studio.tui.widgets.text_pane import Section


class PickDocument(Dialog):
    """Gives back a document, or None."""

    def __init__(self, store: Path) -> None:
        super().__init__()
        self._store = store

    def compose(self) -> ComposeResult:
        """The search alone."""
        title = "Pick a document — enter goes to the results, enter picks, esc closes"
        with Section(classes="dialog tall").titled(title):
            yield CorpusSearch(self._store, id="pick")

    @on(CorpusSearch.Chosen)
    def _chosen(self, event: CorpusSearch.Chosen) -> None:
        event.stop()
        self.dismiss(event.document)
