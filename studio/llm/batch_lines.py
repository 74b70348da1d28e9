"""What a server says of the requests of a batch: an answer each, or why there is none."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from studio.api_keys import blotted
from studio.calls import Answer
from studio.llm import failures
from studio.llm.batch_api import BatchState, whole
from studio.llm.client import LLMClient
from studio.llm.failures import CallFailed
from studio.llm.reading import Gathered, error_in


def answer_in(line: Mapping[str, Any], client: LLMClient) -> Answer:
    """The answer in a line of results. Raises CallFailed where it holds none."""
    endpoint, url = client.endpoint, client.base_url
    response, error = line.get("response"), line.get("error")
    if not isinstance(response, dict):
        failed = failures.from_body(error or {"message": "no answer"}, endpoint, url)
        # It was never begun.
        failed.maybe_paid = False
        raise failed
    body, status = response.get("body"), whole(response.get("status_code"))
    if status != 200 or not isinstance(body, dict):
        raise failures.from_status(status, body or error, {}, endpoint, url)
    if found := error_in(body):
        raise failures.from_body(found, endpoint, url)
    gathered = Gathered(time.monotonic())
    gathered.take(body)
    if not gathered.has_choices:
        raise failures.nonsense(f"{endpoint.name} ({url})", "no choices")
    return gathered.answer(endpoint)


def too_late(state: BatchState) -> CallFailed:
    """A batch ended without a line for a request."""
    how = {"cancelled": "was cancelled", "expired": "expired"}.get(state.status, "ended")
    return CallFailed("late", f"The batch {how} before this request was answered.")


def why_not_taken(state: BatchState, client: LLMClient) -> str:
    """The server's reason, on one line without keys."""
    return blotted(failures.from_body(state.error, client.endpoint, client.base_url).said)
