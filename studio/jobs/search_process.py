"""The process behind the Search pane: ``python -m studio search-process PROJECT PARENT``.

It loads BM25, the base encoder and the trained model one after the other and answers with what is
ready. Questions come as JSON lines on stdin, answers go to stdout (:mod:`search_protocol`); all
that native code prints goes to ``logs/search.log``. It ends when stdin closes or its parent is
gone, and writes nothing to the project.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from studio.jobs.datasets import encoder_name
from studio.jobs.search_protocol import (
    LONGEST_QUERY,
    SYSTEMS,
    ChooseModel,
    Embed,
    Hit,
    Message,
    Ranking,
    Readiness,
    SearchQuery,
    State,
    System,
    from_line,
    to_line,
)
from studio.jobs.search_systems import (
    NO_DOCUMENTS,
    Held,
    Lexical,
    Progress,
    Searcher,
    read_dense,
    read_lexical,
)
from studio.llm.embedded_server import end_with_parent
from studio.project import DATABASE, Project
from studio.records import Model, StudioError, joined_text
from studio.settings import load
from studio.store import Store
from studio.store.db import storable
from studio.training.encoders import MAX_LENGTH

LOOK_S = 1.0
"""Seconds between looks for new documents and models."""
PROGRESS_S = 0.2
"""At most one word of progress in this time."""
LOG_LIMIT = 2**20
"""Bytes after which the log begins anew."""
LOG_NAME = "search.log"
NOTHING_TRAINED = "Nothing is trained yet."

log = logging.getLogger("studio.search")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one system should be made of; equal means that it need not be loaded again."""

    up_to: int
    """The newest document's row."""
    encoder: str = ""
    """A catalogue name, a hub name or a folder; empty for BM25."""
    max_length: int = MAX_LENGTH
    model_id: int | None = None
    name: str = ""
    """For the screen."""
    problem: str = ""
    """Why there cannot be one; empty otherwise."""


class NoLongerWanted(Exception):
    """What is being loaded is no longer what is wanted."""


class Searching:
    """The state that three threads share: reading questions, loading systems, answering."""

    def __init__(self, path: Path, out: BinaryIO) -> None:
        self._path = path
        self._out = out
        self._writing = threading.Lock()
        self._news = threading.Condition()
        self._ask: SearchQuery | None = None
        self._chosen: int | None = None
        self._held: frozenset[System] = frozenset()
        self._allowed: frozenset[System] = frozenset()
        self._loaded: dict[System, Wanted] = {}
        self._systems: dict[System, Searcher] = {}
        self._answered: dict[System, tuple[int, Searcher]] = {}
        self._look_now = threading.Event()

    # -- questions --

    def hear(self, message: Message | None) -> None:
        """Take one message; only the newest question matters."""
        if isinstance(message, SearchQuery):
            with self._news:
                self._ask = replace(message, query=storable(message.query)[:LONGEST_QUERY])
                self._news.notify()
        elif isinstance(message, ChooseModel):
            self._chosen = message.model_id
            self._look_now.set()
        elif isinstance(message, Embed):
            self._allowed = self._allowed | {message.system}
            self._look_now.set()

    # -- answers --

    def answer(self) -> None:
        """Answer the newest question by every system that is ready, BM25 first; never ends."""
        store = Store(self._path / DATABASE)
        while True:
            ask, system, searcher = self._next()
            try:
                ranking = self._ranked(store, ask, system, searcher)
            except Exception as error:  # a query that one system cannot take must not end the rest
                log.exception("%s could not answer", system)
                self._say(State(system, "failed", f"It could not answer: {error}"))
                ranking = Ranking(ask.number, system, (), (), len(searcher), 0.0)
            if self._is_newest(ask):
                self._say(ranking)

    def _is_newest(self, ask: SearchQuery) -> bool:
        return self._ask is not None and self._ask.number == ask.number

    def _next(self) -> tuple[SearchQuery, System, Searcher]:
        """Wait for a question and a system that has not answered it."""
        with self._news:
            while True:
                for system in SYSTEMS:
                    ask, searcher = self._ask, self._systems.get(system)
                    if ask is None or searcher is None:
                        continue
                    last = self._answered.get(system)
                    if last is None or last[0] != ask.number or last[1] is not searcher:
                        self._answered[system] = (ask.number, searcher)
                        return ask, system, searcher
                self._news.wait()

    def _ranked(
        self, store: Store, ask: SearchQuery, system: System, searcher: Searcher
    ) -> Ranking:
        began = time.perf_counter()
        found = searcher.find(ask.query, ask.k) if ask.query.strip() else []
        heads = store.documents.heads([row for row, _ in found])
        hits = tuple(
            Hit(row, head.outside_id[:200], joined_text(head.title, head.text), score)
            for row, score in found
            if (head := heads.get(row)) is not None
        )
        lexical = self._systems.get("bm25")
        terms = lexical.terms(ask.query) if isinstance(lexical, Lexical) else ()
        took = (time.perf_counter() - began) * 1000
        return Ranking(ask.number, system, hits, terms, len(searcher), round(took, 1))

    # -- loading --

    def load(self) -> None:
        """Load what is wanted, and again whenever documents or models change; never ends."""
        _be_nice()
        store = Store(self._path / DATABASE)
        version = -1
        while True:
            now = store.data_version()
            if now != version or self._look_now.is_set():
                self._look_now.clear()
                version = now
                self._bring_up_to_date(store)
            self._look_now.wait(LOOK_S)

    def _bring_up_to_date(self, store: Store) -> None:
        for system in SYSTEMS:
            wanted, there = self._wanted(store, system), self._loaded.get(system)
            if there == wanted and system not in self._held & self._allowed:
                continue
            if there is not None and there.encoder != wanted.encoder:
                # Its answers would stand under another model's name.
                self._drop(system)
            self._held = self._held - {system}
            try:
                self._load(store, system, wanted)
            except NoLongerWanted:
                self._look_now.set()
                return
            self._loaded[system] = wanted

    def _wanted(self, store: Store, system: System) -> Wanted:
        up_to = store.documents.last_id()
        if system == "bm25":
            return Wanted(up_to)
        model = store.models.get(self._chosen) if self._chosen else store.models.latest()
        if system == "trained" and model is None:
            return Wanted(up_to, problem=NOTHING_TRAINED)
        if system == "trained" and model is not None:
            folder = str(self._path / model.path)
            return Wanted(up_to, folder, _max_length(model), model.id, model.name)
        project = Project(self._path, store, load(self._path))
        name = model.base if model is not None else encoder_name(project, "")
        return Wanted(up_to, name, _max_length(model), name=_short(name))

    def _load(self, store: Store, system: System, wanted: Wanted) -> None:
        """Load one system and say how it went. Raises NoLongerWanted when another is wanted."""
        state = State(system, "loading", "", wanted.name, wanted.model_id)
        end: Readiness = "ready"
        words = ""
        try:
            if wanted.problem:
                raise StudioError(wanted.problem)
            self._take(
                system, self._read(store, system, wanted, self._teller(store, state, wanted))
            )
        except Held as held:
            end, words = "held", str(held)
            self._held = self._held | {system}
        except StudioError as error:
            words = str(error)
            end = "absent" if words in (NO_DOCUMENTS, NOTHING_TRAINED) else "failed"
            self._drop(system)
        self._say(replace(state, state=end, words=words))

    def _read(self, store: Store, system: System, wanted: Wanted, progress: Progress) -> Searcher:
        try:
            if system == "bm25":
                language = str(store.values.get("language", "en"))
                return read_lexical(store, language, wanted.up_to, progress)
            return read_dense(
                store,
                wanted.encoder,
                wanted.max_length,
                wanted.up_to,
                progress,
                may_take_long=system in self._allowed,
            )
        except (NoLongerWanted, Held, StudioError, MemoryError):
            raise
        except Exception as error:
            log.exception("%s could not be loaded", system)
            raise StudioError(
                f"{type(error).__name__}: {error}. The log logs/{LOG_NAME} has the details."
            ) from error

    def _teller(self, store: Store, state: State, wanted: Wanted) -> Progress:
        """Tells how far it is, a few times a second, and stops when something else is wanted."""
        last = 0.0

        def tell(words: str) -> None:
            nonlocal last
            if self._look_now.is_set() and self._wanted(store, state.system) != wanted:
                raise NoLongerWanted
            if time.monotonic() - last >= PROGRESS_S:
                last = time.monotonic()
                self._say(replace(state, words=words))

        return tell

    def _take(self, system: System, searcher: Searcher) -> None:
        with self._news:
            self._systems[system] = searcher
            self._news.notify()

    def _drop(self, system: System) -> None:
        with self._news:
            self._systems.pop(system, None)

    def _say(self, message: Message) -> None:
        with self._writing:
            try:
                self._out.write(to_line(message))
                self._out.flush()
            except OSError:
                os._exit(0)


