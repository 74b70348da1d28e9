"""A run that reached its cap goes on with a higher one."""

from __future__ import annotations

import math
from typing import Any

from textual.app import App

from studio.jobs.queue import cap_of
from studio.llm.money import dollars
from studio.runs import Job
from studio.tui.dialogs.ask import AskText


async def caps_for(app: App[Any], job: Job) -> dict[str, float | None] | None:
    """What a resume is told: nothing for most jobs, a cap that a person types for one that reached
    its own. None when they think better of it."""
    if not job.is_capped:
        return {}
    name, now = cap_of(job)
    in_dollars = name == "budget_usd"
    shown = dollars(now) if in_dollars else f"{now:,.0f} tokens"

    def refuse(text: str) -> str:
        cap = _cap(text, in_dollars)
        return "" if cap is not None and cap > now else f"It reached {shown}: type more."

    typed = await app.push_screen_wait(
        AskText(
            f"A higher cap for {job.kind} {job.id}",
            hint=f"It reached {shown}. What is stored is not asked again. Esc leaves it.",
            refuse=refuse,
        )
    )
    return None if typed is None else {name: _cap(typed, in_dollars)}


def _cap(text: str, in_dollars: bool) -> float | None:
    """None for what is no cap."""
    plain = text.strip().removeprefix("$").replace(",", "")
    try:
        cap = float(plain) if in_dollars else int(plain)
    except ValueError:
        return None
    return cap if cap < math.inf else None
