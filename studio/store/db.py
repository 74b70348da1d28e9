"""One SQLite file: opened, migrated, written in short transactions, watched for changes."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.records import StudioError
from studio.store.faults import explain, explained
from studio.store.migrations import SCHEMA_VERSION, STEPS, migrations

if TYPE_CHECKING:
    import sqlite_utils
    from sqlite_utils.migrations import Migrations

BUSY_TIMEOUT_MS = 30_000
"""How long a writer waits for another one."""
LOOKS_MS = 8
"""SQLite looks after 1, 3 and 8 of them, and then begins anew."""


def now() -> str:
    """This moment, ISO 8601 in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def storable(text: str) -> str:
    """The text as SQLite can hold it: UTF-8, so a lone surrogate becomes a question mark."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


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


@dataclass(frozen=True, slots=True)
class Database:
    """An open file.

    sqlite-utils is imported only where the schema moves: its import costs the first screen a fifth
    of its time.
    """

    conn: sqlite3.Connection

    def close(self) -> None:
        """Close the file; later use raises."""
        self.conn.close()


def connect(path: Path, *, create: bool = False) -> Database:
    """Open the file with the studio's settings; no schema work.

    create: make it where there is none, for this person alone. Only who makes a project may: a
    project that was moved must not leave an empty one behind at its old place.

    One that cannot be written is opened to be read. Raises StudioError when it cannot be opened or
    is no SQLite file.
    """
    # Of a pipe, the end may never come.
    if path.exists() and not path.is_file():
        raise StudioError(f"{path} cannot be opened: it is no file. Choose another.")
    if create:
        with suppress(OSError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    with explained(path):
        conn = _opened(_address(path, "mode=rw"))
        try:
            _prepare(conn)
            _use_wal(conn)
        except BaseException as error:
            conn.close()
            found = _opened_to_read(path) if _is_refusal(error) else None
            if found is None:
                raise
            conn = found
    return Database(conn)


def identity(path: Path) -> tuple[int, int] | None:
    """Which file lies there, whatever its name; None when there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _prepare(conn: sqlite3.Connection) -> None:
    for pragma in ("synchronous=NORMAL", "foreign_keys=ON", "temp_store=FILE"):
        conn.execute(f"PRAGMA {pragma}")


def _is_refusal(error: BaseException) -> bool:
    """Whether the file, or its folder, may not be written."""
    refusals = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
    return getattr(error, "sqlite_errorcode", -1) & 0xFF in refusals


def _opened_to_read(path: Path) -> sqlite3.Connection | None:
    """A connection that only reads; None where not even that can be.

    SQLite reads a write-ahead log only where it may write beside it: the file alone is enough when
    there is no log, and a copy of both when there is one.
    """
    log = path.with_name(f"{path.name}-wal")
    with suppress(sqlite3.OperationalError):
        return _reading(_address(path, "mode=ro"))
    try:
        if not log.exists() or not log.stat().st_size:
            return _reading(_address(path, "immutable=1"))
        with tempfile.TemporaryDirectory(prefix="studio-") as folder:
            for file in (path, log):
                shutil.copyfile(file, Path(folder, file.name))
            # Open files outlive their names, so that nothing is left behind.
            return _reading(Path(folder, path.name).as_uri(), query_only=True)
    except (OSError, sqlite3.OperationalError):
        return None


def _reading(address: str, *, query_only: bool = False) -> sqlite3.Connection:
    conn = _opened(address)
    try:
        _prepare(conn)
        conn.execute("SELECT count(*) FROM sqlite_master").fetchone()
        conn.execute(f"PRAGMA query_only={'ON' if query_only else 'OFF'}")
    except BaseException:
        conn.close()
        raise
    return conn


def _address(path: Path, how: str) -> str:
    return f"{path.absolute().as_uri()}?{how}"


def _opened(address: str) -> sqlite3.Connection:
    conn = sqlite3.connect(
        address,
        uri=True,
        timeout=BUSY_TIMEOUT_MS / 1000,
        # Python's own implicit transactions are deferred: they fail at once where another writes.
        isolation_level=None,
        check_same_thread=False,
    )
    conn.row_factory = sqlite3.Row
    return conn


def _use_wal(conn: sqlite3.Connection) -> None:
    """Turn the write-ahead log on; SQLite does not wait for a process that does the same."""
    deadline = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            conn.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(0.02)


def migrate(
    db: Database,
    path: Path,
    steps: Callable[[], Migrations] = migrations,
    target: int = SCHEMA_VERSION,
) -> None:
    """Bring the schema to the target version in one transaction; an older file is copied first.

    Raises StudioError for a file of a newer studio or of another program, and when there is no
    room; the file is then as it was.
    """
    if _known_version(db, path, target) == target:
        return
    with write(db):
        # Another process may have done it while this one waited for the lock.
        version = _known_version(db, path, target)
        if version == target:
            return
        if version:
            back_up(path, path.with_name(f"{path.stem}.backup-{version}-{int(time.time())}.db"))
        steps().apply(for_migrations(db))
        db.conn.execute(f"PRAGMA user_version={target}")


