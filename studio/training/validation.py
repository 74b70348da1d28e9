"""Scoring an encoder on the validation set while it trains."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.evaluation.retrieval import NDCG, evaluate
from studio.evaluation.search import top_k
from studio.records import StudioError
from studio.training.encoders import encode, role_prompt
from studio.training.settings import ValidationSet

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def validation_score(
    model: SentenceTransformer, gold: ValidationSet, *, bf16: bool = False
) -> float:
    """nDCG@10 of the model's exact search over the validation set's documents, 0 to 1.

    Raises:
        StudioError: the set has no judged query.
    """
    judged = {name: text for name, text in gold.queries.items() if gold.relevant.get(name)}
    if not judged or not gold.documents:
        raise StudioError(
            "The validation set has no query with a relevant document; "
            "import validation judgements or train without a validation set."
        )
    names = list(gold.documents)
    documents = encode(
        model, list(gold.documents.values()), prompt=role_prompt(model, "document"), bf16=bf16
    )
    queries = encode(model, list(judged.values()), prompt=role_prompt(model, "query"), bf16=bf16)
    rows, scores = top_k(queries, documents, 10)
    run = {
        query: dict(zip([names[row] for row in found], cosines, strict=True))
        for query, found, cosines in zip(judged, rows.tolist(), scores.tolist(), strict=True)
    }
    return evaluate(run, {query: gold.relevant[query] for query in judged}).means[NDCG]
