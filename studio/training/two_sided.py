"""Encoders whose queries and documents go different ways, so that one side can be trained alone.

With few pairs, training the query side against the fixed vectors of all documents gains more than
training both, and an index made with the base stays valid.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from studio.evaluation.embeddings import Role

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def is_two_sided(model: SentenceTransformer) -> bool:
    """Whether the model has a network of its own for queries and for documents."""
    routes = getattr(model[0], "sub_modules", {})
    return "query" in routes and "document" in routes


def side(model: SentenceTransformer, role: Role) -> list[Any]:
    """The modules that a query or a document passes, in order."""
    return list(model[0].sub_modules[role]) if is_two_sided(model) else list(model)


def two_sided(model: SentenceTransformer) -> SentenceTransformer:
    """The encoder with a copy of its network for the documents, which training leaves alone."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Router

    if not is_two_sided(model):
        router = Router.for_query_document(
            query_modules=list(model), document_modules=copy.deepcopy(list(model))
        )
        prompts, device = dict(model.prompts), str(model.device)
        model = SentenceTransformer(modules=[router], device=device, prompts=prompts)
    for module in side(model, "document"):
        module.requires_grad_(False)
    return model
