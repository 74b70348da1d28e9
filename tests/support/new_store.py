"""New ``studio.db`` files made in a moment: the migrations take 60 ms, in most of the tests."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

from studio.store import db

MIGRATE = db.migrate
_one_at_a_time = threading.Lock()


@contextmanager
def made_once() -> Iterator[None]:
    """Meanwhile a new file gets a copy of the schema; any other is migrated as always."""
    with mock.patch.object(db, "migrate", _migrate):
        yield


def _migrate(opened: db.Database, path: Path, *arguments: Any, **named: Any) -> None:
    if not arguments and not named:
        with _one_at_a_time:
            if _is_new(opened):
                _copy_schema(opened)
    # It does what is left to do, and says why nothing can be done.
    MIGRATE(opened, path, *arguments, **named)


def _is_new(opened: db.Database) -> bool:
    try:
        return not db.value(opened, "SELECT count(*) FROM sqlite_master")
    except sqlite3.Error:
        return False


def _copy_schema(opened: db.Database) -> None:
    with closing(sqlite3.connect(":memory:")) as schema:
        schema.deserialize(_schema())
        try:
            schema.backup(opened.conn)
        except sqlite3.Error:
            return


@cache
def _schema() -> bytes:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as conn:
        conn.row_factory = sqlite3.Row
        MIGRATE(db.Database(conn), Path(":memory:"))
        return conn.serialize()
