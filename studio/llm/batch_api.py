"""The Batch API as OpenAI defined it: files up, batches made and looked at, files down.

https://platform.openai.com/docs/guides/batch; the shapes are those of the ``openai`` package
(``types/batch.py``, ``types/batch_create_params.py``).
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any

from studio.calls import Request
from studio.llm.client import LLMClient, body_of, route_of
from studio.llm.failures import CallFailed

MOST_REQUESTS = 50_000
MOST_BYTES = 200 * 10**6
"""What one file may hold."""
NAMED = "studio"
"""The key of a batch's metadata that holds the name by which we find it again."""
LISTED = 100
PAGES = 20
"""Batches of the account that are looked through for one, in pages."""
UPLOAD_S = 3600.0
ENDED = ("completed", "failed", "expired", "cancelled")


class RequestFile:
    """The requests of one batch, a line each; on disk, and gone with the process."""

    def __init__(self, route: str, most: int = MOST_REQUESTS) -> None:
        self.route = route
        self.most = min(most, MOST_REQUESTS)
        self.requests: list[str] = []
        self.outside_id = ""
        """The server's; empty before it has the file."""
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115

    def add(self, request: Request, client: LLMClient) -> bool:
        """Write one more line, as the model takes it; False when the file is full."""
        line = {
            "custom_id": request.sha,
            "method": "POST",
            "url": f"/v1/{self.route}",
            "body": client.refused_by(request.model).fit(body_of(request)),
        }
        wire = json.dumps(line, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        full = len(self.requests) >= self.most or self._file.tell() + len(wire) > MOST_BYTES
        if self.requests and (full or route_of(request) != self.route):
            return False
        self._file.write(wire)
        self.requests.append(request.sha)
        return True

    def read(self) -> IO[bytes]:
        """From its beginning; aiohttp closes what it has sent, so a copy of the handle."""
        import os

        self._file.flush()
        copied = os.fdopen(os.dup(self._file.fileno()), "rb")
        copied.seek(0)
        return copied

    def close(self) -> None:
        """Nothing is left of it."""
        self._file.close()


@dataclass(frozen=True, slots=True)
class BatchState:
    """Where a batch is, as the server says."""

    id: str
    status: str
    total: int = 0
    done: int = 0
    """Requests with an answer or an error."""
    files: tuple[str, ...] = ()
    """Ids of the files with answers and with errors."""
    error: Mapping[str, Any] = field(default_factory=dict)
    """Why the server did not take it, ``code`` and ``message``."""

    @property
    def has_ended(self) -> bool:
        """Whether nothing more comes."""
        return self.status in ENDED


@dataclass(frozen=True, slots=True)
class BatchServer:
    """One server's Batch API. Everything raises :class:`CallFailed`."""

    client: LLMClient

    async def create(self, file: RequestFile, name: str) -> BatchState:
        """Send a file and have a batch made of it; one of that name that is there is taken.

        The name goes along as a key too: a server that heeds it makes one batch of equal calls,
        also of one that it has not listed yet. The API's documentation promises that for no batch.
        """
        if found := await self.find(name):
            return found
        if not file.outside_id:
            sent = await self.client.asked("POST", "files", within_s=UPLOAD_S, **_form(file))
            file.outside_id = str(_object(sent)["id"])
        told = {
            "input_file_id": file.outside_id,
            "endpoint": f"/v1/{file.route}",
            "completion_window": "24h",
            "metadata": {NAMED: name},
        }
        key = {"Idempotency-Key": name}
        return _state(await self.client.asked("POST", "batches", json=told, headers=key))

    async def find(self, name: str) -> BatchState | None:
        """The batch of that name, which a killed process may have made."""
        after = ""
        for _ in range(PAGES):
            route = f"batches?limit={LISTED}" + (f"&after={after}" if after else "")
            listed = _dict(await self.client.asked("GET", route))
            batches = [_object(one) for one in _list(listed.get("data"))]
            for one in batches:
                if _dict(one.get("metadata")).get(NAMED) == name:
                    return _state(one)
            if not batches or not listed.get("has_more"):
                break
            after = str(batches[-1]["id"])
        return None

    async def state(self, batch_id: str) -> BatchState:
        """Where a batch is."""
        return _state(await self.client.asked("GET", f"batches/{batch_id}"))

    async def cancel(self, batch_id: str) -> None:
        """Have nothing more of it answered."""
        await self.client.asked("POST", f"batches/{batch_id}/cancel")

    async def results(self, file_id: str) -> AsyncGenerator[dict[str, Any]]:
        """What came of the requests, in any order; lines that cannot be read are left out."""
        async for line in self.client.lines(f"files/{file_id}/content"):
            try:
                found = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(found, dict):
                yield found


def _form(file: RequestFile) -> dict[str, Any]:
    import aiohttp

    form = aiohttp.FormData()
    form.add_field("purpose", "batch")
    form.add_field("file", file.read(), filename="requests.jsonl", content_type="application/jsonl")
    body = form()
    return {"data": body, "headers": {"Content-Type": body.headers["Content-Type"]}}


def _state(found: Any) -> BatchState:
    told = _object(found)
    counts = _dict(told.get("request_counts"))
    errors = _list(_dict(told.get("errors")).get("data"))
    files = (told.get("output_file_id"), told.get("error_file_id"))
    return BatchState(
        str(told["id"]),
        str(told.get("status")),
        whole(counts.get("total")),
        whole(counts.get("completed")) + whole(counts.get("failed")),
        tuple(str(one) for one in files if one),
        _dict(errors[0]) if errors else {},
    )


def whole(found: Any) -> int:
    """A number of a server; 0 where it is none."""
    return found if isinstance(found, int) else 0


def _object(found: Any) -> dict[str, Any]:
    if not isinstance(found, dict) or not isinstance(found.get("id"), str | int):
        raise CallFailed("broken", "The server's answer names no file or batch.")
    return found


def _dict(found: Any) -> dict[str, Any]:
    """An object of a server; what it leaves out is empty."""
    if not isinstance(found or {}, dict):
        raise CallFailed("broken", "The server's answer is not one of a Batch API.")
    return found or {}


def _list(found: Any) -> list[Any]:
    if not isinstance(found or [], list):
        raise CallFailed("broken", "The server's answer is not one of a Batch API.")
    return found or []
