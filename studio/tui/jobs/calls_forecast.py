"""What the calls of a job will take, told in the dialog that starts it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from textual import work
from textual.widgets import Static

from studio.jobs import planning
from studio.jobs.params import JudgeParams
from studio.jobs.tune_params import AnswerParams
from studio.llm.estimate import Estimate
from studio.project import Project
from studio.records import StudioError
from studio.tui.generate import words as generate_words
from studio.tui.safe_content import content

QUIET_S: Final = 0.4
"""How long the form must be quiet before it is looked at."""


def _judge(project: Project, row: dict[str, Any]) -> Estimate:
    from studio.jobs.judging import estimate_judge

    return estimate_judge(project, JudgeParams.from_row(row))


def _improve(project: Project, row: dict[str, Any]) -> Estimate:
    from studio.jobs.improve_params import ImproveParams
    from studio.jobs.improving import estimate_improving

    return estimate_improving(project, ImproveParams.from_row(row))


def _answers(project: Project, row: dict[str, Any]) -> Estimate:
    from studio.jobs.preferring import estimate_preferring

    return estimate_preferring(project, row["judge"], AnswerParams.from_row(row).split)


ESTIMATES: Final[dict[str, Callable[[Project, dict[str, Any]], Estimate]]] = {
    "judge": _judge,
    "improve": _improve,
    "answers": _answers,
}
"""Kind of dialog → what its job would ask, where that is known beforehand."""


class CallsForecast(Static):
    """Calls, tokens, cost and time; empty while they are not known."""

    def __init__(self, project: Project, kind: str) -> None:
        super().__init__("", id="calls-forecast")
        self._project, self._kind = project, kind

    def look(self, row: dict[str, Any] | None) -> None:
        """Work out what this row would take; None: there is none."""
        self.update("")
        self.workers.cancel_group(self, "calls-forecast")
        if row is not None and (self._kind != "answers" or row.get("judge")):
            self._work_out(row)

    @work(exclusive=True, group="calls-forecast")
    async def _work_out(self, row: dict[str, Any]) -> None:
        await asyncio.sleep(QUIET_S)
        path, settings = self._project.store.path, self._project.settings
        told = row["judge"] if self._kind == "answers" else row

        def estimated(project: Project, _told: dict[str, Any]) -> Estimate:
            return ESTIMATES[self._kind](project, row)

        try:
            found = await asyncio.to_thread(planning.outlook, path, settings, told, estimated)
        except StudioError as error:
            self.update(content(str(error), "$error"))
            return
        lines = generate_words.outlook_lines(found)
        if self._kind != "judge" and found.estimate.requests:
            lines[0] = ("calls", f"at most {lines[0][1]}")
        shown = content("\n".join(f"{name:<8} {said}" for name, said in lines))
        if found.warning:
            shown = shown + content(f"\n! {found.warning}", "$warning")
        self.update(shown)
