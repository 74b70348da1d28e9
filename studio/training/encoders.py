"""Loading encoders by catalogue name, folder, hub name or endpoint, and encoding with them."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.evaluation.embeddings import Role, TextEncoder
from studio.records import StudioError
from studio.training.two_sided import side

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sentence_transformers import SentenceTransformer

MAX_LENGTH = 256
"""Tokens read of each text; what all baselines are measured with."""
STATIC_NAMES = frozenset({"wordllama-256"})
"""Catalogue encoders that are a bare matrix of word vectors with a tokenizer."""
_ENDPOINT = re.compile(r"openai:(?P<model>.+?)@(?P<url>https?://.+)")


def load_encoder(
    name_or_path: str, device: str | None = None, max_length: int = MAX_LENGTH
) -> SentenceTransformer:
    """An encoder for training or evaluation.

    Args:
        name_or_path: a name in the catalogue (``minilm-l6``, ``wordllama-256`` …), a folder, or
            a name on the model hub.
        device: ``cpu``, ``cuda`` …; None takes the best there is.
        max_length: the most tokens read of a text, cut to what the model can take.

    Raises:
        StudioError: it is not there, or its weights are not safetensors.
    """
    from transformers.utils import logging

    # Its progress bars would be drawn over a terminal program's screen.
    logging.disable_progress_bar()
    source = _source(name_or_path)
    if isinstance(source, Path) and name_or_path in STATIC_NAMES:
        model = _static_encoder(source, device)
    else:
        model = _sentence_transformer(name_or_path, str(source), device)
    return _with_length(model, max_length)


def open_encoder(
    name: str, *, device: str | None = None, max_length: int = MAX_LENGTH, bf16: bool = False
) -> TextEncoder:
    """Like :func:`load_encoder`, for evaluation only: also takes ``openai:MODEL@URL``."""
    if name.startswith("openai:"):
        from studio.training.endpoint_encoder import EndpointEncoder

        endpoint = _ENDPOINT.fullmatch(name)
        if endpoint is None:
            raise StudioError(
                f"The encoder {name!r} is not of the form openai:MODEL@URL; "
                "write for instance openai:nomic-embed-text@http://localhost:11434/v1."
            )
        return EndpointEncoder(endpoint["model"], endpoint["url"])
    return LocalEncoder(load_encoder(name, device, max_length), bf16=bf16)


class LocalEncoder:
    """A loaded sentence-transformers model as the search and the cache want it."""

    def __init__(
        self, model: SentenceTransformer, *, batch_size: int = 32, bf16: bool = False
    ) -> None:
        """``bf16`` halves the precision inside the network: faster where the processor has it."""
        self.model = model
        self.batch_size = batch_size
        self.bf16 = bf16
        self._identities: dict[Role, str] = {}

    def identity(self, role: Role) -> str:
        """Of the weights and of everything else that decides a vector; not of the name."""
        if role not in self._identities:
            mark = "-bf16" if self.bf16 else ""
            self._identities[role] = fingerprint(self.model, role) + mark
        return self._identities[role]

    def encode(self, texts: Sequence[str], role: Role) -> NDArray[np.float32]:
        """N×d, each row of length 1, with the model's own prompt for the role in front."""
        return encode(self.model, texts, role, batch_size=self.batch_size, bf16=self.bf16)


def encode(
    model: SentenceTransformer,
    texts: Sequence[str],
    role: Role = "document",
    *,
    batch_size: int = 32,
    prompt: str | None = None,
    bf16: bool = False,
) -> NDArray[np.float32]:
    """N×d float32 embeddings of length 1, or 0 for a text without a token, in the texts' order.

    ``prompt`` goes before each text; None takes the model's own for the role.
    """
    import numpy as np
    import torch

    if not texts:
        return np.zeros((0, model.get_embedding_dimension() or 0), dtype=np.float32)
    with torch.autocast(model.device.type, dtype=torch.bfloat16, enabled=bf16):
        vectors: NDArray[np.float32] = model.encode(
            list(texts),
            batch_size=batch_size,
            prompt=role_prompt(model, role) if prompt is None else prompt,
            task=role,
            show_progress_bar=False,
            normalize_embeddings=True,
        )
    return np.ascontiguousarray(vectors, dtype=np.float32)


def role_prompt(model: SentenceTransformer, role: Role) -> str:
    """What the model's own settings put in front of a query or a document; empty for most."""
    names = ("query",) if role == "query" else ("document", "passage", "corpus")
    return next((model.prompts[name] for name in names if model.prompts.get(name)), "")


def is_static(model: SentenceTransformer) -> bool:
    """Whether the model is a bag of word vectors, which trains with its own loss and rate."""
    return type(side(model, "query")[0]).__name__ == "StaticEmbedding"


