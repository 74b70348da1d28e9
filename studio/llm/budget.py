"""A cap on money or tokens that is never passed: reserved before each call, settled after it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from studio.llm.client import cost_of
from studio.records import Answer, Request, StudioError
from studio.settings import Endpoint

TEMPLATE_TOKENS = 64
TURN_TOKENS = 16


@dataclass(frozen=True, slots=True)
class Reservation:
    """The most that one call can take."""

    tokens: int
    """Prompt and answer together."""
    usd: float
    """0 when the run has no cost cap and the price is unknown."""


class Budget:
    """What a run may spend. ``spent_*`` start above 0 when a run goes on after a stop.

    A reservation is an upper bound: no tokenizer makes more tokens of a text than it has UTF-8
    bytes, and the answer is at most ``max_tokens``. Since it is settled to what was really used,
    the bound costs nothing but patience near the cap.
    """

    def __init__(
        self,
        cap_usd: float | None = None,
        cap_tokens: int | None = None,
        *,
        spent_usd: float = 0.0,
        spent_tokens: int = 0,
    ) -> None:
        self.cap_usd = cap_usd
        self.cap_tokens = cap_tokens
        self.spent_usd = spent_usd
        self.spent_tokens = spent_tokens
        self.reserved_usd = 0.0
        self.reserved_tokens = 0

    def refuse_unpriced(self, endpoints: Iterable[Endpoint]) -> None:
        """Raise StudioError when there is a cost cap and an endpoint whose price is unknown."""
        if self.cap_usd is None:
            return
        for endpoint in endpoints:
            if endpoint.price_in is None or endpoint.price_out is None:
                raise StudioError(
                    f"The run has a cap of ${self.cap_usd:g}, but the price of {endpoint.name} is "
                    "unknown. Name the endpoint in the settings, with price_in and price_out in "
                    "US dollars per million tokens (0 if it is free), or cap the tokens instead."
                )

    def reserve(self, request: Request, endpoint: Endpoint) -> Reservation | None:
        """Set the most that this call can take aside; None when it does not fit any more."""
        prompt, answer = most_prompt_tokens(request), request.decoding.max_tokens
        wanted = Reservation(prompt + answer, cost_of(endpoint, prompt, answer) or 0.0)
        if not self._fits(wanted):
            return None
        self.reserved_tokens += wanted.tokens
        self.reserved_usd += wanted.usd
        return wanted

    def settle(self, reservation: Reservation, answer: Answer | None) -> None:
        """Book what the call took; all of the reservation where the endpoint did not say."""
        self.release(reservation)
        tokens, usd = reservation.tokens, reservation.usd
        if answer and answer.prompt_tokens is not None and answer.completion_tokens is not None:
            tokens = answer.prompt_tokens + answer.completion_tokens
            usd = reservation.usd if answer.cost is None else answer.cost
        self.spent_tokens += tokens
        self.spent_usd += usd

    def release(self, reservation: Reservation) -> None:
        """Give back what a call that was not paid had set aside."""
        self.reserved_tokens -= reservation.tokens
        self.reserved_usd -= reservation.usd

    def _fits(self, wanted: Reservation) -> bool:
        usd = self.spent_usd + self.reserved_usd + wanted.usd
        tokens = self.spent_tokens + self.reserved_tokens + wanted.tokens
        over_usd = self.cap_usd is not None and usd > self.cap_usd
        return not over_usd and not (self.cap_tokens is not None and tokens > self.cap_tokens)


def most_prompt_tokens(request: Request) -> int:
    """An upper bound of the prompt's tokens, with room for the server's chat template."""
    texts = sum(len(m.content.encode("utf-8", "replace")) for m in request.messages)
    return texts + TEMPLATE_TOKENS + TURN_TOKENS * len(request.messages)
