"""What jobs read from the store in one go: the corpus, gold, and searches over them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from studio.evaluation.bm25 import Bm25Ranker
from studio.evaluation.counting import Counting, Place, places
from studio.evaluation.embeddings import OWN_PREFIXES, Prefixes, instructed, open_cache
from studio.evaluation.rankers import DenseRanker, Ranker, run_of
from studio.evaluation.retrieval import RetrievalScores, evaluate
from studio.jobs.base_encoders import default_encoder, located
from studio.jobs.leaks import GoldWords
from studio.jobs.triplet_data import ScoredPair, searches
from studio.plurals import so_many
from studio.project import Project
from studio.prompting.words import normal
from studio.records import QUERY, TRIPLET, Gold, Split, StudioError, content_sha, joined_text
from studio.store import Store
from studio.training.encoders import open_encoder


@dataclass(frozen=True, slots=True)
class CorpusTexts:
    """The whole corpus in memory, ids and texts in parallel."""

    ids: list[int]
    """Document rows."""
    texts: list[str]
    """Title and text joined."""

    def by_name(self) -> dict[str, str]:
        """Document row, as rankers write it → its text."""
        return {str(row): text for row, text in zip(self.ids, self.texts, strict=True)}


@dataclass(frozen=True, slots=True)
class GoldSet:
    """Queries to score on, and what they are in words."""

    label: str
    queries: list[Gold]
    counting: Counting
    """What one place of a ranking is, and that no query is found by itself."""
    corpus: CorpusTexts | None = None
    """What is searched, where that is not the project's documents: the texts of gold triplets."""
    scored_pairs: tuple[ScoredPair, ...] = ()
    """Pairs of texts whose likeness people have scored, by rows of that corpus."""

    def texts(self, *, instructed: bool = False) -> dict[str, str]:
        """Outside id → wording; instructed: with the task in words before it, if there is one."""
        return {
            query.outside_id: asked_by(query) if instructed else query.text
            for query in self.queries
        }

    def qrels(self) -> dict[str, dict[str, int]]:
        """Outside id → what counts → grade."""
        return {query.outside_id: grades_of(self.counting, query) for query in self.queries}

    def ranked(self, ranker: Ranker[str], k: int = 100) -> dict[str, list[Place[str]]]:
        """Outside id → the k best places, for every query."""
        return places(self.texts(), ranker.top_k, k, self.counting)

    def scored(
        self, ranker: Ranker[str], k: int = 100, *, instructed: bool = False
    ) -> RetrievalScores:
        """The usual measures of a search on these queries."""
        texts = self.texts(instructed=instructed)
        return evaluate(run_of(texts, ranker, k, self.counting), self.qrels())


def asked_by(query: Gold) -> str:
    """A gold query as an encoder reads it that heeds instructions."""
    return instructed(query.fields.get("instruction", ""), query.text)


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
    if store.record_types.of_project() == TRIPLET:
        return _gold_triplets(store, split)
    # A query that was only ever marked wrong has nothing to be found.
    queries = [q for q in store.gold.all(split) if any(q.relevant.values())]
    label = so_many(len(queries), f"gold {split} queries")
    if queries:
        origins = ", ".join(_from(n, origin) for origin, n in store.gold.origins(split).items())
        label += f" ({origins})"
    else:
        queries = _held_out_examples(store) if split == "test" else []
        label = f"{len(queries)} held-out examples, not independent gold"
    counting = counting_of(store, queries)
    if counting.words:
        label += f"; a rank counts {counting.words}"
    return GoldSet(label, queries, counting)


def _gold_triplets(store: Store, split: Split) -> GoldSet:
    queries, texts, scored = searches(store, split)
    corpus = CorpusTexts(list(range(1, len(texts) + 1)), texts)
    label = so_many(len(queries), f"gold {split} queries among {len(corpus.ids):,} texts of gold")
    return GoldSet(label, queries, Counting(), corpus, tuple(scored))


