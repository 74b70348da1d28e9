"""Batches under way: where they are written down, and how a later worker finds them again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from studio.llm.batch_api import BatchState
from studio.llm.batch_sending import BatchSending

if TYPE_CHECKING:
    from studio.store.batches import KnownBatch


@dataclass(slots=True)
class OpenBatch:
    """A batch that is under way."""

    name: str
    left: set[str]
    """Requests without an answer yet."""
    id: str = ""
    """The server's; empty before it was told."""
    state: BatchState | None = None
    is_alone: bool = False
    """Whether no other batch was under way when it was sent."""

    @property
    def counts(self) -> tuple[int, int]:
        """Requests that the server is done with, and all."""
        return (self.state.done, self.state.total) if self.state else (0, len(self.left))


class BatchBook(Protocol):
    """Where batches are written down; each step is durable when it returns."""

    async def known(self) -> Sequence[KnownBatch]:
        """Those that an earlier worker left open."""
        ...

    async def plan(self, name: str, requests: Sequence[str]) -> None:
        """A batch of claimed requests is about to be sent."""
        ...

    async def sent(self, name: str, outside_id: str) -> None:
        """The server has it."""
        ...

    async def leave(self) -> None:
        """The open ones were cancelled: others need not wait for them."""
        ...

    async def end(self, name: str) -> None:
        """All of its answers were handed on."""
        ...


async def recalled(
    known: Iterable[KnownBatch], book: BatchBook, sending: BatchSending
) -> list[OpenBatch]:
    """What an earlier worker left open. One that it was sending is looked for by its name: where
    the server has none, its ``id`` stays empty. Raises CallFailed."""
    there = []
    for one in known:
        batch = OpenBatch(one.name, set(one.calls), one.outside_id)
        if not batch.id and (found := await sending.found(one.name)):
            batch.id = found.id
            await book.sent(batch.name, batch.id)
        there.append(batch)
    return there
