"""Language models as encoders: the vector of a text is that of the end token behind it.

A decoder's token sees only what stands before it, so the last one alone has read the whole text
(Wang et al. 2024, arXiv:2401.00368, §3.3). That token has to be there: many tokenizers add none,
and transformers 5 passes over what ``tokenizer_config.json`` says of it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.llm.model_folders import UnusableModel

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def is_bare_decoder(folder: Path) -> bool:
    """Whether a folder holds a language model and nothing that says how it embeds texts."""
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError):
        return False
    named = config.get("architectures") if isinstance(config, dict) else None
    is_causal = isinstance(named, list) and any(str(one).endswith("ForCausalLM") for one in named)
    return is_causal and not (folder / "modules.json").exists()


def with_last_token(transformer: Any) -> list[Any]:
    """The modules of an encoder around a decoder: network, its last token, length 1."""
    from sentence_transformers.base.modules.normalize import Normalize
    from sentence_transformers.sentence_transformer.modules import Pooling

    append_end(transformer.tokenizer)
    width = transformer.get_embedding_dimension()
    return [transformer, Pooling(width, pooling_mode="lasttoken"), Normalize()]


def mend_end(model: SentenceTransformer, folder: Path) -> None:
    """Append the end token where a last-token encoder's own settings want it and it is missing."""
    from sentence_transformers.sentence_transformer.modules import Pooling

    pools = [module for module in model.modules() if isinstance(module, Pooling)]
    if any("lasttoken" in pool.pooling_mode for pool in pools) and _wants_end(folder):
        append_end(model.tokenizer)


def _wants_end(folder: Path) -> bool:
    try:
        config = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(config, dict) and config.get("add_eos_token") is True


def append_end(tokenizer: Any) -> None:
    """Let the tokenizer end every text with its end token, also where the text is cut.

    Raises:
        UnusableModel: it has no end token, or is not one of the fast ones.
    """
    from tokenizers.processors import Sequence, TemplateProcessing

    end = tokenizer.eos_token
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if end is None or backend is None:
        raise UnusableModel(
            "its tokenizer has no end token that could stand for a text. Name one as eos_token in "
            "tokenizer_config.json, beside a tokenizer.json."
        )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = end
    if tokenizer("a")["input_ids"][-1] == tokenizer.eos_token_id:
        return
    ending = TemplateProcessing(
        single=f"$A {end}",
        pair=f"$A $B {end}",
        special_tokens=[(end, tokenizer.eos_token_id)],
    )
    before = backend.post_processor
    backend.post_processor = ending if before is None else Sequence([before, ending])
