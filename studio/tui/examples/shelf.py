"""The examples as a pane sees them: those on the list, and those off it that hold unsaved words."""

from __future__ import annotations

from studio.records import Example
from studio.store import Store
from studio.store.example_drafts import ExampleDraft


class ExampleShelf:
    """What the store had when it was last read. No widgets here."""

    def __init__(self, store: Store, session: str) -> None:
        self._store = store
        self._session = session
        self._inherited = {draft.key for draft in store.example_drafts.all().values()}
        self.examples: dict[int, Example] = {}
        """In the person's order."""
        self.gone: frozenset[int] = frozenset()
        """Those of them that another studio has deleted."""
        self.drafts: dict[int, ExampleDraft] = {}
        """Those of them with a wording that is not the saved one."""

    def read(self, in_hand: Example | None) -> None:
        """Read again; ``in_hand`` stays on the shelf even when it was deleted."""
        there = {example.id: example for example in self._store.examples.all()}
        drafts = self._store.example_drafts.all(self._session)
        held = {*drafts, *([in_hand.id] if in_hand is not None else [])} - there.keys()
        missing = [self._store.examples.get(number) for number in sorted(held)]
        gone = {example.id: example for example in missing if example is not None}
        ordered = sorted([*there.values(), *gone.values()], key=lambda e: (e.position, e.id))
        self.gone = frozenset(gone)
        self.examples = {example.id: example for example in ordered}
        self.drafts = {n: d for n, d in drafts.items() if n in self.examples and self._says_else(d)}

    def _says_else(self, draft: ExampleDraft) -> bool:
        stored = self.examples[draft.example_id]
        return draft.texts != stored.texts or stored.id in self.gone

    def waits(self, example: Example) -> bool:
        """Whether the person has to decide before writing on: not for words of a studio beside."""
        draft = self.drafts.get(example.id)
        if draft is None:
            return False
        own = draft.session == self._session or draft.key in self._inherited
        return own or example.id in self.gone
