"""The command palette's entries: every action of the registry with its key."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from studio.safe_text import padded
from studio.tui.actions import ACTIONS, SCOPES, Action, key_names

if TYPE_CHECKING:
    from studio.tui.app import StudioApp

KEY_CELLS = 9
"""Width of the column of keys."""


class ActionProvider(Provider):
    """All actions; one of another pane goes there first."""

    async def discover(self) -> Hits:
        """Every action, those of the pane in front first."""
        for action in self._ordered():
            yield DiscoveryHit(
                self._shown(action, Content(self._words(action))),
                partial(self._studio.do, action),
                text=self._words(action),
            )

    async def search(self, query: str) -> Hits:
        """The actions whose words match."""
        matcher = self.matcher(query)
        for action in self._ordered():
            words = self._words(action)
            if (score := matcher.match(words)) > 0:
                shown = self._shown(action, matcher.highlight(words))
                yield Hit(score, shown, partial(self._studio.do, action), text=words)

    @property
    def _studio(self) -> StudioApp:
        return cast("StudioApp", self.app)

    def _ordered(self) -> list[Action]:
        here = self._studio.current_mode
        shown = [action for action in ACTIONS if action.id != "app.palette"]
        return sorted(shown, key=lambda action: action.scope != here)

    def _words(self, action: Action) -> str:
        return f"{action.label} — {action.help} · {SCOPES[action.scope].lower()}"

    def _shown(self, action: Action, words: Content) -> Content:
        keys = padded(key_names(self._studio.keys_of(action.id)), KEY_CELLS)
        return Content.assemble((keys, "bold $primary"), " ", words)
