"""A record edited in place, field by field, and the note on it: a draft while typed, an edit once
it is left."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.message import Message

from studio.plurals import so_many
from studio.records import Record
from studio.safe_text import one_line
from studio.store import Store
from studio.tui.pane.autosave import Autosave
from studio.tui.pane.store_access import StoreAccess
from studio.tui.widgets.editor import Editor
from studio.tui.widgets.text_pane import Section

DRAFT = "review-edit:"
"""Drafts of edits: this, the record, the process that types it, and the field if not the first."""
NOTE = "#note"
"""Stands for a field: what the person has to say of the record, after all that it consists of."""


@dataclass(slots=True)
class OpenRecord:
    """The record that is being edited."""

    record: Record
    """As it was when the field was opened."""
    place: int
    """What the pane shows anew afterwards: a position of its table, or an error."""
    field: int = 0
    """The number of the field that is in the editor."""
    before: str = ""
    """What the store has in that field."""
    wrote: bool = False
    """Whether any field was changed."""

    @property
    def names(self) -> tuple[str, ...]:
        """The fields' names, and the note last."""
        return (*self.record.type.fields, NOTE)

    @property
    def name(self) -> str:
        """The name of the field in the editor."""
        return self.names[self.field]

    @property
    def draft(self) -> str:
        """Where the store keeps what this process types into the field."""
        more = f":{self.name}" if self.field else ""
        return f"{DRAFT}{self.record.id}:{os.getpid()}{more}"


class RecordEdit(Section):
    """The field in which one record is edited. It owns what is typed, and its draft."""

    BINDINGS: ClassVar[list[Any]] = [
        ("tab", "next_field(1)", "Next field"),
        ("shift+tab", "next_field(-1)", "Field before"),
    ]

    class Finished(Message):
        """The field is closed, and what was typed is an edit."""

        def __init__(self, opened: OpenRecord) -> None:
            super().__init__()
            self.opened = opened

    def __init__(self, access: StoreAccess, *, history: str) -> None:
        """``history``: where the texts that were in force before can be read."""
        super().__init__(id="edit-section")
        self._access, self._history = access, history
        self._open: OpenRecord | None = None
        self._drafted = ""
        self._autosave = Autosave(self, self._keep_draft)
        self.editor = Editor(id="edit")
        """Where it is typed."""

    def compose(self) -> ComposeResult:
        """The editor alone."""
        yield self.editor

    @property
    def is_open(self) -> bool:
        """Whether a record is being edited."""
        return self._open is not None

    def open(self, record: Record, place: int, *, note: bool = False) -> None:
        """Show the first field or the note, the cursor behind its text."""
        self._open = OpenRecord(record, place)
        self.add_class("-open")
        self._show_field(-1 % len(self._open.names) if note else 0)
        # At once: ``Widget.focus`` waits a turn, and keys typed fast would go elsewhere.
        self.screen.set_focus(self.editor)

    def _show_field(self, number: int) -> None:
        opened = self._open
        assert opened is not None
        opened.field = number
        opened.before = self._drafted = self.editor.value = _text(opened.record, opened.name)
        self.editor.move_cursor(self.editor.document.end)
        self._retitle(opened)

    def _retitle(self, opened: OpenRecord) -> None:
        names = [one_line(name.removeprefix("#"), 20) for name in opened.names]
        told = [f"[{name}]" if n == opened.field else name for n, name in enumerate(names)]
        self.titled(f"Edit {' · '.join(told)} — tab next field, esc finishes")

    def action_next_field(self, by: int) -> None:
        """Write this field, and edit the next one."""
        opened = self._open
        if opened is not None and self.write():
            self._show_field((opened.field + by) % len(opened.names))

    @on(Editor.Typed, "#edit")
    def _typed(self, event: Editor.Typed) -> None:
        event.stop()
        self._autosave.touch()

    @on(Editor.Left, "#edit")
    def _left(self, event: Editor.Left) -> None:
        event.stop()
        if self.screen.is_current:
            self.finish()

    def _keep_draft(self) -> None:
        """What is typed outlives the program, whatever ends it; it is no edit yet."""
        opened = self._open
        if opened is None or self.editor.value == self._drafted:
            return
        text, drafts = self.editor.value, self._access.project.store.drafts
        keep = partial(drafts.set, opened.draft, text)
        self._access.write(keep, name=opened.draft, typed=text)
        self._drafted = text

    def write(self, then: Callable[[], object] = lambda: None) -> bool:
        """One edit, one step of undo; False, and the sentence told, when it cannot be written.

        ``then`` is called once it stands in the store.
        """
        self._autosave.flush()
        opened, text = self._open, self.editor.value
        if opened is None:
            return True
        edit = partial(self._edit, opened, opened.name, opened.draft, opened.before, text)
        return self._access.write(edit, lambda _: then(), name=opened.draft, typed=text)

    def _edit(self, opened: OpenRecord, name: str, draft: str, before: str, text: str) -> None:
        store = self._access.project.store
        with store.write():
            now = store.records.get(opened.record.id)
            if text != before:
                _write(store, opened.record.id, name, text, self._access.reviewer)
                opened.record = store.records.get(opened.record.id) or opened.record
                opened.wrote = True
            store.drafts.discard(draft)
        if text == before:
            return
        if now is not None and _text(now, name) not in (before, text):
            self._access.tell(
                f"Somebody else has edited record {opened.record.id} meanwhile. Your text is "
                f"in force; theirs is {self._history}, and {self._access.key('undo')} brings "
                "it back."
            )
        if opened.name == name:
            opened.before = self._drafted = text

    def finish(self) -> bool:
        """Write it and close the field; False when it cannot be written, and stays there."""
        opened = self._open
        if opened is None:
            return True
        if not self.write(lambda: self.post_message(self.Finished(opened))):
            return False
        self._open = None
        self.remove_class("-open")
        return True

    async def take_up_drafts(self) -> bool:
        """What was typed when a program was killed becomes the edit that it would have been.

        Returns whether there was anything.
        """
        who, access = self._access.reviewer, self._access
        count = await access.ask(access.front, lambda store: take_up(store, who)) or 0
        if count:
            access.tell(
                f"{so_many(count, 'unfinished edits')} of a cut-off session taken over; "
                f"{access.key('undo')} undoes."
            )
        return count > 0


def take_up(store: Store, who: str) -> int:
    """Runs on the store's thread: edits of processes that are gone. Returns how many."""
    taken = 0
    for key, text in store.drafts.starting(DRAFT).items():
        row, process, field = [*key.removeprefix(DRAFT).split(":", 2), "", ""][:3]
        if row.isdecimal() and not _lives(process):
            record = store.records.get(int(row))
            if record is not None and field in ("", NOTE, *record.type.fields):
                name = field or record.type.fields[0]
                if _text(record, name) != text and (text.strip() or field):
                    _write(store, record.id, name, text, who)
                    taken += 1
            store.drafts.discard(key)
    return taken


def _text(record: Record, name: str) -> str:
    return record.note if name == NOTE else record[name]


def _write(store: Store, record_id: int, name: str, text: str, who: str) -> None:
    if name == NOTE:
        store.review.note(record_id, text, who)
    else:
        store.review.edit(record_id, text, who, name)


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
