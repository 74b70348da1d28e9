"""A person's own editor and pager for the text in hand."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from textual import work
from textual.widget import Widget

from studio.records import StudioError
from studio.tui import own_programs
from studio.tui.base_app import BaseApp
from studio.tui.pane.base import Pane
from studio.tui.widgets.editor import Editor
from studio.tui.widgets.rows import RowList
from studio.tui.widgets.text_pane import TextPane


class ExternalEditor(BaseApp):
    """Lends the terminal to ``$EDITOR`` and ``$PAGER``; the studio's own work goes on meanwhile."""

    def action_editor(self) -> None:
        """Open the text field in the person's editor."""
        editor = self.screen.focused
        if not isinstance(editor, Editor):
            self.tell("Put the cursor into a text field first, then its text opens in $EDITOR.")
        elif not editor.may_be_edited:
            self.tell("This text is only shown here; it cannot be edited.")
        elif self._may_lend():
            self._edit(editor)

    @work(exclusive=True, group="outside")
    async def _edit(self, editor: Editor) -> None:
        before = editor.value
        try:
            with self._lent():
                after = await asyncio.to_thread(own_programs.edited, before)
        except StudioError as error:
            self.tell(str(error), bad=True)
            return
        if not editor.is_attached or editor.value != before:
            self._keep_apart(after)
        elif after != before:
            editor.take(after)

    def _keep_apart(self, after: str) -> None:
        """The field is another one by now: the edited text must not go where it does not belong."""
        path = self.guarded(lambda: own_programs.keep(after))
        if path is not None:
            self.tell(f"The text changed here meanwhile; your edit is kept in {path}", bad=True)

    def action_pager(self) -> None:
        """Read the text in hand in the person's pager."""
        text = _text_of(self.screen.focused)
        if not text and isinstance(self.screen, Pane):
            text = self.screen.copy_text()
        if not text.strip():
            self.tell("There is no text to read here.")
        elif self._may_lend():
            self._page(text)

    @work(exclusive=True, group="outside")
    async def _page(self, text: str) -> None:
        try:
            with self._lent():
                await asyncio.to_thread(own_programs.paged, text)
        except StudioError as error:
            self.tell(str(error), bad=True)

    def tell_of_kept_edits(self) -> None:
        """Edits that a crash left behind are named, not forgotten."""
        left = own_programs.left_behind()
        if left:
            more = f" and {len(left) - 1} more" if len(left) > 1 else ""
            self.tell(f"An edit was cut off; its text is kept in {left[0]}{more}")

    def _may_lend(self) -> bool:
        if self.is_web:
            self.tell("A page has no terminal to lend to another program.")
        return not self.is_web

    @contextmanager
    def _lent(self) -> Iterator[None]:
        """The terminal belongs to another program; nothing is drawn meanwhile."""
        self.flush_all()
        driver = self.terminal
        if driver is None or not driver.can_suspend:
            # A test's screen is no terminal: there is nothing to lend.
            yield
            return
        failed: StudioError | None = None
        with self.suspend(), self.batch_update():
            # Textual takes the terminal back only from what ends well.
            try:
                yield
            except StudioError as error:
                failed = error
        if failed is not None:
            raise failed


def _text_of(widget: Widget | None) -> str:
    """The whole text of what has the focus; empty when it is no text."""
    if isinstance(widget, Editor):
        return widget.value
    if isinstance(widget, TextPane):
        return widget.plain
    if isinstance(widget, RowList):
        return "\n".join("  ".join(cell for cell in row.cells if cell) for row in widget.rows)
    return ""
