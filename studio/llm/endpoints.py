"""Which endpoint is meant, and which key belongs to it."""

from __future__ import annotations

import dataclasses
import difflib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from studio import api_keys, servers
from studio.llm import catalogue
from studio.llm.address import address, is_address
from studio.llm.embedded import EmbeddedServer
from studio.llm.prices import priced
from studio.records import StudioError
from studio.servers import EMBEDDED_PREFIX
from studio.settings import (
    OPENAI_KEY_ENV,
    URL_KEY_ENV,
    Endpoint,
    Settings,
    config_dir,
    guarded,
    load,
)

EMBEDDED_SLOTS = 4
KEYRING_SERVICE = "studio"
OPENAI = Endpoint("openai", servers.OPENAI_URL, api_key_env=OPENAI_KEY_ENV)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Serving:
    """An endpoint that can be called now."""

    endpoint: Endpoint
    """With the address of the running server, if it is an embedded model."""
    api_key: str | None
    """None when it wants none. Never stored, never shown."""


def resolve(
    settings: Settings,
    name: str | None = None,
    *,
    base_url: str | None = None,
    model: str | None = None,
) -> Endpoint:
    """The endpoint by its name or address, or the settings' own when neither is given.

    ``name`` is one of the settings' endpoints, ``embedded:MODEL``, ``openai``, or a URL. An
    embedded model is one of the catalogue, or a GGUF file or the folder with one, also from the
    project's folder: ``embedded:models/tuned-7`` is what was tuned there. ``model`` overrides the
    endpoint's. Raises StudioError for an unknown name or a missing model.
    """
    found = server_of(settings, name, base_url=base_url, model=model)
    if not found.model:
        raise StudioError(f"Which model of {found.name}? Name it with --model.")
    return priced(found)


def server_of(
    settings: Settings,
    name: str | None = None,
    *,
    base_url: str | None = None,
    model: str | None = None,
) -> Endpoint:
    """As :func:`resolve`; a server's model may be left open."""
    wanted = base_url or name or settings.endpoint
    if wanted in settings.endpoints:
        found = settings.endpoints[wanted]
    elif wanted.startswith(EMBEDDED_PREFIX):
        found = embedded_endpoint(wanted.removeprefix(EMBEDDED_PREFIX))
    elif is_address(wanted):
        found = _at_url(wanted, model or "", settings)
    elif wanted == OPENAI.name:
        found = OPENAI
    else:
        raise StudioError(_unknown(wanted, settings))
    if model and found.embedded:
        return _complete(_embedded_as(found, model), settings)
    return _complete(dataclasses.replace(found, model=model or found.model), settings)


def where_and_model(text: str) -> tuple[str, str]:
    """(name or address, model) of what was typed for an endpoint.

    A model may stand behind an address, or behind ``openai``; the model is empty where none does.
    """
    where, _, model = text.strip().partition(" ")
    return (where, model.strip()) if is_server(where) else (text.strip(), "")


def is_server(where: str) -> bool:
    """Whether it is a server that has to be told which of its models is meant."""
    return is_address(where) or where == OPENAI.name


def embedded_endpoint(model: str) -> Endpoint:
    """An embedded model by its catalogue name or its path; its address is known once it runs."""
    if not servers.is_file(model) and catalogue.entry_of(model).kind != "llm":
        raise StudioError(f"{model} is an encoder; an endpoint needs an LLM of the catalogue.")
    return Endpoint(
        EMBEDDED_PREFIX + model,
        model=model,
        embedded=True,
        max_concurrency=EMBEDDED_SLOTS,
        price_in=0.0,
        price_out=0.0,
    )


def api_key(endpoint: Endpoint) -> str | None:
    """The endpoint's key: its environment variable, else the keyring; None when it needs none.

    Raises StudioError when the settings name a variable that is not set, or for a key that cannot
    be one.
    """
    if endpoint.embedded:
        return None
    if endpoint.keyless:
        _refuse_key(endpoint)
        return None
    variable = endpoint.api_key_env
    if variable and os.environ.get(variable, "").strip():
        return api_keys.usable(os.environ[variable], variable)
    if key := _from_keyring(endpoint.name):
        return api_keys.usable(key, f"the keyring entry {KEYRING_SERVICE}/{endpoint.name}")
    if variable and variable != URL_KEY_ENV:
        raise StudioError(
            f"The key for {endpoint.name} is missing: set the environment variable "
            f"{variable}, or run `keyring set {KEYRING_SERVICE} {endpoint.name}`."
        )
    return None


def _refuse_key(endpoint: Endpoint) -> None:
    """No key goes to a server that only a project names; say so where one is wanted."""
    if endpoint.api_key_env:
        raise StudioError(
            f"The project's studio.toml wants a key for {endpoint.base_url}, and a project may "
            f"come from a stranger. If you trust it, put [endpoints.{endpoint.name}] with that "
            f"base_url into {config_dir() / 'config.toml'}."
        )


def at_address(url: str, model: str) -> Endpoint:
    """A server by its address, wherever that came from: with a key only if the person named it."""
    return resolve(load(), base_url=url, model=model)


