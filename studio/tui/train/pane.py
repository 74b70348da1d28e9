"""Train: choose data, base and settings; watch the curves; see what was gained; compare models."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.message import Message
from textual.widget import Widget

from studio.evaluation.systems import BASE, TRAINED
from studio.jobs import queue
from studio.runs import Job, Model
from studio.tui.actions import bindings
from studio.tui.jobs import words as job_words
from studio.tui.plots.curves import Curves
from studio.tui.train import by_rounds, by_tuning
from studio.tui.train import facts as facts_of
from studio.tui.train import words as train_words
from studio.tui.train.actions import OF_TRAINING, ModelActions
from studio.tui.train.duels import DuelView
from studio.tui.train.facts import ModelFacts
from studio.tui.train.models import ALIVE
from studio.tui.widgets.rows import RowList
from studio.tui.widgets.text_pane import Section, TextPane

TICK_S = 1.0
_READING = ModelFacts()


@dataclass(frozen=True, slots=True)
class TrainedWords:
    """What is said of the models that one way of training makes."""

    data: str
    """What they are trained on."""
    systems: str
    """What is scored side by side."""
    trains: str
    """What training does, before what it is done on."""
    gained: str
    """What stands in place of scores while there is no model."""


WORDS: Final = {
    "train": TrainedWords(
        "pairs",
        "BM25, base and trained model",
        "trains on",
        "What was gained, against BM25 and the base.",
    ),
    "tune": TrainedWords(
        "instructions",
        "base and tuned model",
        "tunes an LLM on",
        "What was gained on gold, against the base.",
    ),
    "": TrainedWords(
        "records", "the rounds", "trains on", "Rounds shows what each round has brought."
    ),
}
"""The kind of job that trains → its words; none: rounds do."""


class FactsRead(Message):
    """A thread has read what there is to say of a row."""

    def __init__(self, key: str, facts: ModelFacts) -> None:
        super().__init__()
        self.key = key
        self.facts = facts


OF_MODELS = frozenset(f"train.{one}" for one in ("won-lost", "compare", "lineage", "evaluate"))
"""What a training that has made no model yet offers no room for in the footer."""


class TrainPane(ModelActions):
    """All models and trainings above; curves and scores, queries or lineage of one below."""

    NAME = "train"
    AUTO_FOCUS = "#models"
    CSS_PATH = "train.tcss"
    BINDINGS: ClassVar[list[Any]] = [
        *bindings("train"),
        Binding("escape", "leave", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.duel = DuelView()
        self._facts: tuple[str, ModelFacts] | None = None
        self._view = "curves"
        self._cache = facts_of.Cache()

    def compose_body(self) -> ComposeResult:
        """The list, and three views of which one shows."""
        with Section(id="models-section").titled("Models"):
            yield self.table
        with Horizontal(id="curves-view", classes="train-view"):
            with Section(id="curves-section").titled("Curves"):
                yield Curves(id="curves")
            with Section(id="scores-section").titled("Before and after"):
                yield TextPane(id="scores")
        yield self.duel
        with Section(id="lineage-view", classes="train-view").titled("Lineage"):
            yield TextPane(id="lineage")

    def begin(self) -> None:
        """Read the models and keep the clock of a running training going."""
        self.duel.against_key = self.key("train.against")
        self._show_view("curves")
        self.store_changed()
        self.set_interval(TICK_S, self._tick)

    def main_list(self) -> Widget | None:
        """The models."""
        return self.table

    def offers(self, action_id: str) -> bool:
        """Where rounds train, nothing of the path; only what can be done with a training now."""
        job = self.job
        if action_id == "train.cancel":
            return job is not None and job.state in ALIVE
        if action_id == "train.resume":
            return job is not None and job.state in queue.RESUMABLE
        if job is not None and action_id in OF_MODELS:
            return False
        if action_id == "train.rerank":
            return bool(self.project.task.reranked_by)
        if action_id == "train.against" and not self.project.task.has_path:
            return False
        return action_id not in OF_TRAINING or bool(self.project.task.trained_by)

    # -- reading the store --

    def open_at(
        self, *, model: int | None = None, job: int | None = None, plan: bool = False, **_: Any
    ) -> None:
        """Show a model, or what came of a job; ``plan``: the form of a new training."""
        if plan:
            self.action_new()
            return
        self.table.wanted = f"model-{model}" if model is not None else ""
        if job is not None:
            made = self.project.store.models.of_job(job)
            self.table.wanted = f"model-{made[-1].id}" if made else f"job-{job}"
        self._show_view("curves")
        self.store_changed()

    def store_changed(self) -> None:
        """Read models and trainings again."""
        self.table.read(self.project, self.studio.job_watch)
        self.table.empty = "" if self.table.rows else self._nothing()
        self.query_one("#models-section", Section).titled(self.table.title)
        self._show_row()

    def _nothing(self) -> str:
        """What to press while nothing was ever trained."""
        task = self.project.task
        if not task.trained_by:
            rounds = self.key("app.rounds")
            return (
                f"No model yet. {rounds} goes to Rounds: the best model of a run that has ended "
                "stands here."
            )
        kept = self.project.store.records.page(limit=1, kept=True)
        key = self.key("train.new")
        if kept:
            return f"No model yet. {key} chooses data and base, and trains one."
        if not task.has_path:
            generate = self.key("app.generate")
            return (
                f"No model yet, and no {task.record.noun} is kept to train on. {generate} Generate "
                f"has them written. When some are kept, {key} {self._words.trains} them."
            )
        path = self.key("app.path")
        return (
            f"No model yet, and no query is kept to train on. {path} runs the whole path: generate "
            f"→ filter → train → evaluate. When queries are kept, {key} trains."
        )

    # -- showing the row under the cursor --

    @on(RowList.Moved, "#models")
    def _moved(self) -> None:
        if self._view == "duel" and self.table.marked is None:
            self.duel.forget()
        self._show_row()

    @on(RowList.Chosen, "#models")
    def _chosen(self) -> None:
        if self.job is not None:
            self.run_worker(self.studio.go("jobs", job=self.job.id))
        else:
            self.action_won_lost()

    def _show_row(self) -> None:
        self.refresh_bindings()
        row = self.table.current
        if row is None:
            self._facts = None
            self.query_one("#curves", Curves).show((), instead=" The curves of a training.")
            self.query_one("#scores", TextPane).show(self._words.gained)
            return
        if self._facts is None or self._facts[0] != row.key:
            self._facts = (row.key, _READING)
        self._draw()
        self._read(row.key)
        if self._view == "duel":
            self._show_duel()

    @work(exclusive=True, group="facts")
    async def _read(self, key: str) -> None:
        path, model, job = self.project.store.path, self.model, self.job
        if model is not None:
            facts = await asyncio.to_thread(facts_of.read_model, path, model, self._cache)
        elif job is not None:
            facts = await asyncio.to_thread(facts_of.read_job, path, job)
        else:
            return
        self.post_message(FactsRead(key, facts))

    @on(FactsRead)
    def _facts_read(self, event: FactsRead) -> None:
        row = self.table.current
        if row is not None and row.key == event.key:
            self._facts = (event.key, event.facts)
            self._draw()

    def _draw(self) -> None:
        facts = self._facts[1] if self._facts else ModelFacts()
        if (job := self.job) is not None:
            self._draw_job(job, facts)
        elif (model := self.model) is not None:
            self._draw_model(model, facts)

    def _draw_job(self, job: Job, facts: ModelFacts) -> None:
        head = train_words.headline(job, self.studio.job_watch.left(job, job_words.phase(job)))
        self.query_one("#curves-section", Section).titled(head)
        self.query_one("#curves", Curves).show(facts.plots, instead=f" {job.message}")
        narrow = f"{head} · {self.key('train.view')}: curves"
        self.query_one("#scores-section", Section).titled(
            narrow if self.has_class("-narrow") else "Training"
        )
        advice = job_words.advice(job, self.key("train.resume"))
        if job.state in ALIVE:
            advice = (
                f"It goes on when you leave. {self.key('train.cancel')} stops it. When it is "
                f"done, the scores of {self._words.systems} stand here."
            )
        self._put("#scores", "\n\n".join(part for part in (job.message, advice) if part))
        self._put("#lineage", "The lineage is known when the model is there.")

    def _draw_model(self, model: Model, facts: ModelFacts) -> None:
        self.query_one("#curves-section", Section).titled(f"Curves of {model.name}")
        none = "" if self._is_reading else " No curves: the training was too short, or kept none."
        self.query_one("#curves", Curves).show(facts.plots, instead=none)
        more = f" · {self.key('train.view')} shows the curves" if self.has_class("-narrow") else ""
        self.query_one("#scores-section", Section).titled("Before and after" + more)
        self._put("#scores", self._scores(model, facts))
        self.query_one("#lineage-view", Section).titled(f"Lineage of {model.name}")
        if facts.lineage is not None:
            self._put("#lineage", train_words.lineage_text(facts.lineage))

    @property
    def _is_reading(self) -> bool:
        """Whether a thread has yet to tell of the row."""
        return self._facts is None or self._facts[1] is _READING

    def _scores(self, model: Model, facts: ModelFacts) -> str:
        pairs, lists = self.table.pairs_of(model), self.key("train.won-lost")
        made = train_words.made_from(model, pairs, self._words.data, facts.note)
        if facts.rounds:
            return f"{by_rounds.before_after(facts.rounds, model, facts.gain)}\n\n{made}"
        if facts.systems and self.project.task.trained_by == "tune":
            duel = facts.duels.get((TRAINED, BASE))
            return f"{by_tuning.before_after(model, duel, lists)}\n\n{made}"
        if facts.systems:
            return f"{train_words.before_after(model, facts.systems, facts.duels, lists)}\n\n{made}"
        if self._is_reading or not self.project.task.trained_by:
            return made
        return f"Not scored yet. {self._how_to_score()}\n\n{made}"

    def _how_to_score(self) -> str:
        key = self.key("train.evaluate")
        if self._gold():
            return f"{key} scores {self._words.systems} on gold."
        if not self.project.task.has_path:
            return f"There is no gold to score on. {self._how_gold_comes()}"
        search, right = self.key("app.search"), self.key("search.right")
        return (
            f"There is no gold to score on: go to Search ({search}), ask what a person would ask "
            f"and mark what is right with {right}. Then {key} here scores BM25, the base and this "
            "model."
        )

    @property
    def _words(self) -> TrainedWords:
        return WORDS[self.project.task.trained_by]

    def _put(self, name: str, text: str) -> None:
        pane = self.query_one(name, TextPane)
        if pane.plain != text:
            pane.show(text)

    def _tick(self) -> None:
        """The clock, and workers that died without a word."""
        if self.is_current and self.table.is_training:
            self.store_changed()

    # -- won and lost --

    def action_won_lost(self) -> None:
        """Queries won and lost against a system that was scored beside the model."""
        if isinstance(self.duel.against, Model):
            self.duel.against = BASE
        self._compare()

    def action_against(self) -> None:
        """The next system as what is compared with."""
        self.duel.against = self.duel.following
        self._compare()

    def action_compare(self) -> None:
        """Mark this model, or compare it with the marked one."""
        model, marked = self.model, self.table.marked_model
        if self.trained_by_rounds():
            return
        if model is not None and (marked is None or marked.id == model.id):
            self.table.marked = None if marked is not None else model.id
            self.store_changed()
            return
        if model is not None and marked is not None:
            self.duel.against = marked
        self._compare()

    def _compare(self) -> None:
        if self.trained_by_rounds():
            return
        if self.model is None:
            self.studio.tell("Choose a trained model first.")
            return
        self._show_view("duel")
        self._show_duel()
        self.duel.queries.focus()

    def _show_duel(self) -> None:
        if self.model is not None:
            facts = self._facts[1] if self._facts else _READING
            self.duel.scored = [old for _, old in facts.duels]
            self.duel.noun = self.project.task.record.noun
            self.duel.show(self.project.store.path, self.model)

    @on(DuelView.QueryChosen)
    def _query_chosen(self, event: DuelView.QueryChosen) -> None:
        if not self.project.task.has_path:
            self.query_one("#duel").focus()
            return
        self.run_worker(self.studio.go("search", gold=event.outside_id))

    # -- the three views --

    def _show_view(self, name: str) -> None:
        self._view = name
        for view in self.query(".train-view"):
            view.display = view.id == f"{name}-view"

    def action_view(self) -> None:
        """Curves and scores; on a narrow screen the other of the two."""
        if self._view == "curves":
            self.toggle_class("-curves")
        self._show_view("curves")
        self.set_focus(self.main_list())

    def action_lineage(self) -> None:
        """What made the model. Among what was won and lost its key goes right, as elsewhere."""
        if self.focused is not None and self.duel in self.focused.ancestors:
            self.duel.queries.focus()
            return
        self._show_view("lineage")
        self.query_one("#lineage").focus()

    def action_leave(self) -> None:
        """From the queries or the lineage back to the list; then back to curves and scores."""
        if self.focused is self.main_list():
            self._show_view("curves")
        super().action_leave()

    def copy_text(self) -> str:
        """The text in hand, else the model's folder."""
        for name in ("#scores", "#duel", "#lineage"):
            pane = self.query_one(name, TextPane)
            if pane.has_focus:
                return pane.plain
        if self.duel.queries.has_focus:
            row = self.duel.queries.current
            return row.cells[3] if row else ""
        if (model := self.model) is not None:
            return str(self.project.path / model.path)
        return self.query_one("#curves", Curves).plain if self.job else ""
