"""The program: which pane is in front, the open project, keys, theme, signals."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from textual import work
from textual.app import App
from textual.binding import BindingType
from textual.filter import LineFilter
from textual.screen import Screen

from studio import settings
from studio.project import Project
from studio.records import JobState, StudioError
from studio.tui import clipboard, keymap, theme
from studio.tui.actions import ACTIONS, Action, bindings
from studio.tui.palette import ActionProvider
from studio.tui.safe_text import ControlGuard, one_line
from studio.tui.screens.pane import Pane

POLL_S = 0.5
"""Seconds between looks at the store's version."""
LIVENESS_S = 2.0
"""Seconds between looks whether the workers of running jobs live."""
LAST_BREATH_S = 2.0
"""Seconds that an orderly end may take after a signal."""


def _pane(module: str, name: str) -> Callable[[], Screen[Any]]:
    """A factory that imports a pane when it is first shown."""

    def make() -> Screen[Any]:
        from importlib import import_module

        screen: Screen[Any] = getattr(import_module(f"studio.tui.screens.{module}"), name)()
        return screen

    return make


class StudioApp(App[int]):
    """The studio in a terminal."""

    CSS_PATH = "studio.tcss"
    TITLE = "Studio"
    COMMANDS: ClassVar[set[Any]] = {ActionProvider}
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "f20"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("app")]
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {
        "home": _pane("home", "Home"),
        "examples": _pane("examples", "ExamplesPane"),
        "prompt": _pane("prompt", "PromptPane"),
        "jobs": _pane("jobs", "JobsPane"),
    }

    def __init__(
        self,
        project: Project | None = None,
        *,
        screen: str | None = None,
        attach_job: int | None = None,
        own_keys: dict[str, str] | None = None,
    ) -> None:
        # The first pane is the first screen that Textual makes: no empty one before it.
        self.DEFAULT_MODE = screen or _first_mode(project, attach_job)  # type: ignore[misc]
        super().__init__()
        self.project = project
        self.attach_job = attach_job
        """The job that the Jobs pane shows first."""
        self.running = ""
        """What runs, in a few words for the top bar."""
        self._own_keys = own_keys or {}
        self._keys = keymap.effective(self._own_keys)
        self._version = project.store.data_version() if project else 0
        self._set_first_theme(project.settings.theme if project else theme.THEMES[0].name)

    def _set_first_theme(self, name: str) -> None:
        """Choose the theme before anything is drawn: changing it later parses all styles anew."""
        for own in theme.THEMES:
            self.register_theme(own)
        known = name in {own.name for own in theme.THEMES}
        self.set_reactive(StudioApp.theme, name if known else theme.THEMES[0].name)
        self.stylesheet.set_variables(self.get_css_variables())

    def get_line_filters(self) -> list[LineFilter]:
        """Textual's filters and, last of all, the guard against control characters."""
        return [*super().get_line_filters(), _GUARD]

    def on_mount(self) -> None:
        """Keys, signals, polling."""
        self.set_keymap(self._own_keys)
        if not self.is_headless:
            self._catch_signals()
        self.set_interval(POLL_S, self._poll)
        self.set_interval(LIVENESS_S, self._look_at_jobs)
        self.call_after_refresh(self._look_at_jobs)

    # -- what panes ask --

    @property
    def title_of_project(self) -> str:
        """The open project's title, for the bar; empty without one."""
        return self.project.title if self.project else ""

    def keys_of(self, action_id: str) -> tuple[str, ...]:
        """The keys in force for an action."""
        return self._keys[action_id]

    def tell(self, text: str, *, bad: bool = False) -> None:
        """A notification that may hold outside text."""
        severity = "error" if bad else "information"
        self.notify(one_line(text), severity=severity, markup=False, timeout=10 if bad else 4)  # type: ignore[arg-type]

    def guarded(self, deed: Callable[[], Any]) -> Any:
        """Do something that may raise StudioError, and tell its sentence; None when it did."""
        try:
            return deed()
        except StudioError as error:
            self.tell(str(error), bad=True)
            return None

    def wrote(self) -> None:
        """This process has written: other panes read again when they come to the front."""
        self._look_at_jobs()

    async def open_project(self, path: Path, mode: str = "examples") -> None:
        """Open another project in place of the present one."""
        project = self.guarded(lambda: Project.open(path))
        if project is None:
            return
        self.flush_all()
        for name in ("examples", "prompt", "jobs"):
            if name in self._screen_stacks:
                await self.remove_mode(name)
                self.add_mode(name, self.MODES[name])
        if self.project is not None:
            self.project.close()
        self.project = project
        self._look_at_jobs()
        await self.switch_mode(mode)

    # -- watching the store --

    def _poll(self) -> None:
        if self.project is None:
            return
        version = self.project.store.data_version()
        if version != self._version:
            self._version = version
            self._look_at_jobs()
            if isinstance(self._base_screen, Pane) and self._base_screen.ready:
                self._base_screen.store_changed()

    @property
    def _base_screen(self) -> Screen[Any]:
        return self.screen_stack[0]

    def _look_at_jobs(self) -> None:
        if self.project is None:
            return
        from studio.jobs import queue

        jobs = queue.all_jobs(self.project, limit=20)
        live = [job for job in jobs if job.state is JobState.RUNNING]
        words = ""
        if live:
            share = f" {100 * live[0].done // live[0].total}%" if live[0].total else ""
            words = f"{live[0].kind}{share}" if len(live) == 1 else f"{len(live)} jobs"
        if words != self.running:
            self.running = words
            for bar in self.screen.query("TopBar"):
                bar.refresh()

    # -- actions --

    async def do(self, action: Action) -> None:
        """Run an action of the registry from the palette, in its own pane."""
        if (
            action.scope in ("home", "examples", "prompt", "jobs")
            and self.current_mode != action.scope
        ):
            if not self._can_show(action.scope):
                return
            await self.switch_mode(action.scope)
        if action.scope == "app":
            await self.run_action(f"app.{action.method}")
        elif action.scope == "list" and isinstance(self.screen, Pane):
            await self.run_action(action.method, self.screen.main_list())
        else:
            await self.run_action(f"screen.{action.method}")

    def _can_show(self, mode: str) -> bool:
        if mode == "home" or self.project is not None:
            return True
        self.tell("Open a project first, or make a new one with n.")
        return False

    def _show(self, mode: str) -> None:
        if self.current_mode != mode and self._can_show(mode):
            self.switch_mode(mode)

    def action_home(self) -> None:
        """Go to Home."""
        self._show("home")

    def action_examples(self) -> None:
        """Go to Examples."""
        self._show("examples")

    def action_prompt(self) -> None:
        """Go to Prompt."""
        self._show("prompt")

    def action_jobs(self) -> None:
        """Go to Jobs."""
        self._show("jobs")

    def action_palette(self) -> None:
        """Open the list of all actions."""
        self.action_command_palette()

    def action_help(self) -> None:
        """Explain the keys of what has the focus."""
        from studio.tui.screens.help import Help

        if not isinstance(self.screen, Help):
            self.push_screen(Help(self.screen))

    def action_path(self) -> None:
        """Ask for the settings of the whole path."""
        self._start("path")

    def action_generate(self) -> None:
        """Ask for the settings of one step."""
        self._start("generate")

    def action_filter(self) -> None:
        """Ask for the settings of one step."""
        self._start("filter")

    def action_train(self) -> None:
        """Ask for the settings of one step."""
        self._start("train")

    def action_evaluate(self) -> None:
        """Ask for the settings of one step."""
        self._start("evaluate")

    @work
    async def _start(self, kind: str) -> None:
        from studio.tui.screens.start import StartDialog, submit

        project = self.project
        if not self._can_show("jobs") or project is None:
            return
        self.flush_all()
        params = await self.push_screen_wait(StartDialog(kind, project))
        if params is None:
            return
        job = self.guarded(lambda: submit(project, kind, params))
        if job is not None:
            self.attach_job = job.id
            self.wrote()
            await self.switch_mode("jobs")

    def action_theme(self) -> None:
        """Walk through the themes."""
        self.theme = theme.next_name(self.theme)
        self.tell(f"Theme: {self.theme}. Set it for good with theme in config.toml.")

    def action_suspend(self) -> None:
        """Back to the shell until ``fg``."""
        self.flush_all()
        self.action_suspend_process()

    async def action_quit(self) -> None:
        """Write what was typed and leave; jobs go on in their own processes."""
        self.flush_all()
        self.exit(0)

    # -- copying --

    def copy_to_clipboard(self, text: str) -> None:
        """Copy by tmux and OSC 52, and say where it went."""
        self._clipboard = text
        driver = self._driver
        if driver is not None and text:
            said = self.guarded(lambda: clipboard.copy(text, driver.write))
            if said:
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

    # -- the end --

    def flush_all(self) -> None:
        """Write everything typed, in every pane."""
        for stack in self._screen_stacks.values():
            for screen in stack:
                if isinstance(screen, Pane) and screen.ready:
                    self.guarded(screen.flush)

    def _catch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end_by_signal, number)

    def _end_by_signal(self, number: signal.Signals) -> None:
        # Textual runs no on_unmount on SIGHUP, and a dead tty may block its farewell for ever.
        self.flush_all()
        watchdog = threading.Timer(LAST_BREATH_S, os._exit, (128 + number,))
        watchdog.daemon = True
        watchdog.start()
        self.exit(128 + number)


_GUARD = ControlGuard()


def _first_mode(project: Project | None, attach_job: int | None) -> str:
    if project is None:
        return "home"
    return "jobs" if attach_job is not None else "examples"


def run(
    project_path: Path | None, *, screen: str | None = None, attach_job: int | None = None
) -> int:
    """Open the studio in this terminal until the person leaves it; the exit status.

    screen: ``home``, ``examples``, ``prompt`` or ``jobs``; attach_job: shown first in Jobs.
    Raises StudioError for a folder that is no project and for a faulty keymap.
    """
    if screen is not None and screen not in StudioApp.MODES:
        raise StudioError(f"There is no screen {screen}; choose {', '.join(StudioApp.MODES)}.")
    own_keys = keymap.load(settings.config_dir() / keymap.KEYMAP_FILE)
    project = Project.open(project_path) if project_path is not None else None
    app = StudioApp(project, screen=screen, attach_job=attach_job, own_keys=own_keys)
    try:
        return app.run() or 0
    finally:
        if app.project is not None:
            app.project.close()


__all__ = ["ACTIONS", "StudioApp", "run"]