def fingerprint(model: SentenceTransformer, role: Role) -> str:
    """A hash of the role's weights, modules, prompt and length: equal means equal vectors."""
    digest = hashlib.sha256()
    modules = side(model, role)
    for place, module in enumerate(modules):
        for name, tensor in sorted(module.state_dict().items()):
            digest.update(f"{place} {name}{tuple(tensor.shape)}{tensor.dtype}".encode())
            digest.update(tensor.detach().cpu().contiguous().flatten().view(_bytes()).numpy())
    kinds = [(type(module).__name__, _settings(module)) for module in modules]
    shape = [kinds, role_prompt(model, role), str(model.max_seq_length)]
    digest.update(json.dumps(shape, sort_keys=True, default=str).encode())
    return digest.hexdigest()[:32]


def _bytes() -> Any:
    import torch

    return torch.uint8


def _settings(module: Any) -> dict[str, Any]:
    return dict(module.get_config_dict()) if hasattr(module, "get_config_dict") else {}


def _source(name_or_path: str) -> Path | str:
    """The folder of a catalogue name or a path, or the name itself for the hub."""
    from studio.llm.catalogue import load, required_path

    entry = load().get(name_or_path)
    if entry is not None and entry.kind == "llm":
        raise StudioError(f"{name_or_path} is a language model, not an encoder; take minilm-l6.")
    if entry is not None:
        return required_path(name_or_path)
    path = Path(name_or_path).expanduser()
    if path.exists():
        return path
    if name_or_path.startswith((".", "/", "~")) or name_or_path.count("/") > 1:
        raise StudioError(f"There is no encoder folder at {name_or_path}; check the path.")
    return name_or_path


def _sentence_transformer(name: str, source: str, device: str | None) -> SentenceTransformer:
    from sentence_transformers import SentenceTransformer

    _refuse_pickles(name, source)
    try:
        return SentenceTransformer(
            source,
            device=device,
            trust_remote_code=False,
            local_files_only=_offline() or Path(source).is_dir(),
            model_kwargs={"use_safetensors": True},
        )
    except (OSError, ValueError, KeyError) as error:
        raise StudioError(
            f"The encoder {name} could not be loaded: {_first_line(error)} Give a folder, "
            "a name on the model hub, or one of those that 'studio models list' prints."
        ) from error


def load_pretrained(auto_class: Any, name: str, **options: Any) -> Any:
    """A transformers model or tokenizer by catalogue name, folder or hub name.

    Raises:
        StudioError: it is not there, or its weights are not safetensors.
    """
    from transformers.utils import logging

    logging.disable_progress_bar()
    # It reports every weight of the new layer as missing: that layer is what is trained.
    logging.set_verbosity_error()
    source = str(_source(name))
    _refuse_pickles(name, source)
    if "Tokenizer" not in auto_class.__name__:
        options["use_safetensors"] = True
    try:
        return auto_class.from_pretrained(
            source,
            trust_remote_code=False,
            local_files_only=_offline() or Path(source).is_dir(),
            **options,
        )
    except (OSError, ValueError, KeyError) as error:
        raise StudioError(
            f"The model {name} could not be loaded: {_first_line(error)} Give a folder, "
            "a name on the model hub, or one of those that 'studio models list' prints."
        ) from error


def _refuse_pickles(name: str, source: str) -> None:
    """Pickled weights can run code when loaded: a folder without safetensors is refused."""
    folder = Path(source)
    if not folder.is_dir():
        return
    if any(folder.rglob("*.bin")) and not any(folder.rglob("*.safetensors")):
        raise StudioError(
            f"The encoder {name} has its weights only as pickled .bin files, which can hide code; "
            "convert them to safetensors and try again."
        )


def _static_encoder(folder: Path, device: str | None) -> SentenceTransformer:
    """A static encoder from the two files of its package: word vectors and tokenizer."""
    from safetensors.torch import load_file
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer

    weights, tokenizer_file = _only(folder, "*.safetensors"), _only(folder, "*tokenizer*.json")
    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    vectors = load_file(weights)["embedding.weight"].float()
    return SentenceTransformer(
        modules=[StaticEmbedding(tokenizer, embedding_weights=vectors)], device=device
    )


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.rglob(pattern))
    if not found:
        raise StudioError(
            f"The encoder in {folder} lacks its {pattern} file; "
            "fetch it again with: studio models pull"
        )
    return found[0]


def _with_length(model: SentenceTransformer, max_length: int) -> SentenceTransformer:
    if not is_static(model):
        model.max_seq_length = min(max_length, _longest(model))
    return model


def _longest(model: SentenceTransformer) -> int:
    """The tokens that the network has positions for and the tokenizer allows."""
    config = getattr(getattr(side(model, "query")[0], "auto_model", None), "config", None)
    limits = [
        getattr(config, "max_position_embeddings", None),
        getattr(model.tokenizer, "model_max_length", None),
    ]
    return min((int(limit) for limit in limits if limit), default=MAX_LENGTH)


def _offline() -> bool:
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}


def _first_line(error: BaseException) -> str:
    line = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
    return f"{line}."
