"""Wordings of examples that could not be saved, because another studio was there first.

They wait in the table of drafts until the person has decided, also when the program is killed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.store.keyvalue import Drafts

if TYPE_CHECKING:
    from studio.store.db import Database

PREFIX = "example/"
"""Keys are ``example/ROW/SESSION``: two studios never write over each other's draft."""


@dataclass(frozen=True, slots=True)
class ExampleDraft:
    """What a person wrote of an example, unsaved."""

    example_id: int
    query: str
    document_text: str
    session: str
    """The studio that it was written in: a random word for each start."""

    @property
    def key(self) -> str:
        """Its key in the table of drafts."""
        return f"{PREFIX}{self.example_id}/{self.session}"


@dataclass(frozen=True, slots=True)
class ExampleDrafts:
    """Drafts by example."""

    db: Database

    def all(self, session: str = "") -> dict[int, ExampleDraft]:
        """Example → the draft of it by this session, else the one that was written last."""
        found = Drafts(self.db).starting(PREFIX)
        drafts = [_parsed(key, text) for key, text in found.items()]
        own = [draft for draft in drafts if draft.session == session]
        return {draft.example_id: draft for draft in (*drafts, *own)}

    def keep(self, draft: ExampleDraft) -> None:
        """Write what was typed."""
        text = json.dumps([draft.query, draft.document_text])
        Drafts(self.db).set(draft.key, text)

    def drop(self, draft: ExampleDraft) -> None:
        """Forget a draft: the person has decided."""
        Drafts(self.db).discard(draft.key)


def _parsed(key: str, text: str) -> ExampleDraft:
    example_id, _, session = key.removeprefix(PREFIX).partition("/")
    query, document_text = json.loads(text)
    return ExampleDraft(int(example_id), query, document_text, session)
