"""The LLM of a job that asks for several kinds of things: what it answers is stored as it comes.

Each request is looked up before it is asked: an equal one is never paid twice, and a killed job
goes on from what it had.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol

from studio.jobs.context import JobContext
from studio.llm.budget import Budget
from studio.llm.client import clients_for
from studio.llm.endpoints import Serving, serving
from studio.llm.engine import Concurrency, Order
from studio.llm.engine import run as run_engine
from studio.methods.synthesis import Target
from studio.records import Answer, Request
from studio.settings import Endpoint
from studio.store.generations import Finished

ROWS_PER_WRITE = 64
WRITE_EVERY_S = 0.05
"""Answers are committed in windows of this time, or this many rows."""

log = logging.getLogger("studio.jobs")


class Caps(Protocol):
    """What a job may spend, and how fast."""

    @property
    def budget_usd(self) -> float | None:
        """US dollars; None is without a cap."""

    @property
    def budget_tokens(self) -> int | None:
        """Tokens in and out."""

    @property
    def max_concurrency(self) -> int | None:
        """Calls in flight; None takes the endpoint's."""


Store = Callable[[Target, Answer, int], str]
"""Stores what came of an answer (the third is the call's row); returns the reason if nothing."""


@dataclass(slots=True)
class Desk:
    """Asks for targets; a context manager, for it holds the endpoint open once it was needed."""

    context: JobContext
    endpoint: Endpoint
    caps: Caps
    stopped_by: str = ""
    """Why the last asking ended early, such as a budget; empty when it did not."""
    _stack: ExitStack = field(default_factory=ExitStack)
    _serving: Serving | None = None
    _written: Exception | None = None
    _buffer: list[tuple[Target, Answer]] = field(default_factory=list)

    def __enter__(self) -> Desk:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def ask(
        self,
        targets: Iterable[Target],
        store: Store,
        judge: Callable[[Target, Answer], str],
        words: str,
        total: int,
    ) -> int:
        """Have every target answered and stored; returns how many answers were paid now.

        Args:
            targets: in the order in which they are asked.
            store: called inside the window's transaction.
            judge: why an answer gives nothing, for the call's row; empty when it gives something.
            words: of the stage, for the progress line.
            total: how many targets there are.
        """
        generations = self.context.store.generations
        waiting: list[Target] = []
        for target in targets:
            self.context.check()
            if (answer := generations.answer_of(target.request.sha)) is not None:
                row = generations.row_of(target.request.sha)
                with self.context.store.write():
                    store(target, answer, row or 0)
            else:
                waiting.append(target)
        if not waiting:
            return 0
        return asyncio.run(self._ask(waiting, store, judge, words, total))

    async def _ask(
        self,
        waiting: Sequence[Target],
        store: Store,
        judge: Callable[[Target, Answer], str],
        words: str,
        total: int,
    ) -> int:
        by_request = {target.request.sha: target for target in waiting}
        asked = _Window(self, store, judge, words, total, total - len(waiting))
        server = self._open()
        most = self.caps.max_concurrency or server.endpoint.max_concurrency
        async with AsyncExitStack() as stack:
            clients = [
                await stack.enter_async_context(client)
                for client in clients_for(server.endpoint, server.api_key)
            ]
            try:
                stats = await run_engine(
                    _distinct(waiting),
                    clients,
                    budget=self._budget(),
                    on_answer=lambda request, answer: asked.take(by_request[request.sha], answer),
                    should_stop=asked.should_stop,
                    max_concurrency=most,
                    on_pace=asked.go_on,
                )
            finally:
                asked.flush()
        if asked.unwritten is not None:
            raise asked.unwritten
        self.stopped_by = stats.stopped_by
        self.context.check()
        return asked.answered

    def _open(self) -> Serving:
        """The endpoint, started when the first question that has no answer comes."""
        if self._serving is None:
            project = self.context.project
            file = project.logs_dir / f"llm-{self.context.job.id}.log"
            opened = serving(self.endpoint, project.settings, file)
            self._serving = self._stack.enter_context(opened)
        return self._serving

    def _budget(self) -> Budget:
        """The caps, less what this job has spent."""
        spent = self.context.store.generations.spent(self.context.job.id)
        usd, tokens = self.caps.budget_usd, self.caps.budget_tokens
        used = spent.prompt_tokens + spent.completion_tokens
        return Budget(
            cap_usd=None if usd is None else max(0.0, usd - (spent.cost or 0.0)),
            cap_tokens=None if tokens is None else max(0, tokens - used),
        )


def _distinct(targets: Sequence[Target]) -> Iterator[Request]:
    seen: set[str] = set()
    for target in targets:
        if target.request.sha not in seen:
            seen.add(target.request.sha)
            yield target.request


@dataclass(slots=True)
class _Window:
    """Answers on their way into the store."""

    desk: Desk
    store: Store
    judge: Callable[[Target, Answer], str]
    words: str
    total: int
    before: int
    """Targets that were answered already."""
    answered: int = 0
    paused: bool = False
    """Whether people have asked it to rest."""
    buffer: list[tuple[Target, Answer]] = field(default_factory=list)
    unwritten: Exception | None = None

    def take(self, target: Target, answer: Answer) -> None:
        """One more answer."""
        self.answered += 1
        self.buffer.append((target, answer))
        if len(self.buffer) >= ROWS_PER_WRITE:
            self.flush()
        elif len(self.buffer) == 1:
            # By the clock, not by the next answer: a kill may come before there is one.
            asyncio.get_running_loop().call_later(WRITE_EVERY_S, self._flush_window)

    def _flush_window(self) -> None:
        """What the clock calls: it has nobody to raise to."""
        try:
            self.flush()
        except Exception as error:
            self.unwritten = error

    def flush(self) -> None:
        """One durable transaction for the window."""
        context = self.desk.context
        if self.buffer:
            with context.store.write(durable=True):
                for target, answer in self.buffer:
                    self._store(target, answer)
            self.buffer.clear()
        self._progress()

    def _progress(self, *, at_once: bool = False) -> None:
        done = self.before + self.answered
        resting = "paused · " if self.paused else ""
        line = f"{resting}{self.words} {done:,} of {self.total:,}"
        self.desk.context.progress(done, self.total, line, at_once=at_once)

    def _store(self, target: Target, answer: Answer) -> None:
        generations = self.desk.context.store.generations
        reason = self.judge(target, answer)
        finished = Finished(target.request, answer, reason, ())
        generations.save([finished], self.desk.context.job.id)
        row = generations.row_of(target.request.sha)
        if row is not None:
            self.store(target, answer, row)

    def should_stop(self) -> bool:
        """Asked for, or pointless: what comes in cannot be kept."""
        return self.unwritten is not None or self.desk.context.should_stop()

    def go_on(self, _pace: Concurrency) -> Order:
        """What people have asked for since."""
        orders = self.desk.context.orders
        if orders.paused != self.paused:
            self.paused = orders.paused
            self._progress(at_once=True)
        return Order(paused=orders.paused, concurrency=orders.concurrency)
