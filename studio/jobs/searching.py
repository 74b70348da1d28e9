"""One query against the corpus, by any system of the project."""

from __future__ import annotations

from typing import Any

from studio.evaluation.systems import BASE, BM25, find_system
from studio.jobs.datasets import read_corpus
from studio.jobs.project_systems import Opening, systems_of
from studio.project import Project
from studio.records import StudioError


def search(project: Project, query: str, name: str, k: int) -> list[dict[str, Any]]:
    """The k best documents with their scores, best first.

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
    ranking = next(iter(ranker.top_k([query], k)))
    documents = project.store.documents.many([int(row) for row in ranking])
    return [
        {
            "document": documents[int(row)].outside_id,
            "title": documents[int(row)].title,
            "text": documents[int(row)].text,
            "score": float(score),
        }
        for row, score in ranking.items()
    ]
