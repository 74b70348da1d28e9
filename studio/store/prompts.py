"""Immutable template versions, and the shot sets that were drawn."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.calls import Prompt
from studio.records import content_sha
from studio.store.db import now, one, rows, storable, value, write

if TYPE_CHECKING:
    from studio.store.db import Database

COLUMNS = "id, version, name, template, note, created"


def _prompt(row: sqlite3.Row) -> Prompt:
    return Prompt(**{name: row[name] for name in COLUMNS.split(", ")})


@dataclass(frozen=True, slots=True)
class Prompts:
    """The versions of the project's template."""

    db: Database

    def save(self, name: str, template: str, note: str = "") -> Prompt:
        """Make the next version; text that some version already has gives that version back."""
        name, template, note = storable(name), storable(template), storable(note)
        sha = Prompt(name, template).sha
        with write(self.db) as conn:
            row = one(self.db, f"SELECT {COLUMNS} FROM prompts WHERE sha = ?", (sha,))
            if row is None:
                conn.execute(
                    "INSERT INTO prompts(version, name, template, sha, note, created)"
                    " SELECT coalesce(max(version), 0) + 1, ?, ?, ?, ?, ? FROM prompts",
                    (name, template, sha, note, now()),
                )
                row = one(self.db, f"SELECT {COLUMNS} FROM prompts WHERE sha = ?", (sha,))
        assert row is not None
        return _prompt(row)

    def annotate(self, prompt_id: int, note: str) -> None:
        """Say something else of a version; its template stays as it is."""
        with write(self.db) as conn:
            conn.execute("UPDATE prompts SET note = ? WHERE id = ?", (storable(note), prompt_id))

    def all(self) -> list[Prompt]:
        """Every version, the newest first."""
        sql = f"SELECT {COLUMNS} FROM prompts ORDER BY version DESC"
        return [_prompt(row) for row in rows(self.db, sql)]

    def latest(self) -> Prompt | None:
        """The newest version."""
        row = one(self.db, f"SELECT {COLUMNS} FROM prompts ORDER BY version DESC LIMIT 1")
        return _prompt(row) if row else None

    def get(self, prompt_id: int) -> Prompt | None:
        """One version by its row."""
        row = one(self.db, f"SELECT {COLUMNS} FROM prompts WHERE id = ?", (prompt_id,))
        return _prompt(row) if row else None

    def by_version(self, version: int) -> Prompt | None:
        """One version by its number."""
        row = one(self.db, f"SELECT {COLUMNS} FROM prompts WHERE version = ?", (version,))
        return _prompt(row) if row else None


@dataclass(frozen=True, slots=True)
class ShotSets:
    """Ordered sets of example wordings; an equal set is stored once."""

    db: Database

    def save(self, revision_ids: Sequence[int]) -> int:
        """The row of this ordered set, made when it is new."""
        sha = content_sha(*(str(revision) for revision in revision_ids))
        with write(self.db) as conn:
            found = value(self.db, "SELECT id FROM shot_sets WHERE sha = ?", (sha,))
            if found is not None:
                return int(found)
            row = int(conn.execute("INSERT INTO shot_sets(sha) VALUES (?)", (sha,)).lastrowid or 0)
            conn.executemany(
                "INSERT INTO shots(shot_set_id, position, revision_id) VALUES (?, ?, ?)",
                [(row, place, revision) for place, revision in enumerate(revision_ids)],
            )
            return row

    def revision_ids(self, shot_set_id: int) -> list[int]:
        """The wordings of a set in order."""
        sql = "SELECT revision_id FROM shots WHERE shot_set_id = ? ORDER BY position"
        return [int(row[0]) for row in rows(self.db, sql, (shot_set_id,))]
