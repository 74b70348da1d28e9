"""How far a project is, read without opening it: for the list of projects."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from studio.store.verdicts import PERSON

BUSY_S = 0.5
"""Seconds to wait for a file that another process holds; then nothing is said."""


@dataclass(frozen=True, slots=True)
class ProjectStatus:
    """What a project has, step by step."""

    task: str
    """A task kind, such as ``retrieval``."""
    documents: int
    examples: int
    """Those that are switched on."""
    queries: int
    kept: int
    is_filtered: bool
    """Whether a filter has judged any query."""
    models: int
    gold: int
    """Gold queries."""
    is_scored: bool
    """Whether any model was scored on gold."""


COUNTS = (
    "SELECT count(*) FROM documents",
    "SELECT count(*) FROM examples WHERE enabled AND deleted IS NULL",
    "SELECT count(*) FROM records",
    "SELECT count(*) FROM records WHERE kept",
    "SELECT EXISTS (SELECT 1 FROM verdicts WHERE filter != :person)",
    "SELECT count(*) FROM models",
    "SELECT count(*) FROM gold_queries",
    "SELECT EXISTS (SELECT 1 FROM evaluations)",
)


def project_status(database: Path) -> ProjectStatus | None:
    """How far the project of this ``studio.db`` is; None when it cannot be read.

    Nothing is migrated or written: a look at a list must not change what is listed.
    """
    address = f"{database.absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=BUSY_S)) as conn:
            task = conn.execute("SELECT value FROM settings WHERE key = 'task'").fetchone()
            found = [conn.execute(sql, {"person": PERSON}).fetchone()[0] for sql in COUNTS]
            kind = str(json.loads(task[0])) if task else "retrieval"
    except (sqlite3.Error, ValueError):
        return None
    documents, examples, queries, kept, filtered, models, gold, scored = found
    return ProjectStatus(
        kind, documents, examples, queries, kept, bool(filtered), models, gold, bool(scored)
    )
