"""What decides an encoder's vectors, as one hash: the name of its rows in the embedding cache."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from studio.evaluation.embeddings import Role
from studio.training.two_sided import role_prompt, side

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_NO_MATTER = frozenset(
    {"_name_or_path", "architectures", "dtype", "id2label", "label2id", "transformers_version"}
)
"""Entries of a network's config that say where it came from or what it is called."""


def fingerprint(model: SentenceTransformer, role: Role) -> str:
    """Equal means equal vectors for texts of the role.

    It covers the weights, the modules with their settings, the network's config, the tokenizer, the
    prompt before the texts, the tokens read, and the numbers kept of a vector.
    """
    digest = hashlib.sha256()
    modules = side(model, role)
    for place, module in enumerate(modules):
        for name, tensor in sorted(module.state_dict().items()):
            digest.update(f"{place} {name}{tuple(tensor.shape)}{tensor.dtype}".encode())
            digest.update(tensor.detach().cpu().contiguous().flatten().view(_bytes()).numpy())
    shape = [
        role_prompt(model, role),
        model.truncate_dim,
        *(_settings(module) for module in modules),
    ]
    digest.update(json.dumps(shape, sort_keys=True, default=str).encode())
    return digest.hexdigest()[:32]


def _bytes() -> Any:
    import torch

    return torch.uint8


def _settings(module: Any) -> list[Any]:
    """All of a module that is no weight."""
    own = dict(module.get_config_dict()) if hasattr(module, "get_config_dict") else {}
    config = getattr(getattr(module, "auto_model", None), "config", None)
    network = config.to_dict() if config is not None else {}
    network = {name: value for name, value in network.items() if name not in _NO_MATTER}
    return [type(module).__name__, own, network, _words(getattr(module, "tokenizer", None))]


def _words(tokenizer: Any) -> list[Any]:
    """How a tokenizer cuts texts, and what it puts around them."""
    backend = getattr(tokenizer, "backend_tokenizer", tokenizer)
    if not hasattr(backend, "to_str"):
        names = ("padding_side", "model_max_length", "special_tokens_map", "init_kwargs")
        words = sorted(tokenizer.get_vocab().items()) if hasattr(tokenizer, "get_vocab") else []
        return [words, *(getattr(tokenizer, name, None) for name in names)]
    cut: dict[str, Any] = json.loads(backend.to_str())
    if backend is tokenizer:
        return [cut]
    # These two are set anew by every call.
    cut.pop("truncation", None)
    cut.pop("padding", None)
    names = ("padding_side", "truncation_side", "model_max_length", "special_tokens_map")
    return [cut, *(getattr(tokenizer, name, None) for name in names)]
