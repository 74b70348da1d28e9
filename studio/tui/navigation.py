"""Which pane is in front, and which project is open."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import closing, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from textual import work
from textual.screen import Screen
from textual.widget import AwaitMount

from studio.project import Project
from studio.store import Store
from studio.tui import memory
from studio.tui.actions import PANES, Action
from studio.tui.pane.base import Pane
from studio.tui.store_poller import StorePoller
from studio.tui.widgets.bars import TopBar
from studio.tui.write_queue import PATIENCE_MS

PAINT_S = 0.1
"""The longest that a pane's making waits for its name to light up."""


def opened(path: Path) -> Project:
    """A project whose store holds no screen up. Raises StudioError when it cannot be opened."""
    project = Project.open(path)
    project.store.serve_a_screen(PATIENCE_MS)
    return project


def new_pane(name: str, project: Project | None) -> Screen[Any]:
    """A pane as the project's task has it; its module is imported when it is first shown."""
    task = project.task if project is not None else None
    if task is not None and not task.has_examples and name == "examples":
        from studio.tui.examples.demonstrations import DemonstrationsPane

        return DemonstrationsPane()
    if task is not None and task.is_trained_alone and name == "rounds":
        from studio.tui.pane.elsewhere import NoRounds

        return NoRounds(task)
    if task is not None and task.gold == "positive" and name == "search":
        from studio.tui.pane.elsewhere import NoSearch

        return NoSearch(task)
    if task is not None and task.gold != "documents" and name == "search":
        from studio.tui.search.prediction_pane import PredictionPane

        return PredictionPane(task)
    pane: type[Screen[Any]] = getattr(
        import_module(f"studio.tui.{name}.pane"), f"{name.title()}Pane"
    )
    return pane()


def _snapshot(path: Path, ids: Sequence[int]) -> int:
    """Keep exactly these records under a number."""
    with closing(Store(path)) as store:
        return store.snapshots.take(ids, "chosen for an export")


def first_pane(project: Project) -> str:
    """Where somebody was last in a project, else where the work on it begins."""
    last = memory.load().panes.get(str(project.path))
    return last if last in PANES else project.task.home_pane


