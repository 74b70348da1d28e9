"""Editing an extrapolation in place: kept as a draft while typed, one step of undo when left."""

from __future__ import annotations

from dataclasses import dataclass

from textual import on

from studio.records import StudioError
from studio.tui.autosave import Autosave
from studio.tui.screens.review_editing import draft_key, take_up
from studio.tui.screens.rounds_core import RoundsCore
from studio.tui.widgets.editor import Editor
from studio.tui.widgets.text_pane import Section


@dataclass(slots=True)
class Open:
    """The extrapolation that is being edited."""

    record: int
    error: int
    before: str
    """Its text as it is stored."""


class Editing(RoundsCore):
    """The field under the extrapolations."""

    def __init__(self) -> None:
        super().__init__()
        self._open: Open | None = None
        self._drafted = ""
        self._autosave = Autosave(self, self._keep_draft)

    @property
    def _editor(self) -> Editor:
        return self.part("#edit", Editor)

    async def action_edit(self) -> None:
        """Edit the extrapolation under the cursor; esc finishes."""
        found = await self.in_hand()
        item = self.chosen
        if found is None or item is None:
            self.studio.tell("There is no extrapolation here to edit.")
            return
        self._open = Open(item.id, found.error.id, item.item.text)
        self._drafted = item.item.text
        self._editor.value = item.item.text
        self._show_editor(shown=True)
        self.set_focus(self._editor)
        self._editor.move_cursor(self._editor.document.end)

    def _show_editor(self, *, shown: bool) -> None:
        self.part("#edit-section", Section).set_class(shown, "-open")
        self.set_class(shown, "-editing")

    @on(Editor.Typed, "#edit")
    def _edit_typed(self, event: Editor.Typed) -> None:
        event.stop()
        self._autosave.touch()

    @on(Editor.Left, "#edit")
    async def _edit_left(self, event: Editor.Left) -> None:
        event.stop()
        if self._open is not None and self.is_current:
            await self.finish_edit()

    def _keep_draft(self) -> None:
        """What is typed outlives the program, whatever ends it; it is no edit yet."""
        opened = self._open
        if opened is None or self._editor.value == self._drafted:
            return
        text, drafts = self._editor.value, self.project.store.drafts
        self.studio.guarded(lambda: drafts.set(draft_key(opened.record), text))
        self._drafted = text

    def write_edit(self) -> bool:
        """One edit, one step of undo; whether there was anything to write."""
        self._autosave.flush()
        opened = self._open
        if opened is None:
            return False
        text, store = self._editor.value, self.project.store
        changed = text != opened.before
        try:
            if changed:
                store.review.edit(opened.record, text, self.reviewer)
            store.drafts.discard(draft_key(opened.record))
        except StudioError as error:
            self.studio.tell(str(error), bad=True)
            return False
        opened.before = self._drafted = text
        return changed

    async def finish_edit(self) -> None:
        """Write it, close the field, and show it as it is now."""
        opened = self._open
        if opened is None:
            return
        wrote = self.write_edit()
        if self._editor.value != opened.before:
            # It could not be written, and the sentence says why: the text stays in the field.
            return
        self._open = None
        self._show_editor(shown=False)
        if self.focused is None or self.focused is self._editor:
            self.set_focus(self.additions)
        if wrote:
            await self.read_beside(opened.error, choose=opened.record)

    async def take_up_drafts(self) -> None:
        """What was typed when a program was killed becomes the edit that it would have been."""
        who = self.reviewer
        count = await self.ask_desk(self._desk, lambda store: take_up(store, who))
        if count:
            edits = "edit" if count == 1 else "edits"
            self.studio.tell(
                f"{count} unfinished {edits} of a cut-off session taken over; "
                f"{self.key('undo')} undoes."
            )
