"""The Batch API of the stand-in server: files, batches that go on a bit at each look, misbehaviour.

The shapes are those of the ``openai`` package. A batch is answered through the server's own answer
and bill, so that what is paid twice is seen there.
"""

from __future__ import annotations

import asyncio
import collections
import itertools
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

LineFault = Literal["broken", "refused", "no-quota", "missing", "odd", "odder"]
REFUSALS: dict[str, tuple[Any, dict[str, Any]]] = {
    "broken": (500, {"error": {"message": "Something broke.", "code": "server_error"}}),
    "refused": (400, {"error": {"message": "It exceeds the context window.", "code": "too_long"}}),
    "no-quota": (429, {"error": {"message": "No quota.", "code": "insufficient_quota"}}),
    "odder": ("about 200", {"choices": []}),
    "odd": (200, {"choices": "none"}),
}
EXPIRED = {"code": "batch_expired", "message": "It was not begun within the completion window."}
FULL = {"code": "token_limit_exceeded", "message": "Too many tokens are enqueued."}


@dataclass
class StandInBatch:
    """One batch with its requests, and what came of them."""

    told: dict[str, Any]
    left: list[dict[str, Any]]
    total: int
    status: str = "in_progress"
    answers: list[dict[str, Any]] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)
    refused: dict[str, str] | None = None