def for_migrations(db: Database) -> sqlite_utils.Database:
    """The same connection as sqlite-utils wants it."""
    with _without_pandas():
        import sqlite_utils
    return sqlite_utils.Database(db.conn, recursive_triggers=False, execute_plugins=False)


def _known_version(db: Database, path: Path, target: int) -> int:
    version = schema_version(db)
    if version < 0:
        raise StudioError(f"{path} belongs to another program. Choose another project folder.")
    if version > target:
        raise StudioError(
            f"{path} was written by a newer studio (schema {version}, this one knows "
            f"{target}). Update the studio to open it."
        )
    tables = {row[0] for row in rows(db, "SELECT name FROM sqlite_master WHERE type = 'table'")}
    if "_sqlite_migrations" in tables:
        had = rows(db, "SELECT name FROM _sqlite_migrations WHERE migration_set = 'studio'")
        if unknown := sorted({str(row[0]) for row in had} - {name for name, _ in STEPS}):
            raise StudioError(
                f"{path} was written by a newer studio (it has had {unknown[0]}, which this one "
                "does not know). Update the studio to open it."
            )
    if (tables or version) and "verdicts" not in tables:
        raise StudioError(f"{path} belongs to another program. Choose another project folder.")
    return version


def schema_version(db: Database) -> int:
    """The number of migrations that the file has had."""
    return int(value(db, "PRAGMA user_version"))


def back_up(path: Path, target: Path) -> None:
    """Copy the file as of its last commit, the write-ahead log included; whole or not at all."""
    partial = target.with_name(target.name + ".partial")
    try:
        with (
            explained(target),
            closing(_opened(_address(path, "mode=rw"))) as source,
            closing(sqlite3.connect(partial)) as copy,
        ):
            partial.chmod(path.stat().st_mode & 0o777)
            source.backup(copy)
            # In one file: nothing beside it that could get lost.
            copy.execute("PRAGMA journal_mode=DELETE")
        partial.replace(target)
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


@contextmanager
def write(db: Database, *, durable: bool = False) -> Iterator[sqlite3.Connection]:
    """One IMMEDIATE transaction; inside another one it joins that one (and its durability).

    durable: fsync at the commit (for answers that were paid for).
    Raises StudioError when the disk is full or the file cannot be written.
    """
    conn = db.conn
    if conn.in_transaction:
        yield conn
        return
    try:
        conn.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        _begin(conn)
        yield conn
        conn.execute("COMMIT")
    except sqlite3.DatabaseError as error:
        explain(path_of(db), error)
    finally:
        roll_back(conn)


def _begin(conn: sqlite3.Connection) -> None:
    """Wait for the lock as long as the connection may, and look every few milliseconds.

    SQLite alone looks ever more seldom, up to ten times a second: it would sleep through the rests
    that a long change makes for others.
    """
    patience_ms = conn.execute("PRAGMA busy_timeout").fetchone()[0]
    deadline = time.monotonic() + patience_ms / 1000
    conn.execute(f"PRAGMA busy_timeout={min(patience_ms, LOOKS_MS)}")
    try:
        while not _begun(conn, deadline):
            pass
    finally:
        conn.execute(f"PRAGMA busy_timeout={patience_ms}")


def _begun(conn: sqlite3.Connection, deadline: float) -> bool:
    try:
        conn.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
            raise
        return False
    return True


def roll_back(conn: sqlite3.Connection) -> None:
    """End the transaction if there is one: after a commit or on a full disk there is none."""
    if conn.in_transaction:
        conn.execute("ROLLBACK")


def from_json(text: object, what: str, kind: type | tuple[type, ...] = dict) -> Any:
    """The JSON of a column. what: its table and column, for the sentence when it is damaged.

    Raises StudioError when it is no JSON, or none of this kind.
    """
    try:
        found = json.loads(text)  # type: ignore[arg-type]
        if isinstance(found, kind):
            return found
    except (TypeError, ValueError, RecursionError):
        pass
    raise StudioError(
        f"The project's studio.db is damaged: what stands in {what} cannot be read. "
        "Put a copy in its place, such as a .backup file beside it."
    )


def path_of(db: Database) -> Path:
    """The open file, for messages."""
    with suppress(sqlite3.DatabaseError):
        return Path(db.conn.execute("PRAGMA database_list").fetchone()[2])
    return Path("studio.db")


def rows(db: Database, sql: str, parameters: tuple[Any, ...] = ()) -> list[sqlite3.Row]:
    """All rows of a query that is known to be small."""
    try:
        return db.conn.execute(sql, parameters).fetchall()
    except sqlite3.DatabaseError as error:
        explain(path_of(db), error)


def one(db: Database, sql: str, parameters: tuple[Any, ...] = ()) -> sqlite3.Row | None:
    """The first row of a query, or None."""
    try:
        row: sqlite3.Row | None = db.conn.execute(sql, parameters).fetchone()
    except sqlite3.DatabaseError as error:
        explain(path_of(db), error)
    return row


def value(db: Database, sql: str, parameters: tuple[Any, ...] = ()) -> Any:
    """The first column of the first row; None when there is no row."""
    row = one(db, sql, parameters)
    return None if row is None else row[0]
