"""A record's text edited in place: what is typed is a draft, and leaving makes one edit of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import ClassVar

from textual import on

from studio.records import StudioError
from studio.store import Store
from studio.tui.pane.autosave import Autosave
from studio.tui.pane.store_pane import StorePane
from studio.tui.widgets.editor import Editor
from studio.tui.widgets.text_pane import Section

DRAFT = "review-edit:"
"""Drafts of edits: this, the record, and the process that types it."""


@dataclass(slots=True)
class OpenRecord:
    """The record that is being edited."""

    record: int
    before: str
    """Its text as it is stored."""
    place: int
    """What the pane shows anew afterwards: a position of its table, or an error."""


class RecordField(StorePane):
    """The field of a pane in which one record is edited."""

    HISTORY: ClassVar[str] = "in its history"
    """Where the texts that were in force before can be read."""

    def __init__(self) -> None:
        super().__init__()
        self._open: OpenRecord | None = None
        self._drafted = ""
        self._autosave = Autosave(self, self._keep_draft)

    @property
    def editor(self) -> Editor:
        """The field."""
        return self.part("#edit", Editor)

    def open_field(self, record: int, text: str, place: int) -> None:
        """Show the field with this text, the cursor behind it."""
        self._open = OpenRecord(record, text, place)
        self._drafted = text
        self.editor.value = text
        self.show_field(shown=True)
        # At once: ``Widget.focus`` waits a turn, and keys typed fast would go elsewhere.
        self.set_focus(self.editor)
        self.editor.move_cursor(self.editor.document.end)

    def show_field(self, *, shown: bool) -> None:
        """Show the field, or take it away."""
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
        if opened is None or self.editor.value == self._drafted:
            return
        text, drafts = self.editor.value, self.project.store.drafts
        self.studio.guarded(lambda: drafts.set(draft_key(opened.record), text))
        self._drafted = text

    def flush(self) -> None:
        """Make an edit of what was typed, and wait for what is under way on the store's thread."""
        self.write_edit()
        self._store_thread.finish(2.0)

    def write_edit(self) -> bool:
        """One edit, one step of undo; whether there was anything to write."""
        self._autosave.flush()
        opened = self._open
        if opened is None:
            return False
        text, store = self.editor.value, self.project.store
        changed = text != opened.before
        if changed:
            try:
                now = store.records.get(opened.record)
                store.review.edit(opened.record, text, self.reviewer)
            except StudioError as error:
                self.studio.tell(str(error), bad=True)
                return False
            if now is not None and now.text not in (opened.before, text):
                self.studio.tell(
                    f"Somebody else has edited record {opened.record} meanwhile. Your text is in "
                    f"force; theirs is {self.HISTORY}, and {self.key('undo')} brings it back."
                )
            opened.before = self._drafted = text
        self.studio.guarded(lambda: store.drafts.discard(draft_key(opened.record)))
        return changed

    async def finish_edit(self) -> None:
        """Write it, close the field, and show it as it is now."""
        opened = self._open
        if opened is None:
            return
        wrote = self.write_edit()
        if self.editor.value != opened.before:
            # It could not be written, and the sentence says why: the text stays in the field.
            return
        self._open = None
        self.show_field(shown=False)
        await self.after_edit(opened, wrote=wrote)

    async def after_edit(self, opened: OpenRecord, *, wrote: bool) -> None:
        """The field is gone: give the focus away, and show what was written."""

    async def take_up_drafts(self) -> int:
        """What was typed when a program was killed becomes the edit that it would have been."""
        who = self.reviewer
        count = await self.ask(self._store_thread, lambda store: take_up(store, who)) or 0
        if count:
            edits = "edit" if count == 1 else "edits"
            self.studio.tell(
                f"{count} unfinished {edits} of a cut-off session taken over; "
                f"{self.key('undo')} undoes."
            )
        return count


def draft_key(record: int) -> str:
    """Where the store keeps what this process types into a record."""
    return f"{DRAFT}{record}:{os.getpid()}"


def take_up(store: Store, who: str) -> int:
    """Runs on the store's thread: edits of processes that are gone."""
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
