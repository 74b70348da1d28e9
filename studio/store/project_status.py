"""How far a project is, read without opening it: for the list of projects."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from studio.store.record_types import UNTRAINED
from studio.store.verdicts import PERSON

BUSY_S = 0.5
"""Seconds to wait for a file that another process holds; then nothing is said."""


@dataclass(frozen=True, slots=True)
class ProjectStatus:
    """What a project has, step by step."""

    task: str
    """A task's name, such as ``retrieval``."""
    documents: int
    examples: int
    """Those that are switched on."""
    records: int
    """Those that models can be trained on."""
    kept: int
    is_filtered: bool
    """Whether a filter has judged any record."""
    models: int
    gold: int
    """Human-labelled data, whatever of it is right."""
    is_scored: bool
    """Whether any model was scored on gold."""


RECORDS = f"SELECT count(*) FROM records WHERE type NOT IN ({UNTRAINED})"
COUNTS = (
    "SELECT count(*) FROM documents",
    "SELECT count(*) FROM examples WHERE enabled AND deleted IS NULL",
    RECORDS,
    f"{RECORDS} AND kept",
    "SELECT EXISTS (SELECT 1 FROM verdicts WHERE filter != :person)",
    "SELECT count(*) FROM models",
    "SELECT count(*) FROM gold",
    "SELECT EXISTS (SELECT 1 FROM evaluations)",
)
OLD_RECORDS = "SELECT count(*) FROM records"
BEFORE_8 = (
    *COUNTS[:2],
    OLD_RECORDS,
    f"{OLD_RECORDS} WHERE kept",
    *COUNTS[4:6],
    "SELECT (SELECT count(*) FROM gold_queries) + (SELECT count(*) FROM gold_items)",
    COUNTS[7],
)
"""The same in files that were last opened by a studio before schema 8."""
BEFORE_7 = (*BEFORE_8[:6], "SELECT count(*) FROM gold_queries", COUNTS[7])


def project_status(database: Path) -> ProjectStatus | None:
    """How far the project of this ``studio.db`` is; None when it cannot be read.

    Nothing is migrated or written: a look at a list must not change what is listed.
    """
    address = f"{database.absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=BUSY_S)) as conn:
            task = conn.execute("SELECT value FROM settings WHERE key = 'task'").fetchone()
            found = [conn.execute(sql, {"person": PERSON}).fetchone()[0] for sql in _counts(conn)]
            kind = str(json.loads(task[0])) if task else "retrieval"
    except (sqlite3.Error, ValueError):
        return None
    documents, examples, records, kept, filtered, models, gold, scored = found
    return ProjectStatus(
        kind, documents, examples, records, kept, bool(filtered), models, gold, bool(scored)
    )


def _counts(conn: sqlite3.Connection) -> tuple[str, ...]:
    version = conn.execute("PRAGMA user_version").fetchone()[0]
    if version >= 8:
        return COUNTS
    return BEFORE_8 if version == 7 else BEFORE_7
