"""The search process as a program of its own, asked in lines and heard in lines."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path

from studio.jobs.search_protocol import (
    Message,
    Ranking,
    SearchQuery,
    State,
    TextPrediction,
    from_line,
    to_line,
)
from tests.support.waiting import PATIENCE_S


class Searcher:
    """A context manager around one process, warm unless it is asked for as people have it."""

    def __init__(self, project: Path, *, is_warm: bool = True) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "studio", "search-process", str(project), str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            env=os.environ | ({} if is_warm else {"STUDIO_TESTS_WARM": ""}),
        )
        self._heard: queue.Queue[Message] = queue.Queue()
        self.number = 0
        self.states: dict[str, State] = {}
        self._untold: dict[str, State] = {}
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            message = from_line(line)
            assert message is not None, line
            self._heard.put(message)

    def __enter__(self) -> Searcher:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()

    def send(self, message: Message | bytes) -> None:
        """One line in."""
        assert self.process.stdin is not None
        self.process.stdin.write(message if isinstance(message, bytes) else to_line(message))
        self.process.stdin.flush()

    def ask(self, query: str, k: int = 10) -> int:
        """Ask; the number of the question."""
        self.number += 1
        self.send(SearchQuery(self.number, query, k))
        return self.number

    def next(self) -> Message:
        """The next line out."""
        message = self._heard.get(timeout=PATIENCE_S)
        if isinstance(message, State):
            self.states[message.system] = self._untold[message.system] = message
        return message

    def answer(self, system: str, number: int | None = None) -> Ranking:
        """The next answer of a system to the newest question."""
        while True:
            heard = self.next()
            if isinstance(heard, Ranking) and heard.system == system:
                assert heard.number <= self.number
                if heard.number == (number or self.number):
                    return heard

    def prediction(self, system: str) -> TextPrediction:
        """The next prediction of a system for the newest question."""
        while True:
            heard = self.next()
            mine = isinstance(heard, TextPrediction) and heard.system == system
            if mine and heard.number == self.number:
                return heard

    def state(self, system: str, state: str) -> State:
        """Wait until a system is in that state; each state is told once.

        It may have come while :meth:`answer` waited: which of them is first is up to the machine.
        """
        while True:
            heard = self._untold.pop(system, None)
            if heard is not None and heard.state == state:
                return heard
            self.next()


def is_gone(pid: int) -> bool:
    """Whether a process that is nobody's child here ends."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False
