"""Which proxy of the environment the calls to a server take."""

from __future__ import annotations

from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from studio.servers import is_loopback


def proxy_of(base_url: str) -> str | None:
    """The proxy's address, with the name and the password that may stand in it; None for none."""
    named = named_proxy(base_url)
    return named and named[1]


def named_proxy(base_url: str) -> tuple[str, str] | None:
    """Whose it is in the environment, such as ``https`` or ``all``, and its address.

    A proxy of the environment cannot reach this machine's own loopback: it is not asked to.
    """
    parts = urlsplit(base_url)
    found = getproxies()
    name = next((name for name in (parts.scheme, "all") if found.get(name)), "")
    if not name or is_loopback(base_url) or proxy_bypass(parts.hostname or ""):
        return None
    address = found[name]
    return name, address if "://" in address else f"http://{address}"
