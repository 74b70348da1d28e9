"""Loading encoders by catalogue name, folder, hub name or endpoint, and encoding with them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from studio.evaluation.embeddings import OWN_PREFIXES, Prefixes, Role, TextEncoder
from studio.llm.loading import (
    check_weights,
    check_words,
    from_folder,
    hub_folder,
    named_in_errors,
    refusing_missing_weights,
)
from studio.llm.model_folders import UnusableModel, check_folder
from studio.records import StudioError
from studio.training.decoders import is_bare_decoder, mend_end, with_last_token
from studio.training.fingerprints import fingerprint
from studio.training.two_sided import named_routes, role_prompt, set_prefixes, side

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sentence_transformers import SentenceTransformer

MAX_LENGTH = 256
"""Tokens read of each text; what all baselines are measured with."""
UNLIMITED = 2**30
"""Tokens of a text for a network that names no bound."""
STATIC_NAMES = frozenset({"wordllama-256"})
"""Catalogue encoders that are a bare matrix of word vectors with a tokenizer."""
ROLES: Final[tuple[Role, ...]] = ("query", "document")
_ENDPOINT = re.compile(r"openai:(?P<model>.+?)@(?P<url>https?://.+)")


def load_encoder(
    name_or_path: str,
    device: str | None = None,
    max_length: int = MAX_LENGTH,
    prefixes: Prefixes = OWN_PREFIXES,
) -> SentenceTransformer:
    """An encoder for training or evaluation, in float32 whatever it was saved in.

    Args:
        name_or_path: a name in the catalogue (``minilm-l6``, ``wordllama-256`` …), a folder, or
            a name on the model hub.
        device: ``cpu``, ``cuda`` …; None takes the best there is.
        max_length: the most tokens read of a text, cut to what the model can take.
        prefixes: what goes before its texts; where one is empty, what its own settings say.

    Raises:
        StudioError: it is not there, it is broken, or its weights are not safetensors.
    """
    from transformers.utils import logging

    # Its progress bars and reports would be drawn over a terminal program's screen.
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    with named_in_errors(f"The encoder {name_or_path}"):
        folder = folder_of(name_or_path, "sentence-transformers/")
        if name_or_path in STATIC_NAMES:
            model = _static_encoder(folder, device)
        else:
            check_folder(folder)
            model = _sentence_transformer(folder, device)
        named_routes(model)
        set_prefixes(model, prefixes)
        _set_length(model, max_length)
        check_weights(model)
        # What cannot be read, or has no numbers, is found out here and not amid a corpus.
        for role in ROLES:
            encode(model, ["a", "two texts of which one is longer"], role)
    return model


def open_encoder(
    name: str,
    *,
    device: str | None = None,
    max_length: int = MAX_LENGTH,
    bf16: bool = False,
    prefixes: Prefixes = OWN_PREFIXES,
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
        return EndpointEncoder(endpoint["model"], endpoint["url"], prefixes)
    return LocalEncoder(load_encoder(name, device, max_length, prefixes), bf16=bf16)


class LocalEncoder:
    """A loaded sentence-transformers model as the search and the cache want it."""

    def __init__(
        self, model: SentenceTransformer, *, batch_size: int | None = None, bf16: bool = False
    ) -> None:
        """``bf16`` halves the precision inside the network: faster where the processor has it."""
        self.model = model
        self.batch_size = batch_size
        self.bf16 = bf16
        self._identities: dict[Role, str] = {}

    @property
    def prefixes(self) -> Prefixes:
        """The model's own, as it was loaded."""
        return prefixes_of(self.model)

    @property
    def at_once(self) -> int:
        """Many where a text takes no time."""
        return 1024 if is_static(self.model) else 2 * at_once(self.model)

    def identity(self, role: Role) -> str:
        """Of the weights and of everything else that decides a vector; not of the name."""
        if role not in self._identities:
            mark = "-bf16" if self.bf16 else ""
            self._identities[role] = fingerprint(self.model, role) + mark
        return self._identities[role]

    def encode(self, texts: Sequence[str], role: Role) -> NDArray[np.float32]:
        """N×d, each row of length 1, with the model's own prompt for the role in front."""
        return encode(self.model, texts, role, batch_size=self.batch_size, bf16=self.bf16)


GPU_TOKENS: Final = 65_536
"""The most tokens in one pass on a GPU, unless so many texts as on a processor have more."""


def encode(
    model: SentenceTransformer,
    texts: Sequence[str],
    role: Role = "document",
    *,
    batch_size: int | None = None,
    prompt: str | None = None,
    bf16: bool = False,
) -> NDArray[np.float32]:
    """N×d float32 embeddings of length 1, or 0 for a text without a token, in the texts' order.

    ``prompt`` goes before each text; None takes the model's own for the role. ``batch_size``: None
    takes what suits the device.
    """
    import numpy as np

    if not texts:
        return np.zeros((0, model.get_embedding_dimension() or 0), dtype=np.float32)
    with in_precision(model, bf16):
        vectors: NDArray[np.float32] = model.encode(
            list(texts),
            batch_size=batch_size or at_once(model),
            prompt=role_prompt(model, role) if prompt is None else prompt,
            task=role,
            show_progress_bar=False,
            normalize_embeddings=True,
        )
    return sound(vectors)


