"""What a model refuses of a request: learnt from its refusal, remembered, not sent again.

Models take temperature 1 only, no seed, no stop, not both temperature and top_p, another name for
``max_tokens``, no system turn. Each is learnt once for an address and a model.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from studio.llm.failures import CallFailed
from studio.settings import Endpoint, state_dir

Body = Mapping[str, Any]

OPTIONAL = ("temperature", "top_p", "seed", "stop", "presence_penalty", "stream_options", "stream")
"""What a request can go out without."""
TOLD = ("temperature", "top_p", "seed", "stop", "presence_penalty", "system")
"""What a person should know of: without it, answers are others."""
FORGET_AFTER_S = 30 * 86400.0
"""Servers learn too: what was refused is tried again after this time."""

_REFUSES = re.compile(
    r"support|not permitted|not allowed|unrecognized|unexpected|unknown|\bextra\b|forbidden|both"
    r"|only one|deprecated|instead|invalid|must be|removed|not available|accept|disabled",
    re.IGNORECASE,
)
_TOO_LONG = re.compile(
    r"context|too (?:large|long|many|small)|maximum|minimum|exceed|at (?:least|most)|than",
    re.IGNORECASE,
)
_NOT_BOTH = re.compile(r"\b(?:both|only one|either|together|simultaneously)\b", re.IGNORECASE)
_NO_SYSTEM = re.compile(r"system (?:role|message|prompt|instruction)", re.IGNORECASE)


class RefusedSettings:
    """What one model at one address refuses; shared by all calls to it."""

    def __init__(self, place: str, title: str, names: set[str]) -> None:
        self.place = place
        """Model and address; what is known is kept under it."""
        self.title = title
        """The same for people."""
        self.names = names
        """``max_tokens`` stands for its newer name, ``system`` for turns of that role."""
        self._kept = set(names)

    def fit(self, body: Body) -> dict[str, Any]:
        """The request as the model takes it."""
        without = self.names - {"max_tokens"}
        fitted = {name: value for name, value in body.items() if name not in without}
        if "stream" in without:
            fitted.pop("stream_options", None)
        if "max_tokens" in self.names and "messages" in fitted and "max_tokens" in fitted:
            fitted["max_completion_tokens"] = fitted.pop("max_tokens")
        if "system" in self.names and "messages" in fitted:
            fitted["messages"] = _without_system(fitted["messages"])
        return fitted

    def learn(self, failed: CallFailed, sent: Body) -> None:
        """Take from a refusal what of the request was refused, if it says so."""
        self.names |= _refused(failed, sent)

    def sentence(self) -> str:
        """What a person should know; empty when nothing is left out that matters."""
        told = [name for name in TOLD if name in self.names]
        if not told:
            return ""
        them = "it" if len(told) == 1 else "them"
        said = f"{self.title} refuses {_listed(told)}: it is asked without {them}."
        if "temperature" in told:
            said += " Its own temperature is mostly 1; asking for 1 is the same."
        return said

    def keep(self) -> None:
        """Remember it for the next time; a request has been answered this way."""
        if self._kept == self.names:
            return
        self._kept = set(self.names)
        # Without a place to remember it, it is learnt again.
        with suppress(OSError):
            _store(self.place, sorted(self.names))


_known: dict[str, RefusedSettings] = {}


def refused_by(base_url: str, model: str) -> RefusedSettings:
    """What is known of a model at an address."""
    parts = urlsplit(base_url)
    # Neither user nor query: keys stand there at some servers.
    title = f"{model} at {parts.netloc.rpartition('@')[2]}"
    place = title + parts.path
    if place not in _known:
        entry = _stored().get(place, {})
        fresh = time.time() - entry.get("learnt", 0.0) < FORGET_AFTER_S
        names = set(entry.get("names", ())) if fresh else set()
        _known[place] = RefusedSettings(place, title, names)
    return _known[place]


def refusals(endpoint: Endpoint) -> list[str]:
    """What is known of an endpoint's model, a sentence for each of its addresses."""
    urls = (endpoint.base_url, *endpoint.extra_base_urls)
    return [said for url in urls if (said := refused_by(url, endpoint.model).sentence())]


def _refused(failed: CallFailed, sent: Body) -> set[str]:
    said = failed.said
    named = {name for name in OPTIONAL if name in sent and re.search(rf"\b{name}\b", said)}
    if failed.param in OPTIONAL and failed.param in sent:
        named.add(failed.param)
    elif not _REFUSES.search(said):
        return set()
    if {"temperature", "top_p"} <= named and _NOT_BOTH.search(said):
        named.remove("temperature")
    about_limit = "max_tokens" in sent and "max_tokens" in f"{said} {failed.param}"
    if about_limit and not _TOO_LONG.search(said):
        named.add("max_tokens")
    roles = {turn["role"] for turn in sent.get("messages", ())}
    if "system" in roles and _NO_SYSTEM.search(said):
        named.add("system")
    return named


def _without_system(turns: list[dict[str, str]]) -> list[dict[str, str]]:
    """The instruction in front of what the person says first."""
    said = [turn["content"] for turn in turns if turn["role"] == "system"]
    rest = [dict(turn) for turn in turns if turn["role"] != "system"]
    if rest and said:
        rest[0]["content"] = "\n\n".join([*said, rest[0]["content"]])
    return rest or [{"role": "user", "content": "\n\n".join(said)}]


def _listed(names: list[str]) -> str:
    words = ["the system turn" if name == "system" else name for name in names]
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _stored() -> dict[str, dict[str, Any]]:
    try:
        found = json.loads((state_dir() / "refused_settings.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    entries = found.items() if isinstance(found, dict) else ()
    return {place: entry for place, entry in entries if _is_entry(entry)}


def _is_entry(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("learnt"), int | float)
        and isinstance(entry.get("names"), list)
        and all(isinstance(name, str) for name in entry["names"])
    )


def _store(place: str, names: list[str]) -> None:
    path = state_dir() / "refused_settings.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = _stored() | {place: {"names": names, "learnt": time.time()}}
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    partial.write_text(json.dumps(whole, indent=1), "utf-8")
    partial.replace(path)
