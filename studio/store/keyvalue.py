"""Small named values: facts of the project and drafts of what is being typed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from studio.store.db import from_json, now, rows, storable, value, write

if TYPE_CHECKING:
    from studio.store.db import Database

SEARCHES = "searches:"
"""Before the name of a field, in the keys of what was searched for."""
MOST_SEARCHES = 100
"""Entries that are kept of one field."""


@dataclass(frozen=True, slots=True)
class KeyValues:
    """JSON values by name, such as ``title`` or ``language``."""

    db: Database

    def get(self, key: str, default: Any = None) -> Any:
        """The value, or the default."""
        text = value(self.db, "SELECT value FROM settings WHERE key = ?", (key,))
        return default if text is None else from_json(text, f"settings.{key}", object)

    def set(self, key: str, item: Any) -> None:
        """Write the value."""
        with write(self.db) as conn:
            conn.execute(
                "INSERT INTO settings(key, value) VALUES (?, ?) "
                "ON CONFLICT(key) DO UPDATE SET value = excluded.value",
                (key, json.dumps(item)),
            )


@dataclass(frozen=True, slots=True)
class Drafts:
    """Unfinished text by the place where it is typed, such as ``prompt``."""

    db: Database

    def get(self, key: str) -> str | None:
        """The draft, or None."""
        text: str | None = value(self.db, "SELECT text FROM drafts WHERE key = ?", (key,))
        return text

    def starting(self, prefix: str) -> dict[str, str]:
        """All drafts whose key begins so, oldest first: key → text."""
        sql = "SELECT key, text FROM drafts WHERE substr(key, 1, ?) = ? ORDER BY updated, key"
        return {row[0]: row[1] for row in rows(self.db, sql, (len(prefix), prefix))}

    def set(self, key: str, text: str) -> None:
        """Keep what was typed."""
        with write(self.db) as conn:
            conn.execute(
                "INSERT INTO drafts(key, text, updated) VALUES (?, ?, ?) "
                "ON CONFLICT(key) DO UPDATE SET text = excluded.text, updated = excluded.updated",
                (key, storable(text), now()),
            )

    def replace(self, key: str, text: str | None, *, seen: str | None) -> bool:
        """Keep what was typed (None: forget the draft) if the draft is still as it was ``seen``.

        False, and nothing written, when another studio has changed it since: neither may overwrite
        the other unasked.
        """
        with write(self.db):
            if self.get(key) != (seen and storable(seen)):
                return False
            if text is None:
                self.discard(key)
            else:
                self.set(key, text)
        return True

    def discard(self, key: str) -> None:
        """Forget the draft (it has become a version, or the person threw it away)."""
        with write(self.db) as conn:
            conn.execute("DELETE FROM drafts WHERE key = ?", (key,))


@dataclass(frozen=True, slots=True)
class Searches:
    """What people have searched for, by the field that they typed it in."""

    db: Database

    def of(self, field: str) -> list[str]:
        """The entries, the newest first."""
        found = KeyValues(self.db).get(SEARCHES + field)
        listed = found if isinstance(found, list) else []
        return [entry for entry in listed if isinstance(entry, str)]

    def add(self, field: str, words: str) -> None:
        """One more; one that was there already comes to the front, and the oldest go."""
        with write(self.db):
            others = [entry for entry in self.of(field) if entry != words]
            KeyValues(self.db).set(SEARCHES + field, [storable(words), *others][:MOST_SEARCHES])
