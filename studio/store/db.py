"""One SQLite file: opened, migrated, written in short transactions, watched for changes."""

from __future__ import annotations

import shutil
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.records import StudioError
from studio.store.migrations import SCHEMA_VERSION, migrations

if TYPE_CHECKING:
    from sqlite_utils import Database

BUSY_TIMEOUT_MS = 30_000
"""How long a writer waits for another one."""


def now() -> str:
    """This moment, ISO 8601 in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@contextmanager
def _without_pandas() -> Iterator[None]:
    """Hide pandas and numpy while sqlite-utils is imported.

    It imports them when they are installed, for a feature that is not used here; that alone would
    cost the first screen 0.2 s and 50 MiB.
    """
    hidden = [name for name in ("pandas", "numpy") if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


with _without_pandas():
    import sqlite_utils


def connect(path: Path) -> Database:
    """Open the file with the studio's settings; no schema work.

    Raises StudioError when it cannot be opened or is no SQLite file.
    """
    try:
        conn = sqlite3.connect(path, timeout=BUSY_TIMEOUT_MS / 1000, check_same_thread=False)
        conn.row_factory = sqlite3.Row
        conn.execute("PRAGMA journal_mode=WAL")
        conn.execute("PRAGMA synchronous=NORMAL")
        conn.execute("PRAGMA foreign_keys=ON")
        conn.execute("PRAGMA temp_store=FILE")
        conn.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    except sqlite3.DatabaseError as error:
        raise StudioError(_why_not_opened(path, error)) from error
    return sqlite_utils.Database(conn, recursive_triggers=False, execute_plugins=False)


def _why_not_opened(path: Path, error: sqlite3.DatabaseError) -> str:
    text = str(error)
    if "not a database" in text:
        return f"{path} is not a studio file (SQLite says: {text}). Choose another project."
    if "readonly" in text or "unable to open" in text:
        return f"{path} cannot be written: its folder is read-only or missing. Choose another place."
    if "locked" in text:
        return f"{path} is locked by another program. Close that program and try again."
    if "full" in text:
        return f"The disk that holds {path} is full. Free some space and try again."
    return f"{path} cannot be opened: {text}."


def migrate(db: Database, path: Path) -> None:
    """Bring the schema forward; an older file is copied first.

    Raises StudioError for a file from a newer studio.
    """
    version = schema_version(db)
    if version == SCHEMA_VERSION:
        return
    if version > SCHEMA_VERSION:
        raise StudioError(
            f"{path} was written by a newer studio (schema {version}, this one knows "
            f"{SCHEMA_VERSION}). Update the studio to open it."
        )
    if version:
        shutil.copy2(path, path.with_suffix(f".backup-{version}-{int(time.time())}.db"))
    try:
        migrations().apply(db)
        db.conn.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
    except sqlite3.DatabaseError as error:
        raise StudioError(_why_not_opened(path, error)) from error


def schema_version(db: Database) -> int:
    """The number of migrations that the file has had."""
    return int(db.conn.execute("PRAGMA user_version").fetchone()[0])


@contextmanager
def write(db: Database, *, durable: bool = False) -> Iterator[sqlite3.Connection]:
    """One IMMEDIATE transaction; inside another one it joins that one.

    durable: fsync at the commit (for answers that were paid for).
    Raises StudioError when the disk is full or the file cannot be written.
    """
    conn = db.conn
    if conn.in_transaction:
        yield conn
        return
    try:
        conn.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        conn.execute("BEGIN IMMEDIATE")
        try:
            yield conn
        except BaseException:
            conn.rollback()
            raise
        conn.execute("COMMIT")
    except sqlite3.OperationalError as error:
        if conn.in_transaction:
            conn.rollback()
        if any(word in str(error) for word in ("full", "readonly", "locked", "unable to open")):
            raise StudioError(_why_not_opened(_file_of(conn), error)) from error
        raise


def _file_of(conn: sqlite3.Connection) -> Path:
    row = conn.execute("PRAGMA database_list").fetchone()
    return Path(row[2] or ":memory:")


def rows(db: Database, sql: str, parameters: tuple[Any, ...] = ()) -> list[sqlite3.Row]:
    """All rows of a query that is known to be small."""
    return db.conn.execute(sql, parameters).fetchall()


def one(db: Database, sql: str, parameters: tuple[Any, ...] = ()) -> sqlite3.Row | None:
    """The first row of a query, or None."""
    row: sqlite3.Row | None = db.conn.execute(sql, parameters).fetchone()
    return row


def value(db: Database, sql: str, parameters: tuple[Any, ...] = ()) -> Any:
    """The first column of the first row; None when there is no row."""
    row = one(db, sql, parameters)
    return None if row is None else row[0]
