"""Which servers and model files the person has named: the one rule on where a key may go, and on
which files a native parser may read, for all that can say so.

A project may come from a stranger: its ``studio.toml``, its database and the jobs in it can name
any server. A server gets a key only when the person has named its address: in their own settings,
on the command line, or by typing it on a screen. What was typed for a project is kept in its
database under a seal that nobody else can make, so that its jobs go on after a restart. The same
goes for the model files (GGUF) that an endpoint names by their path.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import SplitResult, urlsplit, urlunsplit

from studio.folders import private_file, state_dir

OPENAI_URL = "https://api.openai.com/v1"
"""Named by whoever has set ``OPENAI_API_KEY``."""
SEAL_ENV = "STUDIO_SEAL"
"""Hands the secret on to workers where it could not be written."""

_URL = re.compile(r"https?://[^\s\"'<>,]+", re.IGNORECASE)
_named: set[str] = {OPENAI_URL}
_typed: set[str] = set()
_files: set[str] = set()
EMBEDDED_PREFIX = "embedded:"
"""Before the name or the path of a model that runs on this machine."""


def split(url: str) -> SplitResult:
    """The parts of an address; of what is none, all of them are empty."""
    try:
        return urlsplit(url)
    except ValueError:
        return SplitResult("", "", "", "", "")


def plain(url: str) -> str:
    """The address as addresses are compared: scheme and host in small letters, no slash behind."""
    parts = split(url.strip())
    if not any(parts):
        return url
    return urlunsplit((parts.scheme.lower(), parts.netloc.lower(), *parts[2:])).rstrip("/")


def urls_in(*texts: object) -> set[str]:
    """Every address in texts such as ``http://box/v1`` or ``openai:MODEL@http://box/v1``."""
    found = {plain(url) for text in texts for url in _URL.findall(str(text))}
    # What is no address leads nowhere.
    return {url for url in found if split(url).hostname}


def name(urls: Iterable[str]) -> None:
    """The person has named these in this process, or sealed them in an earlier one."""
    _named.update(map(plain, urls))


def type_in(*texts: str) -> None:
    """The person has typed these texts in this program: the addresses in them are named."""
    _typed.update(texts, urls_in(*texts))
    name(urls_in(*texts))
    name_files(*texts)


def is_file(model: str) -> bool:
    """Whether a model is named by its path, not as the catalogue has it."""
    return "/" in model or model.lower().endswith(".gguf")


def name_files(*texts: str) -> None:
    """The person has named the model files in these, each as ``embedded:PATH`` or as its path."""
    for text in texts:
        path = text.removeprefix(EMBEDDED_PREFIX)
        if is_file(path) and (path != text or path.lower().endswith(".gguf")):
            _files.update((path, str(Path(path).expanduser().absolute())))


def is_named_file(*paths: str) -> bool:
    """Whether the person has named it, by any of these ways to write its path."""
    return not _files.isdisjoint(paths)


def files_in(params: Mapping[str, object]) -> set[str]:
    """The texts such as ``embedded:PATH`` among the values of a job's params."""
    found = set[str]()
    for value in params.values():
        if isinstance(value, Mapping):
            found |= files_in(value)
        elif isinstance(value, str) and value.startswith(EMBEDDED_PREFIX):
            found |= {value} if is_file(value.removeprefix(EMBEDDED_PREFIX)) else set()
    return found


def typed(texts: Iterable[str]) -> set[str]:
    """Those of the texts that the person has typed in this program."""
    return _typed.intersection(texts)


def forget() -> None:
    """Take back what was named and typed in this process."""
    _typed.clear()
    _files.clear()
    _named.clear()
    _named.add(OPENAI_URL)


def are_named(urls: Iterable[str]) -> bool:
    """Whether the person has named all of them."""
    return {plain(url) for url in urls} <= _named


def host_of(url: str) -> str:
    """Host and port, for people; never what may stand before an ``@``."""
    return split(url).netloc.rpartition("@")[2]


def is_loopback(url: str) -> bool:
    """Whether the URL is this machine's own address."""
    host = split(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def sealed(text: str) -> str:
    """A mark on a text that shows that this person has said it."""
    return hmac.digest(_secret(), text.encode("utf-8", "replace"), hashlib.sha256).hex()


def is_sealed(text: str, mark: object) -> bool:
    """Whether the mark is this person's on this text."""
    return isinstance(mark, str) and hmac.compare_digest(sealed(text).encode(), mark.encode())


def _secret() -> bytes:
    """Of this person alone, made at first use; it lasts as long as the process if it must."""
    if told := os.environ.get(SEAL_ENV):
        return told.encode()
    path = state_dir() / "seal"
    with suppress(OSError):
        if path.is_file() and (known := path.read_bytes()):
            return known
        made = secrets.token_hex(32).encode()
        partial = path.with_name(f"seal.{os.getpid()}")
        with os.fdopen(private_file(partial), "wb") as file:
            file.write(made)
        try:
            # Linked, not moved: of two that make one at the same time, the first stays.
            os.link(partial, path)
        except FileExistsError:
            return path.read_bytes()
        finally:
            partial.unlink(missing_ok=True)
        return made
    os.environ[SEAL_ENV] = secrets.token_hex(32)
    return os.environ[SEAL_ENV].encode()
