"""One call of an LLM as frozen dataclasses: what is asked, what came back, what it can take."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Literal

from studio.records import content_sha

Style = Literal["chat", "completion"]


@dataclass(frozen=True, slots=True)
class Decoding:
    """How the LLM samples its answer."""

    temperature: float = 0.7
    """0 is greedy; Promptagator samples at 0.7."""
    top_p: float = 1.0
    """Nucleus mass kept."""
    max_tokens: int = 64
    """The longest answer, in tokens of the endpoint."""
    stop: tuple[str, ...] = ()
    """Strings that end the answer; never numbers (they cut dates short)."""
    presence_penalty: float = 0.0
    """OpenAI's presence penalty, -2 to 2."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """An immutable version of a template with its decoding settings."""

    name: str
    """The template's name, such as ``question-answering``."""
    template: str
    """The whole Markdown text with its TOML front matter, as the person edits it."""
    id: int = 0
    """The row in the store; 0 before it is stored."""
    version: int = 0
    """From 1, per project."""
    note: str = ""
    """What the person said of this version."""
    created: str = ""
    """ISO 8601, UTC."""
    aside: bool = False
    """A method brought it for itself: it is not what the person works with."""

    @property
    def sha(self) -> str:
        """The hash of the template: equal text is the same version."""
        return content_sha(self.template)


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat request, or the whole prompt of a completion (role ``prompt``)."""

    role: Literal["system", "user", "assistant", "prompt"]
    content: str


@dataclass(frozen=True, slots=True)
class Request:
    """One LLM call, wholly determined before it is made."""

    messages: tuple[Message, ...]
    """Chat turns, or one message of role ``prompt`` for completion style."""
    model: str
    """The model's name at its endpoint."""
    decoding: Decoding = field(default_factory=Decoding)
    seed: int = 0
    """The sampling seed sent to the endpoint: a different one per draw."""
    document_id: int | None = None
    """The document a query is asked for."""
    prompt_id: int | None = None
    """The prompt version that was rendered."""
    shot_set_id: int | None = None
    """The shots in front of the document."""
    draw: int = 0
    """The how-maniest query of this document, from 0."""
    note: str = ""
    """What was cut to fit the context window; empty if nothing."""
    purpose: str = ""
    """What it is for, where a method asks for several things: it does not decide the answer."""
    _sha: str = field(default="", init=False, repr=False, compare=False)

    @property
    def style(self) -> Style:
        """Completion requests have one message of role ``prompt``."""
        return "completion" if self.messages[0].role == "prompt" else "chat"

    @property
    def sha(self) -> str:
        """The hash of all that decides the answer: an equal request is answered from the store."""
        if self._sha:
            return self._sha
        decoding = self.decoding
        settings = [
            decoding.temperature,
            decoding.top_p,
            decoding.max_tokens,
            list(decoding.stop),
            decoding.presence_penalty,
            self.seed,
        ]
        texts = [part for message in self.messages for part in (message.role, message.content)]
        # Written down and looked up in several places on its way.
        object.__setattr__(self, "_sha", content_sha(self.model, json.dumps(settings), *texts))
        return self._sha


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back from one LLM call."""

    text: str
    """The raw answer, after what the model thought (``<think>…</think>``); empty when the
    call failed."""
    finish_reason: str = "stop"
    """``stop``, ``length``, ``content_filter`` … as the endpoint said, or ``error``."""
    prompt_tokens: int | None = None
    """Tokens in, as the endpoint counted; None when it does not say."""
    completion_tokens: int | None = None
    """Tokens out; None when the endpoint does not say."""
    cached_tokens: int | None = None
    """Tokens of the prompt that the server had in its prefix cache."""
    cost: float | None = None
    """US dollars; None when the price is unknown, never 0 for unknown."""
    latency_s: float = 0.0
    """Seconds from sending to the last byte."""
    endpoint: str = ""
    """The name of the endpoint that answered."""
    error: str = ""
    """One sentence when the call failed for good; empty otherwise."""

    @property
    def is_counted(self) -> bool:
        """Whether the endpoint said what the call took: no prompt is nothing, whatever it says."""
        return bool(self.prompt_tokens) and self.completion_tokens is not None


@dataclass(frozen=True, slots=True)
class Reservation:
    """The most that one call can take."""

    tokens: int
    """Prompt and answer together."""
    cost: float | None
    """US dollars; None when the price is unknown."""


@dataclass(frozen=True, slots=True)
class Generation:
    """One LLM call as stored: the request, the answer, and what became of it."""

    request: Request
    answer: Answer
    id: int = 0
    job_id: int | None = None
    reason: str = ""
    """Why no record came of it (a :class:`Reason`); empty when one did."""
    created: str = ""
