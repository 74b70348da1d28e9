"""The box that asks which files of a job to delete: for good, so it says what and how much."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.widgets import Static

from studio.jobs.artefacts import Artefact, size_words
from studio.tui.pane.base import Dialog
from studio.tui.safe_content import content
from studio.tui.widgets.rows import Column, Row, RowList
from studio.tui.widgets.text_pane import Section

COLUMNS = (Column("", 3), Column("what"), Column("size", 11, "right"))


class DeleteFiles(Dialog):
    """Gives back the files to delete, or None. Models are only deleted when they are marked."""

    BINDINGS: ClassVar[list[Any]] = [
        ("escape", "leave", "Close"),
        ("y", "delete", "Delete"),
        ("space", "mark", "Mark"),
    ]

    def __init__(self, title: str, found: Sequence[Artefact]) -> None:
        super().__init__()
        self._title = title
        self._found = tuple(found)
        self._marked = {n for n, one in enumerate(found) if one.what != "model"}

    def compose(self) -> ComposeResult:
        """The files, and what the keys do."""
        with Section(classes="dialog").titled(self._title):
            yield RowList(COLUMNS, empty="", id="artefacts")
            yield Static("", id="meaning", classes="hint")
            yield Static("", id="sum", classes="hint")

    def on_mount(self) -> None:
        """List them."""
        self._show()
        self.query_one(RowList).focus()

    def _show(self) -> None:
        rows = [
            Row(str(n), ("[x]" if n in self._marked else "[ ]", one.words, size_words(one.size)))
            for n, one in enumerate(self._found)
        ]
        self.query_one(RowList).show(rows)
        chosen = self._chosen()
        what = f"{len(chosen)} of {len(rows)}, {size_words(sum(one.size for one in chosen))}"
        deed = f"y deletes what is marked ({what}) for good"
        keys = "space marks or unmarks · esc leaves everything as it is"
        said = f"{deed if chosen else 'Nothing is marked.'}\n{keys}"
        self.query_one("#sum", Static).update(content(said))

    def _chosen(self) -> tuple[Artefact, ...]:
        return tuple(one for n, one in enumerate(self._found) if n in self._marked)

    @on(RowList.Moved)
    def _moved(self, event: RowList.Moved) -> None:
        """Say what is lost with the files under the cursor."""
        event.stop()
        if event.row is not None:
            lost = self._found[int(event.row.key)].consequence or "nothing else needs it"
            self.query_one("#meaning", Static).update(content(f"Without it: {lost}."))

    @on(RowList.Chosen)
    def _entered(self, event: RowList.Chosen) -> None:
        event.stop()
        self.action_mark()

    def action_mark(self) -> None:
        """Mark or unmark the files under the cursor."""
        row = self.query_one(RowList).current
        if row is not None:
            self._marked ^= {int(row.key)}
            self._show()

    def action_delete(self) -> None:
        """Hand the marked ones over."""
        if self.is_seen and (chosen := self._chosen()):
            self.dismiss(chosen)
