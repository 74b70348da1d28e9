"""A section's title is drawn anew when it changes, whatever stands between it and the content."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult
from textual.widgets import Static

from studio.tui.widgets.text_pane import Section


class Titled(App[None]):
    """One section, framed as the panes' or as the dialogs' are."""

    CSS = """
    .dialog { border: round white; padding: 1 2; height: auto; }
    """

    def __init__(self, classes: str) -> None:
        super().__init__()
        self._classes_of_section = classes

    def compose(self) -> ComposeResult:
        with Section(classes=self._classes_of_section).titled("before"):
            yield Static("content")


@pytest.mark.parametrize("classes", ["", "dialog"])
async def test_another_title_is_on_the_screen_at_once(classes: str) -> None:
    app = Titled(classes)
    async with app.run_test(size=(40, 8)) as pilot:
        await pilot.pause()
        app.screen._compositor.render_strips()
        app.query_one(Section).titled("after")
        await pilot.pause()
        lines = [strip.text for strip in app.screen._compositor.render_strips()]
        assert "after" in lines[0]
