"""Encoders whose queries and documents go different ways, so that one side can be trained alone.

With few pairs, training the query side against the fixed vectors of all documents gains more than
training both, and an index made with the base stays valid.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from studio.evaluation.embeddings import Prefixes, Role
from studio.records import StudioError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_OTHER_NAMES: Final[dict[Role, tuple[str, ...]]] = {
    "query": ("question", "queries"),
    "document": ("passage", "doc", "corpus", "documents"),
}
"""What routes are called in older encoders."""


def is_two_sided(model: SentenceTransformer) -> bool:
    """Whether queries and documents pass different modules."""
    queries, documents = side(model, "query"), side(model, "document")
    return [id(module) for module in queries] != [id(module) for module in documents]


def side(model: SentenceTransformer, role: Role) -> list[Any]:
    """The modules that a query or a document passes, in order."""
    return list(_passed(model, role))


def _passed(modules: Any, role: Role) -> Iterator[Any]:
    for module in modules:
        if routes := getattr(module, "sub_modules", None):
            yield from _passed(routes[module._resolve_route(task=role, modality="text")], role)
        else:
            yield module


def named_routes(model: SentenceTransformer) -> None:
    """Let ``query`` and ``document`` lead somewhere in every router, whatever it calls its routes.

    Raises:
        StudioError: a router has no route for one of the two.
    """
    for router in [module for module in model.modules() if hasattr(module, "sub_modules")]:
        for role, names in _OTHER_NAMES.items():
            try:
                router._resolve_route(task=role, modality="text")
            except ValueError:
                route = next((name for name in names if name in router.sub_modules), None)
                if route is None:
                    raise StudioError(
                        f"The encoder has the routes {', '.join(router.sub_modules)}, and none is "
                        f"for a {role}; name one {role} in its router_config.json."
                    ) from None
                router.route_mappings[(role, None)] = route


def role_prompt(model: SentenceTransformer, role: Role) -> str:
    """What the model's own settings put in front of a query or a document; empty for most."""
    names = ("query",) if role == "query" else ("document", "passage", "corpus")
    return next((model.prompts[name] for name in names if model.prompts.get(name)), "")


def set_prefixes(model: SentenceTransformer, wanted: Prefixes) -> None:
    """Settle what goes before the texts of each role: what is wanted, else the model's own.

    It gets the names by which ``encode_query`` and ``encode_document`` look for it, so that the
    saved model puts the same before its texts whoever loads it.
    """
    for role in _OTHER_NAMES:
        model.prompts[role] = wanted.of(role) or role_prompt(model, role)


def two_sided(model: SentenceTransformer) -> SentenceTransformer:
    """The encoder with a copy of its network for the documents, which training leaves alone."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Router

    if not is_two_sided(model):
        router = Router.for_query_document(
            query_modules=side(model, "query"),
            document_modules=copy.deepcopy(side(model, "document")),
        )
        model = SentenceTransformer(
            modules=[router],
            device=str(model.device),
            prompts=dict(model.prompts),
            default_prompt_name=model.default_prompt_name,
            truncate_dim=model.truncate_dim,
            similarity_fn_name=model.similarity_fn_name,
        )
    for module in side(model, "document"):
        module.requires_grad_(False)
    return model