class Navigation(StorePoller):
    """Panes are modes: each keeps its place while another is in front."""

    _leaving = False
    """Whether the project is gone and its panes go: to begin that twice would end the program."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in PANES:
            self._add_pane(name)

    def _add_pane(self, name: str) -> None:
        self.add_mode(name, lambda: new_pane(name, self.project))

    async def open_project(self, path: Path, mode: str = "") -> None:
        """Open another project in place of the present one; at its first pane, if none is named."""
        project = self.guarded(lambda: opened(path))
        if project is None:
            return
        await self._take_in(project)
        await self.switch_mode(mode or first_pane(project))
        self.project_opened()

    async def _take_in(self, project: Project | None) -> None:
        """In place of the open one, whose panes go; Home stays."""
        await self.write_before_the_end()
        for name in PANES:
            if name != "home" and self.screens_of(name):
                await self.remove_mode(name)
                self._add_pane(name)
        if self.project is not None:
            self.project.close()
        self.project = project
        self.look_anew()

    def project_gone(self, sentence: str) -> None:
        """Back to Home, which lists the projects that are there; what was typed goes along with a
        project that was moved."""
        if not self._leaving:
            self._leaving = True
            self._leave_project(sentence)

    @work
    async def _leave_project(self, sentence: str) -> None:
        self.flush_all()
        await self.switch_mode("home")
        await self._take_in(None)
        self._leaving = False
        self.tell(sentence, bad=True)
        if isinstance(self.base_screen, Pane) and self.base_screen.ready:
            self.base_screen.store_changed()

    def project_opened(self) -> None:
        """Another project is in front now."""

    async def go(self, mode: str, **place: Any) -> None:
        """Show a pane at a place in it, such as ``go("search", query="…")``."""
        if not self.can_show(mode):
            return
        if self.current_mode != mode:
            await self.switch_mode(mode)
        pane = self.base_screen
        if isinstance(pane, Pane):
            pane.call_after_refresh(pane.open_at, **place)

    def can_show(self, mode: str) -> bool:
        """Whether the pane can come to the front; tells why not."""
        if mode == "home" or self.project is not None:
            return True
        self.tell("Open a project first, or make a new one with n.")
        return False

    async def do(self, action: Action) -> None:
        """Run an action of the registry from the palette, in its own pane."""
        if action.scope in PANES and self.current_mode != action.scope:
            if not self.can_show(action.scope):
                return
            await self.switch_mode(action.scope)
        if action.scope == "app":
            await self.run_action(f"app.{action.method}")
        elif action.scope in ("list", "recall", "text"):
            await self._do_in_part(action)
        else:
            await self.run_action(f"screen.{action.method}")

    async def _do_in_part(self, action: Action) -> None:
        """What a list, a text or a field does: where the focus is when it can, else in the main
        list."""
        focused = self.screen.focused
        if not hasattr(focused, f"action_{action.method}"):
            focused = self.screen.main_list() if isinstance(self.screen, Pane) else None
        if focused is not None:
            await self.run_action(action.method, focused)

    def switch_mode(self, mode: str) -> AwaitMount:
        """Bring a pane to the front; a project is opened there again."""
        if self.project is not None and mode not in ("home", self.current_mode):
            memory.keep_pane(self.project.path, mode)
        return super().switch_mode(mode)

    def _show(self, mode: str) -> None:
        if self.current_mode == mode or not self.can_show(mode):
            return
        if self.screens_of(mode):
            self.switch_mode(mode)
        else:
            # Before the next key: that one is the new pane's.
            self.call_later(self._show_first, mode)

    async def _show_first(self, mode: str) -> None:
        """To make a pane takes a moment: its name lights up at once."""
        painted, before = asyncio.Event(), self.base_screen
        self.going_to = mode
        for bar in before.query(TopBar):
            bar.refresh()
        before.call_after_refresh(painted.set)
        with suppress(TimeoutError):
            await asyncio.wait_for(painted.wait(), PAINT_S)
        self.going_to = ""
        await self.switch_mode(mode)
        self.settle(mode)

    def action_home(self) -> None:
        """Go to Home."""
        self._show("home")

    def action_examples(self) -> None:
        """Go to Examples."""
        self._show("examples")

    def action_prompt(self) -> None:
        """Go to Prompt."""
        self._show("prompt")

    def action_generate(self) -> None:
        """Go to Generate."""
        self._show("generate")

    def action_review(self) -> None:
        """Go to Review."""
        self._show("review")

    def action_rounds(self) -> None:
        """Go to Rounds."""
        self._show("rounds")

    def action_train(self) -> None:
        """Go to Train."""
        self._show("train")

    def action_search(self) -> None:
        """Go to Search."""
        self._show("search")

    def action_jobs(self) -> None:
        """Go to Jobs."""
        self._show("jobs")

    def action_path(self) -> None:
        """Ask for the settings of the whole path."""
        self._start("path")

    async def action_start_generate(self) -> None:
        """Plan a run: Generate has its form."""
        await self._plan_in("generate")

    def action_start_filter(self) -> None:
        """Ask for the settings of one step."""
        self._start("filter")

    def action_start_judge(self) -> None:
        """Ask for judge, rubric, endpoint and cap."""
        self._start("judge")

    def action_start_improve(self) -> None:
        """Ask for documents, proposals, endpoint and cap."""
        self._start("improve")

    async def action_start_train(self) -> None:
        """Plan a training: Train has its form."""
        await self._plan_in("train")

    async def _plan_in(self, pane: str) -> None:
        """Where rounds train, a run writes, trains and scores by itself: one form for all of it."""
        if (project := self.project) is None:
            self.can_show(pane)
        else:
            await self.go("rounds" if project.task.has_rounds else pane, plan=True)

    def action_start_evaluate(self) -> None:
        """Ask for the settings of one step."""
        self._start("evaluate")

    @work
    async def _start(self, kind: str) -> None:
        from studio.tui.jobs.start import StartDialog

        project = self.project
        if not self.can_show("jobs") or project is None:
            return
        self.flush_all()
        scored = kind == "evaluate" and bool(project.task.trained_by)
        if project.task.has_path or scored or kind in ("filter", "judge", "improve"):
            tuned = scored and project.task.trained_by == "tune"
            form = "answers" if tuned else kind
            params = await self.push_screen_wait(StartDialog(form, project))
        else:
            await self._plan_in("generate")
            return
        if params is not None:
            await self._submit(kind, params)

    @work
    async def action_export(self) -> None:
        """Ask for format and folder, and write what the pane is about, or all records."""
        from studio.tui.jobs.start import FORMS, StartDialog

        project, pane = self.project, self.base_screen
        if not self.can_show("jobs") or project is None or not isinstance(pane, Pane):
            return
        words, ids = await pane.chosen_records() or ("", ())
        about = f"{FORMS['export'].title}: {words}, {len(ids):,}" if words else ""
        params = await self.push_screen_wait(StartDialog("export", project, about))
        if params is None:
            return
        if words:
            path = project.store.path
            params["snapshot_id"] = await asyncio.to_thread(_snapshot, path, ids)
            # What was chosen is wanted, whatever became of it.
            params["dropped"] = True
        await self._submit("export", params)

    async def _submit(self, kind: str, params: dict[str, Any]) -> None:
        from studio.tui.jobs.start import submit

        project = self.project
        assert project is not None
        job = await self.written(lambda: submit(project, kind, params))
        if job is not None:
            self.attach_job = job.id
            self.wrote()
            await self.switch_mode("jobs")
