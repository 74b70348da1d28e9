"""Writing an example beside others who may write the same one. No widgets here.

What is typed goes to the store if the wording there is still the one that was seen. If not, it goes
to a draft at once, and the person decides: mine, theirs, or both.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from studio.records import Example
from studio.store import Store
from studio.store.example_changes import deletion, drafting, order, rewording, wording_sha
from studio.store.example_drafts import ExampleDraft
from studio.store.examples import Conflict

if TYPE_CHECKING:
    from studio.tui.dialogs.conflict import Choice


class ExampleWriter:
    """One example under the hands of one person."""

    def __init__(self, store: Store, session: str) -> None:
        self._store = store
        self._session = session
        self.seen: Example | None = None
        """The example as it was last read from the store or written to it."""
        self.conflict: Conflict | None = None
        """Why what is typed goes to a draft; None while it goes to the store."""

    def open(self, example: Example | None) -> None:
        """From now on, write this one."""
        self.seen, self.conflict = example, None

    def differs(self, query: str, document_text: str) -> bool:
        """Whether this is not yet in the store."""
        seen = self.seen
        return seen is not None and _stored(query, document_text) != _wording(seen)

    def write(self, query: str, document_text: str) -> None:
        """Store what was typed, as the wording or as a draft. StudioError when it cannot be."""
        if self.seen is None or not (self.conflict or self.differs(query, document_text)):
            return
        query, document_text = _stored(query, document_text)
        if self.conflict is None:
            mine = replace(self.seen, query=query, document_text=document_text)
            try:
                self.seen = self._store.examples.reword(mine, self.seen)
            except Conflict as conflict:
                self.conflict = conflict
        if self.conflict is not None:
            draft = ExampleDraft(self.seen.id, query, document_text, self._session)
            self._store.example_drafts.keep(draft)


def decide(store: Store, session: str, draft: ExampleDraft, choice: Choice, theirs: Example) -> int:
    """Do with a draft what the person chose, undoable; returns the example to show.

    Raises :class:`Conflict` when ``theirs`` is not what the store has any more; then nothing is
    done and the draft is still there.
    """
    with store.write():
        shown, words, back = theirs.id, "took the saved wording", [drafting(draft)]
        if choice == "mine":
            words = "kept your wording"
            back = [*_write_over(store, draft, theirs), *back]
        elif choice == "both":
            words = "kept both wordings"
            places = store.examples.places()
            shown = store.examples.add_after(theirs.id, _with(draft, theirs))
            back = [deletion(shown), order(places), *back]
        store.example_drafts.drop(draft)
        store.example_changes.note(session, words, back)
    return shown


def _write_over(
    store: Store, draft: ExampleDraft, theirs: Example
) -> list[tuple[str, list[object]]]:
    deleted = store.examples.is_deleted(theirs.id)
    if deleted:
        store.examples.restore(theirs.id)
    store.examples.reword(_with(draft, theirs), theirs)
    over = wording_sha(draft.query, draft.document_text)
    back = [rewording(theirs.id, theirs.query, theirs.document_text, over=over)]
    return [*back, deletion(theirs.id)] if deleted else back


def _with(draft: ExampleDraft, theirs: Example) -> Example:
    return replace(theirs, query=draft.query, document_text=draft.document_text)


def _wording(example: Example) -> tuple[str, str]:
    return example.query, example.document_text


def _stored(query: str, document_text: str) -> tuple[str, str]:
    """The texts without lone surrogates: SQLite stores UTF-8 only."""
    return _utf8(query), _utf8(document_text)


def _utf8(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