def _short(encoder: str) -> str:
    """A column's worth of a name: of a folder or a hub name the last part, of an endpoint its
    model."""
    if encoder.startswith("openai:"):
        return encoder.removeprefix("openai:").partition("@")[0]
    return encoder.rstrip("/").rpartition("/")[2] or encoder


def _max_length(model: Model | None) -> int:
    return int(model.settings.get("max_length") or MAX_LENGTH) if model else MAX_LENGTH


def _be_nice() -> None:
    """Loading gives way to answering, and to the screen (Linux counts threads as processes)."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)


def main(path: Path, parent: int) -> int:
    """Serve until stdin closes or the parent is gone; 1 when there is no project."""
    if not (path / DATABASE).is_file():
        return 1
    out = _silence(path / "logs" / LOG_NAME)
    threading.Thread(target=end_with_parent, args=(parent,), daemon=True).start()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    searching = Searching(path, out)
    for work in (searching.answer, searching.load):
        threading.Thread(target=_or_end, args=(work,), daemon=True, name=work.__name__).start()
    for line in sys.stdin.buffer:
        searching.hear(from_line(line))
    os._exit(0)


def _or_end(work: Callable[[], None]) -> None:
    """A thread that breaks ends the process: the pane starts another one and says so."""
    try:
        work()
    except BaseException:
        log.exception("ended")
        logging.shutdown()
        os._exit(1)


def _silence(path: Path) -> BinaryIO:
    """Point descriptors 1 and 2 at the log; return the old stdout for the answers."""
    out = os.fdopen(os.dup(1), "wb")
    path.parent.mkdir(exist_ok=True)
    fresh = os.O_TRUNC if path.exists() and path.stat().st_size > LOG_LIMIT else 0
    target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | fresh, 0o600)
    for descriptor in (1, 2):
        os.dup2(target, descriptor)
    os.close(target)
    faulthandler.enable()
    handler = logging.StreamHandler()
    # On the handler: some libraries set the level of their own loggers.
    handler.setLevel(logging.WARNING)
    form = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(handlers=[handler], level=logging.INFO, format=form)
    return out
