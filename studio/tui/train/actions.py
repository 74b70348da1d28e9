"""What a person does to models and trainings: start, cancel, resume, evaluate, name, note."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from textual import work

from studio.jobs import queue
from studio.jobs.datasets import gold_set
from studio.jobs.exporting import copy_model
from studio.jobs.rerank_params import RerankParams
from studio.jobs.scoring_plans import scoring_plan
from studio.jobs.train_params import (
    DataParams,
    EvaluateParams,
    TrainParams,
)
from studio.jobs.train_time import in_words
from studio.jobs.tune_params import AnswerParams, TuneParams
from studio.params import Params
from studio.plurals import so_many
from studio.records import Split, StudioError
from studio.runs import RERANKER, Job, Model
from studio.safe_text import one_line
from studio.training.encoders import MAX_LENGTH
from studio.tui.actions import key_name
from studio.tui.pane.base import Pane
from studio.tui.train import facts as facts_of
from studio.tui.train.fields import DRAFT
from studio.tui.train.models import ModelTable
from studio.tui.widgets.rows import Column, Row

if TYPE_CHECKING:
    from studio.tui.train.form import TrainForm

LONGEST_NAME = 100
OF_TRAINING = frozenset(
    f"train.{verb}"
    for verb in ("new", "rerank", "alike", "evaluate", "won-lost", "against", "compare")
)
"""What rounds do by themselves, or what compares what one job trained."""


class ModelActions(Pane):
    """What the Train pane does to the model or training under the cursor of its list."""

    def __init__(self) -> None:
        super().__init__()
        self.table = ModelTable()

    @property
    def model(self) -> Model | None:
        """The model under the cursor."""
        return self.table.model

    @property
    def job(self) -> Job | None:
        """The training under the cursor that has no model yet."""
        return self.table.job

    def key(self, action: str) -> str:
        """The key in force for an action, as a person reads it."""
        return key_name(self.studio.keys_of(action)[0])

    # -- training --

    # Dialogs are pushed at once, not from a worker: the next key is already theirs.

    def action_new(self) -> None:
        """Choose data, base and settings, and train."""
        if self.trained_by_rounds():
            return
        self._open_form(self.project.task.trained_by)

    def action_rerank(self) -> None:
        """Choose data, retriever and settings, and train a reranker."""
        if not self.project.task.reranked_by:
            self.studio.tell("Nothing is searched for here, so there is nothing to rerank.")
            return
        self._open_form(self.project.task.reranked_by, draft="rerank-form")

    def _open_form(self, kind: str, like: DataParams | None = None, draft: str = DRAFT) -> None:
        form, _ = _form_and_params(kind)

        def asked(params: DataParams | None) -> None:
            if params is not None:
                self.studio.write(
                    lambda: queue.submit(self.project, kind, params.to_row()), then=self._trains
                )

        self.app.push_screen(form(self.project, like, draft=draft), asked)

    def trained_by_rounds(self) -> bool:
        """Whether rounds train and score the task's models; then that is told."""
        if self.project.task.trained_by:
            return False
        there = self.key("app.rounds")
        self.studio.tell(f"Rounds trains and scores the models here: {there} goes there.")
        return True

    def action_alike(self) -> None:
        """The same form, filled with the settings of the model under the cursor."""
        if self.trained_by_rounds():
            return
        model = self.model
        job = self.project.store.jobs.get(model.job_id) if model and model.job_id else self.job
        if job is None:
            self.studio.tell("Choose a model whose settings a new training should begin with.")
            return
        task = self.project.task
        row = (job.params.get("train") or {}) if job.kind == "path" else job.params
        kind = job.kind if job.kind == task.reranked_by else task.trained_by
        _, params = _form_and_params(kind)
        trains = job.kind in ("path", kind)
        like = params.from_row(row) if trains else params()
        self._open_form(kind, like, f"{kind}-form-like-{job.id}")

    def _trains(self, job: Job) -> None:
        self.table.wanted = f"job-{job.id}"
        self.studio.wrote()
        self.store_changed()

    def action_cancel(self) -> None:
        """Ask the training to stop."""
        job = self.job
        if job is None:
            self.studio.tell("Choose a training that runs: it stands at the top of the list.")
            return
        said = f"Job {job.id} is asked to stop; {self.key('train.resume')} goes on."
        self.studio.stop_job(job, lambda _job: self.studio.tell(said))

    def _order(self, deed: Callable[[], object], said: str) -> None:
        """Ask something of a job, or write something of a model, and show what has come of it."""

        def done(_found: object) -> None:
            if said:
                self.studio.tell(said)
            self.store_changed()

        if not self.studio.write(deed, done):
            self.store_changed()

    def action_resume(self) -> None:
        """Go on with a training that stopped."""
        job = self.job
        if job is None:
            self.studio.tell("Choose a training that was stopped: a model is done already.")
            return
        self._order(lambda: queue.resume(self.project, job.id), f"Job {job.id} goes on.")

    # -- models --

    def action_evaluate(self) -> None:
        """Score the model on gold; asks which when there are both kinds."""
        if self.trained_by_rounds():
            return
        from studio.tui.dialogs.ask import Choose

        model = self.model
        if model is None:
            self.studio.tell("Choose a trained model first.")
            return
        sets = self._gold()
        found = [split for split in SPLITS if split in sets]
        if not found:
            self.studio.tell(f"There is no gold to score on. {self._how_gold_comes()}", bad=True)
            return
        if len(found) == 1 and model.learner != RERANKER:
            self._evaluate(model, found[0])
            return
        rows = [Row(name, (name, self._about(model, name), sets[name])) for name in found]
        columns = (Column("", 11), Column(""), Column("", 40, from_width=90))
        ask = Choose("Score on", columns, rows)
        self.app.push_screen(ask, lambda split: self._evaluate(model, split))

    def _about(self, model: Model, split: Split) -> str:
        """What a split is for; of a reranker, how much it reads, which takes its time."""
        if model.learner != RERANKER:
            return ABOUT[split]
        tokens = int(model.settings.get("max_length") or MAX_LENGTH)
        plan = scoring_plan(self.project.store, split, model.base, tokens)
        return f"{so_many(plan.pairs, 'pairs')} to read, about {in_words(plan.time.seconds)}"

    def _gold(self) -> dict[Split, str]:
        """Split → what its gold is, where there is some."""
        store, task = self.project.store, self.project.task
        if task.trained_by == "train":
            sets = {split: gold_set(store, split) for split in SPLITS}
            return {split: found.label for split, found in sets.items() if found.queries}
        counts = {split: store.gold.count(split) for split in SPLITS}
        return {split: f"{n:,} {task.record.nouns}" for split, n in counts.items() if n}

    def _how_gold_comes(self) -> str:
        if self.project.task.has_path:
            return "Import some with `studio import … --gold`, or mark right documents in Search."
        return "Import some with `studio gold import FILE --split auto`."

    def _evaluate(self, model: Model, split: Split | None) -> None:
        if split is None:
            return
        params: Params = EvaluateParams(model_id=model.id, split=split)
        if self.project.task.trained_by == "tune":
            params = AnswerParams(model_id=model.id, split=split)

        def submitted(job: Job) -> None:
            self.studio.tell(f"Job {job.id} scores {model.name}; the scores come here.")
            self.studio.wrote()

        row = params.to_row()
        self.studio.write(lambda: queue.submit(self.project, "evaluate", row), submitted)

    def action_rename(self) -> None:
        """Call the model by another name."""
        from studio.tui.dialogs.ask import AskText

        model = self.model
        if model is None:
            self.studio.tell("Choose a trained model first.")
            return
        ask = AskText(
            "Rename the model — enter renames, esc closes",
            hint=f"Its folder stays {model.path}.",
            value=model.name,
            refuse=lambda text: self._refused(model, text),
        )
        self.app.push_screen(ask, lambda name: self._rename(model, name))

    def _rename(self, model: Model, name: str | None) -> None:
        if name is not None:
            models = self.project.store.models
            self._order(lambda: models.rename(model.id, name.strip()), "")

    def _refused(self, model: Model, text: str) -> str:
        name = text.strip()
        if not name or len(name) > LONGEST_NAME:
            return f"A name has 1 to {LONGEST_NAME} characters."
        if any(other.name == name for other in self.table.models.values() if other.id != model.id):
            return f"Another model is called {name} already."
        return ""

    def action_copy_to(self) -> None:
        """Copy the model's folder, for whoever loads it without this program."""
        from studio.tui.dialogs.ask_path import AskPath

        model = self.model
        if model is None:
            self.studio.tell("Choose a trained model first.")
            return
        title = f"Copy {one_line(model.name, 40)} to a new folder"

        def answered(path: Path | None) -> None:
            if path is not None:
                self._copy(model, path)

        self.app.push_screen(AskPath(title, ()), answered)

    @work(group="copy")
    async def _copy(self, model: Model, path: Path) -> None:
        self.studio.tell(f"Copying {model.name} …")
        try:
            target = await asyncio.to_thread(copy_model, self.project, model, path)
        except StudioError as error:
            self.studio.tell(str(error), bad=True)
        else:
            self.studio.tell(f"{model.name} is copied to {target}.")

    def action_note(self) -> None:
        """Write a line about the model."""
        from studio.tui.dialogs.ask import AskText

        model, store = self.model, self.project.store
        if model is None:
            self.studio.tell("Choose a trained model first.")
            return
        ask = AskText(
            "A note on the model — enter keeps it, esc closes",
            hint="Such as what you tried, and what you think of it. Empty takes the note away.",
            value=facts_of.note_of(store, model.id),
        )
        self.app.push_screen(ask, lambda note: self._note(model, note))

    def _note(self, model: Model, note: str | None) -> None:
        if note is not None:
            store = self.project.store
            self._order(lambda: facts_of.set_note(store, model.id, note.strip()), "")


def _form_and_params(kind: str) -> tuple[type[TrainForm], type[DataParams]]:
    """The form of a kind of training, and what it asks for."""
    if kind == "tune":
        from studio.tui.train.tune_form import TuneForm

        return TuneForm, TuneParams
    if kind == "rerank":
        from studio.tui.train.rerank_form import RerankForm

        return RerankForm, RerankParams
    from studio.tui.train.form import TrainForm

    return TrainForm, TrainParams


SPLITS: tuple[Split, ...] = ("test", "validation")
ABOUT: dict[Split, str] = {
    "test": "only ever scored: the number to report",
    "validation": "while you still choose",
}
