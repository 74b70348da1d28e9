"""What a run will take, from a real sample of its rendered prompts, before anything is paid."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from studio.calls import Answer, Request, Reservation
from studio.llm.budget import most_of
from studio.llm.reading import cost_of
from studio.settings import Endpoint

COUNTING_ERROR = 0.25
SHORTEST_ANSWER = 4
TURN_OVERHEAD = 5


@dataclass(frozen=True, slots=True)
class Range:
    """From the least to the most that is to be expected."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run will take."""

    requests: int
    """Those that are still to be asked."""
    prompt_tokens: Range
    completion_tokens: Range
    cost: Range | None
    """US dollars; None when a price is unknown. Discounts for cached prompts are not counted."""
    basis: str
    """One line on what it was estimated from."""
    stored: int = 0
    """Requests whose answer is there already; they take nothing."""
    aside: Reservation | None = None
    """What one request sets aside under a cap until it is answered, on average."""


def estimate(
    sample: Sequence[Request],
    total: int,
    endpoint: Endpoint,
    count_tokens: Callable[[str], int],
    *,
    answered: Sequence[tuple[Request, Answer]] = (),
) -> Estimate:
    """The range for ``total`` requests of which ``sample`` is a fair draw.

    ``count_tokens`` may be a rough count: it is taken to be off by up to 25%. ``answered`` holds
    calls of this prompt that were made before; with them the count is set right by the endpoint's
    own, and answers are taken to be as long as those were. Without them an answer lies between 4
    tokens and its limit.
    """
    if not sample or total <= 0:
        return Estimate(0, Range(0, 0), Range(0, 0), Range(0, 0), "nothing to do")
    counted = [prompt_tokens(request, count_tokens) for request in sample]
    factor = _correction(answered, count_tokens)
    spread = COUNTING_ERROR if factor is None else 0.02
    mean, margin = _mean_and_margin([tokens * (factor or 1.0) for tokens in counted])
    prompt = _times(total, mean * (1 - spread) - margin, mean * (1 + spread) + margin)
    completion = _completion(sample, total, answered)
    basis = ", ".join(filter(None, [_basis(sample, answered), endpoint.priced]))
    cost = _cost(endpoint, prompt, completion)
    most = [most_of(request, endpoint) for request in sample]
    asides = sum(one.tokens for one in most), sum(one.cost or 0.0 for one in most)
    aside = Reservation(asides[0] // len(most), asides[1] / len(most))
    return Estimate(total, prompt, completion, cost, basis, aside=aside)


def prompt_tokens(request: Request, count_tokens: Callable[[str], int]) -> int:
    """The prompt's tokens, with those that a chat template puts around each turn."""
    around = TURN_OVERHEAD if request.style == "chat" else 0
    return sum(count_tokens(message.content) + around for message in request.messages)


def _correction(
    answered: Sequence[tuple[Request, Answer]], count_tokens: Callable[[str], int]
) -> float | None:
    """How many tokens the endpoint counts for each of ours."""
    known = [(r, a.prompt_tokens) for r, a in answered if a.prompt_tokens]
    ours = sum(prompt_tokens(request, count_tokens) for request, _ in known)
    return sum(theirs for _, theirs in known) / ours if ours else None


def _completion(
    sample: Sequence[Request], total: int, answered: Sequence[tuple[Request, Answer]]
) -> Range:
    lengths = [float(a.completion_tokens) for _, a in answered if a.completion_tokens is not None]
    most = sum(request.decoding.max_tokens for request in sample) / len(sample)
    if not lengths:
        return _times(total, min(SHORTEST_ANSWER, most), most)
    mean, margin = _mean_and_margin(lengths)
    return _times(total, mean - margin, min(most, mean + margin))


def _mean_and_margin(values: Sequence[float]) -> tuple[float, float]:
    """The mean, and twice its standard error."""
    mean = sum(values) / len(values)
    if len(values) == 1:
        return mean, mean * COUNTING_ERROR
    variance = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
    return mean, 2 * math.sqrt(variance / len(values))


def _times(total: int, low: float, high: float) -> Range:
    return Range(max(0.0, low) * total, max(0.0, low, high) * total)


def _cost(endpoint: Endpoint, prompt: Range, completion: Range) -> Range | None:
    low = cost_of(endpoint, math.floor(prompt.low), math.floor(completion.low))
    high = cost_of(endpoint, math.ceil(prompt.high), math.ceil(completion.high))
    return None if low is None or high is None else Range(low, high)


def _basis(sample: Sequence[Request], answered: Sequence[tuple[Request, Answer]]) -> str:
    calls = f" and {len(answered)} earlier answers" if answered else ""
    return f"{len(sample)} rendered prompts{calls}"
