"""What a person can set, declared once: command line options and forms are made from these fields.

A params class is a frozen dataclass whose fields are made by :func:`option`. The metadata of a
field says how people meet it: a label, one line of help, the values that may be chosen, the range.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import Field, asdict, dataclass, field, fields
from typing import Any, Final, Self

METADATA: Final = "option"
"""The key of an :class:`Option` in a field's metadata."""


@dataclass(frozen=True, slots=True)
class Option:
    """How people meet one field."""

    label: str
    """A few words, at most 16 cells: what stands before the field in a form."""
    help: str
    """One line, best within 60 cells, for ``--help`` and beside the field."""
    least: float | None = None
    """The lowest number that makes sense."""
    most: float | None = None
    """The highest number that makes sense."""
    choices: Sequence[str] = ()
    """What may be chosen; empty where anything may be typed."""
    notes: Sequence[str] = ()
    """One line on each of the choices, in their order."""
    empty: str = ""
    """What no value means, such as ``the template's``; empty where there must be a value."""
    flag: str = ""
    """The option's name on the command line where it is not the field's own."""
    older: Sequence[str] = ()
    """What it was called in rows of older studios."""


def option(default: Any, label: str, help: str, **more: Any) -> Any:
    """A field of a params class; ``more`` are further fields of :class:`Option`."""
    return field(default=default, metadata={METADATA: Option(label, help, **more)})


def as_in(params: type[Params], name: str) -> Any:
    """A field that another params class has as well, by the same name and with the same words."""
    own = next(one for one in fields(params) if one.name == name)
    return field(default=own.default, metadata=own.metadata)


@dataclass(frozen=True, slots=True)
class Params:
    """Turned into the JSON of a row, and back."""

    def to_row(self) -> dict[str, Any]:
        """Plain values only."""
        return asdict(self)

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        """The params of a row; what an older studio did not write has its default."""
        known = {one.name: one.name for one in fields(cls)}
        for name, found in cls.options().items():
            known |= dict.fromkeys(found.older, name)
        return cls(**{known[name]: _plain(item) for name, item in row.items() if name in known})

    @classmethod
    def options(cls) -> dict[str, Option]:
        """Field → how people meet it, for the fields that they meet, in order."""
        return {one.name: found for one in fields(cls) if (found := option_of(one)) is not None}


def option_of(one: Field[Any]) -> Option | None:
    """How people meet a field; None for one that only programs set."""
    found = one.metadata.get(METADATA)
    return found if isinstance(found, Option) else None


def _plain(item: Any) -> Any:
    """JSON has no tuples; params that are equal must stay equal on their way through a row."""
    return tuple(item) if isinstance(item, list) else item
