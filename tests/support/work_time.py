"""How much work something takes: processor time, measured in this machine's own measure.

Seconds on a clock also count what other programs do meanwhile, and a slow machine needs more of
them. Limits of tests are in seconds of the machine that they were set on.
"""

from __future__ import annotations

import hashlib
import time

ROUNDS = 20_000
ROUND_S = 0.7e-6
"""Processor seconds that one round took on the machine of the limits."""


def slowness() -> float:
    """How many times longer work takes here and now than there; 1 on a faster machine."""
    began = time.thread_time()
    digest = b""
    for _ in range(ROUNDS):
        digest = hashlib.sha256(digest).digest()
    return max(1.0, (time.thread_time() - began) / (ROUNDS * ROUND_S))
