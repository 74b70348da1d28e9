"""How a template's ``[decoding]`` becomes the sampling of one request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from studio.calls import Decoding, Style


def decoding_from(table: Mapping[str, Any], style: Style, model: str = "") -> Decoding:
    """How a style and a model sample.

    ``[decoding]`` holds for all; ``[decoding.chat]``, ``[decoding.completion]`` and then
    ``[decoding.models."smollm2"]``, for models with that in their name, change single values.
    """
    values = {key: value for key, value in table.items() if not isinstance(value, dict)}
    values |= table.get(style, {})
    for part, own in table.get("models", {}).items():
        if part.lower() in model.lower():
            values |= own
    values["stop"] = tuple(values.get("stop", ()))
    return Decoding(**values)
