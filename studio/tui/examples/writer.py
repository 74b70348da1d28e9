"""Writing an example beside others who may write the same one. No widgets here.

What is typed goes to the store if the wording there is still the one that was seen. If not, it goes
to a draft at once, and the person decides: mine, theirs, or both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from studio.records import Example
from studio.store import Store
from studio.store.db import storable
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

    def differs(self, texts: Mapping[str, str]) -> bool:
        """Whether these are not yet in the store; texts that are not named stay as they are."""
        seen = self.seen
        return seen is not None and _with(seen, texts).texts != seen.texts

    def write(self, texts: Mapping[str, str]) -> None:
        """Store what was typed, as the wording or as a draft. StudioError when it cannot be."""
        if self.seen is None or not (self.conflict or self.differs(texts)):
            return
        mine = _with(self.seen, texts)
        if self.conflict is None:
            try:
                self.seen = self._store.examples.reword(mine, self.seen)
            except Conflict as conflict:
                self.conflict = conflict
        if self.conflict is not None:
            draft = ExampleDraft(self.seen.id, mine.texts, self._session)
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
            shown = store.examples.add_after(theirs.id, theirs.worded(draft.texts))
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
    mine = theirs.worded(draft.texts)
    store.examples.reword(mine, theirs)
    back = [rewording(theirs.id, theirs.texts, over=wording_sha(mine.texts))]
    return [*back, deletion(theirs.id)] if deleted else back


def _with(seen: Example, texts: Mapping[str, str]) -> Example:
    """The example with these texts, as it would be stored."""
    return seen.worded({name: storable(text) for name, text in texts.items()})
