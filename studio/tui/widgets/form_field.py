"""What one line of a form asks, and why it cannot have a value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from studio.params import Option

MOST: Final = 1_000_000_000
"""No number in a form is larger; SQLite could not hold what a slipped key may make."""

Kind = Literal["text", "whole", "number", "switch"]
YES, NO = "yes", "no"


@dataclass(frozen=True, slots=True)
class FormChoice:
    """One of the known values of a line."""

    value: str
    label: str = ""
    """What is read; empty for the value itself."""
    note: str = ""
    """One line on it; empty leaves the line's own help."""
    missing: bool = False
    """It is known, but not here."""

    @property
    def words(self) -> str:
        """What a person reads."""
        return self.label or self.value


@dataclass(frozen=True, slots=True)
class FormField:
    """One line of a form."""

    name: str
    option: Option
    """Its label, help and range."""
    kind: Kind = "text"
    choices: tuple[FormChoice, ...] = ()
    """The values that are known, to be walked through."""
    typed: bool = True
    """Whether anything may be typed; otherwise it is one of the choices."""
    default: str = ""
    """What stands there before anybody chose."""
    empty: str = ""
    """What nothing means, in a word or two; empty where there must be something."""
    check: Callable[[str], str] = lambda _text: ""
    """Why a text that is well formed cannot be; empty when it can."""
    heading: str = ""
    """Stands above the line."""
    completes: tuple[str, ...] | None = None
    """Of a path: the endings of the files that complete it, beside folders; None for no path."""

    @property
    def may_be_empty(self) -> bool:
        """Whether nothing means something."""
        return bool(self.empty) or any(not one.value for one in self.choices)

    def problem(self, text: str) -> str:
        """Why the line cannot have this text; empty when it can."""
        text = text.strip()
        if not text:
            return "" if self.may_be_empty else f"type {self.wanted}"
        if any(one.value == text for one in self.choices):
            return self.check(text)
        if not self.typed and self.option.choices:
            return f"choose {' or '.join(self.option.choices)}"
        if self.kind in ("whole", "number") and self.number(text) is None:
            return f"type {self.wanted}" + (", or leave it empty" if self.may_be_empty else "")
        return self.check(text)

    def number(self, text: str) -> float | None:
        """The number that a text says, if it lies in the range; commas may part thousands."""
        try:
            found = float(text.replace(",", ""))
        except ValueError:
            return None
        least = -MOST if self.option.least is None else self.option.least
        most = MOST if self.option.most is None else self.option.most
        fits = least <= found <= most and (self.kind != "whole" or found == int(found))
        return found if fits else None

    def value(self, text: str) -> str | int | float | bool | None:
        """The value that a text without a problem says; None when it says nothing."""
        if not text.strip():
            return None
        if self.kind == "switch":
            return text.strip() == YES
        if self.kind == "text":
            # What is put before a text may end in a space.
            return text.strip() if self.choices else text
        found = self.number(text)
        return found if found is None or self.kind == "number" else int(found)

    @property
    def wanted(self) -> str:
        """Such as ``a whole number from 1 to 8``."""
        least, most = self.option.least, self.option.most
        what = {"whole": "a whole number", "number": "a number"}.get(self.kind, "something")
        low = "" if least is None else f" from {least:g}"
        return what + low + ("" if most is None else f" to {most:g}")
