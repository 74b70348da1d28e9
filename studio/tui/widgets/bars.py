"""The line above each pane (where am I, what runs) and the line below it (what can I press)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from rich.cells import cell_len
from textual.content import Content
from textual.events import Click
from textual.widget import Widget

from studio.safe_text import one_line
from studio.tui.actions import ACTIONS, BY_ID, PANES, key_name

if TYPE_CHECKING:
    from textual.app import App
    from textual.screen import Screen

    from studio.tui.base_app import BaseApp

SIDEWAYS = ("list.left", "list.right", "text.left", "text.right")
ALWAYS = ("app.palette", "app.help", "app.quit")
"""Actions at the right end of every footer, however narrow."""
PROGRAM = " Studio "
LEAST_TITLE = 6
"""Cells below which a title says nothing."""


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
        app, width = cast("BaseApp", self.app), self.size.width
        tabs = _tabs(app, width, app.going_to or self._pane)
        running = _running(app, width)
        left = "" if is_compact(app, width) else PROGRAM
        room = width - cell_len(left) - tabs.cell_length - cell_len(running)
        title = one_line(app.title_of_project, room - 2) if room > LEAST_TITLE else ""
        gap = " " * max(room - cell_len(title), 0)
        return Content.assemble(
            (left, "bold $primary"), (title, "$secondary"), gap, tabs, (running, "$accent")
        )

    async def on_click(self, event: Click) -> None:
        """A click on a name goes to its pane."""
        for name in PANES:
            start, cells = tab_place(self.app, self.size.width, name)
            if start <= event.x < start + cells:
                await self.app.run_action(f"app.{name}")


def is_compact(app: BaseApp, width: int) -> bool:
    """Whether the panes' names leave no room for anything else: then they stand close."""
    return cell_len(PROGRAM) + sum(len(text) + 1 for _, text in _names(app)) + 12 > width


def tab_place(app: App[Any], width: int, pane: str) -> tuple[int, int]:
    """(first cell, cells) of a pane's name in a bar of that width."""
    core = cast("BaseApp", app)
    spare = "" if is_compact(core, width) else " "
    names = _names(core)
    start = width - cell_len(_running(core, width)) - sum(len(text + spare) for _, text in names)
    for name, text in names:
        if name == pane:
            return start, len(text + spare)
        start += len(text + spare)
    return 0, width


def _names(app: BaseApp) -> list[tuple[str, str]]:
    """(pane, its key and name)."""
    labels = [(name, BY_ID[f"app.{name}"]) for name in PANES]
    mark = {"jobs": app.unseen or " "}
    return [
        (name, f"{mark.get(name, ' ')}{key_name(app.keys_of(a.id)[0])} {a.label}")
        for name, a in labels
    ]


def _running(app: BaseApp, width: int) -> str:
    if is_compact(app, width):
        return "●" if app.running else ""
    room = width - cell_len(PROGRAM) - sum(len(text) + 1 for _, text in _names(app))
    return f" ● {one_line(app.running, room - 4)} " if app.running else " "


def _tabs(app: BaseApp, width: int, pane: str) -> Content:
    here = "bold $block-cursor-foreground on $block-cursor-background"
    spare = "" if is_compact(app, width) else " "
    names = _names(app)
    if sum(len(text) for _, text in names) + cell_len(_running(app, width)) > width:
        # Nine panes and a running job fill 80 cells but for this one.
        names[0] = (names[0][0], names[0][1].lstrip())
    told = "bold $error" if app.unseen == "✗" else "bold $success"
    styles = {"jobs": told if app.unseen else "$secondary"} | {pane: here}
    parts = [Content.styled(text + spare, styles.get(name, "$secondary")) for name, text in names]
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
        return Content("").join(words for _, words in self._parts())

    async def on_click(self, event: Click) -> None:
        """A click on a key or its words is that key."""
        end = 0
        for key, words in self._parts():
            end += words.cell_length
            if event.x < end:
                if key:
                    self.app.simulate_key(key)
                return

    def _parts(self) -> list[tuple[str, Content]]:
        """(key, what is written) from the left to the right; no key for the gap."""
        live = self._live()
        always = [name for name in ALWAYS if name in live]
        room = self.size.width - self._joined(always, live).cell_length - 1
        shown: list[str] = []
        # The pane's own keys first; what holds everywhere fills what is left.
        offers = getattr(self.screen, "offers", lambda _id: True)
        wanted = [one for one in ACTIONS if one.footer and one.id in live and offers(one.id)]
        task = cast("BaseApp", self.app).project_task
        if task is None or not task.has_path:
            wanted = [one for one in wanted if one.id != "app.path"]
        for action in sorted(wanted, key=lambda action: action.scope == "app"):
            if action.id not in ALWAYS:
                if self._joined([*shown, action.id], live).cell_length > room:
                    break
                shown.append(action.id)
        left, right = (
            [(live[name], self._joined([name], live)) for name in names]
            for names in (shown, always)
        )
        gap = self.size.width - sum(words.cell_length for _, words in (*left, *right))
        return [*left, ("", Content(" " * max(gap, 0))), *right]

    def _live(self) -> dict[str, str]:
        """Action id → its first key, for the bindings in force where the focus is."""
        found: dict[str, list[str]] = {}
        for key, active in self.screen.active_bindings.items():
            if active.binding.id in BY_ID and active.enabled and not self._types(key):
                found.setdefault(self._meant(key, active.binding.id), []).append(key)
        app = cast("BaseApp", self.app)
        return {
            name: next((key for key in app.keys_of(name) if key in keys), keys[0])
            for name, keys in found.items()
        }

    def _meant(self, key: str, action_id: str) -> str:
        """Going left and right leaves its key to an action of the pane: see ``go_beside``."""
        if action_id not in SIDEWAYS:
            return action_id
        keys_of = cast("BaseApp", self.app).keys_of
        own = (one.id for one in ACTIONS if one.scope == getattr(self.screen, "NAME", ""))
        return next((one for one in own if key in keys_of(one)), action_id)

    def _types(self, key: str) -> bool:
        """Whether the field in focus takes the key as a character.

        Textual itself sees that of all but this one, whose name is not that of its character.
        """
        focused = self.screen.focused
        return key == "slash" and focused is not None and focused.check_consume_key(key, "/")

    def _joined(self, names: list[str], live: dict[str, str]) -> Content:
        return Content("").join(
            Content.assemble(
                (f" {key_name(live[name])}", "bold $primary"), f" {BY_ID[name].label} "
            )
            for name in names
        )
