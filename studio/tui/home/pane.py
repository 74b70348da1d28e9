"""Home: projects opened lately, and the way to a new one."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from studio import project as projects
from studio.safe_text import one_line
from studio.store.project_status import ProjectStatus, project_status
from studio.tui.actions import bindings, key_name
from studio.tui.home.next_step import next_step, path_so_far
from studio.tui.pane.base import Pane
from studio.tui.widgets.rows import Column, Row, RowList
from studio.tui.widgets.text_pane import Section

COLUMNS = (Column("project", 28), Column("folder"), Column("changed", 12, "right"))
NOTHING = (
    "No project yet. Press n to make one: there are samples of every task to try, "
    "or use your own files. o opens a folder that is a project already."
)
STEPS = "files → a few examples → an LLM writes → review → model → its gain"


class HomePane(Pane):
    """Recent projects; enter opens one, n makes one."""

    NAME = "home"
    BINDINGS: ClassVar[list[Any]] = [*bindings("home")]
    _left_wish: dict[str, str] | None = None
    """What was typed into a wizard that was left: it is there when the next one opens."""

    def compose_body(self) -> ComposeResult:
        """A welcome of three lines, then the projects."""
        yield Static(self._welcome(), id="welcome")
        with Section(id="recent").titled("Recent projects"):
            yield RowList(COLUMNS, empty=NOTHING)
        with Section(id="standing-section").titled(""):
            yield Static("", id="standing", markup=False)

    def begin(self) -> None:
        """Show the projects."""
        self.store_changed()

    def store_changed(self) -> None:
        """Read the list of recent projects."""
        rows = [_row(path) for path in projects.recent()]
        self.query_one(RowList).show(rows)
        self._look_at_selected()

    @on(RowList.Moved)
    def _selected(self) -> None:
        self._look_at_selected()

    @work(exclusive=True, group="standing")
    async def _look_at_selected(self) -> None:
        """How far the selected project is: whoever comes back is led on."""
        row = self.query_one(RowList).current
        # Found before the wait: an answer that is late at the end finds the parts gone.
        section = self.query_one("#standing-section", Section)
        standing = self.query_one("#standing", Static)
        found = (
            await asyncio.to_thread(project_status, Path(row.key) / projects.DATABASE)
            if row
            else None
        )
        section.display = found is not None
        if row is not None and found is not None:
            section.titled(f"Where {one_line(row.cells[0], 40)} stands")
            standing.update(self._standing(Path(row.key), found))

    def _standing(self, path: Path, found: ProjectStatus) -> Content:
        project = self.studio.project
        is_open = project is not None and project.path == path
        opens = "" if is_open else "enter opens it, then "
        said = next_step(found, lambda name: key_name(self.studio.keys_of(name)[0]))
        return Content.assemble(
            path_so_far(found), "\n", ("Next: ", "bold $success"), (opens + said, "$success")
        )

    def _welcome(self) -> Content:
        new, opened = (key_name(self.studio.keys_of(name)[0]) for name in ("home.new", "home.open"))
        return Content.assemble(
            ("Studio", "bold $primary"),
            "  a small model for your task, trained here, its gain measured\n",
            (STEPS + "\n", "$secondary"),
            (new, "bold $primary"),
            " makes a new project · ",
            ("enter", "bold $primary"),
            " opens the selected one · ",
            (opened, "bold $primary"),
            " opens a folder",
        )

    @on(RowList.Chosen)
    async def _open(self, event: RowList.Chosen) -> None:
        if event.row is not None:
            await self.studio.open_project(Path(event.row.key))

    @work
    async def action_open(self) -> None:
        """Ask for a folder and open it."""
        from studio.tui.dialogs.ask import AskText, no_such_folder

        ask = AskText(
            "Open a project", hint="The folder that holds studio.db", refuse=no_such_folder
        )
        path = await self.app.push_screen_wait(ask)
        if path:
            await self.studio.open_project(Path(path))

    @work
    async def action_new(self) -> None:
        """Ask for all that a new project needs, make it, and watch its import."""
        from studio.tui.home.wizard import Wizard

        wizard = Wizard(self._left_wish)
        made = await self.app.push_screen_wait(wizard)
        self._left_wish = wizard.typed if made is None else None
        if made is not None:
            await self.studio.open_project(made.folder)
            if made.told:
                self.studio.tell(made.told)

    def action_forget(self) -> None:
        """Take the project off the list."""
        row = self.query_one(RowList).current
        if row is not None:
            projects.forget(Path(row.key))
            self.store_changed()

    def copy_text(self) -> str:
        """The selected project's folder."""
        row = self.query_one(RowList).current
        return row.key if row else ""


def _row(path: Path) -> Row:
    return Row(str(path), (path.name, _short(path), _ago(path / projects.DATABASE)))


def _short(path: Path) -> str:
    try:
        return f"~/{path.relative_to(Path.home())}"
    except ValueError:
        return str(path)


def _ago(file: Path) -> str:
    # WAL: recent writes are in the file beside it.
    log = file.with_name(file.name + "-wal")
    stamps = [one.stat().st_mtime for one in (file, log) if one.exists()]
    seconds = max(time.time() - max(stamps, default=time.time()), 0)
    for size, word in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {word} ago"
    return "just now"
