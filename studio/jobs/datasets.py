"""What jobs read from the store in one go: the corpus, gold, and searches over them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from studio.evaluation.bm25 import Bm25Ranker
from studio.evaluation.embeddings import OWN_PREFIXES, Prefixes, open_cache
from studio.evaluation.rankers import DenseRanker
from studio.jobs.base_encoders import located
from studio.project import Project
from studio.records import QUERY, Gold, Split, StudioError
from studio.store import Store
from studio.training.encoders import open_encoder


@dataclass(frozen=True, slots=True)
class CorpusTexts:
    """The whole corpus in memory, ids and texts in parallel."""

    ids: list[int]
    """Document rows."""
    texts: list[str]
    """Title and text joined."""


@dataclass(frozen=True, slots=True)
class GoldSet:
    """Queries to score on, and what they are in words."""

    label: str
    queries: list[Gold]

    def texts(self) -> dict[str, str]:
        """Outside id → wording."""
        return {query.outside_id: query.text for query in self.queries}

    def qrels(self) -> dict[str, dict[str, int]]:
        """Outside id → document row as text → grade."""
        return {
            query.outside_id: {str(doc): grade for doc, grade in query.relevant.items()}
            for query in self.queries
        }


def read_corpus(store: Store) -> CorpusTexts:
    """Every passage. Raises StudioError when there is none."""
    ids, texts = [], []
    for document in store.documents.all():
        ids.append(document.id)
        texts.append(document.full_text)
    if not ids:
        raise StudioError("The project has no documents. Import some with `studio import`.")
    return CorpusTexts(ids, texts)


def gold_set(store: Store, split: Split) -> GoldSet:
    """The gold of a split; for test, examples that are switched off stand in when there is none."""
    # A query that was only ever marked wrong has nothing to be found.
    queries = [q for q in store.gold.all(split) if any(q.relevant.values())]
    if queries:
        origins = ", ".join(_from(n, origin) for origin, n in store.gold.origins(split).items())
        many = "query" if len(queries) == 1 else "queries"
        return GoldSet(f"{len(queries)} gold {split} {many} ({origins})", queries)
    held_out = _held_out_examples(store) if split == "test" else []
    return GoldSet(f"{len(held_out)} held-out examples, not independent gold", held_out)


def _from(count: int, origin: str) -> str:
    """How many of the gold queries come from where, in words."""
    return f"{count} marked in Search" if origin == "search" else f"{count} {origin}"


def _held_out_examples(store: Store) -> list[Gold]:
    return [
        Gold(
            QUERY,
            {"query": e.query},
            "test",
            f"example-{e.id}",
            {e.document_id: 1},
            origin="example",
        )
        for e in store.examples.all()
        if not e.enabled and e.document_id is not None
    ]


def bm25_ranker(corpus: CorpusTexts, language: str) -> Bm25Ranker[str]:
    """BM25 over the corpus."""
    return Bm25Ranker([str(row) for row in corpus.ids], corpus.texts, language=language)


def dense_ranker(
    corpus: CorpusTexts,
    encoder: str,
    *,
    max_length: int = 256,
    prefixes: Prefixes = OWN_PREFIXES,
    on_progress: Callable[[int], None] | None = None,
) -> DenseRanker[str]:
    """The corpus under an encoder: a catalogue name, hub name, folder or ``openai:MODEL@URL``."""
    return DenseRanker(
        [str(row) for row in corpus.ids],
        corpus.texts,
        open_encoder(encoder, max_length=max_length, prefixes=prefixes),
        cache=open_cache(),
        on_progress=on_progress,
    )


def encoder_name(project: Project, wanted: str) -> str:
    """The encoder asked for, else the settings' one; a folder of the project by where it is."""
    chosen = wanted or str(project.store.values.get("encoder") or project.settings.encoder)
    return located(project, chosen)
