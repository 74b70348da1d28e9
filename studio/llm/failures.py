"""How one call can fail, what each failure means for the run, and the sentence a person reads."""

from __future__ import annotations

import email.utils
import math
import re
import ssl
import sys
import time
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

from studio.api_keys import blotted
from studio.llm.address import of_call
from studio.llm.proxies import named_proxy
from studio.records import StudioError
from studio.servers import host_of
from studio.settings import Endpoint

FailureKind = Literal["fatal", "denied", "refused", "busy", "late", "broken", "down"]

BUSY_STATUSES = frozenset({408, 409, 423, 425, 429, 503, 529})
LATE_STATUSES = frozenset({504, 522, 524})
DENIED_STATUSES = frozenset({403, 404, 405, 410, 501})
QUOTA_CODES = frozenset({"insufficient_quota", "billing_hard_limit_reached"})
LONGEST_WAIT_S = 3600.0
"""A server that asks for a longer pause is not waited for: the run ends and says so."""

_QUOTA = re.compile(
    r"insufficient[ _-](?:quota|balance|credits?|funds)"
    r"|(?:exceeded|reached|out of|run out|used up)[^.]{0,40}\b"
    r"(?:quota|credits?|usage limits?|spend(?:ing)? (?:limit|cap))"
    r"|credit balance|quota[^.]{0,20}(?:exceeded|exhausted)|per[- ]day|daily (?:limit|quota)"
    r"|billing (?:details|hard limit)|payment required|in arrears",
    re.IGNORECASE,
)
_BAD_KEY = re.compile(
    r"\bkey\b[^.]{0,20}(?:not valid|invalid|expired)"
    r"|(?:invalid|incorrect|wrong|expired|missing)[^.]{0,20}(?:\bkey\b|api_key)",
    re.IGNORECASE,
)
_MODERATED = re.compile(
    r"moderat|content[ _-]?(?:filter|policy|management)|flagged|safety|responsible ?ai"
    r"|data_inspection|inappropriate|prohibited[ _]content",
    re.IGNORECASE,
)
_LOADING = re.compile(
    r"\b(?:loading|load(?:ed)? yet|warming|starting|not ready|swapp)", re.IGNORECASE
)
_WAIT = re.compile(
    r"(?:try again|retry)(?: again)? (?:in|after) "
    r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?) ?(ms|s))?",
    re.IGNORECASE,
)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]{0,2000}>")


class CallFailed(StudioError):
    """One attempt at one call failed.

    ``fatal``: every further call will fail alike (key, quota, address).
    ``denied``: this request is at fault, or all are: only what becomes of others tells.
    ``refused``: this request is at fault (too long, bad parameter); others may pass.
    ``busy``: too many calls at a time, or a model that is loading; waiting helps.
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
        said: str = "",
        param: str = "",
        moderated: bool = False,
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
        self.said = said
        """The server's own words."""
        self.param = param
        """The parameter that the server names as refused."""
        self.moderated = moderated
        """Whether what the request says was refused, which no further try mends."""


def from_exception(error: Exception, endpoint: Endpoint, base_url: str) -> CallFailed:
    """What an exception of aiohttp, or of the ``openai`` package where it is in use, means."""
    where = f"{endpoint.name} ({base_url})"
    causes = list(_causes(error))
    if told := next((cause for cause in causes if isinstance(cause, CallFailed)), None):
        return told
    sdk: Any = sys.modules.get("openai")
    if sdk and isinstance(error, sdk.APIStatusError):
        headers: Any = error.response.headers
        return from_status(error.status_code, error.body, headers, endpoint, base_url)
    if _is_packed_badly(causes):
        return nonsense(where, "its compressed answer cannot be unpacked")
    if _is_of_connection(causes, sdk):
        return _from_connection(causes, endpoint, base_url)
    if proxy := _proxy(base_url):
        return CallFailed("down", f"{proxy} cannot be used for {where}: {_one_line(str(error))}.")
    detail = f"{type(error).__name__}: {_one_line(str(error))}"
    return CallFailed("broken", f"The call to {where} failed: {detail}", maybe_paid=True)


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


# -- what a server says --


def from_status(
    status: int, body: Any, headers: Mapping[str, str], endpoint: Endpoint, base_url: str
) -> CallFailed:
    """An answer with an error status."""
    if 300 <= status < 400:
        return _sent_on(status, headers.get("location", ""), f"{endpoint.name} ({base_url})")
    wait = retry_after(headers, time.time())
    return _classified(status, f"HTTP {status}", body, wait, endpoint, base_url)


