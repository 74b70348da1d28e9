"""The colour that a widget writes a part of its text in."""

from __future__ import annotations

from rich.style import Style
from textual.widget import Widget


def ink(widget: Widget, component: str) -> Style:
    """Colour and weight of a component of the widget, to be laid over any style.

    Worked out on the widget's own ground: a tone such as ``$text-muted`` goes by what is behind it.
    """
    whole = widget.get_component_rich_style(component)
    return Style(color=whole.color, bold=whole.bold, italic=whole.italic, underline=whole.underline)
