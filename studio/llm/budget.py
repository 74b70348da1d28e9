"""A cap on money or tokens that is never passed: reserved before each call, settled after it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Protocol

from studio.calls import Answer, Request, Reservation
from studio.llm.money import dollars
from studio.llm.reading import cost_of
from studio.records import StudioError
from studio.settings import Endpoint

TEMPLATE_TOKENS = 64
TURN_TOKENS = 16


class Claim(Enum):
    """Whose a request is."""

    OURS = "ours"
    """To be asked now."""
    ELSEWHERE = "elsewhere"
    """Another process waits for its answer."""
    ANSWERED = "answered"
    """Its answer has been stored meanwhile."""


class Ledger(Protocol):
    """Where calls are written down before they are made, so that no kill makes one forgotten."""

    async def claim(
        self, calls: Sequence[tuple[Request, Reservation, Endpoint]]
    ) -> Sequence[Claim]:
        """Write down those that nobody else asks, all at once, before any of them goes out.

        One that does not go out after all is lost, unpaid.
        """
        ...

    def sending(self, request: Request) -> None:
        """The call goes out now; calls go out in the order in which they were claimed. Raises
        StudioError where its answer could not be kept any more."""
        ...

    def known(self, request: Request) -> None:
        """The request turned out to be answered: nothing is asked."""
        ...

    def lost(self, request: Request, *, paid: bool) -> None:
        """No answer came of the call. paid: it may be billed all the same."""
        ...


class NoLedger:
    """For calls that no other process makes and that end with this one."""

    async def claim(
        self, calls: Sequence[tuple[Request, Reservation, Endpoint]]
    ) -> Sequence[Claim]:
        """Nobody else asks."""
        return [Claim.OURS] * len(calls)

    def sending(self, request: Request) -> None:
        """Nothing is kept."""

    def known(self, request: Request) -> None:
        """Never the case."""

    def lost(self, request: Request, *, paid: bool) -> None:
        """Nothing is kept."""


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
        self._excess = 1.0
        """How far an answer went beyond its reservation: some servers heed no limit."""

    def refuse_unpriced(self, endpoints: Iterable[Endpoint]) -> None:
        """Raise StudioError when there is a cost cap and an endpoint whose price is unknown."""
        if self.cap_usd is None:
            return
        for endpoint in endpoints:
            if endpoint.price_in is None or endpoint.price_out is None:
                raise StudioError(
                    f"The run has a cap of {dollars(self.cap_usd)}, but the price of "
                    f"{endpoint.name} is unknown. Name the endpoint in the settings, with "
                    "price_in and price_out in US dollars per million tokens (0 if it is free), "
                    "or cap the tokens instead."
                )

    def reserve(self, request: Request, endpoint: Endpoint) -> Reservation | None:
        """Set the most that this call can take aside; None when it does not fit any more."""
        wanted = most_of(request, endpoint)
        if not self._fits(wanted):
            return None
        self.reserved_tokens += wanted.tokens
        self.reserved_usd += wanted.cost or 0.0
        return wanted

    def adopt(self, reservation: Reservation) -> None:
        """A call that counted as spent is under way: its answer will say what it took."""
        self.spent_tokens -= reservation.tokens
        self.spent_usd -= reservation.cost or 0.0
        self.reserved_tokens += reservation.tokens
        self.reserved_usd += reservation.cost or 0.0

    def settle(self, reservation: Reservation, answer: Answer | None) -> None:
        """Book what the call took; all of the reservation where the endpoint did not say."""
        self.release(reservation)
        tokens, cost = reservation.tokens, reservation.cost
        if answer and answer.is_counted:
            tokens = (answer.prompt_tokens or 0) + (answer.completion_tokens or 0)
            cost = reservation.cost if answer.cost is None else answer.cost
            self._excess = max(self._excess, tokens / reservation.tokens)
        self.spent_tokens += tokens
        self.spent_usd += cost or 0.0

    def release(self, reservation: Reservation) -> None:
        """Give back what a call that was not paid had set aside."""
        self.reserved_tokens -= reservation.tokens
        self.reserved_usd -= reservation.cost or 0.0

    def _fits(self, wanted: Reservation) -> bool:
        usd = self.spent_usd + (self.reserved_usd + (wanted.cost or 0.0)) * self._excess
        tokens = self.spent_tokens + (self.reserved_tokens + wanted.tokens) * self._excess
        over_usd = self.cap_usd is not None and usd > self.cap_usd
        return not over_usd and not (self.cap_tokens is not None and tokens > self.cap_tokens)


def most_of(request: Request, endpoint: Endpoint) -> Reservation:
    """The most that a call can take, by the bytes of its prompt and the limit of its answer."""
    prompt, answer = most_prompt_tokens(request), request.decoding.max_tokens
    return Reservation(prompt + answer, cost_of(endpoint, prompt, answer))


def most_prompt_tokens(request: Request) -> int:
    """An upper bound of the prompt's tokens, with room for the server's chat template."""
    texts = sum(len(m.content.encode("utf-8", "replace")) for m in request.messages)
    return texts + TEMPLATE_TOKENS + TURN_TOKENS * len(request.messages)
