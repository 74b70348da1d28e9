"""What requests cost: prices that were noted once, with their date, and that of batches."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from studio.records import StudioError
from studio.settings import Endpoint, config_dir

TABLE = Path(__file__).with_name("prices.toml")
ABOUT = ("noted", "batch")
"""What a table says of a server itself: when its prices were noted, and what a request in a batch
costs as a share of its price as a call."""
_DATED = re.compile(r"-\d{4}-\d{2}-\d{2}$")
"""The end of a snapshot's name, which costs what its model costs."""


def priced(endpoint: Endpoint) -> Endpoint:
    """With the prices of the table, where the settings name none; it knows when they were noted.

    Raises StudioError for a table of the person's own that cannot be read.
    """
    if endpoint.price_in is not None or endpoint.price_out is not None:
        return endpoint
    for models in _tables(endpoint):
        model = endpoint.model if endpoint.model in models else _DATED.sub("", endpoint.model)
        if model in models and model not in ABOUT:
            price_in, price_out = models[model]
            noted = f"prices noted {models['noted']}" if "noted" in models else "prices of yours"
            return replace(endpoint, price_in=price_in, price_out=price_out, priced=noted)
    return endpoint


def in_batches(endpoint: Endpoint) -> Endpoint:
    """What its requests cost in batches: in full, unless the settings or a table say that the
    server takes less. Raises StudioError for the embedded model."""
    if endpoint.embedded:
        raise StudioError(
            f"{endpoint.name} is a model of this machine and has no Batch API. Take the engine "
            "live, or a server that has one."
        )
    if endpoint.price_in is None or endpoint.price_out is None:
        return endpoint
    share = _share(endpoint)
    words = {0.5: "halved for a batch", 1.0: "in full for a batch too"}
    said = words.get(share, f"times {share:g} for a batch")
    return replace(
        endpoint,
        price_in=endpoint.price_in * share,
        price_out=endpoint.price_out * share,
        priced=", ".join(filter(None, [endpoint.priced, said])),
    )


def _share(endpoint: Endpoint) -> float:
    if endpoint.batch_share is not None:
        return endpoint.batch_share
    return next((float(one["batch"]) for one in _tables(endpoint) if "batch" in one), 1.0)


def _tables(endpoint: Endpoint) -> list[dict[str, Any]]:
    """What the person's table and the studio's say of a server."""
    host = urlsplit(endpoint.base_url).hostname or ""
    return [_read(table).get(host, {}) for table in (config_dir() / "prices.toml", TABLE)]


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        return _parsed(path, path.stat().st_mtime_ns)
    except FileNotFoundError:
        return {}


@cache
def _parsed(path: Path, changed: int) -> dict[str, dict[str, Any]]:
    try:
        found = tomllib.loads(path.read_text("utf-8"))
        for models in found.values():
            for name, value in models.items():
                if name == "batch" and not _is_price([value, value]):
                    raise ValueError("batch needs a number from 0, such as 0.5")
                if name not in ABOUT and not _is_price(value):
                    raise ValueError(f"{name} needs two numbers from 0, for tokens in and out")
    except (OSError, ValueError, AttributeError) as error:
        raise StudioError(f"{path} is no table of prices: {error}.") from error
    return found


def _is_price(value: Any) -> bool:
    numbers = isinstance(value, list) and len(value) == 2
    return numbers and all(isinstance(one, int | float) and 0 <= one < 1e6 for one in value)