class StandInBatches:
    """``/v1/files`` and ``/v1/batches``."""

    def __init__(self, answer: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """answer: a request's body → the body of its response; counts the payment."""
        self.made: dict[str, StandInBatch] = {}
        self.files: dict[str, bytes] = {}
        self.each_look: int | None = None
        """Requests that are answered at each look; None is all, 0 holds them."""
        self.expires_after: int | None = None
        """The next batch that has so many answers expires."""
        self.refuses_next: dict[str, str] | None = None
        """The next batch is not taken, for this reason."""
        self.takes: int | None = None
        """Requests that a batch may have, or it is not taken as :data:`FULL`."""
        self.odd: dict[str, Any] = {}
        """What is told otherwise of every batch and file, and in every list."""
        self.drops_next = False
        """The next batch is made, and the connection dropped before its id is told."""
        self.lists = True
        """Batches that are made are in the list too."""
        self.heeds_keys = False
        """Calls under a key that was there before make no other batch."""
        self.keys: dict[str, str] = {}
        """Key → the batch that was made under it."""
        self.holds: Literal["", "making", "telling"] = ""
        """Batches are made, or told of, only when this is empty again."""
        self.is_holding = False
        self.forgets_next = ""
        """Looked at, the next batch (``made``) or its files (``files``) are there no more."""
        self.looks = 0
        self._answer = answer
        self._faults: collections.deque[LineFault | None] = collections.deque()
        self._numbers = itertools.count(1)

    def fail_next(self, *faults: LineFault | None) -> None:
        """What becomes of the next requests, one each; None is an answer."""
        self._faults.extend(faults)

    def routes(self) -> Iterator[web.RouteDef]:
        yield web.post("/v1/files", self._upload)
        yield web.get("/v1/files/{id}/content", self._download)
        yield web.post("/v1/batches", self._make)
        yield web.get("/v1/batches", self._list)
        yield web.get("/v1/batches/{id}", self._look)
        yield web.post("/v1/batches/{id}/cancel", self._cancel)

    async def _upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        assert form["purpose"] == "batch"
        file: Any = form["file"]
        number = f"file-{next(self._numbers)}"
        self.files[number] = file.file.read()
        return web.json_response({"id": number, "object": "file", "purpose": "batch"} | self.odd)

    async def _download(self, request: web.Request) -> web.Response:
        if (found := self.files.get(request.match_info["id"])) is None:
            return self._unknown()
        return web.Response(body=found)

    async def _make(self, request: web.Request) -> web.StreamResponse:
        wanted = await request.json()
        key = request.headers["Idempotency-Key"]
        if self.heeds_keys and key in self.keys:
            return web.json_response(self._shown(self.made[self.keys[key]]))
        assert wanted["completion_window"] == "24h"
        lines = [json.loads(line) for line in self.files[wanted["input_file_id"]].splitlines()]
        assert {line["url"] for line in lines} == {wanted["endpoint"]}
        assert len({line["custom_id"] for line in lines}) == len(lines)
        await self._hold("making")
        number = self.keys[key] = f"batch_{next(self._numbers)}"
        told = {"id": number, "object": "batch", "created_at": int(time.time()), **wanted}
        batch = self.made[number] = StandInBatch(told, lines, len(lines))
        if self.refuses_next:
            batch.status, batch.refused, self.refuses_next = "failed", self.refuses_next, None
        if self.takes is not None and len(lines) > self.takes:
            batch.status, batch.refused = "failed", FULL
        if self.drops_next and request.transport is not None:
            self.drops_next = False
            request.transport.abort()
        await self._hold("telling")
        return web.json_response(self._shown(batch))

    async def _hold(self, what: str) -> None:
        while self.holds == what:
            self.is_holding = True
            await asyncio.sleep(0.01)

    async def _list(self, request: web.Request) -> web.Response:
        found = [self._shown(batch) for batch in self.made.values() if self.lists][::-1]
        after = request.query.get("after")
        place = [one["id"] for one in found].index(after) + 1 if after else 0
        limit = int(request.query.get("limit", 20))
        page = found[place : place + limit]
        more = len(found) > place + limit
        return web.json_response({"object": "list", "data": page, "has_more": more} | self.odd)

    async def _look(self, request: web.Request) -> web.Response:
        self.looks += 1
        if self.forgets_next == "made":
            self.forgets_next = ""
            return self._unknown()
        batch = self.made[request.match_info["id"]]
        if batch.status == "cancelling":
            self._end(batch, "cancelled")
        elif batch.status == "in_progress":
            self._go_on(batch)
        if self.forgets_next and batch.status == "completed":
            self.files, self.forgets_next = {}, ""
        return web.json_response(self._shown(batch))

    async def _cancel(self, request: web.Request) -> web.Response:
        batch = self.made[request.match_info["id"]]
        batch.status = "cancelling"
        return web.json_response(self._shown(batch))

    def _go_on(self, batch: StandInBatch) -> None:
        for _ in range(len(batch.left) if self.each_look is None else self.each_look):
            if not batch.left:
                break
            if self.expires_after is not None and len(batch.answers) >= self.expires_after:
                self.expires_after = None
                self._end(batch, "expired")
                return
            self._do(batch, batch.left.pop(0))
        if not batch.left:
            self._end(batch, "completed")

    def _do(self, batch: StandInBatch, line: dict[str, Any]) -> None:
        fault = self._faults.popleft() if self._faults else None
        if fault == "missing":
            return
        status, body = REFUSALS[fault] if fault else (200, self._answer(line["body"]))
        response = {"status_code": status, "request_id": "x", "body": body}
        result = {"id": "x", "custom_id": line["custom_id"], "response": response, "error": None}
        (batch.errors if fault else batch.answers).append(result)

    def _end(self, batch: StandInBatch, status: str) -> None:
        batch.status = status
        for line in batch.left:
            error = EXPIRED | {"code": f"batch_{status}"}
            result = {"custom_id": line["custom_id"], "response": None, "error": error}
            batch.errors.append({"id": "x", **result})
        batch.left = []
        # Results come in any order.
        for kind, results in (("output", batch.answers[::-1]), ("error", batch.errors)):
            if results:
                number = batch.told[f"{kind}_file_id"] = f"file-{next(self._numbers)}"
                lines = (json.dumps(result) for result in results)
                self.files[number] = "\n".join(lines).encode()

    @staticmethod
    def _unknown() -> web.Response:
        error = {"message": "There is no such object.", "code": "not_found"}
        return web.json_response({"error": error}, status=404)

    def _shown(self, batch: StandInBatch) -> dict[str, Any]:
        done, failed = len(batch.answers), len(batch.errors)
        counts = {"total": batch.total, "completed": done, "failed": failed}
        errors = {"object": "list", "data": [batch.refused]} if batch.refused else None
        shown = {"status": batch.status, "request_counts": counts, "errors": errors}
        return batch.told | shown | self.odd
