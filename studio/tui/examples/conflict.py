"""Two wordings of one example: mine, unsaved, and the one that another studio has saved."""

from __future__ import annotations

from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content

from studio.records import Example
from studio.store.example_drafts import ExampleDraft
from studio.tui.examples.writer import Choice
from studio.tui.pane.base import Dialog
from studio.tui.safe_text import content
from studio.tui.widgets.rows import Column, Row, RowList
from studio.tui.widgets.text_pane import Section, TextPane
from studio.tui.word_diff import both_sides

COLUMNS = (Column("", 3), Column("", 12), Column(""))


class ChooseWording(Dialog):
    """Gives back ``mine``, ``theirs`` or ``both``; None leaves mine as a draft."""

    CSS_PATH = "conflict.tcss"
    BINDINGS: ClassVar[list[Any]] = [
        ("m", "take('mine')", "Mine"),
        ("t", "take('theirs')", "Theirs"),
        ("b", "take('both')", "Both"),
    ]

    def __init__(self, draft: ExampleDraft, theirs: Example, *, deleted: bool) -> None:
        super().__init__()
        self._draft, self._theirs, self._deleted = draft, theirs, deleted

    def compose(self) -> ComposeResult:
        """Both wordings, then what can be done."""
        title = "Two wordings of one example: which one shall stay?"
        saved = "Theirs — deleted elsewhere" if self._deleted else "Theirs — saved elsewhere"
        with Section(classes="dialog tall", id="two-wordings").titled(title):
            with Horizontal(id="wordings"):
                with Section().titled("Mine — not saved yet"):
                    yield TextPane(id="mine")
                with Section().titled(saved):
                    yield TextPane(id="theirs")
            yield RowList(COLUMNS, empty="", id="choices")

    def on_mount(self) -> None:
        """Fill it."""
        draft, theirs = self._draft, self._theirs
        queries = both_sides(draft.query, theirs.query)
        texts = both_sides(draft.document_text, theirs.document_text)
        for name, query, text in zip(("mine", "theirs"), queries, texts, strict=True):
            self.query_one(f"#{name}", TextPane).put(_whole(query, text))
        self.query_one(RowList).show(_choices(deleted=self._deleted))
        self.query_one(RowList).focus()

    def action_take(self, choice: Choice) -> None:
        """Answer."""
        self.dismiss(choice)

    @on(RowList.Chosen)
    def _chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        if event.row is not None:
            self.dismiss(event.row.key or None)


def _whole(query: Content, text: Content) -> Content:
    head = query if query.plain.strip() else content("(not written yet)", "$secondary")
    return Content.assemble(head, "\n\n", content("Document", "$secondary"), "\n", text)


def _choices(*, deleted: bool) -> list[Row]:
    mine = "it comes back on the list, worded so" if deleted else "it is saved in place of theirs"
    theirs = "it stays off the list" if deleted else "mine is let go"
    return [
        Row("mine", ("m", "keep mine", f"{mine}; u undoes")),
        Row("theirs", ("t", "take theirs", f"{theirs}; u undoes")),
        Row("both", ("b", "keep both", "mine becomes an example of its own; u undoes")),
        Row("", ("esc", "decide later", "mine stays as a draft, marked ≠ in the list")),
    ]
