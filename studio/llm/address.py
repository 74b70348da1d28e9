"""The address of a server as people write it, put right where only one thing can be meant."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from studio.records import StudioError
from studio.servers import split

_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_HOST_FIRST = re.compile(r"^(?:localhost|\[[0-9a-f:.]+\]|[\w.-]+(?=:\d))(?:[:/]|$)", re.IGNORECASE)
_CALL = re.compile(r"/(?:chat/completions|completions|embeddings|responses|models)$")
"""What the SDK puts behind an address."""


def of_call(url: str) -> str:
    """The server's address in that of one of its calls; any other unchanged."""
    parts = urlsplit(url)
    found = _CALL.search(parts.path.rstrip("/"))
    if found is None:
        return url
    return parts._replace(path=parts.path[: found.start()], query="").geturl()


def is_address(text: str) -> bool:
    """Whether an address is meant, such as ``http://box:8000/v1`` or ``localhost:8000``."""
    return "://" in text or bool(_HOST_FIRST.match(text.strip()))


def address(text: str) -> str:
    """The address without blanks and slashes around it, and with a scheme.

    Raises StudioError, with the reason, for what cannot be the address of a server.
    """
    url = text.strip().strip("\"'<>").strip()
    if not _SCHEME.match(url):
        near = is_private(split(f"//{url}").hostname or "")
        url = f"{'http' if near else 'https'}://{url.lstrip('/')}"
    if fault := _fault(url):
        raise StudioError(f"{_shown(url)!r} is no address of a server: {fault}.")
    parts = urlsplit(url)
    if (meant := of_call(url)) != url:
        raise StudioError(
            f"{_shown(url)} is where one kind of call goes. The address of a server ends in /v1, "
            f"here {_shown(meant)}."
        )
    return parts._replace(path=parts.path.rstrip("/"), fragment="").geturl()


def _fault(url: str) -> str:
    """What is wrong with it; empty when nothing is."""
    form = "write it as http://HOST:PORT/v1"
    if re.search(r"[\s\x00-\x1f\x7f]", url):
        return "it holds a blank; copy it again, whole"
    try:
        parts = urlsplit(url)
    except ValueError:
        return form
    if parts.scheme.lower() not in ("http", "https"):
        return f"it begins with {parts.scheme}:// where servers have http:// or https://"
    if not parts.hostname:
        return f"no host is named; {form}"
    return "" if _has_good_port(parts) else "its port must be a number from 1 to 65535"


def _has_good_port(parts: SplitResult) -> bool:
    try:
        return parts.port != 0
    except ValueError:
        return False


def is_private(host: str) -> bool:
    """Whether the host is this machine or of the local network, where servers rarely have https."""
    try:
        return ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith((".local", ".lan", ".internal", ".localhost"))


def _shown(url: str) -> str:
    """Without what may be a password."""
    return re.sub(r"//[^/]*@", "//", url)
