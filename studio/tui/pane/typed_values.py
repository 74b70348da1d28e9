"""What a person typed into a form, as values. Each refusal names the field and what to type."""

from __future__ import annotations

from studio.records import StudioError

MOST = 1_000_000_000
"""No count in a form is larger; SQLite could not hold what a slipped key may make."""


def whole(label: str, text: str, *, least: int = 1, empty: tuple[str, ...] = ()) -> int | None:
    """A whole number, or None for a text of ``empty``. Raises StudioError for anything else."""
    text = text.strip().replace(",", "")
    if text in empty:
        return None
    if not text.isdecimal() or not least <= int(text[:12]) <= MOST:
        raise StudioError(f"{label} is {text!r}; type a whole number from {least}.")
    return int(text)


def decimal(label: str, text: str, most: float, what: str) -> float | None:
    """A number from 0 to ``most``; None when nothing is typed. Raises StudioError otherwise.

    what: such as ``dollars such as 2.50``, for the refusal.
    """
    if not text.strip():
        return None
    try:
        amount = float(text)
    except ValueError:
        amount = -1.0
    if not 0 <= amount <= most:
        raise StudioError(f"{label} is {text!r}; type {what}, or leave it empty.")
    return amount


def dollars(label: str, text: str) -> float | None:
    """US dollars; None when nothing is typed. Raises StudioError for what is no amount."""
    return decimal(label, text, 1e9, "dollars such as 2.50")


def endpoint(text: str) -> tuple[str, str, str]:
    """(name, URL, model) of what was typed: a name, or a URL and a model.

    Raises StudioError for a URL without a model.
    """
    words = text.split()
    if words and "://" in words[0]:
        if len(words) != 2:
            raise StudioError("Endpoint: write the URL, a space, and the model's name there.")
        return "", words[0], words[1]
    return text.strip(), "", ""
