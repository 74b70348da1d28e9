"""Scoring an encoder on the validation set while it trains."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from studio.evaluation.counting import places
from studio.evaluation.retrieval import NDCG, evaluate
from studio.evaluation.search import top_k
from studio.records import StudioError
from studio.training.settings import ValidationSet
from studio.training.tokenized import TokenizedTexts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sentence_transformers import SentenceTransformer


class Validator:
    """Scores a model again and again on the same validation set.

    Raises:
        StudioError: the set has no judged query.
    """

    def __init__(self, gold: ValidationSet, *, bf16: bool, fixed_documents: bool) -> None:
        """``fixed_documents``: their vectors never change, so they are computed once."""
        self._gold = gold
        self._queries = {q: text for q, text in gold.queries.items() if gold.relevant.get(q)}
        if not self._queries or not gold.documents:
            raise StudioError(
                "The validation set has no query with a relevant document; "
                "import validation judgements or train without a validation set."
            )
        self._bf16 = bf16
        self._fixed = fixed_documents
        self._kept: NDArray[np.float32] | None = None
        self._read: tuple[TokenizedTexts, TokenizedTexts] | None = None

    def __call__(self, model: SentenceTransformer) -> float:
        """nDCG@10 of the model's exact search over the set's documents, 0 to 1."""
        texts = list(self._queries.values())
        asked, searched = self._tokenized(model, texts)
        vectors = asked.vectors(model, bf16=self._bf16)
        row_of = {text: row for row, text in enumerate(texts)}
        names, documents = list(self._gold.documents), self._documents(model, searched)

        def nearest(queries: Sequence[str], k: int) -> Iterator[dict[str, float]]:
            rows, scores = top_k(vectors[[row_of[query] for query in queries]], documents, k)
            for found, cosines in zip(rows.tolist(), scores.tolist(), strict=True):
                yield dict(zip([names[row] for row in found], cosines, strict=True))

        found = places(self._queries, nearest, 10, self._gold.counting)
        run = {query: {one.name: one.score for one in found[query]} for query in found}
        return evaluate(run, {q: self._gold.relevant[q] for q in self._queries}).means[NDCG]

    def _tokenized(
        self, model: SentenceTransformer, queries: list[str]
    ) -> tuple[TokenizedTexts, TokenizedTexts]:
        """Queries and documents; the models that the set scores differ in their weights alone."""
        if self._read is None:
            documents = list(self._gold.documents.values())
            self._read = (
                TokenizedTexts(model, queries, "query"),
                TokenizedTexts(model, documents, "document"),
            )
        return self._read

    def _documents(
        self, model: SentenceTransformer, searched: TokenizedTexts
    ) -> NDArray[np.float32]:
        if self._kept is not None:
            return self._kept
        vectors = searched.vectors(model, bf16=self._bf16)
        self._kept = vectors if self._fixed else None
        return vectors
