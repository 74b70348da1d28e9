"""The Search pane's helper process, seen from the screens.

Two threads serve each process, one for either pipe, so that no key ever waits for it.
"""

from __future__ import annotations

import os
import queue
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from studio import child
from studio.jobs.search_protocol import (
    LONGEST_QUERY,
    ChooseSystems,
    Embed,
    Message,
    Ranking,
    SearchQuery,
    State,
    TextPrediction,
    from_line,
    to_line,
)

STARTS = 2
"""How often it is started before a person is asked."""


@dataclass(frozen=True, slots=True)
class SearchProcessEnded:
    """The process ended though nobody asked it to."""

    again: bool
    """Whether another one was started in its place."""
    words: str
    """One sentence for the person."""


FromProcess = State | Ranking | TextPrediction | SearchProcessEnded
Heard = Callable[[FromProcess], object]
"""Called from a thread, for instance with a widget's ``post_message``."""


@dataclass(slots=True)
class _Life:
    """One process and the messages on their way to it."""

    process: subprocess.Popen[bytes]
    outbox: queue.SimpleQueue[Message | None] = field(default_factory=queue.SimpleQueue)

    def write(self) -> None:
        """Pass messages on until there are no more or the process is gone."""
        pipe = self.process.stdin
        assert pipe is not None
        with suppress(OSError, ValueError), pipe:
            while (message := self.outbox.get()) is not None:
                pipe.write(to_line(message))
                pipe.flush()


class SearchProcess:
    """Starts the process, keeps it alive, and passes questions and answers on."""

    def __init__(self, project: Path, heard: Heard) -> None:
        self._project = project
        self._heard = heard
        self._lock = threading.Lock()
        self._life: _Life | None = None
        self._stopped = threading.Event()
        self._number = 0
        self._standing: dict[object, Message] = {}

    @property
    def pid(self) -> int | None:
        """The process that runs now."""
        life = self._life
        return life.process.pid if life is not None else None

    def start(self) -> None:
        """Start it, in place of one that runs; returns at once."""
        self.stop()
        self._stopped = stopped = threading.Event()
        threading.Thread(target=self._serve, args=(stopped,), daemon=True, name="search").start()

    def _serve(self, stopped: threading.Event) -> None:
        for start in range(1, STARTS + 1):
            reason = self._live(stopped)
            if stopped.is_set():
                return
            again = start < STARTS
            self._tell(SearchProcessEnded(again, _sentence(reason, again=again)), stopped)

    def _live(self, stopped: threading.Event) -> str:
        """One process from start to end; why it ended."""
        try:
            life = self._begin(stopped)
        except OSError as error:
            return f"could not be started: {error.strerror or error}"
        if life is None:
            return "was stopped"
        threading.Thread(target=life.write, daemon=True, name="search-questions").start()
        assert life.process.stdout is not None
        with life.process.stdout as pipe:
            for line in pipe:
                said = from_line(line)
                if isinstance(said, State | Ranking | TextPrediction):
                    self._tell(said, stopped)
        life.outbox.put(None)
        code = life.process.wait()
        with self._lock:
            self._life = None if self._life is life else self._life
        return f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"

    def _begin(self, stopped: threading.Event) -> _Life | None:
        """The process, with what it has to know; None when it is not wanted any more."""
        with self._lock:
            if stopped.is_set():
                return None
            self._life = life = _Life(self._process())
            for message in self._standing.values():
                life.outbox.put(message)
            return life

    def _process(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            child.python("studio", "search-process", str(self._project), str(os.getpid())),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # Keys such as ctrl+c go to the terminal's own processes.
            start_new_session=True,
            cwd=self._project,
        )

    def _tell(self, said: FromProcess, stopped: threading.Event) -> None:
        if not stopped.is_set():
            # The screens may have ended in between, and their loop with them.
            with suppress(RuntimeError):
                self._heard(said)

    def ask(self, query: str, k: int, context: str = "") -> int:
        """Search, or predict of a text with its context; the number that the answers will carry."""
        self._number += 1
        asked = SearchQuery(self._number, query[:LONGEST_QUERY], k, context[:LONGEST_QUERY])
        self._stand("ask", asked)
        return self._number

    def choose(self, names: tuple[str, ...]) -> None:
        """Let these systems answer, in this order."""
        self._stand("choose", ChooseSystems(names))

    def embed(self, system: str) -> None:
        """Let a system embed the corpus though it takes long."""
        self._stand(("embed", system), Embed(system))

    def _stand(self, name: object, message: Message) -> None:
        """Say it now, and to a process that may have to take this one's place."""
        with self._lock:
            self._standing[name] = message
            if self._life is not None:
                self._life.outbox.put(message)

    def stop(self) -> None:
        """End the process at once: it holds nothing that is not in the store."""
        with self._lock:
            self._stopped.set()
            life, self._life = self._life, None
        if life is not None:
            life.outbox.put(None)
            life.process.kill()


def _sentence(reason: str, *, again: bool) -> str:
    if again:
        return f"The search process {reason}; another one was started in its place."
    return f"The search process {reason} once more. logs/search.log tells why; R starts it again."