def _sent_on(status: int, to: str, where: str) -> CallFailed:
    """What was meant for one server does not go to another unasked."""
    place = host_of(to) or to or "somewhere else"
    sentence = (
        f"{where} sends requests on to {place} (HTTP {status}), and nothing was sent there. If "
        "that is where they belong, name that address instead: "
        f"{_one_line(_base(to))}"
    )
    return CallFailed("fatal", sentence, status=status)


def _base(to: str) -> str:
    """What can be named as an address, where a call was sent on."""
    try:
        return of_call(to)
    except ValueError:
        return to


def from_body(body: Any, endpoint: Endpoint, base_url: str) -> CallFailed:
    """An error inside an answer that calls itself a success."""
    code = str(body.get("code") or body.get("status") or "") if isinstance(body, dict) else ""
    status = int(code) if code.isdecimal() and 400 <= int(code) <= 599 else 0
    how = f"error {status} in its answer" if status else "an error in its answer"
    failed = _classified(status, how, body, None, endpoint, base_url)
    failed.maybe_paid = failed.kind in ("broken", "late")
    return failed


def _classified(
    status: int, how: str, body: Any, wait: float | None, endpoint: Endpoint, base_url: str
) -> CallFailed:
    said = _one_line(words_of(body)).rstrip(".") or "no reason given"
    wait = _wait_in(said) if wait is None else wait
    code = _field(body, "code") or _field(body, "type")
    where = f"{endpoint.name} ({base_url})"
    kind, sentence = _kind_of(status, how, said, code, wait, endpoint, where)
    return CallFailed(
        kind,
        sentence,
        retry_after=wait if kind == "busy" else None,
        maybe_paid=status in LATE_STATUSES,
        status=status,
        said=said,
        param=_field(body, "param"),
        moderated=kind == "refused" and bool(_MODERATED.search(f"{code} {said}")),
    )


def _kind_of(
    status: int,
    how: str,
    said: str,
    code: str,
    wait: float | None,
    endpoint: Endpoint,
    where: str,
) -> tuple[FailureKind, str]:
    told = f"({how}): {said}."
    if QUOTA_CODES & {code} or (wait is None and _QUOTA.search(said)):
        return "fatal", f"{where} says that the account's quota is spent {told}"
    if status == 402:
        return "fatal", f"{where} wants payment {told}"
    if wait is not None and wait > LONGEST_WAIT_S:
        told += " Go on then with `studio jobs resume`: what is stored is not asked again."
        return "fatal", f"{where} asks for a pause of {_span(wait)} {told}"
    if status in (401, 403) and endpoint.keyless:
        told = f"({how}), and none was sent: only the project names that server."
        advice = "Name it yourself as the endpoint, or in your own settings, to send it your key."
        return "fatal", f"{where} wants a key {told} {advice}"
    if status == 401 or (status in (0, 400) and _BAD_KEY.search(said)):
        return "fatal", f"{where} refused the key {told} Check {_key_of(endpoint)}."
    if status == 407:
        return "fatal", f"The proxy before {where} wants a name and a password {told}"
    if status < 500 and status not in BUSY_STATUSES and _MODERATED.search(f"{code} {said}"):
        return "refused", f"{where} refused what the request says {told}"
    if status in DENIED_STATUSES:
        return "denied", _denied(status, told, endpoint, where)
    if status in BUSY_STATUSES:
        loading = _LOADING.search(said)
        return "busy", f"{where} {'loads its model' if loading else 'is busy'} {told}"
    if status in LATE_STATUSES:
        return "late", f"{where} timed out {told}"
    if status >= 500 or not status:
        return "broken", f"{where} failed {told}"
    return "refused", f"{where} refused the request {told}"


def _denied(status: int, told: str, endpoint: Endpoint, where: str) -> str:
    if status == 403:
        return f"{where} refused the key {told} Check {_key_of(endpoint)}."
    return (
        f"{where} has no such model or route {told} "
        f"Check the model name {endpoint.model!r} and that the URL ends in /v1."
    )


def _key_of(endpoint: Endpoint) -> str:
    return endpoint.api_key_env or f"the keyring entry studio/{endpoint.name}"


