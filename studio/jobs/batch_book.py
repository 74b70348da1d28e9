"""A job's batches in its database: written down before they are sent, known again after a kill."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from studio.calls import Reservation
from studio.jobs.ledger import StoredLedger
from studio.jobs.writing import Found
from studio.store import Store
from studio.store.batches import KnownBatch


@dataclass(frozen=True, slots=True)
class StoredBatches:
    """See :class:`studio.llm.open_batches.BatchBook`. All steps run on the writer's thread."""

    ledger: StoredLedger
    address: str
    """Of the server that the batches are at."""
    store_all: Callable[[], None]
    """Waits until all answers that came in are stored. Raises StudioError where they cannot be."""
    on_found: Callable[[Reservation], None]
    """Told of each call that counted as spent and is under way."""

    async def known(self) -> list[KnownBatch]:
        """Those that an earlier worker left open; their calls are this job's again."""
        job = self.ledger.job_id
        found = await self._step(lambda store: store.batches.open_of(job, self.address))
        for batch in found:
            self.ledger.adopt(batch.calls)
            for _, most in batch.calls.values():
                self.on_found(most)
        return found

    async def plan(self, name: str, requests: Sequence[str]) -> None:
        """Write down which claimed requests a batch will hold."""
        claims = [self.ledger.row_of(sha) for sha in requests]

        def step(store: Store) -> None:
            store.check_in_place()
            with store.write(durable=True):
                store.batches.plan(self.ledger.job_id, name, self.address, claims)

        await self._step(step)

    async def sent(self, name: str, outside_id: str) -> None:
        """The server has it."""
        await self._step(partial(_sent, name=name, outside_id=outside_id))

    async def leave(self) -> None:
        """A person does not want them any more."""
        await self._step(lambda store: store.batches.leave(self.ledger.job_id))

    async def end(self, name: str) -> None:
        """Its answers were taken in; they are stored before this is."""
        self.store_all()

        def step(store: Store) -> None:
            with store.write(durable=True):
                self.ledger.forget(self.ledger.write_ends(store))
                store.batches.end(name)

        await self._step(step)

    async def _step(self, step: Callable[[Store], Found]) -> Found:
        return await asyncio.wrap_future(self.ledger.writer.submit(step))


def _sent(store: Store, name: str, outside_id: str) -> None:
    with store.write(durable=True):
        store.batches.sent(name, outside_id)
