"""Which server answers: by name, by URL, or an embedded model that the studio starts itself.

Keys come from the environment or the keyring, and go nowhere but to the server they are for.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from studio.llm.catalogue import load as catalogue
from studio.llm.catalogue import required_path
from studio.llm.embedded import EmbeddedServer
from studio.records import StudioError
from studio.settings import Endpoint, Settings

EMBEDDED = "embedded:"
OPENAI = Endpoint(
    name="openai",
    base_url="https://api.openai.com/v1",
    api_key_env="OPENAI_API_KEY",
    context_window=128_000,
)
"""Known without settings; its prices are not, since they change."""
SLOTS = 4
"""Requests that an embedded server decodes side by side."""
SLOT_TOKENS = 2048
"""The window of each."""
KEYRING_SERVICE = "studio"


@dataclass(frozen=True, slots=True)
class Serving:
    """An endpoint that is ready to be called."""

    endpoint: Endpoint
    api_key: str | None = field(default=None, repr=False)
    """Sent to the endpoint and nowhere else; never shown."""


def resolve(settings: Settings, *, name: str = "", base_url: str = "", model: str = "") -> Endpoint:
    """The endpoint that these words mean; nothing is started or called.

    A URL comes first, then a name, then a model alone (at OpenAI, when its key is there), then the
    settings' default. Raises StudioError for an unknown name, or a server without a model.
    """
    if base_url:
        found = _by_url(settings, base_url)
    elif not name and model and os.environ.get(OPENAI.api_key_env):
        found = OPENAI
    else:
        found = _by_name(settings, name or settings.endpoint)
    found = replace(found, model=model) if model else found
    if not found.model:
        raise StudioError(
            f"The endpoint {found.name} ({found.base_url}) needs a model: name one with --model, "
            f'or write model = "…" under [endpoints.{found.name}] in the settings.'
        )
    return found


def _by_url(settings: Settings, url: str) -> Endpoint:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise StudioError(f"{url} is not a web address; write it like http://localhost:8000/v1.")
    url = url.rstrip("/")
    for known in (*settings.endpoints.values(), OPENAI):
        if known.base_url.rstrip("/") == url:
            return known
    return Endpoint(name=parts.netloc.rpartition("@")[2], base_url=url)


def _by_name(settings: Settings, name: str) -> Endpoint:
    if name in settings.endpoints:
        return settings.endpoints[name]
    if name == OPENAI.name:
        return OPENAI
    if name.startswith(EMBEDDED):
        return _embedded(name.removeprefix(EMBEDDED))
    known = [*settings.endpoints, OPENAI.name, *(EMBEDDED + model for model in _llms())]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0)[0]
    raise StudioError(f"There is no endpoint {name!r} in the settings. Did you mean {near}?")


def _embedded(model: str) -> Endpoint:
    if model not in _llms():
        near = difflib.get_close_matches(model, _llms(), n=1, cutoff=0)[0]
        raise StudioError(f"There is no embedded model {model!r}. Did you mean {near}?")
    return Endpoint(
        name=EMBEDDED + model,
        model=model,
        embedded=True,
        max_concurrency=SLOTS,
        price_in=0.0,
        price_out=0.0,
        context_window=SLOT_TOKENS,
    )


def _llms() -> list[str]:
    return [name for name, entry in catalogue().items() if entry.kind == "llm"]


def api_key(endpoint: Endpoint) -> str | None:
    """The endpoint's key from its environment variable or the keyring; None when it has none.

    Raises StudioError when the endpoint names a variable and the key is in neither place.
    """
    if endpoint.api_key_env and (key := os.environ.get(endpoint.api_key_env)):
        return key
    if key := _from_keyring(endpoint.name):
        return key
    if endpoint.api_key_env:
        raise StudioError(
            f"The endpoint {endpoint.name} needs a key: set {endpoint.api_key_env} in the "
            f"environment, or store it with `keyring set {KEYRING_SERVICE} {endpoint.name}`."
        )
    return None


def _from_keyring(name: str) -> str | None:
    import keyring
    from keyring.errors import KeyringError

    try:
        return keyring.get_password(KEYRING_SERVICE, name)
    except (KeyringError, OSError):
        # No keyring service on this machine, as on most servers: then there is no key in it.
        return None


@contextmanager
def serving(endpoint: Endpoint, settings: Settings, log: Path) -> Iterator[Serving]:
    """The endpoint, ready: an embedded model is started before and stopped after.

    Raises StudioError when the model is not on this machine, does not start, or a key is missing.
    """
    if not endpoint.embedded:
        yield Serving(endpoint, api_key(endpoint))
        return
    gguf = required_path(endpoint.model)
    server = EmbeddedServer(
        gguf, settings.threads, SLOTS, SLOT_TOKENS, name=endpoint.model, log=log
    )
    with server:
        yield Serving(replace(server.endpoint, style=endpoint.style), server.key)
