"""Send only what changed: over a slow link every byte of a repaint is waited for.

Textual draws each part anew that says it may look different, and sends all of it. Here each piece
is compared with what was sent to the same cells before, and left out when it is the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.control import Control
from textual._compositor import ChopsUpdate, CompositorUpdate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console
    from textual.strip import Strip


class Painted:
    """What stands on the terminal, by line and first cell."""

    def __init__(self) -> None:
        self._lines: dict[int, dict[int, tuple[int, str]]] = {}

    def forget(self) -> None:
        """All is drawn anew, or something else has drawn on the terminal."""
        self._lines.clear()

    def is_new(self, y: int, x: int, end: int, sequence: str) -> bool:
        """Whether these cells show something else; remembers it."""
        line = self._lines.setdefault(y, {})
        if line.get(x) == (end, sequence):
            return False
        for start, (other, _) in list(line.items()):
            if start < end and other > x:
                del line[start]
        line[x] = (end, sequence)
        return True


class Changes(CompositorUpdate):
    """A partial update without what stands there already."""

    def __init__(self, update: ChopsUpdate, painted: Painted) -> None:
        self._update = update
        self._painted = painted

    def render_segments(self, console: Console) -> str:
        """The escape sequences; this is called only when they are written at once."""
        sequences: list[str] = []
        for y, x, end, strip in self._pieces():
            sequence = strip.render(console)
            if self._painted.is_new(y, x, end, sequence):
                sequences += (Control.move_to(x, y).segment.text, sequence)
        return "".join(sequences)

    def _pieces(self) -> Iterator[tuple[int, int, int, Strip]]:
        """Line, first cell, end and content of every piece that the update asks for."""
        update = self._update
        for y, first, last in update.spans:
            pieces = zip(update.chop_ends[y], update.chops[y].items(), strict=False)
            for end, (x, strip) in pieces:
                if strip is None or x > last or end <= first:
                    continue
                shown = min(end, last)
                yield y, x, shown, strip if shown == end else strip.crop(0, shown - x)
