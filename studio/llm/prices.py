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

BATCH_SHARE = 0.5
"""What a request costs in a batch, as a share of its price as a call."""
TABLE = Path(__file__).with_name("prices.toml")
_DATED = re.compile(r"-\d{4}-\d{2}-\d{2}$")
"""The end of a snapshot's name, which costs what its model costs."""


def priced(endpoint: Endpoint) -> Endpoint:
    """With the prices of the table, where the settings name none; it knows when they were noted.

    Raises StudioError for a table of the person's own that cannot be read.
    """
    if endpoint.price_in is not None or endpoint.price_out is not None:
        return endpoint
    host = urlsplit(endpoint.base_url).hostname or ""
    for table in (config_dir() / "prices.toml", TABLE):
        models = _read(table).get(host, {})
        model = endpoint.model if endpoint.model in models else _DATED.sub("", endpoint.model)
        if model in models and model != "noted":
            price_in, price_out = models[model]
            noted = f"prices noted {models['noted']}" if "noted" in models else "prices of yours"
            return replace(endpoint, price_in=price_in, price_out=price_out, priced=noted)
    return endpoint


def in_batches(endpoint: Endpoint) -> Endpoint:
    """What its requests cost in batches. Raises StudioError for the embedded model."""
    if endpoint.embedded:
        raise StudioError(
            f"{endpoint.name} is a model of this machine and has no Batch API. Take the engine "
            "live, or a server that has one."
        )
    if endpoint.price_in is None or endpoint.price_out is None:
        return endpoint
    return replace(
        endpoint,
        price_in=endpoint.price_in * BATCH_SHARE,
        price_out=endpoint.price_out * BATCH_SHARE,
        priced=", ".join(filter(None, [endpoint.priced, "half of it in a batch"])),
    )


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
                if name != "noted" and not _is_price(value):
                    raise ValueError(f"{name} needs two numbers from 0, for tokens in and out")
    except (OSError, ValueError, AttributeError) as error:
        raise StudioError(f"{path} is no table of prices: {error}.") from error
    return found


def _is_price(value: Any) -> bool:
    numbers = isinstance(value, list) and len(value) == 2
    return numbers and all(isinstance(one, int | float) and 0 <= one < 1e6 for one in value)
