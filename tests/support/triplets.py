"""An LLM that writes embedding data by a rule: tasks, and one JSON object for each."""

from __future__ import annotations

import hashlib
import json
import random
import re
from typing import Any

from tests.support.tiny_encoder import TOPICS


def answer(body: dict[str, Any]) -> str:
    """What the LLM says to a request for embedding data; empty to any other."""
    asked = str(body["messages"][-1]["content"])
    if "JSON" not in asked or "items of JSON" in asked:
        return ""
    drawn = random.Random(hashlib.sha256(f"{body.get('seed')} {asked}".encode()).hexdigest())
    if "JSON list of" in asked:
        pairs = [drawn.sample(TOPICS, 2) for _ in range(4)]
        return json.dumps([f"Given a {one}, find a text on the {two}." for one, two in pairs])
    keys = re.findall(r'^- "(\w+)"', asked, re.MULTILINE)
    return json.dumps(
        {key: f"it is the {' of the '.join(drawn.sample(TOPICS, 4))}" for key in keys}
    )