def sources_of(store: Store) -> dict[int | str, tuple[int, ...]]:
    """Passage → the long documents that it is a part of; none for what was never cut."""
    found: dict[int | str, tuple[int, ...]] = {}
    for row, source in store.sources.parts():
        found[row] = (*found.get(row, ()), source)
    return found


def sources_by_text(store: Store) -> dict[str, tuple[int, ...]]:
    """As :func:`sources_of`, by the hash of the passage's text with its title."""
    parts = sources_of(store)
    documents = store.documents.all() if parts else iter(())
    return {content_sha(one.full_text): parts[one.id] for one in documents if one.id in parts}


class StoredParts:
    """Passage → the long documents that it is a part of, read when asked for: for a few hits."""

    def __init__(self, store: Store) -> None:
        """Reads the store at each call."""
        self._store = store

    def get(self, passage: str, /) -> tuple[str, ...] | None:
        """Their names in rankings; None for what was never cut."""
        parts = self._store.sources.parts([int(passage)])
        return tuple(document_name(source) for _, source in parts) or None


def counting_of_one(store: Store, query: Gold | None) -> Counting:
    """As :func:`counting_of` for one search: gold or not, without reading the whole corpus."""
    counting = Counting(StoredParts(store) if store.gold.names_documents() else None)
    own = own_documents(store, counting, query) if query is not None else frozenset()
    return replace(counting, left_out={query.outside_id: own}) if query and own else counting


def document_name(source_id: int) -> str:
    """What a long document is called in rankings, where passages go by their rows."""
    return f"document {source_id}"


def counting_of(store: Store, queries: Sequence[Gold] = ()) -> Counting:
    """What a rank of the project counts: documents where gold names them, else passages."""
    parts = sources_of(store) if store.gold.names_documents() else {}
    documents = {str(row): tuple(map(document_name, sources)) for row, sources in parts.items()}
    counting = Counting(documents or None)
    own = ((query, own_documents(store, counting, query)) for query in _named_alike(store, queries))
    return replace(counting, left_out={query.outside_id: found for query, found in own if found})


def grades_of(counting: Counting, query: Gold) -> dict[str, int]:
    """What counts → grade."""
    named = {row: document_name(source) for row, source in query.named.items()}
    return counting.grades(query.relevant, named)


def _named_alike(store: Store, queries: Sequence[Gold]) -> list[Gold]:
    """The queries whose id a document has too."""
    names = {name for query in queries for name in _ids_of(query)}
    there = {*store.documents.ids_by_outside_id(names), *store.sources.named(names)}
    return [query for query in queries if there & _ids_of(query)]


def _ids_of(query: Gold) -> set[str]:
    """The id, also without what tells it from the same id in the other split."""
    return {query.outside_id, query.outside_id.removesuffix(f"~{query.split}")}


def own_documents(store: Store, counting: Counting, query: Gold) -> frozenset[str]:
    """What the query would be found by itself: what has its id and its words, and is not right."""
    documents, words = store.documents, normal(query.text)
    own: set[str] = set()
    rows = documents.ids_by_outside_id(_ids_of(query))
    for document in documents.many(list(rows.values())).values():
        if words in (normal(document.text), normal(document.full_text)):
            own |= set(counting.names(document.id))
    for _, whole in store.sources.named(_ids_of(query)).values():
        if words in (normal(whole.text), normal(joined_text(whole.title, whole.text))):
            for row in documents.passages_of_sources([whole.outside_id])[whole.outside_id]:
                own |= set(counting.names(row))
    right = {name for name, grade in grades_of(counting, query).items() if grade > 0}
    return frozenset(own - right)


def _from(count: int, origin: str) -> str:
    """How many of the gold queries come from where, in words."""
    return f"{count} marked in Search" if origin == "search" else f"{count} {origin}"


def _held_out_examples(store: Store) -> list[Gold]:
    gold = GoldWords.of(store)
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
        # One that was switched off because it is gold is no test beside that gold.
        if not e.enabled and e.document_id is not None and gold.find(e) is None
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
    """The encoder asked for, else the project's default; a folder of the project by where it is."""
    return located(project, wanted or default_encoder(project))
