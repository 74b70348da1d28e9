"""Text from outside as Textual draws it: never markup, and never a control.

``ControlGuard`` drops any control that still reaches the compositor.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from textual.content import Content
from textual.filter import LineFilter

from studio.safe_text import LONGEST_SHOWN, one_line, visible

if TYPE_CHECKING:
    from rich.segment import Segment
    from textual.color import Color

_GUARDED = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff\U000e0000-\U000e007f]"
)


def content(text: str, style: str = "", *, limit: int = LONGEST_SHOWN) -> Content:
    """Outside text for any widget that takes a visual: symbols for controls, never markup."""
    shown = visible(text, limit=limit)
    return Content.styled(shown, style) if style else Content(shown)


def label(text: str, width: int | None = None) -> Content:
    """Outside text for one line: titles, options, notifications."""
    return Content(one_line(text, width))


class ControlGuard(LineFilter):
    """The last line of defence: no control of any segment reaches the terminal.

    It drops rather than replaces, for such characters have no width and the layout is done.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments without control characters, bidi controls and lone surrogates."""
        if not any(_GUARDED.search(segment.text) for segment in segments):
            return segments
        return [
            type(segment)(_GUARDED.sub("", segment.text), segment.style, segment.control)
            for segment in segments
        ]
