"""One query against the corpus, or one text to predict, by any system of the project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from studio.evaluation.counting import places
from studio.evaluation.systems import BASE, BM25, find_system
from studio.jobs.answerer import Answerer
from studio.jobs.datasets import counting_of_one, read_corpus
from studio.jobs.gold import find as find_gold
from studio.jobs.project_systems import NOTHING_TRAINED, Opening, shown_first, systems_of
from studio.jobs.search_systems import unlabelled
from studio.project import Project
from studio.records import StudioError


def search(project: Project, query: str, name: str, k: int) -> list[dict[str, Any]]:
    """The k best documents with their scores, best first, counted as gold's ranks are.

    Raises StudioError for an empty query, a system that is not there, or when nothing was trained
    yet.
    """
    if not query.strip():
        raise StudioError("The query is empty. Type what to look for.")
    system = find_system(systems_of(project), name)
    corpus = read_corpus(project.store)
    if system.problem:
        raise StudioError(
            f"{system.problem} Run `studio train`, or search with --system {BASE} or {BM25}."
        )
    ranker = Opening(corpus, project.language).ranker(system)
    known = find_gold(project.store, query)
    name_of = known.outside_id if known else ""
    found = places({name_of: query}, ranker.top_k, k, counting_of_one(project.store, known))
    documents = project.store.documents.many([int(one.passage) for one in found[name_of]])
    return [
        {
            "document": documents[int(one.passage)].outside_id,
            "title": documents[int(one.passage)].title,
            "text": documents[int(one.passage)].text,
            "score": float(one.score),
        }
        for one in found[name_of]
    ]


def predict(project: Project, text: str, context: str = "", name: str = "") -> list[dict[str, Any]]:
    """What each small model says of a text, or the one that is named; newest first.

    context: the premise or passage, where the task has one. Raises StudioError for an empty text,
    a model that is not there, or when nothing was trained yet.
    """
    from studio.training import small

    if not text.strip():
        raise StudioError("The text is empty. Type what a model should predict.")
    record = project.task.record
    there = systems_of(project)
    if not there:
        raise StudioError(f"{NOTHING_TRAINED} `studio s3` makes data and trains a model on it.")
    if record.context and not context.strip():
        raise StudioError(f"The {record.context} is missing; name it with --context.")
    found, given = [], unlabelled(record, text, context)
    for system in [find_system(there, name)] if name else shown_first(there):
        [said] = small.load(Path(system.source), "cpu").predict([given])
        found.append(
            {
                "system": system.name,
                "label": system.label,
                "predicted": said.predicted,
                "confidence": round(said.confidence, 4),
            }
        )
    return found


def answers(
    project: Project, instruction: str, input: str = "", name: str = ""
) -> list[dict[str, Any]]:
    """What the base LLM and the newest tuned one answer, or the one that is named.

    Raises StudioError for an empty instruction, a model that is not there, or when nothing was
    tuned yet.
    """
    if not instruction.strip():
        raise StudioError("The instruction is empty. Type what a model should do.")
    there = systems_of(project)
    chosen = [find_system(there, name)] if name else shown_first(there)
    found = []
    for system in sorted(chosen, key=lambda one: not one.problem):
        if system.problem:
            raise StudioError(
                f"{system.problem} `studio tune` tunes a model; --system {BASE} asks the base."
            )
        said = Answerer(system.source).answer(instruction, input)
        found.append({"system": system.name, "label": system.title, "answer": said})
    return found
