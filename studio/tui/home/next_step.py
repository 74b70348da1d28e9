"""How far a project is and what comes next, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from studio.store.project_status import ProjectStatus
from studio.tasks import TASKS, Task

KeyOf = Callable[[str], str]
"""Action id → its key as a person reads it."""
FEW = 2
"""Examples to begin with."""


def path_so_far(found: ProjectStatus) -> str:
    """Each step with what is there, such as ``✓ 25 documents   · no query``."""
    return "   ".join(_steps(found))


def _task(found: ProjectStatus) -> Task:
    """The project's task; one that a newer studio knows is shown as the first."""
    return TASKS.get(found.task) or next(iter(TASKS.values()))


def _steps(found: ProjectStatus) -> Iterator[str]:
    task = _task(found)
    if task.needs_documents:
        yield _step(found.documents, "document", "documents")
    if task.has_examples:
        yield _step(found.examples, "example", "examples")
    else:
        yield _step(found.gold, "gold", "gold")
    yield _step(found.records, task.record.noun, task.record.nouns)
    if found.records:
        yield f"{'✓' if found.is_filtered else '·'} {found.kept:,} kept"
    yield _step(found.models, "model", "models")
    if task.has_examples:
        yield _step(found.gold, "gold", "gold")


def _step(count: int, one: str, many: str) -> str:
    return f"✓ {count:,} {one if count == 1 else many}" if count else f"· no {one}"


def next_step(found: ProjectStatus, key: KeyOf) -> str:
    """What a person does now, with the key of the pane and the key in it."""
    task = _task(found)
    if task.has_rounds:
        return _by_rounds(found, key)
    if task.is_trained_alone:
        return _to_a_model(found, key)
    if not found.documents:
        return f"{key('app.jobs')} Jobs shows how the documents come in, or why they did not"
    if found.examples < FEW and not found.records:
        return f"{key('app.examples')} Examples: write two queries or more that people would ask"
    if not found.records:
        return (
            f"{key('app.generate')} Generate: an LLM writes queries like yours for all documents; "
            f"{key('app.prompt')} Prompt shows a few before"
        )
    if not found.is_filtered and not found.models:
        return (
            f"{key('app.review')} Review: look at the queries, drop bad ones; then "
            f"{key('generate.filter')} in {key('app.generate')} Generate filters all"
        )
    return _from_the_model_on(found, key)


def _to_a_model(found: ProjectStatus, key: KeyOf) -> str:
    task = _task(found)
    nouns, generate = task.record.nouns, f"{key('app.generate')} Generate"
    if task.has_examples and not found.examples and not found.records:
        return (
            f"{key('app.examples')} Examples: write a few {nouns} by hand, or choose a method that "
            f"needs none in {generate}"
        )
    if not found.records:
        return f"{generate}: an LLM writes {nouns}; {key('app.prompt')} Prompt shows a few before"
    if not found.is_filtered and not found.models:
        return (
            f"{key('app.review')} Review: look at the {nouns}, drop bad ones; then "
            f"{key('generate.filter')} in {generate} filters all"
        )
    if not found.models:
        does = "tunes a small LLM" if task.trained_by == "tune" else "trains an encoder"
        return (
            f"{key('app.train')} Train: {key('train.new')} {does} on the {found.kept:,} "
            f"kept; {key('app.export')} exports them for other trainers"
        )
    if not found.gold:
        return "`studio gold import FILE --split auto`: on this gold the model is scored"
    if not found.is_scored:
        return f"{key('app.train')} Train: {key('train.evaluate')} scores the model on gold"
    answers = f", {key('app.search')} Search what each model answers" if task.has_examples else ""
    return f"{key('app.train')} Train has the scores{answers}; more {nouns} come from {generate}"


def _by_rounds(found: ProjectStatus, key: KeyOf) -> str:
    task = _task(found)
    nouns, rounds = task.record.nouns, f"{key('app.rounds')} Rounds"
    if not found.gold:
        return "`studio gold import FILE --split auto`: the model's errors are looked for in gold"
    if task.needs_documents and not found.documents:
        return f"{key('app.jobs')} Jobs shows how the documents come in, or why they did not"
    if not found.records:
        return (
            f"{rounds}: {key('rounds.start')} plans a run: an LLM writes {nouns}, a model trains "
            f"on them, and what it gets wrong is extrapolated; {key('app.prompt')} Prompt shows a "
            "few before"
        )
    if not found.models:
        return f"{rounds} shows how the run goes; {key('app.review')} Review has the {nouns}"
    return (
        f"{rounds} shows what is still wrong and plans the next run; {key('app.train')} Train has "
        "all models"
    )


def _from_the_model_on(found: ProjectStatus, key: KeyOf) -> str:
    if not found.models:
        return f"{key('app.train')} Train: {key('train.new')} trains on the {found.kept:,} kept"
    if not found.gold:
        return (
            f"{key('app.search')} Search: ask, and mark right documents with "
            f"{key('search.right')}; on this gold the model is scored"
        )
    if not found.is_scored:
        return f"{key('app.train')} Train: {key('train.evaluate')} scores the model on gold"
    return (
        f"{key('app.train')} Train has the scores, {key('app.search')} Search compares the "
        f"rankings; more queries come from {key('app.generate')} Generate"
    )
