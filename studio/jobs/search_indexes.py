"""Searches over a whole corpus, read from the store in bounded memory.

A corpus is never held as texts: BM25 keeps numbers, the encoders keep one matrix, which lies in a
file of its own when it is large, so that the system may page it out.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import tempfile
import time
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from studio.evaluation.bm25 import K1, B, Bm25Ranker
from studio.evaluation.embeddings import (
    OWN_PREFIXES,
    EmbeddingCache,
    Prefixes,
    Role,
    TextEncoder,
    cache_home,
    embed,
    open_cache,
)
from studio.evaluation.search import top_k
from studio.records import StudioError, content_sha
from studio.store import Store
from studio.training.encoders import open_encoder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CHUNK = 256
"""Documents embedded at a time."""
IN_MEMORY = 256 * 2**20
"""Bytes of a matrix above which it lies in a file instead."""
KEPT_FROM = 20_000
"""Documents from which an index is kept: below, it is built faster than anybody notices."""
INDEX = f"lucene {K1} {B} 2"
"""What decides an index beside its texts; the last number grows when words are cut otherwise."""
HOLD_S = 600.0
"""An embedding that would take longer is only begun when the person says so."""
ENOUGH = 3
"""Chunks after which that is foreseen."""
NO_DOCUMENTS = "The project has no documents. Import some with `studio import`."

log = logging.getLogger("studio.search")

Progress = Callable[[str], None]
"""Called with what is being done; may raise to end it."""


class Held(Exception):
    """Embedding would take long or may cost money; the words say so."""


@dataclass(frozen=True, slots=True)
class Lexical:
    """BM25 over the corpus."""

    ranker: Bm25Ranker[int]
    decimals: ClassVar[int] = 2

    def __len__(self) -> int:
        return len(self.ranker)

    def find(self, query: str, k: int) -> list[tuple[int, float]]:
        """Only documents that share a word with the query."""
        return list(next(iter(self.ranker.top_k([query], k))).items())

    def terms(self, query: str) -> tuple[str, ...]:
        """The words of the query that count, each once."""
        return tuple(dict.fromkeys(self.ranker.words(query)))


@dataclass(frozen=True, slots=True)
class Dense:
    """An encoder and the corpus embedded by it."""

    ids: array[int]
    matrix: NDArray[np.float32]
    encoder: TextEncoder
    cache: EmbeddingCache | None
    """For queries: only where each costs a call."""
    file: Any = field(default=None, repr=False)
    """Keeps the matrix's file alive."""
    decimals: ClassVar[int] = 3

    def __len__(self) -> int:
        return len(self.ids)

    def cosines(self, queries: Sequence[str]) -> NDArray[np.float32]:
        """Q×N: every document's cosine."""
        vectors = embed(queries, self.encoder, "query", cache=self.cache)
        scores: NDArray[np.float32] = vectors @ self.matrix.T
        return scores

    def find(self, query: str, k: int) -> list[tuple[int, float]]:
        """The nearest documents, exactly."""
        vector = embed([query], self.encoder, "query", cache=self.cache)
        rows, scores = top_k(vector, self.matrix, k, device=_device(self.matrix))
        return [
            (self.ids[row], score)
            for row, score in zip(rows[0].tolist(), scores[0].tolist(), strict=True)
        ]


def _device(matrix: NDArray[np.float32]) -> str | None:
    """Where to search: never on a GPU, to which all documents would be sent at each key.

    For one query over a million documents torch takes a third of numpy's time on two cores; numpy
    has equal scores in a fixed order.
    """
    torch = sys.modules.get("torch")
    if torch is None or (matrix.nbytes < IN_MEMORY and not torch.cuda.is_available()):
        return None
    return "cpu"


def read_lexical(store: Store, language: str, up_to: int, progress: Progress) -> Lexical:
    """Index every document up to a row. Raises StudioError when there is none, or no word.

    The index of a large corpus is kept beside the embeddings, one for each project.
    """
    ids = store.documents.ids(up_to)
    if not ids:
        raise StudioError(NO_DOCUMENTS)
    texts = _told(_texts(store, up_to), len(ids), "indexing", progress)
    if len(ids) < KEPT_FROM:
        return Lexical(Bm25Ranker(ids, texts, language=language))
    progress("looking for the index")
    name = content_sha(store.documents.fingerprint(up_to), language, INDEX)
    home = cache_home() / "bm25" / content_sha(str(store.path.absolute()))[:16]
    return Lexical(_kept_index(home, name, ids, texts, language))


def _kept_index(
    home: Path, name: str, ids: array[int], texts: Iterable[str], language: str
) -> Bm25Ranker[int]:
    """The index of that name, built and kept when it is not there; others of the project go."""
    try:
        return Bm25Ranker.load(home / name, ids, language=language)
    except FileNotFoundError:
        pass
    except (OSError, ValueError, KeyError) as error:
        log.warning("the index in %s is built anew: %s", home, error)
    ranker: Bm25Ranker[int] = Bm25Ranker(ids, texts, language=language)
    unfinished = home / f"{name}.{os.getpid()}"
    try:
        shutil.rmtree(home, ignore_errors=True)
        ranker.save(unfinished)
        unfinished.replace(home / name)
    except OSError as error:
        log.warning("the index could not be kept in %s: %s", home, error)
        shutil.rmtree(unfinished, ignore_errors=True)
    return ranker


