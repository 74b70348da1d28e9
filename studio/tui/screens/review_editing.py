"""Editing a record in place: what is typed is kept as a draft, and leaving makes one edit of it."""

from __future__ import annotations

import os
from dataclasses import dataclass

from textual import on

from studio.records import StudioError
from studio.store import Store
from studio.tui.autosave import Autosave
from studio.tui.screens.review_core import ReviewCore, cut
from studio.tui.widgets.editor import Editor
from studio.tui.widgets.text_pane import Section

DRAFT = "review-edit:"
"""Drafts of edits: this, the record, and the process that types it."""


@dataclass(slots=True)
class Open:
    """The record that is being edited."""

    record: int
    position: int
    before: str
    """Its text as it is stored."""


class Editing(ReviewCore):
    """The field under the table."""

    def __init__(self) -> None:
        super().__init__()
        self._open: Open | None = None
        self._drafted = ""
        self._autosave = Autosave(self, self._keep_draft)

    async def action_edit(self) -> None:
        """Edit the record's text; esc finishes."""
        row = await self.rows.settled()
        if row is None:
            self.studio.tell("There is no record here to edit.")
            return
        record = self.studio.guarded(lambda: self.project.store.records.get(row.id))
        if record is None:
            return
        self._open = Open(row.id, self.rows.cursor, record.text)
        self._drafted = record.text
        editor = self.part("#edit", Editor)
        editor.value = record.text
        self._show_editor(shown=True)
        editor.focus()
        editor.move_cursor(editor.document.end)

    def _show_editor(self, *, shown: bool) -> None:
        self.part("#edit-section", Section).set_class(shown, "-open")

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
        text = self.part("#edit", Editor).value
        if opened is None or text == self._drafted:
            return
        drafts = self.project.store.drafts
        self.studio.guarded(lambda: drafts.set(draft_key(opened.record), text))
        self._drafted = text

    def flush(self) -> None:
        """Make an edit of what was typed, and wait for what is under way on the desk."""
        self._autosave.flush()
        self.write_edit()
        self._desk.finish(2.0)

    def write_edit(self) -> bool:
        """One edit, one step of undo; whether there was anything to write."""
        opened = self._open
        if opened is None:
            return False
        text = self.part("#edit", Editor).value
        store, who = self.project.store, self.reviewer
        if text == opened.before:
            self.studio.guarded(lambda: store.drafts.discard(draft_key(opened.record)))
            return False
        try:
            now = store.records.get(opened.record)
            store.review.edit(opened.record, text, who)
        except StudioError as error:
            self.studio.tell(str(error), bad=True)
            return False
        if now is not None and now.text not in (opened.before, text):
            self.studio.tell(
                f"Somebody else has edited record {opened.record} meanwhile. Your text is in force;"
                f" theirs is in its history beside it, and {self.key('undo')} brings it back."
            )
        self.studio.guarded(lambda: store.drafts.discard(draft_key(opened.record)))
        opened.before = self._drafted = text
        return True

    async def finish_edit(self) -> None:
        """Write it, close the field, and show the row as it is now."""
        opened = self._open
        self._autosave.flush()
        wrote = self.write_edit()
        if opened is not None and self.part("#edit", Editor).value != opened.before:
            # It could not be written, and the sentence says why: the text stays in the field.
            return
        self._open = None
        self._show_editor(shown=False)
        self.set_focus(self.rows)
        window = self._window
        if wrote and opened is not None and window is not None:
            found = await self.ask(self._desk, lambda _store: window.at(opened.position, 1))
            for row in found or ():
                self.rows.put(opened.position, cut(row))
            self.count_soon()
        self.show_side()

    async def take_up_drafts(self) -> None:
        """What was typed when a program was killed becomes the edit that it would have been."""
        who = self.reviewer
        count = await self.ask(self._desk, lambda store: take_up(store, who))
        if count:
            edits = "edit" if count == 1 else "edits"
            self.studio.tell(
                f"{count} unfinished {edits} of a cut-off session taken over; "
                f"{self.key('undo')} undoes."
            )
            self.rows.again()


def draft_key(record: int) -> str:
    return f"{DRAFT}{record}:{os.getpid()}"


def take_up(store: Store, who: str) -> int:
    """Runs on the desk: edits of processes that are gone."""
    taken = 0
    for key, text in store.drafts.starting(DRAFT).items():
        record, _, process = key.removeprefix(DRAFT).partition(":")
        if record.isdecimal() and not _lives(process):
            current = store.records.get(int(record))
            if current is not None and text.strip() and current.text != text:
                store.review.edit(int(record), text, who)
                taken += 1
            store.drafts.discard(key)
    return taken


def _lives(process: str) -> bool:
    """Whether another studio is still typing there."""
    if not process.isdecimal() or int(process) == os.getpid():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
