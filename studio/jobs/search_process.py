"""The process behind the Search pane: ``python -m studio search-process PROJECT PARENT``.

It loads the chosen systems of the project one after the other and answers with what is ready.
Questions come as JSON lines on stdin, answers go to stdout (:mod:`search_protocol`); all
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
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from studio.evaluation.counting import places
from studio.evaluation.systems import System, label_of
from studio.jobs.answerer import Answerer
from studio.jobs.datasets import counting_of_one
from studio.jobs.gold import Wordings, wordings
from studio.jobs.leaks import wording
from studio.jobs.project_systems import NOTHING_TRAINED, shown_first, systems_of
from studio.jobs.search_indexes import NO_DOCUMENTS, Held, Lexical, Progress
from studio.jobs.search_protocol import (
    LONGEST_QUERY,
    Answer,
    ChooseSystems,
    Embed,
    Hit,
    Message,
    Ranking,
    Readiness,
    SearchQuery,
    State,
    TextPrediction,
    from_line,
    to_line,
)
from studio.jobs.search_systems import LoadedSystem, Predictor, Reading, Searcher
from studio.llm.embedded_server import end_with_parent
from studio.project import DATABASE, Project
from studio.records import StudioError, joined_text
from studio.settings import load
from studio.store import Store
from studio.store.db import storable

LOOK_S = 1.0
"""Seconds between looks for new documents and models."""
PROGRESS_S = 0.2
"""At most one word of progress in this time."""
LOG_LIMIT = 2**20
"""Bytes after which the log begins anew."""
LOG_NAME = "search.log"

log = logging.getLogger("studio.search")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one system should be made of; equal means that it need not be loaded again."""

    system: System
    up_to: int
    """The newest document's row."""


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
        self._chosen: tuple[str, ...] = ()
        self._held: frozenset[str] = frozenset()
        self._allowed: frozenset[str] = frozenset()
        self._loaded: dict[str, Wanted] = {}
        self._ready: dict[str, LoadedSystem] = {}
        """In the order in which they answer."""
        self._answered: dict[str, tuple[int, LoadedSystem]] = {}
        self._look_now = threading.Event()
        self._gold: tuple[int, Wordings] = (-1, {})
        """Gold by its words, with the version that it was read of."""

    # -- questions --

    def hear(self, message: Message | None) -> None:
        """Take one message; only the newest question matters."""
        if isinstance(message, SearchQuery):
            with self._news:
                self._ask = replace(message, query=storable(message.query)[:LONGEST_QUERY])
                self._news.notify()
        elif isinstance(message, ChooseSystems):
            self._chosen = message.names
            self._look_now.set()
        elif isinstance(message, Embed):
            self._allowed = self._allowed | {message.system}
            self._look_now.set()

    # -- answers --

    def answer(self) -> None:
        """Answer the newest question by every system that is ready, in order; never ends."""
        store = Store(self._path / DATABASE)
        while True:
            ask, system, ready = self._next()
            began = time.perf_counter()
            try:
                answer = self._answer_of(store, ask, system, ready)
            except Exception as error:  # a query that one system cannot take must not end the rest
                log.exception("%s could not answer", system)
                self._say(State(system, "failed", f"It could not answer: {error}"))
                answer = Ranking(ask.number, system, (), (), 0, 0.0)
            if self._is_newest(ask):
                took_ms = round((time.perf_counter() - began) * 1000, 1)
                self._say(replace(answer, took_ms=took_ms))

    def _is_newest(self, ask: SearchQuery) -> bool:
        return self._ask is not None and self._ask.number == ask.number

    def _next(self) -> tuple[SearchQuery, str, LoadedSystem]:
        """Wait for a question and a system that has not answered it."""
        with self._news:
            while True:
                ask = self._ask
                for system, ready in self._ready.items():
                    last = self._answered.get(system)
                    if ask and (last is None or last[0] != ask.number or last[1] is not ready):
                        self._answered[system] = (ask.number, ready)
                        return ask, system, ready
                self._news.wait()

    def _answer_of(
        self, store: Store, ask: SearchQuery, system: str, ready: LoadedSystem
    ) -> Answer:
        if isinstance(ready, Answerer):
            said = ready.answer(ask.query, ask.context, lambda: not self._is_newest(ask))
            return TextPrediction(ask.number, system, said, 0.0, 0.0)
        if isinstance(ready, Predictor):
            if not ask.query.strip() or (ready.record.context and not ask.context.strip()):
                return TextPrediction(ask.number, system, "", 0.0, 0.0)
            found = ready.predict(ask.query, ask.context)
            return TextPrediction(ask.number, system, found.predicted, found.confidence, 0.0)
        ranked = self._ranked(store, ask, ready) if ask.query.strip() else []
        heads = store.documents.heads([row for row, _ in ranked])
        hits = tuple(
            Hit(row, head.outside_id[:200], joined_text(head.title, head.text), score)
            for row, score in ranked
            if (head := heads.get(row)) is not None
        )
        terms = self._terms(ask.query)
        return Ranking(ask.number, system, hits, terms, len(ready), 0.0, ready.decimals)

    def _ranked(self, store: Store, ask: SearchQuery, ready: Searcher) -> list[tuple[int, float]]:
        """The best passage of each place, counted as gold's ranks are."""
        if (version := store.gold.version()) != self._gold[0]:
            self._gold = version, wordings(store)
        known = self._gold[1].get(wording(ask.query))
        name = known.outside_id if known is not None else ""

        def find(queries: Sequence[str], k: int) -> Iterator[dict[int, float]]:
            return (dict(ready.find(query, k)) for query in queries)

        found = places({name: ask.query}, find, ask.k, counting_of_one(store, known))
        return [(one.passage, one.score) for one in found[name]]

    def _terms(self, query: str) -> tuple[str, ...]:
        """The words that a lexical search would count, where one is ready."""
        ready = list(self._ready.values())
        lexical = next((one for one in ready if isinstance(one, Lexical)), None)
        return lexical.terms(query) if lexical is not None else ()

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
        wanted = self._wanted(store)
        for name in self._loaded.keys() - wanted.keys():
            self._drop(name)
            del self._loaded[name]
        for name, one in wanted.items():
            there = self._loaded.get(name)
            if there == one and name not in self._held & self._allowed:
                continue
            if there is not None and there.system != one.system:
                # Its answers would stand under another model's name.
                self._drop(name)
            self._held = self._held - {name}
            try:
                self._load(store, one)
            except NoLongerWanted:
                self._look_now.set()
                return
            self._loaded[name] = one

    def _wanted(self, store: Store) -> dict[str, Wanted]:
        """The chosen systems, in order."""
        there = {one.name: one for one in systems_of(self._project(store))}
        chosen = self._chosen or [one.name for one in shown_first([*there.values()])]
        up_to = store.documents.last_id()
        return {name: Wanted(there.get(name) or _gone(name), up_to) for name in chosen}

    def _project(self, store: Store) -> Project:
        return Project(self._path, store, load(self._path))

    def _load(self, store: Store, wanted: Wanted) -> None:
        """Load one system and say how it went; NoLongerWanted when something else is wanted."""
        system = wanted.system
        state = State(
            system.name, "loading", "", system.label, system.detail, model_id=system.model_id
        )
        end: Readiness = "ready"
        words = ""
        try:
            if system.problem:
                raise StudioError(system.problem)
            progress = self._teller(store, state, wanted)
            allowed = system.name in self._allowed
            self._take(system.name, self._read(store, wanted, progress, may_take_long=allowed))
        except Held as held:
            end, words = "held", str(held)
            self._held = self._held | {system.name}
        except StudioError as error:
            words = str(error)
            end = "absent" if words in (NO_DOCUMENTS, NOTHING_TRAINED) else "failed"
            self._drop(system.name)
        self._say(replace(state, state=end, words=words))

    def _read(
        self, store: Store, wanted: Wanted, progress: Progress, *, may_take_long: bool
    ) -> LoadedSystem:
        system = wanted.system

        def part(one: System) -> LoadedSystem:
            """What the system stands on: shared with its own column where that has it."""
            its = replace(wanted, system=one)
            if self._loaded.get(one.name) == its and one.name in self._ready:
                return self._ready[one.name]
            return self._read(store, its, progress, may_take_long=may_take_long)

        try:
            project = self._project(store)
            return Reading(
                store,
                project.language,
                project.task.record,
                wanted.up_to,
                progress,
                may_take_long,
                part,
            ).read(system)
        except (NoLongerWanted, Held, StudioError, MemoryError):
            raise
        except Exception as error:
            log.exception("%s could not be loaded", system.name)
            raise StudioError(
                f"{type(error).__name__}: {error}. The log logs/{LOG_NAME} has the details."
            ) from error

    def _teller(self, store: Store, state: State, wanted: Wanted) -> Progress:
        """Tells how far it is, a few times a second, and stops when something else is wanted."""
        last = 0.0

        def tell(words: str) -> None:
            nonlocal last
            if self._look_now.is_set() and self._wanted(store).get(state.system) != wanted:
                raise NoLongerWanted
            if time.monotonic() - last >= PROGRESS_S:
                last = time.monotonic()
                self._say(replace(state, words=words))

        return tell

    def _take(self, name: str, ready: LoadedSystem) -> None:
        with self._news:
            both = {**self._ready, name: ready}
            chosen = self._chosen or tuple(both)
            self._ready = dict(sorted(both.items(), key=lambda one: _place(one[0], chosen)))
            self._news.notify()

    def _drop(self, name: str) -> None:
        with self._news:
            self._ready = {one: ready for one, ready in self._ready.items() if one != name}

    def _say(self, message: Message) -> None:
        with self._writing:
            try:
                self._out.write(to_line(message))
                self._out.flush()
            except OSError:
                os._exit(0)


def _gone(name: str) -> System:
    """In place of a system that was chosen and is not there."""
    return System(name, "", label_of(name), problem=f"There is no system {name} any more.")


def _place(name: str, chosen: tuple[str, ...]) -> int:
    return chosen.index(name) if name in chosen else len(chosen)


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
