"""Embeddings of many texts, computed once per model and content.

The cache is one SQLite file outside every project (``$STUDIO_CACHE`` or the user's cache folder).
It holds nothing that cannot be computed again, so a broken or unwritable file never stops the work.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

log = logging.getLogger(__name__)

Role = Literal["query", "document"]
_LOOKUP = 500
"""Hashes in one SELECT: SQLite binds at least 999."""
BETWEEN_PIECES: ContextVar[Callable[[], object]] = ContextVar(
    "between_pieces", default=lambda: None
)
"""Called before each piece of texts, and may raise to end the encoding. A job's worker, which can
be told to stop, sets it: not everything that encodes tells how far it is."""


@dataclass(frozen=True, slots=True)
class Prefixes:
    """What goes before the texts of each role; asked for empty, it is what the encoder itself says.

    Many encoders want one: E5's are ``query: `` and ``passage: ``. Two encoders are compared fairly
    only where each has its own, and a trained one only with what was put before its base's texts.
    """

    query: str = ""
    document: str = ""

    def of(self, role: Role) -> str:
        """That of one role."""
        return self.query if role == "query" else self.document


OWN_PREFIXES: Final = Prefixes()


def instructed(instruction: str, query: str) -> str:
    """A query with its task in words before it, as E5's and Qwen3's embedding models read it."""
    return f"Instruct: {instruction}\nQuery: {query}" if instruction else query


class TextEncoder(Protocol):
    """Anything that turns texts into normalised vectors."""

    @property
    def prefixes(self) -> Prefixes:
        """What it puts before texts."""
        ...

    @property
    def at_once(self) -> int:
        """Texts of one piece, about a second's work: after each it is told how far it is, and the
        vectors are kept, so that a killed run loses little."""
        ...

    def identity(self, role: Role) -> str:
        """Equal only for encoders that give equal vectors to texts of the role."""
        ...

    def encode(self, texts: Sequence[str], role: Role) -> Vectors:
        """len(texts)×d float32 rows of length 1."""
        ...


class EmbeddingCache:
    """float32 vectors by model fingerprint and content hash, shared by all projects."""

    def __init__(self, path: Path | None = None) -> None:
        """``path`` is the SQLite file; the default is in :func:`cache_home`."""
        self.path = path if path is not None else cache_home() / "embeddings.db"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._prepare()
        except sqlite3.DatabaseError as error:
            log.warning("starting a new embedding cache, %s is damaged: %s", self.path, error)
            self.path.unlink()
            self._prepare()

    def find(self, model: str, keys: Sequence[bytes]) -> dict[bytes, Vectors]:
        """The vectors that are there."""
        import numpy as np

        found: dict[bytes, Vectors] = {}
        with closing(self._open()) as db:
            for start in range(0, len(keys), _LOOKUP):
                part = keys[start : start + _LOOKUP]
                marks = ",".join("?" * len(part))
                query = f"SELECT sha, vector FROM vectors WHERE model = ? AND sha IN ({marks})"
                rows = db.execute(query, [model, *part])
                found.update((sha, np.frombuffer(blob, np.float32)) for sha, blob in rows)
        return found

    def add(self, model: str, keys: Sequence[bytes], vectors: Vectors) -> None:
        """Store rows; ones that are there already stay."""
        rows = [(model, key, vector.tobytes()) for key, vector in zip(keys, vectors, strict=True)]
        with closing(self._open()) as db, db:
            db.executemany("INSERT OR IGNORE INTO vectors VALUES (?, ?, ?)", rows)

    def forget(self, model: str) -> None:
        """Drop a model's vectors."""
        with closing(self._open()) as db, db:
            db.execute("DELETE FROM vectors WHERE model = ?", [model])

    def _prepare(self) -> None:
        with closing(self._open()) as db, db:
            db.execute(
                "CREATE TABLE IF NOT EXISTS vectors "
                "(model TEXT, sha BLOB, vector BLOB, PRIMARY KEY (model, sha)) WITHOUT ROWID"
            )

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=30)
        # A lost cache row costs one more encoding, so it need not be flushed to the disk.
        db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;")
        return db


def cache_home() -> Path:
    """``$STUDIO_CACHE``, or the folder where this system keeps a user's caches."""
    if chosen := os.environ.get("STUDIO_CACHE"):
        return Path(chosen).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("studio"))


def open_cache() -> EmbeddingCache | None:
    """The user's cache, or None (said in the log) where its folder cannot be written."""
    try:
        return EmbeddingCache()
    except (OSError, sqlite3.Error) as error:
        log.warning("embeddings are not cached: %s", error)
        return None


def embed(
    texts: Sequence[str],
    encoder: TextEncoder,
    role: Role = "document",
    *,
    cache: EmbeddingCache | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> Vectors:
    """N×d float32 embeddings of length 1, in the order of the texts; equal texts get equal vectors.

    Args:
        texts: any number; each distinct one is encoded once.
        encoder: local or remote.
        role: decides which prompt the encoder puts in front.
        cache: where to look first and write to; None encodes everything.
        on_progress: called with the number of distinct texts done.
    """
    import numpy as np

    keys = [_key(role, text) for text in texts]
    distinct = dict(zip(keys, texts, strict=True))
    found = _cached(cache, encoder, role, list(distinct))
    done = len(found)
    for part, vectors in _encoded(distinct, found, encoder, role):
        found.update(zip(part, vectors, strict=True))
        _remember(cache, encoder, role, part, vectors)
        done += len(part)
        if on_progress is not None:
            on_progress(done)
    width = len(next(iter(found.values()))) if found else 0
    matrix = np.empty((len(texts), width), dtype=np.float32)
    for row, key in enumerate(keys):
        matrix[row] = found[key]
    return matrix


def _key(role: Role, text: str) -> bytes:
    return hashlib.sha256(f"{role}\x1f{text}".encode("utf-8", "surrogatepass")).digest()


def _cached(
    cache: EmbeddingCache | None, encoder: TextEncoder, role: Role, keys: list[bytes]
) -> dict[bytes, Any]:
    if cache is None:
        return {}
    try:
        return dict(cache.find(encoder.identity(role), keys))
    except sqlite3.Error as error:
        log.warning("the embedding cache cannot be read: %s", error)
        return {}


def _encoded(
    distinct: dict[bytes, str], found: dict[bytes, Any], encoder: TextEncoder, role: Role
) -> Iterator[tuple[list[bytes], Vectors]]:
    missing = [key for key in distinct if key not in found]
    # Texts of like length together: a batch is padded to its longest.
    missing.sort(key=lambda key: len(distinct[key]), reverse=True)
    for start in range(0, len(missing), encoder.at_once):
        BETWEEN_PIECES.get()()
        part = missing[start : start + encoder.at_once]
        yield part, encoder.encode([distinct[key] for key in part], role)


def _remember(
    cache: EmbeddingCache | None,
    encoder: TextEncoder,
    role: Role,
    keys: list[bytes],
    vectors: Vectors,
) -> None:
    if cache is None:
        return
    try:
        cache.add(encoder.identity(role), keys, vectors)
    except sqlite3.Error as error:
        log.warning("embeddings could not be cached: %s", error)
