"""What every demo ends with: what was dropped why, how long it took, and how to go on."""

from __future__ import annotations

from collections import Counter
from typing import Any

from studio.cli.output import out, visible
from studio.project import Project


def path_counts(project: Project, result: dict[str, Any]) -> dict[str, Any]:
    """What a demo of the whole path wrote, kept and dropped for which reason, and where and in how
    long."""
    counts = project.store.records.counts(project.task.record.name)
    # Answers that made no record, and records that filters dropped.
    dropped = Counter(result["generation_drops"])
    dropped.update(counts.dropped)
    return {
        "generated": counts.total,
        "kept": counts.kept,
        "dropped": dict(dropped),
        "seconds": {**result["seconds"], "total": round(sum(result["seconds"].values()), 1)},
        "project": str(project.path),
    }


def rows_of(found: dict[str, Any], nouns: str) -> list[list[object]]:
    """Rows of a table: generated, dropped by reason, kept."""
    return [
        [f"{nouns} generated", found["generated"]],
        *[[f"  dropped: {reason}", count] for reason, count in found["dropped"].items()],
        [f"{nouns} kept", found["kept"]],
    ]


def encoder_verdict(found: dict[str, Any], unclear: str) -> str:
    """What the test of base and trained encoder says; ``unclear`` where it proves nothing."""
    if found["p_value"]["trained_vs_base"] >= 0.05:
        return unclear
    mean = found["difference"]["trained_vs_base"][0]
    return f"The trained encoder is {'better' if mean > 0 else 'worse'} than the base encoder."


def show_ending(found: dict[str, Any]) -> None:
    """How long it took, by stage where that is known, and where the project lies."""
    took = found["seconds"]
    stages = took.items() if isinstance(took, dict) else [("", took)]
    told = ", ".join(f"{name} {seconds:.0f} s".strip() for name, seconds in stages)
    out.print(f"Time: {told}", style="dim", highlight=False)
    out.print(f"The project lies in {visible(found['project'])}", highlight=False)
    out.print(f"Open it with: [bold]studio {visible(found['project'])}[/]", highlight=False)
