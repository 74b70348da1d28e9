"""The line above each pane (where am I, what runs) and the line below it (what can I press)."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from rich.cells import cell_len
from textual.content import Content
from textual.widget import Widget

from studio.tui.actions import ACTIONS, BY_ID, key_name
from studio.tui.safe_text import one_line

if TYPE_CHECKING:
    from textual.screen import Screen

    from studio.tui.app import StudioApp

PANES = ("home", "examples", "prompt", "jobs")
ALWAYS = ("app.palette", "app.help", "app.quit")
"""Actions at the right end of every footer, however narrow."""


class TopBar(Widget):
    """Program, project, panes with their keys, and what runs."""

    DEFAULT_CSS = """
    TopBar { height: 1; background: $panel; color: $text; text-wrap: nowrap; }
    """

    def __init__(self, pane: str) -> None:
        super().__init__()
        self._pane = pane

    def render(self) -> Content:
        """One line, exactly as wide as the screen."""
        app = cast("StudioApp", self.app)
        tabs = self._tabs(app)
        running = f" ● {app.running}" if app.running else ""
        left = " Studio "
        room = self.size.width - cell_len(left) - tabs.cell_length - cell_len(running) - 2
        title = one_line(app.title_of_project, max(room, 0))
        gap = " " * max(room - cell_len(title) + 1, 1)
        return Content.assemble(
            (left, "bold $primary"), (title, "$secondary"), gap, tabs, (running, "$accent"), " "
        )

    def _tabs(self, app: StudioApp) -> Content:
        parts: list[Content] = []
        for name in PANES:
            action = BY_ID[f"app.{name}"]
            key = key_name(app.keys_of(action.id)[0])
            style = "bold $block-cursor-foreground on $block-cursor-background"
            text = f" {key} {action.label} "
            here = name == self._pane
            part = Content.styled(text, style if here else "$secondary")
            parts.append(part.on_click(f"app.{name}") if hasattr(part, "on_click") else part)
        return Content("").join(parts)


class KeyBar(Widget):
    """The keys that do something now, as many as fit, from the action registry."""

    DEFAULT_CSS = """
    KeyBar { height: 1; background: $panel; color: $text; text-wrap: nowrap; }
    """

    def on_mount(self) -> None:
        """Draw anew whenever the focus or the keys change."""
        self.screen.bindings_updated_signal.subscribe(self, self._changed)

    def _changed(self, _screen: Screen[object]) -> None:
        self.refresh()

    def render(self) -> Content:
        """Keys of the pane on the left, those that are always there on the right."""
        live = self._live()
        right = self._joined([name for name in ALWAYS if name in live], live)
        room = self.size.width - right.cell_length - 1
        shown: list[str] = []
        # The pane's own keys first; what holds everywhere fills what is left.
        wanted = [action for action in ACTIONS if action.footer and action.id in live]
        for action in sorted(wanted, key=lambda action: action.scope == "app"):
            if action.id not in ALWAYS:
                if self._joined([*shown, action.id], live).cell_length > room:
                    break
                shown.append(action.id)
        left = self._joined(shown, live)
        return Content.assemble(left, " " * max(room - left.cell_length + 1, 0), right)

    def _live(self) -> dict[str, str]:
        """Action id → its first key, for the bindings in force where the focus is."""
        found: dict[str, list[str]] = {}
        for key, active in self.screen.active_bindings.items():
            if active.binding.id in BY_ID and active.enabled:
                found.setdefault(active.binding.id, []).append(key)
        app = cast("StudioApp", self.app)
        return {
            name: next((key for key in app.keys_of(name) if key in keys), keys[0])
            for name, keys in found.items()
        }

    def _joined(self, names: list[str], live: dict[str, str]) -> Content:
        return Content("").join(
            Content.assemble(
                (f" {key_name(live[name])}", "bold $primary"), f" {BY_ID[name].label} "
            )
            for name in names
        )