def words_of(body: Any) -> str:
    """The words for people in an error of any shape; empty when there are none."""
    if isinstance(body, str):
        title = _TITLE.search(body)
        return (title[1] if title else _TAG.sub(" ", body)).strip()
    if isinstance(body, list):
        return "; ".join(filter(None, map(words_of, body[:5])))
    if not isinstance(body, dict):
        return ""
    names = ("message", "msg", "detail", "error", "errors", "error_description", "title", "reason")
    found = next((words for name in names if (words := words_of(body.get(name)))), "")
    place, raw = body.get("loc"), words_of(_field(body, "metadata", "raw"))
    if isinstance(place, list) and place:
        found = f"{place[-1]}: {found}"
    return f"{found}: {raw}" if raw and raw != found else found


def _field(body: Any, *path: str) -> str:
    for name in path:
        body = body[0] if isinstance(body, list) and body else body
        body = body.get("error", body) if isinstance(body, dict) else None
        body = body.get(name) if isinstance(body, dict) else None
    return body if isinstance(body, str) else ""


# -- when no answer came --


def _is_packed_badly(causes: list[BaseException]) -> bool:
    from aiohttp.http_exceptions import ContentEncodingError

    return any(isinstance(cause, zlib.error | ContentEncodingError) for cause in causes)


def _is_of_connection(causes: list[BaseException], sdk: Any) -> bool:
    import aiohttp

    kinds = (aiohttp.ClientError, OSError, EOFError, *((sdk.APIConnectionError,) if sdk else ()))
    # An address that no call can go to is aiohttp's ValueError too.
    return any(isinstance(cause, kinds) for cause in causes)


def _from_connection(causes: list[BaseException], endpoint: Endpoint, base_url: str) -> CallFailed:
    import aiohttp

    where = f"{endpoint.name} ({base_url})"

    def has(*kinds: type[BaseException]) -> BaseException | None:
        return next((cause for cause in causes if isinstance(cause, kinds)), None)

    if has(aiohttp.ClientProxyConnectionError, aiohttp.ClientHttpProxyError):
        return CallFailed("down", f"{_proxy(base_url)} does not let calls to {where} through.")
    if found := has(ssl.SSLCertVerificationError):
        return CallFailed("down", _untrusted(where, getattr(found, "verify_message", str(found))))
    if has(ssl.SSLError) and not has(aiohttp.ServerDisconnectedError):
        return CallFailed("down", f"{where} does not speak https. Write http:// in its URL.")
    through = f" through {_proxy(base_url)}" if _proxy(base_url) else ""
    if has(aiohttp.ClientConnectorDNSError):
        host = urlsplit(base_url).hostname
        return CallFailed("down", f"There is no host {host}, which {where} names. Mend the URL.")
    if has(aiohttp.ClientConnectorError, ConnectionRefusedError):
        sentence = f"Nothing answers at {where}{through}. Start the server or mend the URL."
        return CallFailed("down", sentence)
    if has(TimeoutError):
        return timed_out(endpoint, base_url)
    sentence = f"{where} dropped the connection{through}; it may have restarted."
    return CallFailed("broken", sentence, maybe_paid=True)


def _untrusted(where: str, why: str) -> str:
    return (
        f"The certificate of {where} is not trusted: {why}. If it is your own, name the file of "
        "its authority in the environment variable SSL_CERT_FILE."
    )


def _proxy(base_url: str) -> str:
    """The proxy that calls there take, for people; empty when they take none."""
    named = named_proxy(base_url)
    if named is None:
        return ""
    # A password may stand before the @.
    scheme, _, rest = named[1].rpartition("://")
    return f"the proxy {scheme}://{rest.rpartition('@')[2]} of the environment ({named[0]}_proxy)"


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


# -- how long to wait --


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait as the headers ask (milliseconds, seconds or a date); None for nonsense."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        value = headers.get(name, "").strip()
        seconds = _number(value) if value else None
        if seconds is not None:
            return max(0.0, seconds / unit)
    try:
        date = email.utils.parsedate_to_datetime(headers.get("retry-after", ""))
        return max(0.0, date.timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None


def _wait_in(said: str) -> float | None:
    """Seconds that a message asks for, as in ``try again in 1m30s``."""
    found = _WAIT.search(said)
    if found is None or not any(found.groups()):
        return None
    hours, minutes, seconds, unit = found.groups()
    wait = float(seconds or 0) / (1000 if unit == "ms" else 1)
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + wait


def _span(seconds: float) -> str:
    """Such as ``24 h``."""
    return f"{seconds / 3600:,.0f} h" if seconds < 48 * 3600 else f"{seconds / 86400:,.0f} days"


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _one_line(text: str, longest: int = 300) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= longest else flat[: longest - 1] + "…"
