"""Reading what comes back from a server, whole or in pieces, whatever it was asked for.

Servers ignore ``stream``, stream unasked, put comments and control events between, pad with white
space, answer a web page with status 200. What is in an answer is read by name, not by a strict
schema: content as text or as parts, thinking in a field of its own, a refusal beside the content.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any

from studio.api_keys import without_keys
from studio.calls import Answer
from studio.llm.failures import words_of
from studio.settings import Endpoint

LENGTH = frozenset({"max_tokens", "model_length", "max_output_tokens"})
"""Other words for the finish reason ``length``."""
FILTERED = frozenset(
    {"safety", "refusal", "recitation", "blocklist", "prohibited_content", "sensitive"}
)
"""Other words for the finish reason ``content_filter``."""
THOUGHTS = ("reasoning_content", "reasoning")
"""Fields of a message that hold what the model thought before it answered."""
_CONTROL = (b":", b"event:", b"id:", b"retry:")


class NotTheProtocol(ValueError):
    """What came back is not the OpenAI protocol; the message says what it is."""


def parts_in(whole: bytes, charset: str | None) -> list[dict[str, Any]]:
    """The JSON objects of an answer that is there as a whole: one, or those of its events.

    Raises :class:`NotTheProtocol` for anything else.
    """
    if (found := _json(whole, charset)) is not None:
        return [found]
    events = _Events(charset)
    parts = [part for line in whole.split(b"\n") if (part := events.part_in(line.rstrip(b"\r")))]
    return [*parts, *events.rest()]


async def parts_of(
    chunks: AsyncIterator[bytes], charset: str | None
) -> AsyncGenerator[dict[str, Any]]:
    """The same of an answer that is still coming in, each as soon as it is there."""
    events = _Events(charset)
    async for line in lines_of(chunks):
        if (part := events.part_in(line)) is not None:
            yield part
    for part in events.rest():
        yield part


class _Events:
    """Server-sent events, line by line; or an answer that is none, which is read at its end."""

    def __init__(self, charset: str | None) -> None:
        self._charset = charset
        self._event = b""
        self._plain: list[bytes] = []

    def part_in(self, line: bytes) -> dict[str, Any] | None:
        """The part that a line ends."""
        if line.startswith(b"data:"):
            self._event += line[5:].strip()
            if self._event == b"[DONE]":
                self._event = b""
            elif (found := _json(self._event, self._charset)) is not None:
                self._event = b""
                return found
        elif not line.startswith(_CONTROL):
            self._plain.append(line)
        return None

    def rest(self) -> list[dict[str, Any]]:
        """What is left at the end. Raises :class:`NotTheProtocol` when it is no JSON."""
        left = self._event or b"\n".join(self._plain).strip()
        if not left:
            return []
        found = _json(left, self._charset)
        if found is None:
            text = _text(left, self._charset)
            raise NotTheProtocol(repr(words_of(text)[:80]) if text.strip() else "nothing")
        return [found]


async def lines_of(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    """The lines of what comes in in pieces."""
    pending: list[bytes] = []
    async for chunk in chunks:
        first, *rest = chunk.split(b"\n")
        pending.append(first)
        for line in rest:
            yield b"".join(pending).rstrip(b"\r")
            pending = [line]
    yield b"".join(pending)


def _text(raw: bytes, charset: str | None) -> str:
    try:
        return raw.decode(charset or "utf-8", "replace").removeprefix("\ufeff")
    except LookupError:
        return raw.decode("utf-8", "replace")


def _json(raw: bytes, charset: str | None) -> dict[str, Any] | None:
    try:
        found = json.loads(_text(raw, charset))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def error_in(part: Mapping[str, Any]) -> Any:
    """The error that an answer carries instead of a choice, or in it; None without one."""
    return part.get("error") or _choice(part).get("error")


class Gathered:
    """An answer as it comes in, in one piece or in many.

    Thinking that has a field of its own is put before the text as ``<think>…</think>``, the way in
    which other servers send it.
    """

    def __init__(self, started: float) -> None:
        self._started = started
        self._pieces: list[str] = []
        self._finish = ""
        self._usage: Any = None
        self._error = ""
        self._thinks = False
        self.has_choices = False

    def take(self, part: Mapping[str, Any]) -> str:
        """Add a whole response or a chunk; the text that it brought."""
        self._usage = part.get("usage") or self._usage
        choice = _choice(part)
        self.has_choices = self.has_choices or bool(choice)
        self._finish = _finish_of(choice) or self._finish
        message = choice.get("message") or choice.get("delta") or choice
        piece = self._piece(message if isinstance(message, dict) else {})
        self._pieces.append(piece)
        return piece

    def _piece(self, message: Mapping[str, Any]) -> str:
        content = message.get("content")
        thought = next((t for name in THOUGHTS if (t := _plain(message.get(name)))), "")
        thought += _plain(content, thoughts=True)
        text = _plain(content) or _plain(message.get("text"))
        if refusal := _plain(message.get("refusal")):
            self._finish, text = "content_filter", text + refusal
        if thought and not self._thinks:
            self._thinks, thought = True, "<think>" + thought
        if text and self._thinks:
            self._thinks, text = False, "</think>\n" + text
        return thought + text

    def failed(self, sentence: str) -> None:
        """It ended with a failure."""
        self._finish, self._error = "error", sentence

    def answer(self, endpoint: Endpoint) -> Answer:
        """What has come in."""
        prompt = _count(self._usage, "prompt_tokens")
        completion = _count(self._usage, "completion_tokens")
        details = self._usage.get("prompt_tokens_details") if prompt is not None else None
        return Answer(
            text=without_keys("".join(self._pieces)),
            finish_reason=self._finish or "unknown",
            prompt_tokens=prompt,
            completion_tokens=completion,
            cached_tokens=_count(details, "cached_tokens"),
            cost=cost_of(endpoint, prompt, completion),
            latency_s=time.monotonic() - self._started,
            endpoint=endpoint.name,
            error=self._error,
        )


def cost_of(endpoint: Endpoint, prompt: int | None, completion: int | None) -> float | None:
    """US dollars for these tokens; None when a price or a count is unknown."""
    price_in, price_out = endpoint.price_in, endpoint.price_out
    if price_in is None or price_out is None or prompt is None or completion is None:
        return None
    return (prompt * price_in + completion * price_out) / 1e6


def _choice(part: Mapping[str, Any]) -> dict[str, Any]:
    choices = part.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else {}


def _finish_of(choice: Mapping[str, Any]) -> str:
    said = choice.get("finish_reason")
    if not isinstance(said, str):
        return ""
    known = said.lower()
    return "length" if known in LENGTH else "content_filter" if known in FILTERED else said


def _plain(content: Any, *, thoughts: bool = False) -> str:
    """The text of a content, which is a text or a list of parts; or the thoughts among these."""
    if isinstance(content, str):
        return "" if thoughts else content
    found = []
    for part in content if isinstance(content, list) else ():
        if isinstance(part, dict):
            kind = str(part.get("type", "text"))
            if ("think" in kind or "reason" in kind) == thoughts:
                found.append(_part_text(part))
        elif not thoughts:
            found.append(part if isinstance(part, str) else "")
    return "".join(found)


def _part_text(part: Mapping[str, Any]) -> str:
    names = ("text", "thinking", "reasoning", "refusal", "content")
    return next((text for name in names if (text := _plain(part.get(name)))), "")


def _count(holder: Any, name: str) -> int | None:
    value = holder.get(name) if isinstance(holder, dict) else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and value >= 0 else None
