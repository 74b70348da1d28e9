"""What a key may look like, and that none is ever shown: the one place that blots keys out."""

from __future__ import annotations

import logging
import os
import re
from functools import lru_cache
from urllib.parse import parse_qsl, urlsplit

from studio.records import StudioError

BLOT = "•••"
"""Stands where a key was."""
SHORTEST = 8
"""A shorter "key" is a word such as ``none`` that may stand in any text."""

_LOOKS_SECRET = re.compile(r"\b(?:sk|pk|hf|gsk|xai)[-_][\w-]{12,}|(?<=Bearer )[\w.~+/=-]{8,}")
_SECRET_NAMES = "key|token|secret|passw|sig|auth|credential"
_QUERY = re.compile(_SECRET_NAMES, re.IGNORECASE)
_IN_URL = re.compile(
    r"(?P<scheme>://)(?P<user>[^\s/@\"'<>]+)@"
    rf"|(?P<name>[?&][\w-]{{0,64}}?(?:{_SECRET_NAMES})[\w-]{{0,64}}=)[^&\s\"'<>]+",
    re.IGNORECASE,
)
"""Nothing in it looks far ahead: texts from outside are as long as they like."""
_VARIABLE = re.compile(r"(?:KEY|TOKEN|SECRET|PASSWORD)$", re.IGNORECASE)
_known: set[str] = set()


def usable(key: str, source: str) -> str:
    """The key without blanks around it, remembered so that :func:`blotted` finds it.

    source: the variable or keyring entry that holds it. Raises StudioError for one that cannot be
    sent; the sentence never repeats it.
    """
    key = key.strip()
    _remember(key)
    if odd := next((c for c in key if not " " <= c <= "~"), ""):
        what = "a line break" if odd in "\r\n" else f"the character U+{ord(odd):04X}"
        raise StudioError(
            f"The key in {source} holds {what}, which no key has: copy the key again, whole and "
            "alone."
        )
    return key


def _remember(key: str) -> None:
    _known.update(part for part in (key, *key.split()) if len(part) >= SHORTEST)


def forget() -> None:
    """Take back which keys were used in this process."""
    _known.clear()


def blotted(text: str) -> str:
    """A sentence without any key of the environment or the keyring, or what looks like one."""

    def blot(found: re.Match[str]) -> str:
        return f"{found['scheme']}{BLOT}@" if found["user"] else f"{found['name']}{BLOT}"

    return _LOOKS_SECRET.sub(BLOT, _IN_URL.sub(blot, without_keys(text)))


def without_keys(text: str) -> str:
    """What a server wrote, without any key of the environment or the keyring."""
    held = {os.environ.get(name, "").strip() for name in os.environ if _holds_a_key(name)}
    keys = _known | {value for value in held if len(value) >= SHORTEST}
    for key in sorted(keys, key=len, reverse=True):
        text = text.replace(key, BLOT)
    return text


@lru_cache(maxsize=1024)
def _holds_a_key(variable: str) -> bool:
    return bool(_VARIABLE.search(variable))


def in_url(url: str) -> bool:
    """Whether an address carries a key or a password."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "@" in url
    return "@" in parts.netloc or any(_QUERY.search(name) for name, _ in parse_qsl(parts.query))


class BlottingFormatter(logging.Formatter):
    """Log lines, exceptions included, without keys."""

    def format(self, record: logging.LogRecord) -> str:
        """As the plain formatter has it, blotted."""
        return blotted(super().format(record))
