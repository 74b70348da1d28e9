"""NO_COLOR: not one colour reaches the terminal; reverse and underline say what colours would."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style
from textual.filter import LineFilter

if TYPE_CHECKING:
    from textual.color import Color


class Colourless(LineFilter):
    """Drops colours. In the plain theme a light ground is a cursor, a grey one a cursor at rest."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments with reverse for a light ground and underline for a grey one."""
        return [
            Segment(text, _plain(style) if style else style, control)
            for text, style, control in segments
        ]


@lru_cache(1024)
def _plain(style: Style) -> Style:
    triplet = style.bgcolor.triplet if style.bgcolor else None
    light = sum(triplet) / 765 if triplet else 0.0
    cursor = light > 0.75
    kept = Style(
        bold=style.bold,
        italic=style.italic,
        strike=style.strike,
        reverse=style.reverse or cursor,
        underline=style.underline or 0.25 < light <= 0.75 or (cursor and style.reverse),
        link=style.link,
    )
    return kept + Style.from_meta(style.meta) if style.meta else kept
