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

SELECT = "SELECT id, version, name, template, note, created, chosen IS NULL AS aside FROM prompts"
NEXT_CHOSEN = "(SELECT coalesce(max(chosen), 0) + 1 FROM prompts)"


def _prompt(row: sqlite3.Row) -> Prompt:
    return Prompt(**{**dict(row), "aside": bool(row["aside"])})


@dataclass(frozen=True, slots=True)
class Prompts:
    """The versions of the project's template."""

    db: Database

    def save(self, name: str, template: str, note: str = "", *, aside: bool = False) -> Prompt:
        """Make the next version; text that some version already has gives that version back.

        aside: a method brings it for itself, so it does not become the newest; once the same text
        is saved without this, it does.
        """
        name, template, note = storable(name), storable(template), storable(note)
        sha = Prompt(name, template).sha
        with write(self.db) as conn:
            if self.of_text(template) is None:
                conn.execute(
                    "INSERT INTO prompts(version, name, template, sha, note, created)"
                    " SELECT coalesce(max(version), 0) + 1, ?, ?, ?, ?, ? FROM prompts",
                    (name, template, sha, note, now()),
                )
            if not aside:
                conn.execute(
                    f"UPDATE prompts SET chosen = {NEXT_CHOSEN} WHERE sha = ? AND chosen IS NULL",
                    (sha,),
                )
            saved = self.of_text(template)
        assert saved is not None
        return saved

    def of_text(self, template: str) -> Prompt | None:
        """The version that has this text."""
        sha = Prompt("", storable(template)).sha
        row = one(self.db, f"{SELECT} WHERE sha = ?", (sha,))
        return _prompt(row) if row else None

    def annotate(self, prompt_id: int, note: str) -> None:
        """Say something else of a version; its template stays as it is."""
        with write(self.db) as conn:
            conn.execute("UPDATE prompts SET note = ? WHERE id = ?", (storable(note), prompt_id))

    def all(self) -> list[Prompt]:
        """Every version, the newest first."""
        return [_prompt(row) for row in rows(self.db, f"{SELECT} ORDER BY version DESC")]

    def own(self) -> list[Prompt]:
        """The versions that the person works with, the newest first."""
        sql = f"{SELECT} WHERE chosen IS NOT NULL ORDER BY chosen DESC"
        return [_prompt(row) for row in rows(self.db, sql)]

    def latest(self) -> Prompt | None:
        """The newest version that the person works with."""
        sql = f"{SELECT} WHERE chosen IS NOT NULL ORDER BY chosen DESC LIMIT 1"
        row = one(self.db, sql)
        return _prompt(row) if row else None

    def get(self, prompt_id: int) -> Prompt | None:
        """One version by its row."""
        row = one(self.db, f"{SELECT} WHERE id = ?", (prompt_id,))
        return _prompt(row) if row else None

    def by_version(self, version: int) -> Prompt | None:
        """One version by its number."""
        row = one(self.db, f"{SELECT} WHERE version = ?", (version,))
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
