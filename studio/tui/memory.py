"""What is remembered between sessions: the theme, the tour, the pane one was in, sizes of parts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from studio.settings import state_dir

MOST_PROJECTS = 50
"""Projects of which it is remembered where one was."""
MOST_SHARE = 10_000
"""Beyond any share of a screen's room."""


@dataclass(frozen=True, slots=True)
class Memory:
    """A few comforts; to lose them loses no work."""

    theme: str = ""
    """The theme chosen last by key."""
    instead_of: str = ""
    """What the settings said at that moment; when they change, they hold again."""
    toured: bool = False
    """Whether the tour was seen or left."""
    panes: Mapping[str, str] = field(default_factory=dict)
    """Project folder → the pane that was in front last."""
    sizes: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Two parts of a pane → their shares of the room."""


def load() -> Memory:
    """What is remembered; nothing when the file is missing or damaged."""
    try:
        kept = json.loads(_file().read_text("utf-8"))
    except (OSError, ValueError):
        return Memory()
    if not isinstance(kept, dict):
        return Memory()
    theme, instead_of = kept.get("theme"), kept.get("instead_of")
    return Memory(
        theme=theme if isinstance(theme, str) else "",
        instead_of=instead_of if isinstance(instead_of, str) else "",
        toured=kept.get("toured") is True,
        panes={name: pane for name, pane in _table(kept, "panes") if isinstance(pane, str)},
        sizes={name: tuple(one) for name, one in _table(kept, "sizes") if _are_sizes(one)},
    )


def _table(kept: dict[str, Any], name: str) -> Iterable[tuple[str, Any]]:
    table = kept.get(name)
    return table.items() if isinstance(table, dict) else ()


def _are_sizes(found: Any) -> bool:
    return isinstance(found, list) and all(
        isinstance(one, int | float) and 0 < one < MOST_SHARE for one in found
    )


def keep_pane(project: Path, pane: str) -> None:
    """Where somebody is in a project."""
    others = {name: one for name, one in load().panes.items() if name != str(project)}
    latest = [*others.items(), (str(project), pane)][-MOST_PROJECTS:]
    keep(panes=dict(latest))


def keep_sizes(parts: str, weights: tuple[float, float]) -> None:
    """How two parts of a pane share their room."""
    keep(sizes={**load().sizes, parts: weights})


def keep(**changes: Any) -> None:
    """Remember these too. A folder that cannot be written costs only the comfort."""
    kept = replace(load(), **changes)
    with suppress(OSError):
        file = _file()
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh = file.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(kept)), "utf-8")
        fresh.replace(file)


def theme_of(wanted: str) -> str:
    """The theme chosen by key since the settings said ``wanted``, else ``wanted``."""
    kept = load()
    return kept.theme if kept.theme and kept.instead_of == wanted else wanted


def _file() -> Path:
    return state_dir() / "studio.json"
