"""How one call can fail, what each failure means for the run, and the sentence a person reads."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from studio.api_keys import blotted
from studio.records import StudioError
from studio.servers import host_of
from studio.settings import Endpoint

FailureKind = Literal["fatal", "refused", "busy", "late", "broken", "down"]

BUSY_STATUSES = frozenset({408, 425, 429, 503, 529})
LATE_STATUSES = frozenset({504, 522, 524})
FATAL_STATUSES = frozenset({401, 402, 403, 404, 405})
QUOTA_CODES = frozenset({"insufficient_quota", "billing_hard_limit_reached"})
LONGEST_WAIT_S = 900.0


class CallFailed(StudioError):
    """One attempt at one call failed.

    ``fatal``: every further call will fail alike (key, model, address, quota).
    ``refused``: this request is at fault (too long, bad parameter); others may pass.
    ``busy``: too many calls at a time; slower may help.
    ``late``: no whole answer in time; slower may help, but the work may have been done.
    ``broken``: the server erred, dropped the connection, or answered nonsense.
    ``down``: nobody listens there.
    """

    def __init__(
        self,
        kind: FailureKind,
        sentence: str,
        *,
        retry_after: float | None = None,
        maybe_paid: bool = False,
        status: int | None = None,
    ) -> None:
        # Servers echo the key that they refuse.
        super().__init__(blotted(sentence))
        self.kind = kind
        self.status = status
        """The HTTP status; None when no answer came."""
        self.retry_after = retry_after
        """Seconds that the server asked for; None when it did not say."""
        self.maybe_paid = maybe_paid
        """True when the server may have done (and billed) the work all the same."""


def from_sdk(error: Exception, endpoint: Endpoint, base_url: str) -> CallFailed:
    """What an exception of the SDK, its transport or the JSON parser means."""
    import openai

    where = f"{endpoint.name} ({base_url})"
    if isinstance(error, openai.APIStatusError):
        return _from_status(error, endpoint, where)
    if isinstance(error, openai.APIConnectionError):
        return _from_connection(error, endpoint, where)
    if isinstance(error, openai.APIError):
        return CallFailed("broken", f"{where} failed: {_one_line(error.message)}", maybe_paid=True)
    return nonsense(where, f"{type(error).__name__}: {error}")


def timed_out(endpoint: Endpoint, base_url: str) -> CallFailed:
    """No whole answer within the endpoint's time."""
    sentence = (
        f"{endpoint.name} ({base_url}) gave no answer within {endpoint.timeout_s:g} s. "
        "Lower max_concurrency or raise timeout_s of the endpoint."
    )
    return CallFailed("late", sentence, maybe_paid=True)


def nonsense(where: str, detail: str) -> CallFailed:
    """An answer that is not the OpenAI protocol."""
    sentence = (
        f"{where} answers, but not as an OpenAI-compatible server: {_one_line(detail)}. "
        "Check that the URL ends in /v1."
    )
    return CallFailed("broken", sentence, maybe_paid=True)


def _from_status(error: Any, endpoint: Endpoint, where: str) -> CallFailed:
    status, said = error.status_code, _said(error)
    kind, sentence = _kind_of(error, status, endpoint, where, said)
    wait = retry_after(error.response.headers, time.time()) if kind == "busy" else None
    return CallFailed(
        kind, sentence, retry_after=wait, maybe_paid=status in LATE_STATUSES, status=status
    )


def _kind_of(
    error: Any, status: int, endpoint: Endpoint, where: str, said: str
) -> tuple[FailureKind, str]:
    if str(error.code or error.type) in QUOTA_CODES:
        return "fatal", f"{where} says that the account's quota is spent: {said}."
    if 300 <= status < 400:
        return "fatal", _sent_on(error, where)
    if status in FATAL_STATUSES:
        return "fatal", _fatal_sentence(status, endpoint, where, said)
    if status in BUSY_STATUSES:
        return "busy", f"{where} is busy (HTTP {status}): {said}."
    if status in LATE_STATUSES:
        return "late", f"{where} timed out (HTTP {status}): {said}."
    if status >= 500:
        return "broken", f"{where} failed (HTTP {status}): {said}."
    return "refused", f"{where} refused the request (HTTP {status}): {said}."


def _sent_on(error: Any, where: str) -> str:
    """What was meant for one server does not go to another unasked."""
    to = error.response.headers.get("location", "")
    place = host_of(to) or to or "somewhere else"
    return (
        f"{where} sends requests on to {place} (HTTP {error.status_code}), and nothing was sent "
        f"there. If that is where they belong, name that address instead: {_one_line(to)}"
    )


def _fatal_sentence(status: int, endpoint: Endpoint, where: str, said: str) -> str:
    if status in (401, 403) and endpoint.keyless:
        return (
            f"{where} wants a key (HTTP {status}), and none was sent: only the project names that "
            "server. Name it with --endpoint or in your own settings to send it your key."
        )
    if status in (401, 403):
        source = endpoint.api_key_env or f"the keyring entry studio/{endpoint.name}"
        return f"{where} refused the key (HTTP {status}): {said}. Check {source}."
    if status == 402:
        return f"{where} wants payment (HTTP 402): {said}."
    return (
        f"{where} has no such model or route (HTTP {status}): {said}. "
        f"Check the model name {endpoint.model!r} and that the URL ends in /v1."
    )


def _from_connection(error: Exception, endpoint: Endpoint, where: str) -> CallFailed:
    import aiohttp

    causes = list(_causes(error))
    if any(
        isinstance(cause, aiohttp.ClientConnectorError | ConnectionRefusedError) for cause in causes
    ):
        return CallFailed("down", f"Nothing answers at {where}. Start the server or mend the URL.")
    if any(isinstance(cause, TimeoutError) for cause in causes):
        return timed_out(endpoint, where)
    return CallFailed(
        "broken", f"{where} dropped the connection; it may have restarted.", maybe_paid=True
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait as the headers ask (milliseconds, seconds or a date), at most 15 minutes."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        value = headers.get(name, "").strip()
        seconds = _number(value) if value else None
        if seconds is not None:
            return min(max(0.0, seconds / unit), LONGEST_WAIT_S)
    try:
        date = email.utils.parsedate_to_datetime(headers.get("retry-after", ""))
        return min(max(0.0, date.timestamp() - now), LONGEST_WAIT_S)
    except (ValueError, TypeError, OverflowError):
        return None


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if number == number else None


def _said(error: Any) -> str:
    """The server's own words for it, in one line."""
    body = error.body
    message = body.get("message") if isinstance(body, dict) else body
    return _one_line(str(message or error.message)).rstrip(".")


def _one_line(text: str, longest: int = 300) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= longest else flat[: longest - 1] + "…"
