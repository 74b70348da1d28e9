"""Which endpoint is meant, which key belongs to it, and whether it is well."""

from __future__ import annotations

import asyncio
import dataclasses
import difflib
import importlib.util
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from studio import api_keys, servers
from studio.calls import Answer, Decoding, Message, Request, Style
from studio.llm import catalogue
from studio.llm.address import address, is_address
from studio.llm.client import LLMClient, clients_for
from studio.llm.embedded import INSTALL_HINT, EmbeddedServer
from studio.llm.failures import CallFailed
from studio.records import StudioError
from studio.settings import (
    OPENAI_KEY_ENV,
    URL_KEY_ENV,
    Endpoint,
    Settings,
    config_dir,
    guarded,
    load,
)

EMBEDDED_PREFIX = "embedded:"
EMBEDDED_SLOTS = 4
KEYRING_SERVICE = "studio"
OPENAI = Endpoint("openai", servers.OPENAI_URL, api_key_env=OPENAI_KEY_ENV)
CHECK_TIMEOUT_S = 30.0
PROBE_TOKENS = (16, 1024)
"""Most tokens of a probe's answer. Some models refuse less than 16, some think first."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Serving:
    """An endpoint that can be called now."""

    endpoint: Endpoint
    """With the address of the running server, if it is an embedded model."""
    api_key: str | None
    """None when it wants none. Never stored, never shown."""


@dataclass(frozen=True, slots=True)
class EndpointHealth:
    """What a check found."""

    ok: bool
    """Whether requests of at least one style are answered."""
    sentence: str
    """For the person: what works, or what is wrong and what to do."""
    models: tuple[str, ...] = ()
    """What the server offers; empty when it does not say."""
    styles: tuple[Style, ...] = ()
    """The styles that it answered."""
    latency_s: float | None = None
    """Seconds for a short answer."""


def resolve(
    settings: Settings,
    name: str | None = None,
    *,
    base_url: str | None = None,
    model: str | None = None,
) -> Endpoint:
    """The endpoint by its name or address, or the settings' own when neither is given.

    ``name`` is one of the settings' endpoints, ``embedded:MODEL``, ``openai``, or a URL. ``model``
    overrides the endpoint's. Raises StudioError for an unknown name or a missing model.
    """
    wanted = base_url or name or settings.endpoint
    if wanted in settings.endpoints:
        found = settings.endpoints[wanted]
    elif is_address(wanted):
        found = _at_url(wanted, model or "", settings)
    elif wanted.startswith(EMBEDDED_PREFIX):
        found = embedded_endpoint(wanted.removeprefix(EMBEDDED_PREFIX))
    elif wanted == OPENAI.name:
        found = OPENAI
    else:
        raise StudioError(_unknown(wanted, settings))
    if model and found.embedded:
        return _embedded_as(found, model)
    return _complete(dataclasses.replace(found, model=model or found.model))


def embedded_endpoint(model: str) -> Endpoint:
    """An embedded model by its catalogue name; its address is known once it runs."""
    entry = catalogue.entry_of(model)
    if entry.kind != "llm":
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
    server = EmbeddedServer(
        catalogue.required_path(endpoint.model),
        settings.threads,
        min(EMBEDDED_SLOTS, endpoint.max_concurrency),
        endpoint.context_window,
        name=endpoint.model,
        log=log,
    )
    with server:
        yield Serving(_running(endpoint, server), server.key)


def check_choice(settings: Settings, name: str, model: str) -> str:
    """One sentence on the endpoint that is meant. Raises StudioError when it is not well."""
    health = check(resolve(settings, name or None, model=model or None))
    if not health.ok:
        raise StudioError(health.sentence)
    return health.sentence


def check(endpoint: Endpoint) -> EndpointHealth:
    """As :func:`probe`, for code without an event loop."""
    return asyncio.run(probe(endpoint))


async def probe(endpoint: Endpoint) -> EndpointHealth:
    """Ask for the models and for a few tokens in each style; never raises for what is wrong there.

    An embedded model is not started: it is well when its runtime and its file are here.
    """
    try:
        if endpoint.embedded:
            return _embedded_health(endpoint)
        patient = min(endpoint.timeout_s, CHECK_TIMEOUT_S)
        patient_one = dataclasses.replace(endpoint, timeout_s=patient)
        key = await asyncio.to_thread(api_key, endpoint)
        reports = []
        for client in clients_for(patient_one, key):
            async with client:
                reports.append(await _probe_one(client))
        return next((report for report in reports if not report.ok), reports[0])
    except StudioError as error:
        return EndpointHealth(False, str(error))


async def _probe_one(client: LLMClient) -> EndpointHealth:
    notes: list[str] = []
    client.on_note = notes.append
    models = await _models(client)
    started = time.monotonic()
    chat = await _few_tokens(client, "chat")
    latency = time.monotonic() - started
    completion = await _few_tokens(client, "completion")
    if isinstance(chat, CallFailed) and isinstance(completion, CallFailed):
        listed = not models or client.endpoint.model in models
        return EndpointHealth(False, str(chat) if listed else _no_model(client, models), models)
    sentence = f"{client.endpoint.name} answers as {client.endpoint.model} in {latency:.2f} s."
    styles: tuple[Style, ...] = ("chat", "completion")
    if isinstance(completion, CallFailed):
        styles = ("chat",)
        sentence += " It has no completion route: use templates of chat style."
    elif isinstance(chat, CallFailed):
        styles = ("completion",)
        sentence += " It has no chat route: use templates of completion style."
    return EndpointHealth(True, " ".join([sentence, *notes[-1:]]), models, styles, latency)


async def _models(client: LLMClient) -> tuple[str, ...]:
    """What the server offers; nothing when it has no such list, or keeps it to itself."""
    try:
        return tuple(await client.models())
    except CallFailed as failed:
        if failed.kind == "down" or failed.status == 401:
            raise
        return ()


async def _few_tokens(client: LLMClient, style: Style) -> Answer | CallFailed:
    message = Message("user" if style == "chat" else "prompt", "Hello")
    found: Answer | CallFailed
    for most in PROBE_TOKENS:
        decoding = Decoding(temperature=0.0, max_tokens=most)
        try:
            return await client.complete(Request((message,), client.endpoint.model, decoding))
        except CallFailed as failed:
            if failed.kind == "down" or failed.status == 401:
                raise
            found = failed
        if found.kind != "refused":
            break
    return found


def _no_model(client: LLMClient, models: tuple[str, ...]) -> str:
    model = client.endpoint.model
    near = difflib.get_close_matches(model, models, n=3, cutoff=0.3) or list(models[:5])
    return (
        f"{client.endpoint.name} ({client.base_url}) has no model {model!r}. "
        f"It offers {', '.join(near)}{' …' if len(near) < len(models) else ''}."
    )


def _embedded_health(endpoint: Endpoint) -> EndpointHealth:
    path = catalogue.required_path(endpoint.model)
    if importlib.util.find_spec("xllamacpp") is None:
        return EndpointHealth(False, f"The embedded LLM needs xllamacpp; {INSTALL_HINT}.")
    sentence = f"{endpoint.name} is here ({path.stat().st_size / 1e6:.0f} MB) and starts when used."
    return EndpointHealth(True, sentence, (endpoint.model,), ("chat", "completion"))


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


def _complete(endpoint: Endpoint) -> Endpoint:
    if endpoint.embedded:
        catalogue.entry_of(endpoint.model)
        return endpoint
    if not endpoint.base_url:
        raise StudioError(f"The endpoint {endpoint.name} has no base_url; add it to the settings.")
    if not endpoint.model:
        raise StudioError(f"Which model of {endpoint.name}? Name it with --model.")
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