def stranger(endpoint: Endpoint) -> str:
    """A sentence on a server that only the project names; empty for any other."""
    if not endpoint.keyless:
        return ""
    hosts = ", ".join(servers.host_of(url) for url in endpoint.urls)
    return (
        f"This project sends its texts to {hosts}, which it names itself: no key of yours goes "
        f"there. To send one, name the address yourself with --endpoint or in "
        f"{config_dir() / 'config.toml'}."
    )


@contextmanager
def serving(endpoint: Endpoint, settings: Settings, log: Path | None = None) -> Iterator[Serving]:
    """The endpoint ready to be called, with its key; an embedded model is started and stopped.

    Starting an embedded model blocks for seconds, and asking the keyring may: in an event loop,
    enter this in a thread. The embedded server's own output goes to ``log``.
    """
    if not endpoint.embedded:
        yield Serving(endpoint, api_key(endpoint))
        return
    _refuse_strange_file(endpoint, settings)
    server = EmbeddedServer(
        embedded_file(endpoint),
        settings.threads,
        min(EMBEDDED_SLOTS, endpoint.max_concurrency),
        endpoint.context_window,
        name=endpoint.model,
        log=log,
    )
    with server:
        yield Serving(_running(endpoint, server), server.key)


def _running(endpoint: Endpoint, server: EmbeddedServer) -> Endpoint:
    """The settings' words for it, the server's address and slots."""
    live = server.endpoint
    return dataclasses.replace(
        endpoint,
        base_url=live.base_url,
        max_concurrency=live.max_concurrency,
        timeout_s=max(endpoint.timeout_s, live.timeout_s),
        price_in=endpoint.price_in or 0.0,
        price_out=endpoint.price_out or 0.0,
    )


def _at_url(url: str, model: str, settings: Settings) -> Endpoint:
    if api_keys.in_url(url):
        host = servers.host_of(url) or "this server"
        raise StudioError(f"Put no key into the URL of {host}; set {URL_KEY_ENV} instead.")
    url = address(url)
    return guarded(Endpoint(servers.host_of(url), url, model), settings.own)


def embedded_file(endpoint: Endpoint) -> Path:
    """The GGUF file of an embedded model. Raises StudioError where there is none."""
    if not endpoint.gguf:
        return catalogue.required_path(endpoint.model)
    path = Path(endpoint.gguf)
    files = sorted(path.glob("*.gguf")) if path.is_dir() else [path] if path.is_file() else []
    if len(files) != 1:
        found = f"holds {len(files)} GGUF files" if path.is_dir() else "is not there"
        raise StudioError(f"{path} {found}; name the GGUF file of an LLM, or a folder with one.")
    return files[0]


def _refuse_strange_file(endpoint: Endpoint, settings: Settings) -> None:
    """A model file that only a project names is not read, unless it is among the project's models:
    the parser is native code, and the project may be a stranger's."""
    if not endpoint.gguf or settings.folder is None:
        return
    file = embedded_file(endpoint)
    if file.resolve().is_relative_to((settings.folder / "models").resolve()):
        return
    if not servers.is_named_file(endpoint.model, endpoint.gguf):
        raise StudioError(
            f"The project's studio.toml names the model file {file}, and a project may come from a "
            f"stranger, so it is not read. If you trust it, choose it yourself with --endpoint "
            f"{EMBEDDED_PREFIX}{file}, or put it into {config_dir() / 'config.toml'}."
        )


def _complete(endpoint: Endpoint, settings: Settings) -> Endpoint:
    if endpoint.embedded and servers.is_file(endpoint.model):
        path = Path(endpoint.model).expanduser()
        inside = (settings.folder or Path()) / path
        path = inside if inside.exists() else path
        return dataclasses.replace(endpoint, gguf=str(path.absolute()))
    if endpoint.embedded:
        catalogue.entry_of(endpoint.model)
        return endpoint
    if not endpoint.base_url:
        raise StudioError(f"The endpoint {endpoint.name} has no base_url; add it to the settings.")
    return dataclasses.replace(
        endpoint,
        base_url=address(endpoint.base_url),
        extra_base_urls=tuple(map(address, endpoint.extra_base_urls)),
    )


def _embedded_as(endpoint: Endpoint, model: str) -> Endpoint:
    fresh = embedded_endpoint(model)
    return dataclasses.replace(endpoint, name=fresh.name, model=model)


def _unknown(name: str, settings: Settings) -> str:
    embedded = [EMBEDDED_PREFIX + e.name for e in catalogue.load().values() if e.kind == "llm"]
    known = [*settings.endpoints, OPENAI.name, *embedded]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.3)
    hint = f"Did you mean {near[0]}? " if near else ""
    return f"There is no endpoint {name!r}. {hint}Known are: {', '.join(known)}, or give a URL."


def _from_keyring(name: str) -> str | None:
    """A keyring that cannot work is as one that holds nothing: most servers want no key."""
    try:
        import keyring

        return keyring.get_password(KEYRING_SERVICE, name) or None
    except Exception as error:
        # Its back ends come from anywhere and raise anything.
        log.info("The keyring cannot be asked: %s", error)
        return None
