"""Wordings of examples that could not be saved, because another studio was there first.

They wait in the table of drafts until the person has decided, also when the program is killed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from studio.records import DOCUMENT, QUERY
from studio.store.keyvalue import Drafts

if TYPE_CHECKING:
    from studio.store.db import Database

PREFIX = "example/"
"""Keys are ``example/ROW/SESSION``: two studios never write over each other's draft."""


@dataclass(frozen=True, slots=True)
class ExampleDraft:
    """What a person wrote of an example, unsaved."""

    example_id: int
    texts: Mapping[str, str] = field(hash=False)
    """As :attr:`Example.texts` has them."""
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
        Drafts(self.db).set(draft.key, json.dumps([dict(draft.texts)]))

    def drop(self, draft: ExampleDraft) -> None:
        """Forget a draft: the person has decided."""
        Drafts(self.db).discard(draft.key)


def _parsed(key: str, text: str) -> ExampleDraft:
    example_id, _, session = key.removeprefix(PREFIX).partition("/")
    return ExampleDraft(int(example_id), texts_in(json.loads(text)), session)


def texts_in(row: Sequence[Any]) -> dict[str, str]:
    """The texts of a row as JSON holds it: one table of them.

    Studios that knew queries alone wrote the query, then its document's text.
    """
    is_table = len(row) == 1
    return dict(row[0]) if is_table else dict(zip((*QUERY.fields, DOCUMENT), row, strict=True))
