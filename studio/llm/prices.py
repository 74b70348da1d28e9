"""What requests cost: prices that were noted once, and that of batches."""

from __future__ import annotations

from dataclasses import replace

from studio.records import StudioError
from studio.settings import Endpoint

BATCH_SHARE = 0.5
"""What a request costs in a batch, as a share of its price as a call."""


def in_batches(endpoint: Endpoint) -> Endpoint:
    """What its requests cost in batches. Raises StudioError for the embedded model."""
    if endpoint.embedded:
        raise StudioError(
            f"{endpoint.name} is a model of this machine and has no Batch API. Take the engine "
            "live, or a server that has one."
        )
    prices = {
        name: None if price is None else price * BATCH_SHARE
        for name, price in (("price_in", endpoint.price_in), ("price_out", endpoint.price_out))
    }
    return replace(endpoint, **prices)  # type: ignore[arg-type]
