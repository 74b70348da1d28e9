"""What a job was told, in the words that its params' own fields have for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from studio import methods
from studio.jobs.params import (
    FilterParams,
    ImportParams,
    JudgeParams,
    RoundParams,
    RunParams,
)
from studio.jobs.passkey import PasskeyParams
from studio.jobs.rerank_params import RerankParams
from studio.jobs.train_params import (
    EvaluateParams,
    TrainParams,
)
from studio.jobs.tune_params import AnswerParams, TuneParams
from studio.params import Params

CLASSES: Final[dict[str, tuple[type[Params], ...]]] = {
    "import": (ImportParams,),
    "generate": (RunParams, RoundParams),
    "s3": (RunParams, RoundParams),
    "filter": (FilterParams,),
    "judge": (JudgeParams,),
    "train": (TrainParams,),
    "rerank": (RerankParams,),
    "tune": (TuneParams,),
    "evaluate": (EvaluateParams, AnswerParams),
    "passkey": (PasskeyParams,),
}
"""Kind of job → what it can be told, besides the settings of a method."""
STAGES: Final = {"corpus_import": "import", "run": "s3"}
"""Fields that hold the params of another kind of job, where they are not called like it."""
NAMES: Final = {"corpus": "Documents", "prompt_id": "Prompt"}
"""Fields that only programs set, where their own name would say something else."""


def told(kind: str, params: Mapping[str, Any], task: str) -> Iterator[tuple[str, str]]:
    """(words, value) of all that says something; a stage's words begin with the stage.

    task: the project's, whose methods have settings of their own.
    """
    labels = _labels(kind, params, task)
    for name, value in params.items():
        if value is None or value in ("", [], {}, ()):
            continue
        words = labels.get(name) or NAMES.get(name) or name.replace("_", " ").capitalize()
        stage = STAGES.get(name, name)
        if isinstance(value, dict) and stage in CLASSES:
            yield from ((f"{stage}: {inner}", said) for inner, said in told(stage, value, task))
        else:
            yield words, value_words(value)


def _labels(kind: str, params: Mapping[str, Any], task: str) -> dict[str, str]:
    classes = [*CLASSES.get(kind, ())]
    if method := methods.of_task(task).get(params.get("method", "")):
        classes.append(method.settings)
    return {name: option.label for params in classes for name, option in params.options().items()}


def value_words(value: Any) -> str:
    """A value as people write it: no brackets, no quotes, no ``True``."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(
            f"{name.replace('_', ' ')} {value_words(one)}" for name, one in value.items()
        )
    if isinstance(value, list | tuple):
        return ", ".join(map(value_words, value))
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:g}" if isinstance(value, float) else str(value)