def read_dense(
    store: Store,
    encoder_name: str,
    max_length: int,
    up_to: int,
    progress: Progress,
    *,
    may_take_long: bool,
    prefixes: Prefixes = OWN_PREFIXES,
) -> Dense:
    """Embed every document up to a row, through the cache.

    Raises StudioError when there is no document or the encoder cannot be loaded, and Held when
    what is not in the cache would take longer than HOLD_S, or would be sent to an endpoint, and
    the person has not said yes.
    """
    ids = store.documents.ids(up_to)
    if not ids:
        raise StudioError(NO_DOCUMENTS)
    progress("loading the encoder")
    encoder = open_encoder(encoder_name, max_length=max_length, prefixes=prefixes)
    is_remote = encoder_name.startswith("openai:")
    asked: TextEncoder = encoder if may_take_long or not is_remote else _Guarded(encoder, len(ids))
    cache, texts = open_cache(), _texts(store, up_to)
    watch = _Watch(len(ids), may_take_long)
    matrix, file, done = None, None, 0
    size = min(CHUNK, encoder.at_once)
    while chunk := list(islice(texts, size)):
        progress(f"embedding {done:,} of {len(ids):,}")
        vectors = embed(chunk, asked, "document", cache=cache, on_progress=watch.encoded)
        if matrix is None:
            matrix, file = _room(len(ids), vectors.shape[1])
        matrix[done : done + len(chunk)] = vectors
        done += len(chunk)
        watch.check(done)
    assert matrix is not None
    return Dense(ids, matrix[:done], encoder, cache if is_remote else None, file)


@dataclass(frozen=True, slots=True)
class _Guarded:
    """An encoder at an endpoint that is not asked before the person has said yes."""

    encoder: TextEncoder
    documents: int

    @property
    def prefixes(self) -> Prefixes:
        """The encoder's own."""
        return self.encoder.prefixes

    @property
    def at_once(self) -> int:
        """The encoder's own."""
        return self.encoder.at_once

    def identity(self, role: Role) -> str:
        """The encoder's own: what is in the cache may be used."""
        return self.encoder.identity(role)

    def encode(self, texts: Sequence[str], role: Role) -> NDArray[np.float32]:
        """Raises Held."""
        raise Held(
            f"embedding sends {self.documents:,} documents to the endpoint, which may cost money"
        )


class _Watch:
    """Foresees how long the embedding takes, from what was really encoded.

    The first chunk does not count: an encoder warms up in it.
    """

    def __init__(self, total: int, may_take_long: bool) -> None:
        self._total = total
        self._allowed = may_take_long
        self._encoded: list[tuple[int, float]] = []
        self._begun = time.monotonic()

    def encoded(self, done: int) -> None:
        """So many documents were not in the cache, and are encoded now."""
        moment = time.monotonic()
        self._encoded.append((done, moment - self._begun))
        self._begun = moment

    def check(self, done: int) -> None:
        """Raise Held when the rest would take too long."""
        self._begun = time.monotonic()
        warm = self._encoded[1:]
        if self._allowed or len(warm) < ENOUGH:
            return
        left = self._total - done
        pace = sum(seconds for _, seconds in warm) / sum(count for count, _ in warm)
        if pace * left > HOLD_S:
            raise Held(f"embedding {left:,} documents takes about {_long(pace * left)}")


def _long(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 5_400 else f"{seconds / 60:.0f} min"


def _room(rows: int, width: int) -> tuple[NDArray[np.float32], Any]:
    """An empty matrix; a large one in a file without a name, which ends with the process."""
    import numpy as np

    if rows * width * 4 <= IN_MEMORY:
        return np.empty((rows, width), dtype=np.float32), None
    try:
        file = tempfile.TemporaryFile(dir=cache_home())  # noqa: SIM115 - it lives with the matrix
        # A disk that fills up later would kill the process at a write to the mapped file.
        os.posix_fallocate(file.fileno(), 0, rows * width * 4)
    except OSError as error:
        raise StudioError(
            f"There is no room for the embeddings in {cache_home()}: {error.strerror}."
        ) from error
    return np.memmap(file, dtype=np.float32, mode="w+", shape=(rows, width)), file


def _texts(store: Store, up_to: int) -> Iterator[str]:
    for document in store.documents.all():
        if document.id > up_to:
            return
        yield document.full_text


def _told(texts: Iterator[str], total: int, verb: str, progress: Progress) -> Iterator[str]:
    for done, text in enumerate(texts):
        if done % CHUNK == 0:
            progress(f"{verb} {done:,} of {total:,}")
        yield text
