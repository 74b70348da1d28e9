"""The program: its parts together, theme, size, title, signals, start and end."""

from __future__ import annotations

import asyncio
import gc
import os
import shlex
import signal
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from textual import events, on
from textual.binding import BindingType
from textual.command import CommandPalette
from textual.filter import LineFilter, Monochrome, NoColor
from textual.geometry import Size
from textual.messages import ExitApp

from studio import settings
from studio.project import Project
from studio.records import StudioError
from studio.tui import keymap, memory, theme, title
from studio.tui.actions import ACTIONS, PANES, bindings
from studio.tui.colourless import Colourless
from studio.tui.copying import Copying
from studio.tui.dialogs.too_small import TooSmall, is_too_small
from studio.tui.external_editor import ExternalEditor
from studio.tui.importing_ahead import import_ahead
from studio.tui.keys_in_order import KeysInOrder
from studio.tui.navigation import Navigation, first_pane, opened
from studio.tui.palette import ActionProvider
from studio.tui.pane.base import Pane
from studio.tui.safe_content import ControlGuard
from studio.tui.write_queue import SECOND_MS

LAST_BREATH_S = 2.0
"""Seconds that an orderly end may take after a signal."""
PARENT_S = 1.0
"""Seconds between looks whether the server of a page still lives."""


class StudioApp(KeysInOrder, Navigation, Copying, ExternalEditor):
    """The studio in a terminal."""

    CSS_PATH = "studio.tcss"
    TITLE = "Studio"
    COMMANDS: ClassVar[set[Any]] = {ActionProvider}
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "f20"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("app")]

    def __init__(
        self,
        project: Project | None = None,
        *,
        screen: str | None = None,
        attach_job: int | None = None,
        own_keys: Mapping[str, str] | None = None,
        tour: bool = False,
    ) -> None:
        # The first pane is the first screen that Textual makes: no empty one before it.
        self.DEFAULT_MODE = screen or _first_mode(project, attach_job)  # type: ignore[misc]
        super().__init__(project, own_keys=own_keys)
        self.attach_job = attach_job
        self._tour = tour
        self._server_pid = os.getppid()
        self._wanted_theme = project.settings.theme if project else settings.load().theme
        self._set_first_theme(memory.theme_of(self._wanted_theme))

    # -- what it looks like --

    def _set_first_theme(self, name: str) -> None:
        """Choose the theme before anything is drawn: changing it later parses all styles anew."""
        for own in (*theme.THEMES, theme.PLAIN):
            self.register_theme(own)
        if self.no_color:
            name = theme.PLAIN.name
        known = name in {own.name for own in (*theme.THEMES, theme.PLAIN)}
        self.set_reactive(StudioApp.theme, name if known else theme.THEMES[0].name)
        self.stylesheet.set_variables(self.get_css_variables())

    def get_line_filters(self) -> list[LineFilter]:
        """Textual's filters, no colour where none is wanted, and last of all the guard."""
        kept = super().get_line_filters()
        if self.no_color:
            kept = [one for one in kept if not isinstance(one, Monochrome | NoColor)]
            kept.append(_COLOURLESS)
        return [*kept, _GUARD]

    def action_theme(self) -> None:
        """Walk through the themes."""
        if self.no_color:
            self.tell("NO_COLOR is set: there is nothing to choose from.")
            return
        self.theme = theme.next_name(self.theme)
        memory.keep(theme=self.theme, instead_of=self._wanted_theme)
        self.tell(f"Theme: {self.theme.removeprefix('studio-')}. It is remembered.")

    def on_resize(self, event: events.Resize) -> None:
        """A terminal that is too small gets one calm sentence until it grows."""
        self._mind_the_size(event.size)

    def _mind_the_size(self, size: Size) -> None:
        if is_too_small(size) and not isinstance(self.screen, TooSmall):
            # It may shrink again while the sentence makes way.
            self.push_screen(TooSmall(), lambda _: self._mind_the_size(self.size))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """In a terminal that is too small, only what leaves it is done."""
        if self.screen_stack and isinstance(self.screen, TooSmall):
            return action in ("quit", "suspend", "help_quit")
        return super().check_action(action, parameters)

    # -- the terminal's title --

    def _say_title(self, _signal: object = None) -> None:
        if self.terminal is not None and not self.is_headless:
            self.terminal.write(title.SAVE + title.sequence(self.title_of_project))

    def _give_title_back(self, _signal: object = None) -> None:
        if self.terminal is not None and not self.is_headless:
            self.terminal.write(title.RESTORE)

    def project_opened(self) -> None:
        """The title names the project that is open."""
        self._give_title_back()
        self._say_title()
        self._begin_tour()

    # -- start, pause and end --

    def on_mount(self) -> None:
        """Keys, signals, polling, title, and the tour for a newcomer."""
        self.set_keymap(self._own_keys)
        self.watch_store()
        self.app_suspend_signal.subscribe(self, self._give_title_back)
        self.app_resume_signal.subscribe(self, self._resumed)
        if not self.is_headless:
            self._catch_signals()
            self._say_title()
            self.run_worker(import_ahead(), group="ahead")
        if self.is_web:
            self.set_interval(PARENT_S, self._end_with_server)
        self.settle(self.DEFAULT_MODE)
        self._begin_tour()
        self.tell_of_kept_edits()

    def _begin_tour(self) -> None:
        if self._tour and self.project is not None:
            self._tour = False
            self.call_after_refresh(self.action_tour)

    def action_tour(self) -> None:
        """One minute through the panes; any key leaves it."""
        from studio.tui.dialogs.tour import Tour

        if self.can_show("examples") and not isinstance(self.screen, Tour):
            memory.keep(toured=True)
            self.push_screen(Tour())

    def action_palette(self) -> None:
        """Open the list of all actions."""
        if not isinstance(self.screen, CommandPalette):
            self.push_screen(
                CommandPalette(
                    placeholder="What do you want to do? Enter does it, esc closes",
                    id="--command-palette",
                )
            )

    def action_help(self) -> None:
        """Explain the keys of what has the focus."""
        from studio.tui.dialogs.help import Help

        if not isinstance(self.screen, Help):
            self.push_screen(Help(self.screen))

    def action_jump(self) -> None:
        """Put a letter on each part of the screen; the letter goes there."""
        from studio.tui.dialogs.jump import Jump

        if isinstance(self.screen, Jump):
            self.screen.dismiss()
        else:
            self.push_screen(Jump(self.screen))

    def action_line_back(self) -> None:
        """Move the line between two parts of the pane left, or up."""
        self._move_line(-1)

    def action_line_on(self) -> None:
        """Move it right, or down."""
        self._move_line(1)

    def _move_line(self, direction: int) -> None:
        if isinstance(self.screen, Pane):
            self.screen.move_line(direction)

    def action_messages(self) -> None:
        """List all that was told in this session."""
        from studio.tui.dialogs.messages import Messages

        if isinstance(self.screen, Messages):
            self.screen.dismiss()
        else:
            self.push_screen(Messages())

    def action_suspend(self) -> None:
        """Back to the shell until ``fg``."""
        self.flush_all()
        if self.terminal is not None and not self.terminal.can_suspend:
            self.tell("There is no shell behind this window to go back to.")
            return
        self.action_suspend_process()

    def _resumed(self, _signal: object = None) -> None:
        self._say_title()
        self.refresh(layout=True)
        self.screen.refresh(layout=True)

    async def action_quit(self) -> None:
        """Write what was typed and leave; jobs go on in their own processes."""
        await self.write_before_the_end()
        self.exit(0)

    @on(ExitApp)
    def _write_before_the_end(self) -> None:
        """A page that was closed ends the program without a key; what was typed is written."""
        self.flush_all()
        self.keep_the_rest()
        self._give_title_back()

    def _end_with_server(self) -> None:
        # A server that was killed closes no page: its programs would stay for ever.
        if os.getppid() != self._server_pid:
            self.exit(0)

    def _catch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end_by_signal, number)

    def _end_by_signal(self, number: signal.Signals) -> None:
        # Textual runs no on_unmount on SIGHUP, and a dead tty may block its farewell for ever.
        if self.project is not None:
            self.project.store.be_patient(SECOND_MS)
        self.flush_all()
        self.keep_the_rest()
        watchdog = threading.Timer(LAST_BREATH_S, os._exit, (128 + number,))
        watchdog.daemon = True
        watchdog.start()
        self.exit(128 + number)


