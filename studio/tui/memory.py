"""What is remembered between sessions: the theme, whether the tour was seen."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from studio.settings import state_dir


@dataclass(frozen=True, slots=True)
class Memory:
    """A few comforts; to lose them loses no work."""

    theme: str = ""
    """The theme chosen last by key."""
    instead_of: str = ""
    """What the settings said at that moment; when they change, they hold again."""
    toured: bool = False
    """Whether the tour was seen or left."""


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
    )


def keep(**changes: str | bool) -> None:
    """Remember these too. A folder that cannot be written costs only the comfort."""
    kept = replace(load(), **changes)  # type: ignore[arg-type]
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