def at_once(model: SentenceTransformer) -> int:
    """Texts in one pass of the network: a GPU with few of them waits for the next ones."""
    if model.device.type != "cuda":
        return 32
    return max(32, GPU_TOKENS // min(model.max_seq_length or 256, GPU_TOKENS))


def in_precision(model: SentenceTransformer, bf16: bool) -> Any:
    """A context in which the network computes so."""
    import torch

    return torch.autocast(model.device.type, dtype=torch.bfloat16, enabled=bf16)


def sound(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The vectors, in one piece. Raises StudioError where one is no number."""
    import numpy as np

    if not np.isfinite(vectors).all():
        raise StudioError(
            "The encoder gives vectors that are no numbers (NaN or infinite), so that nothing can "
            "be found with it; its weights are damaged, or a training's learning rate is too high."
        )
    return np.ascontiguousarray(vectors, dtype=np.float32)


def prefixes_of(model: SentenceTransformer) -> Prefixes:
    """What the model puts before its texts."""
    return Prefixes(role_prompt(model, "query"), role_prompt(model, "document"))


def is_static(model: SentenceTransformer) -> bool:
    """Whether the model is a bag of word vectors, which trains with its own loss and rate."""
    return type(side(model, "query")[0]).__name__ == "StaticEmbedding"


def word_vectors(model: SentenceTransformer, role: Role) -> Any:
    """The table of the vectors that stand for a text's tokens before any layer."""
    first = side(model, role)[0]
    return first.auto_model.get_input_embeddings() if hasattr(first, "auto_model") else first


def words_prevail(model: SentenceTransformer) -> bool:
    """Whether a network that has layers holds more than half of its weights in word vectors."""
    words = sum(one.numel() for one in word_vectors(model, "query").parameters())
    return not is_static(model) and 2 * words > sum(
        one.numel() for module in side(model, "query") for one in module.parameters()
    )


def folder_of(name: str, owner: str = "") -> Path:
    """The folder of a catalogue name, of a path, or of a name on the hub, fetched if need be.

    owner: of hub names that have none.
    """
    from studio.llm.catalogue import load, required_path

    entry = load().get(name)
    if entry is not None and entry.kind == "llm":
        raise StudioError(f"{name} is a language model, not an encoder; take minilm-l6.")
    if entry is not None:
        return required_path(name)
    path = Path(name).expanduser()
    if path.exists():
        return path
    if name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise StudioError(f"There is no encoder folder at {name}; check the path.")
    from sentence_transformers.util.misc import ORIGINAL_TRANSFORMER_MODELS

    known = "/" in name or name.lower() in ORIGINAL_TRANSFORMER_MODELS
    return hub_folder(name if known else f"{owner}{name}")


def _sentence_transformer(folder: Path, device: str | None) -> SentenceTransformer:
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules.transformer import Transformer

    weights = {"use_safetensors": True, "dtype": torch.float32}
    with refusing_missing_weights():
        if is_bare_decoder(folder):
            network = Transformer(str(folder), model_kwargs={**weights, "trust_remote_code": False})
            model = SentenceTransformer(modules=with_last_token(network), device=device)
        else:
            model = SentenceTransformer(
                str(folder),
                device=device,
                trust_remote_code=False,
                local_files_only=True,
                model_kwargs=weights,
            )
            mend_end(model, folder)
    return model.float()


def load_pretrained(auto_class: Any, name: str, **options: Any) -> Any:
    """A transformers model or tokenizer by catalogue name, folder or hub name; models in float32.

    Raises:
        StudioError: it is not there, it is broken, or its weights are not safetensors.
    """
    with named_in_errors(f"The model {name}"):
        return from_folder(auto_class, folder_of(name), **options)


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
        raise UnusableModel(
            f"its {pattern} file is missing. Fetch it again with: studio models pull"
        )
    return found[0]


def _set_length(model: SentenceTransformer, max_length: int) -> None:
    for role in ROLES:
        module = side(model, role)[0]
        if hasattr(module, "auto_model") or hasattr(module, "embedding"):
            check_words(module)
        if hasattr(module, "auto_model"):
            if module.tokenizer.pad_token is None:
                raise UnusableModel(
                    "its tokenizer has no padding token, so that texts of unlike length cannot be "
                    "read together. Name one as pad_token in tokenizer_config.json."
                )
            module.max_seq_length = min(max_length, longest(module.auto_model, module.tokenizer))


def longest(network: Any, tokenizer: Any) -> int:
    """The tokens that a transformer has positions for and its tokenizer allows."""
    # RoBERTa and its kin count positions from after their padding's.
    tables: list[Any] = [
        getattr(module, "position_embeddings", None) for module in network.modules()
    ]
    positions = [
        table.num_embeddings - (0 if table.padding_idx is None else table.padding_idx + 1)
        for table in tables
        if hasattr(table, "padding_idx")
    ]
    limits = [
        *positions,
        getattr(network.config, "max_position_embeddings", None),
        getattr(tokenizer, "model_max_length", None),
    ]
    return min((int(limit) for limit in limits if limit and limit > 0), default=UNLIMITED)
