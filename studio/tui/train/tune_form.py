"""The form for tuning an LLM: data, base and settings, with what they come to before it starts."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import ClassVar, Final

from studio.jobs import train_time
from studio.jobs.base_encoders import absolute, problem_of
from studio.jobs.training_data import DataLook
from studio.jobs.tune_params import TuneParams
from studio.jobs.tuning import of_examples
from studio.plurals import so_many
from studio.project import Project
from studio.records import StudioError
from studio.store import Store
from studio.store.choices import Choice
from studio.tui.pane.params_form import encoder_choices, form_fields, read_form, texts_of
from studio.tui.train.fields import checked_scores, data_lines
from studio.tui.train.form import DataPlan, PlanLook, TrainForm, read_data
from studio.tui.widgets.form_field import FormField

SAMPLED: Final = 200
"""Records whose length is looked at for the estimate."""


def tune_fields(project: Project) -> tuple[FormField, ...]:
    """The lines, with the choices that are quickly known."""
    base = {
        "choices": encoder_choices(project, "llm"),
        "check": partial(problem_of, kind="llm"),
        "heading": "Base",
    }
    more = {**data_lines(project), "base": base, "rank": {"heading": "Settings"}}
    return form_fields(TuneParams, more=more)


class TunePlan(DataPlan):
    """An LLM's."""

    def lines(self) -> tuple[FormField, ...]:
        """Data, base and settings."""
        return tune_fields(self._project)

    def first(self) -> dict[str, str]:
        """The defaults, or an earlier tuning's settings."""
        params = self._like or TuneParams()
        values = texts_of(params, self.form.fields)
        return {**values, "base": values["base"] or params.base, "name": ""}

    def told(self) -> TuneParams:
        """The params of the job."""
        params = checked_scores(read_form(TuneParams, self.form.fields, self.form.values))
        return replace(params, base=absolute(params.base), name=params.name.strip())

    def read(self, params: TuneParams, shared: list[int]) -> PlanLook:
        """Instructions, steps and time."""
        with closing(Store(self._project.store.path)) as store:
            try:
                choice, data = read_data(store, params, shared)
            except StudioError as error:
                return PlanLook("", problem=str(error))
            look = preview(store, params, choice, data)
        return PlanLook(look_text(look), data.pairs)


@dataclass(frozen=True, slots=True)
class TunePreview:
    """What a tuning with these values would be."""

    data: DataLook
    validation: int
    """Gold validation instructions."""
    examples: int
    """That are trained on beside the records."""
    steps: int
    batch: int
    time: train_time.TimeEstimate


def preview(store: Store, params: TuneParams, choice: Choice, data: DataLook) -> TunePreview:
    """What the params come to."""
    some = [*islice(store.choices.records(choice), SAMPLED)]
    characters = sum(len("".join(one.fields.values())) for one in some) / max(len(some), 1)
    examples = len(of_examples(store)) if params.examples else 0
    steps = params.steps_for(data.pairs + examples)
    time = train_time.of_tuning(params, steps, characters, store.models.all())
    validation = store.gold.count("validation")
    return TunePreview(data, validation, examples, steps, params.batch_size, time)


def look_text(look: TunePreview) -> str:
    """In words: instructions, what is left out, steps, time."""
    data = look.data
    noun = "instruction" if data.pairs == 1 else "instructions"
    lines = [f"✓ {data.pairs:,} {noun}" if data.pairs else "✗ no record is chosen"]
    if data.pairs and look.examples:
        lines[0] += f" and {so_many(look.examples, 'examples')}"
    if data.left_out:
        lines[0] += f"; {data.left_out:,} left out: each has a gold instruction's words"
    if data.pairs:
        told = train_time.in_words(look.time.seconds)
        guess = "a guess: none like it was tuned here yet"
        known = f"as fast as {look.time.measured_on} was here" if look.time.measured_on else guess
        steps = f"{so_many(look.steps, 'steps')} of {look.batch}"
        lines.append(f"{steps}, about {told} ({known})")
    if not look.validation:
        lines.append("! no validation gold: the last step is kept, and it never stops early")
    return "\n".join(lines)


class TuneForm(TrainForm):
    """Gives back the params, or None."""

    PLAN: ClassVar[type[DataPlan]] = TunePlan
