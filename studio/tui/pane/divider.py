"""The line between two parts of a pane, moved by keys and kept: one mechanism for all panes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from textual.css.scalar import Scalar, Unit
from textual.widget import Widget

from studio.tui import memory

Axis = Literal["width", "height"]

AXES: Final[dict[str, Axis]] = {"horizontal": "width", "vertical": "height"}
"""Layout → which size of its parts a line changes."""
LEAST: Final = {"width": 20, "height": 3}
"""Cells of a part that can give way: below that, nothing in it could be read."""
STEP: Final = {"width": 4, "height": 1}
"""Cells that one key moves the line."""
LARGE = 7
"""Rows of a part of a fixed height from which on it can give some."""


@dataclass(frozen=True, slots=True)
class Divider:
    """The line between two neighbours."""

    first: Widget
    second: Widget
    axis: Axis

    def move(self, steps: int) -> tuple[float, float] | None:
        """Move it so many steps right or down, or left or up (below 0): the weights of both then.

        None when one of them would be too small to show what it has.
        """
        first, second = self._cells(self.first), self._cells(self.second)
        least, most = _least(self.first, self.axis), first + second - _least(self.second, self.axis)
        wanted = min(max(first + steps * STEP[self.axis], least), most)
        if (wanted - first) * steps <= 0:
            return None
        unit = self._unit()
        return round(wanted / unit, 3), round((first + second - wanted) / unit, 3)

    def _cells(self, part: Widget) -> int:
        return part.outer_size.width if self.axis == "width" else part.outer_size.height

    def _unit(self) -> float:
        """The cells of one fraction, where a third part takes its share of the room."""
        for part in _shown(self.first.parent):
            size = _size(part, self.axis)
            if part not in (self.first, self.second) and size is not None and _is_share(size):
                return max(self._cells(part), 1) / size.value
        return 1.0


def divider_at(widget: Widget) -> Divider | None:
    """The line nearest to a widget: after the part that it is in, else before it."""
    for part in widget.ancestors_with_self:
        parent = part.parent
        if not isinstance(part, Widget) or not isinstance(parent, Widget) or part.id == "body":
            return None
        if parent.layout.name in AXES and (found := _beside(part, parent)) is not None:
            return found
    return None


def _beside(part: Widget, parent: Widget) -> Divider | None:
    """The line after a part of its parent, else the one before it."""
    axis = AXES[parent.layout.name]
    parts = [one for one in _shown(parent) if one.id and _gives_way(one, axis)]
    if part not in parts or len(parts) < 2:
        return None
    place = min(parts.index(part), len(parts) - 2)
    first, second = parts[place : place + 2]
    # Columns of one kind are equally wide; and one of the two must take what the other leaves.
    if first.classes & second.classes or not any(
        _is_share(_size(one, axis)) for one in (first, second)
    ):
        return None
    return Divider(first, second, axis)


def _shown(parent: object) -> Iterator[Widget]:
    if isinstance(parent, Widget):
        yield from (one for one in parent.children if one.display)


def _size(part: Widget, axis: Axis) -> Scalar | None:
    return part.styles.width if axis == "width" else part.styles.height


def _is_share(size: Scalar | None) -> bool:
    return size is not None and size.unit is Unit.FRACTION


def _gives_way(part: Widget, axis: Axis) -> bool:
    size = _size(part, axis)
    if size is None or not part.children:
        return False
    if size.is_auto:
        # As high as what it holds, up to a share of the room.
        return axis == "height" and part.styles.max_height is not None
    return axis == "width" or size.unit is not Unit.CELLS or size.value >= LARGE


def _least(part: Widget, axis: Axis) -> int:
    """The cells without which something in the part could not be seen any more."""
    size, inside = _size(part, axis), [*_shown(part)]
    shown = part.outer_size.width if axis == "width" else part.outer_size.height
    if size is not None and size.is_auto and not _gives_way(part, axis):
        return shown
    floor = part.styles.min_width if axis == "width" else part.styles.min_height
    least = LEAST[axis] if floor is None else max(LEAST[axis], int(floor.value))
    if part.is_container and inside and part.layout.name in ("horizontal", "vertical"):
        along = (part.layout.name == "horizontal") == (axis == "width")
        sizes = [_least_inside(one, axis) for one in inside]
        around = shown - (part.size.width if axis == "width" else part.size.height)
        least = max(least, (sum if along else max)(sizes) + around)
    return least


def _least_inside(part: Widget, axis: Axis) -> int:
    size = _size(part, axis)
    if size is not None and size.unit is Unit.CELLS:
        return int(size.value)
    return _least(part, axis) if part.children else 1


class KeptSizes:
    """The sizes that a person gave to the parts of one pane, by the room that the pane has."""

    def __init__(self, pane: Widget, name: str) -> None:
        self._pane, self._name = pane, name
        self._given: set[tuple[str, Axis]] = set()

    def keep(self, room: str, divider: Divider, weights: tuple[float, float]) -> None:
        """From now on, in as much room, the parts have these weights."""
        key = f"{self._name} {room} {divider.axis} {divider.first.id} {divider.second.id}"
        memory.keep_sizes(key, weights)
        self.give(room)

    def give(self, room: str) -> None:
        """Give the parts the sizes that were kept for this room, and leave the others alone."""
        for name, axis in self._given:
            self._set(name, axis, None)
        self._given.clear()
        for key, weights in memory.load().sizes.items():
            name, at, along, *parts = key.split()
            if (name, at) == (self._name, room):
                for part, weight in zip(parts, weights, strict=False):
                    self._set(part, "width" if along == "width" else "height", f"{weight}fr")

    def _set(self, name: str, axis: Axis, size: str | None) -> None:
        most = "100%" if size is not None else None
        for part in self._pane.query(f"#{name}"):
            if axis == "width":
                part.styles.width, part.styles.max_width = size, most
            else:
                part.styles.height, part.styles.max_height = size, most
        if size is not None:
            self._given.add((name, axis))
