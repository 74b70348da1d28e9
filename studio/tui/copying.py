"""Copying what is selected, or what the pane is about."""

from __future__ import annotations

from pathlib import Path

from studio.tui import clipboard
from studio.tui.base_app import BaseApp
from studio.tui.pane.base import Pane


class Copying(BaseApp):
    """By tmux and OSC 52, or to a file."""

    def copy_to_clipboard(self, text: str) -> None:
        """Copy by tmux and OSC 52, and say where it went."""
        self.remember_copied(text)
        driver = self.terminal
        if driver is None or not text:
            return
        if driver.is_web:
            key = self.keys_of("app.copy-to-file")[0]
            self.tell(
                f"A page cannot set the clipboard: select with the mouse, or {key} to a file."
            )
        elif said := self.guarded(lambda: clipboard.copy(text, driver.write)):
            self.tell(said)

    def _to_copy(self) -> str:
        selected = self.screen.get_selected_text()
        if selected:
            return selected
        text = self.screen.copy_text() if isinstance(self.screen, Pane) else ""
        if not text:
            self.tell("There is nothing to copy here.")
        return text

    def action_copy(self) -> None:
        """Copy what is selected, else what the pane is about."""
        if text := self._to_copy():
            self.copy_to_clipboard(text)

    def action_copy_to_file(self) -> None:
        """Write what would be copied to a file."""
        if not (text := self._to_copy()):
            return
        folder = self.project.exports_dir if self.project else Path.cwd()
        path = self.guarded(lambda: clipboard.write_to_file(text, folder))
        if path:
            self.tell(f"Written to {path}")

    def action_help_quit(self) -> None:
        """ctrl+c with nothing selected: say how to leave, and stay."""
        self.tell(f"Nothing is selected to copy. To leave, press {self.keys_of('app.quit')[-1]}.")
