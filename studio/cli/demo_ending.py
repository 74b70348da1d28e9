"""What every demo ends with: what was dropped why, how long it took, and how to go on."""

from __future__ import annotations

from typing import Any

from studio.cli.output import out, visible
from studio.store.records import Counts


def dropped(counts: Counts, result: dict[str, Any]) -> dict[str, int]:
    """Reason → how many, of answers that made no record and of records that filters dropped."""
    found = dict(result["generation_drops"])
    for reason, count in counts.dropped.items():
        found[reason] = found.get(reason, 0) + count
    return found


def rows_of(found: dict[str, Any], nouns: str) -> list[list[object]]:
    """Rows of a table: generated, dropped by reason, kept."""
    return [
        [f"{nouns} generated", found["generated"]],
        *[[f"  dropped: {reason}", count] for reason, count in found["dropped"].items()],
        [f"{nouns} kept", found["kept"]],
    ]


def show_ending(found: dict[str, Any]) -> None:
    """How long it took, by stage where that is known, and where the project lies."""
    took = found["seconds"]
    stages = took.items() if isinstance(took, dict) else [("", took)]
    told = ", ".join(f"{name} {seconds:.0f} s".strip() for name, seconds in stages)
    out.print(f"Time: {told}", style="dim", highlight=False)
    out.print(f"The project lies in {visible(found['project'])}", highlight=False)
    out.print(f"Open it with: [bold]studio {visible(found['project'])}[/]", highlight=False)
