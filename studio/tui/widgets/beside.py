"""Going left and right between lists and texts that stand side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual.actions import SkipAction
from textual.widget import Widget
from textual.widgets import Input, TextArea

from studio.tui.action_table import ACTIONS

if TYPE_CHECKING:
    from studio.tui.base_app import BaseApp


def go_beside(widget: Widget, direction: int) -> None:
    """Give the focus to what stands left (-1) or right (1) of the widget.

    Raises SkipAction, so that the key may mean something else, when nothing stands there or the
    pane has an action of its own on the key.
    """
    target = None if _is_the_panes(widget) else _beside(widget, direction)
    if target is None:
        raise SkipAction
    target.focus()


def _is_the_panes(widget: Widget) -> bool:
    core, pane = cast("BaseApp", widget.app), getattr(widget.screen, "NAME", "")
    return any(core.last_key in core.keys_of(one.id) for one in ACTIONS if one.scope == pane)


def _beside(widget: Widget, direction: int) -> Widget | None:
    """The nearest of those that share a line of the screen; never a field, which takes letters."""
    here, chain = widget.region, widget.screen.focus_chain
    found = [
        (abs(there.x - here.x), abs(there.y - here.y), n)
        for n, other in enumerate(chain)
        if not isinstance(other, Input | TextArea)
        and (there := other.region).area
        and (there.x - here.x) * direction > 0
        and (there.right <= here.x or here.right <= there.x)
        and there.y < here.bottom
        and here.y < there.bottom
    ]
    return chain[min(found)[2]] if found else None
