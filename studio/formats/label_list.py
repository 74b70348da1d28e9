"""Labels as people type them: ``pos=a good opinion, neg=a bad opinion``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from studio.records import Label, StudioError


def separated(text: str) -> list[str]:
    """``a=x,b=y`` at its commas; where every label has a wording, wordings may have commas."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if parts and "=" in parts[0] and any("=" not in part for part in parts):
        parts = [part.strip() for part in re.split(r",(?=[^,=]+=)", text)]
    return parts


def parsed(labels: Sequence[str]) -> list[Label]:
    """``name=wording`` each.

    Raises:
        StudioError: fewer than two, an empty name, or one twice.
    """
    found = []
    for text in labels:
        name, _, wording = text.partition("=")
        found.append(Label(name.strip(), wording.strip()))
    names = [label.name for label in found]
    if not all(names):
        raise StudioError('A label has no name; write each as name or "name=wording".')
    doubled = [name for name in names if names.count(name) > 1]
    if doubled:
        raise StudioError(f"The label {doubled[0]!r} is named twice.")
    if len(names) < 2:
        raise StudioError("A classifier tells at least two labels apart; name two or more.")
    return found