_GUARD = ControlGuard()
_COLOURLESS = Colourless()


def _first_mode(project: Project | None, attach_job: int | None) -> str:
    if project is None:
        return "home"
    return "jobs" if attach_job is not None else first_pane(project)


def still_running(project: Project | None) -> list[str]:
    """What goes on after the screens are gone, for the shell; nothing when nothing does."""
    if project is None:
        return []
    from studio.jobs import queue
    from studio.tui.jobs import words

    try:
        jobs = [job for job in queue.all_jobs(project, limit=20) if job.state not in queue.ENDED]
    except StudioError:
        return []
    if not jobs:
        return []
    named = [f"{one.kind} {one.id} ({words.running([one]) or 'waiting'})" for one in reversed(jobs)]
    return [
        f"Still at work: {', '.join(named)}.",
        f"studio jobs -p {shlex.quote(str(project.path))} shows it; studio jobs cancel N stops it.",
    ]


def run(
    project_path: Path | None,
    *,
    screen: str | None = None,
    attach_job: int | None = None,
    mouse: bool = True,
) -> int:
    """Open the studio in this terminal until the person leaves it; the exit status.

    screen: a pane's name, such as ``jobs``; attach_job: shown first in Jobs; mouse: False leaves
    the mouse to the terminal. Raises StudioError for a folder that is no project and for a faulty
    keymap.
    """
    if screen is not None and screen not in PANES:
        raise StudioError(f"There is no screen {screen}; choose {', '.join(PANES)}.")
    own_keys = keymap.load(settings.config_dir() / keymap.KEYMAP_FILE)
    project = opened(project_path) if project_path is not None else None
    in_force = project.settings if project else settings.load()
    if "TEXTUAL_DRIVER" not in os.environ:
        # Exported by a shell, they would win over the size that the terminal really has.
        for name in ("COLUMNS", "LINES"):
            os.environ.pop(name, None)
    app = StudioApp(
        project,
        screen=screen,
        attach_job=attach_job,
        own_keys=own_keys,
        tour=attach_job is None and not memory.load().toured,
    )
    try:
        return app.run(mouse=mouse and in_force.mouse) or app.return_code or 0
    finally:
        for path in app.kept:
            print(f"The project could not be written; what you typed is kept in {path}")
        if app.return_code == 0:
            print(end="".join(f"{line}\n" for line in still_running(app.project)))
        if app.project is not None:
            app.project.close()
        # At its end Python looks through all objects once more, and those of an LLM client and of
        # an index took 1 to 2 s: long after the screen is gone, before the shell is back.
        gc.freeze()


__all__ = ["ACTIONS", "StudioApp", "run"]
