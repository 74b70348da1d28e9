"""One query against the corpus, by any of the three systems."""

from __future__ import annotations

from typing import Any, Literal

from studio.jobs.datasets import bm25_ranker, dense_ranker, encoder_name, read_corpus
from studio.project import Project
from studio.records import StudioError

System = Literal["bm25", "base", "trained"]


def search(project: Project, query: str, system: System, k: int) -> list[dict[str, Any]]:
    """The k best documents with their scores, best first.

    Raises StudioError for an empty query, or when nothing was trained yet.
    """
    if not query.strip():
        raise StudioError("The query is empty. Type what to look for.")
    corpus = read_corpus(project.store)
    if system == "bm25":
        ranking = next(iter(bm25_ranker(corpus, project.language).top_k([query], k)))
    else:
        encoder = _trained(project) if system == "trained" else encoder_name(project, "")
        ranking = next(iter(dense_ranker(corpus, encoder).top_k([query], k)))
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


def _trained(project: Project) -> str:
    model = project.store.models.latest()
    if model is None:
        raise StudioError(
            "Nothing is trained yet. Run `studio train`, or search with --system base or bm25."
        )
    return str(project.path / model.path)
