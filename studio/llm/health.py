"""Whether an endpoint is well, and which models its server offers: asked of the server, now."""

from __future__ import annotations

import asyncio
import dataclasses
import difflib
import importlib.util
import time
from collections.abc import Sequence
from dataclasses import dataclass

from studio.calls import Answer, Decoding, Message, Request, Style
from studio.llm.client import LLMClient, clients_for
from studio.llm.embedded import INSTALL_HINT
from studio.llm.endpoints import api_key, embedded_file, server_of
from studio.llm.failures import CallFailed
from studio.records import StudioError
from studio.settings import Endpoint, Settings

CHECK_TIMEOUT_S = 30.0
PROBE_TOKENS = (16, 1024)
"""Most tokens of a probe's answer. Some models refuse less than 16, some think first."""


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


def check_choice(settings: Settings, name: str, model: str = "") -> str:
    """One sentence on the endpoint that is meant. Raises StudioError when it is not well."""
    health = check(with_model(settings, name, model))
    if not health.ok:
        raise StudioError(health.sentence)
    return health.sentence


def with_model(settings: Settings, name: str, model: str = "") -> Endpoint:
    """The endpoint; where no model is named, with the only one that its server offers.

    Asks the server then, so it blocks. Raises StudioError, with what is offered, when that does not
    say which model is meant.
    """
    found = server_of(settings, name or None, model=model or None)
    if found.model:
        return found
    offered = models_of(found)
    if not offered:
        raise StudioError(f"{found.name} does not say which models it offers: name the model, too.")
    if len(offered) > 1:
        raise StudioError(f"Which model of {found.name}? It offers {_some(offered)}.")
    return dataclasses.replace(found, model=offered[0])


def models_of(endpoint: Endpoint) -> tuple[str, ...]:
    """The models that a server offers now; none when it does not say. Blocks until it answers.

    Raises StudioError when nobody answers there, or only to another key.
    """
    return asyncio.run(_models_of(endpoint))


async def _models_of(endpoint: Endpoint) -> tuple[str, ...]:
    if endpoint.embedded:
        return (endpoint.model,)
    async with LLMClient(_patient(endpoint), await asyncio.to_thread(api_key, endpoint)) as client:
        return await _models(client)


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
        key = await asyncio.to_thread(api_key, endpoint)
        reports = []
        for client in clients_for(_patient(endpoint), key):
            async with client:
                reports.append(await _probe_one(client))
        return next((report for report in reports if not report.ok), reports[0])
    except StudioError as error:
        return EndpointHealth(False, str(error))


def _patient(endpoint: Endpoint) -> Endpoint:
    """With the time that a check waits."""
    return dataclasses.replace(endpoint, timeout_s=min(endpoint.timeout_s, CHECK_TIMEOUT_S))


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
        # A name that cannot be shown cannot be chosen.
        return tuple(name for name in await client.models() if name.isprintable())
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
    near = difflib.get_close_matches(model, models, n=3, cutoff=0.3)
    return (
        f"{client.endpoint.name} ({client.base_url}) has no model {model!r}. "
        f"It offers {_some(models, near)}."
    )


def _some(models: Sequence[str], first: Sequence[str] = ()) -> str:
    """A few of them in words."""
    few = first or models[:5]
    return ", ".join(few) + (" …" if len(few) < len(models) else "")


def _embedded_health(endpoint: Endpoint) -> EndpointHealth:
    path = embedded_file(endpoint)
    if importlib.util.find_spec("xllamacpp") is None:
        return EndpointHealth(False, f"The embedded LLM needs xllamacpp; {INSTALL_HINT}.")
    sentence = f"{endpoint.name} is here ({path.stat().st_size / 1e6:.0f} MB) and starts when used."
    return EndpointHealth(True, sentence, (endpoint.model,), ("chat", "completion"))
