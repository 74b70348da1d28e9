"""The form for training a reranker: data, retriever and settings, with what they come to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import ClassVar

from studio.evaluation import systems
from studio.jobs import train_time
from studio.jobs.base_encoders import absolute, default_encoder, problem_of
from studio.jobs.project_systems import systems_of
from studio.jobs.rerank_params import RerankParams
from studio.jobs.reranking import checked_here, settings_of
from studio.jobs.scoring_plans import ScoringPlan, mean_length, scoring_plan
from studio.plurals import so_many
from studio.project import Project
from studio.records import StudioError
from studio.runs import RERANKER
from studio.store import Store
from studio.tui.pane.params_form import encoder_choices, form_fields, read_form, texts_of
from studio.tui.train.fields import checked_scores, data_lines
from studio.tui.train.form import DataPlan, PlanLook, TrainForm, read_data
from studio.tui.widgets.form_field import FormChoice, FormField


def rerank_fields(project: Project) -> tuple[FormField, ...]:
    """The lines, with the choices that are quickly known."""
    base = {"choices": encoder_choices(project), "check": problem_of, "heading": "Base"}
    retrievers = [
        FormChoice(one.name, one.label, one.detail)
        for one in systems_of(project)
        if one.kind == systems.ENCODER and not one.problem and one.name != systems.TRAINED
    ]
    more = {
        **data_lines(project),
        "base": base,
        "retriever": {"choices": (FormChoice(""), *retrievers)},
        "recipe": {"heading": "Settings — an empty line takes what stands in brackets"},
    }
    return form_fields(RerankParams, more=more)


class RerankPlan(DataPlan):
    """A reranker's."""

    def lines(self) -> tuple[FormField, ...]:
        """Data, base and settings."""
        return rerank_fields(self._project)

    def first(self) -> dict[str, str]:
        """The defaults, or an earlier reranker's settings."""
        values = texts_of(self._like or RerankParams(), self.form.fields)
        return {**values, "base": values["base"] or default_encoder(self._project), "name": ""}

    def told(self) -> RerankParams:
        """The params of the job."""
        params = checked_scores(read_form(RerankParams, self.form.fields, self.form.values))
        return replace(params, base=absolute(params.base), name=params.name.strip())

    def read(self, params: RerankParams, shared: list[int]) -> PlanLook:
        """Queries, steps and time."""
        with closing(Store(self._project.store.path)) as store:
            try:
                _, data = read_data(store, params, shared)
            except StudioError as error:
                return PlanLook("", problem=str(error))
            settings = settings_of(params, params.base, store.documents.count())
            steps = settings.steps_for(data.pairs)
            like = (settings.base, settings.max_length)
            most, depth = checked_here()
            check = scoring_plan(store, "validation", *like, depth, most)
            test = scoring_plan(store, "test", *like)
            checks = min(settings.evaluations, steps)
            time = train_time.of_reranking(
                settings,
                steps,
                checks * check.pairs,
                mean_length(store),
                store.models.of_learner(RERANKER),
            )
        lines = ["✗ no record is chosen"]
        if data.pairs:
            said = train_time.in_words(time.seconds)
            guess = "a guess: none like it was trained here yet"
            known = f"as fast as {time.measured_on} was here" if time.measured_on else guess
            lines = [
                f"✓ {so_many(data.pairs, 'queries')}, "
                f"{so_many(settings.negatives, 'documents')} against each right one",
                f"{so_many(steps, 'steps')} of {settings.batch_size}, about {said} ({known})",
                *_scoring_lines(check, checks, test, params.evaluate),
            ]
        if data.left_out:
            lines[0] += f"; {data.left_out:,} left out: each has a gold query's words"
        if not check.queries:
            lines.append("! no validation gold: the last step is kept, and it never stops early")
        empties = {
            "negatives": str(settings.negatives),
            "batch_size": str(settings.batch_size),
            "epochs": f"{steps * settings.batch_size / max(data.pairs, 1):.2g}",
            "steps": str(steps),
        }
        return PlanLook("\n".join(lines), data.pairs, empties=empties)


def _scoring_lines(
    check: ScoringPlan, checks: int, test: ScoringPlan, scored: bool
) -> Iterator[str]:
    """How much is read beside the training, and for how long."""
    if check.queries:
        yield (
            f"{so_many(checks, 'checks')} on validation, each of "
            f"{so_many(check.queries, 'queries')} × {so_many(check.depth, 'documents')}"
        )
    if scored and test.queries:
        yield f"scored afterwards: {test.words('test')}"


class RerankForm(TrainForm):
    """Gives back the params, or None."""

    PLAN: ClassVar[type[DataPlan]] = RerankPlan
    WHAT: ClassVar[str] = "New reranker"
