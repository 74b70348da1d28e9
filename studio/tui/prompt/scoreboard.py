"""The running score of the previews: a table that grows with each answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual.app import ComposeResult

from studio.tui.prompt import score
from studio.tui.prompt import sides as prompt_sides
from studio.tui.prompt.streams import Streams
from studio.tui.widgets.text_pane import Section, TextPane

if TYPE_CHECKING:
    from studio.tui.app import StudioApp

MORE = 5
"""Requests that are asked at once for the score alone."""
OWN = 300
"""Texts by people that previews are held against."""


class Scoreboard(Section):
    """What the answers of the streams come to."""

    def compose(self) -> ComposeResult:
        """One text."""
        yield TextPane(id="score")

    def on_mount(self) -> None:
        """Nothing is scored yet."""
        self.titled("Score")

    def show(self, streams: Streams, more: str, all_: str) -> None:
        """Count anew. more, all_: the keys that ask further requests, and that go to Generate."""
        able = [side for side in streams.sides if not side.fault]
        pairs = zip(streams.sides, streams.scores, strict=True)
        shared = prompt_sides.shared([found for side, found in pairs if not side.fault])
        title = prompt_sides.score_title(streams, shared, more, MORE)
        if any(shared) and not streams.busy and self.screen.has_class("-wide"):
            title += f" · {all_} asks for all"
        self.titled(title)
        pane = self.query_one(TextPane)
        if not any(shared):
            pane.show("No generation of this template yet.")
            return
        own, called = self._own(streams)
        found = score.measures(shared, own, ranked=streams.ranked)
        heads = prompt_sides.score_heads(able, len(shared[0]), called)
        pane.show("\n".join(score.table(found, heads, max(pane.size.width - 3, 40))))

    def _own(self, streams: Streams) -> tuple[list[str], str]:
        """Texts by people that are like what the stage makes, and what they are called."""
        project = cast("StudioApp", self.app).project
        assert project is not None
        if streams.ranked:
            examples = project.store.examples.all(enabled_only=True)
            return [example.query for example in examples], "your examples"
        stage = next((side.stage for side in streams.sides), None)
        if stage is None or stage.makes != project.task.record:
            return [], ""
        return [gold.text for gold in project.store.gold.all("validation")[:OWN]], "your gold"
