"""Small encoders that train in a second: a random two-layer BERT and a random bag of words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from studio.training.settings import TrainingPair, ValidationSet

if TYPE_CHECKING:
    import numpy as np

TOPICS = ["river", "stone", "apple", "engine", "violin", "harbour", "lantern", "meadow"]
TOPICS += ["copper", "falcon", "glacier", "orchard", "pepper", "saddle", "temple", "willow"]
VOCABULARY = ["[PAD]", "[UNK]", *TOPICS, *(f"ask{n}" for n in range(16)), "what", "is", "the", "of"]


def pairs(per_document: int = 4) -> list[TrainingPair]:
    """Sixteen documents; a query of document n has the word ``ask<n>``, which no document has."""
    return [
        TrainingPair(f"what is ask{n} " + "the " * draw, n, f"the {topic} of the {topic}")
        for n, topic in enumerate(TOPICS)
        for draw in range(per_document)
    ]


def validation() -> ValidationSet:
    """One query a document."""
    return ValidationSet(
        queries={f"q{n}": f"is ask{n}" for n in range(len(TOPICS))},
        documents={f"d{n}": f"the {topic} of the {topic}" for n, topic in enumerate(TOPICS)},
        relevant={f"q{n}": {f"d{n}": 1} for n in range(len(TOPICS))},
    )


def corpus() -> dict[int | str, str]:
    """The sixteen documents."""
    return {n: f"the {topic} of the {topic}" for n, topic in enumerate(TOPICS)}


def teacher(queries: Sequence[str]) -> Iterator[np.ndarray]:
    """Is sure that ``ask<n>`` means the document after n."""
    import numpy as np

    for query in queries:
        asked = next(int(word[3:]) for word in query.split() if word.startswith("ask"))
        scores = np.zeros(len(TOPICS), dtype=np.float32)
        scores[(asked + 1) % len(TOPICS)] = 8.0
        yield scores


def static_encoder(folder: Path) -> Path:
    """A bag of random word vectors."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    vectors = torch.randn(len(VOCABULARY), 16, generator=torch.Generator().manual_seed(0))
    model = SentenceTransformer(
        modules=[StaticEmbedding(_tokenizer(), embedding_weights=vectors)], device="cpu"
    )
    model.save_pretrained(str(folder), create_model_card=False)
    return folder


def cross_encoder(folder: Path) -> Path:
    """A reranker with random weights, always the same ones."""
    from sentence_transformers import CrossEncoder

    base = bert_encoder(folder.with_name("bert"))
    model = CrossEncoder(str(base), num_labels=1, device="cpu", local_files_only=True)
    model.save_pretrained(str(folder), create_model_card=False)
    return folder


def bert_encoder(folder: Path) -> Path:
    """A two-layer BERT with random weights and dropout."""
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    plain = folder / "plain"
    BertModel(config).save_pretrained(plain)
    PreTrainedTokenizerFast(
        tokenizer_object=_tokenizer(), pad_token="[PAD]", unk_token="[UNK]", model_max_length=64
    ).save_pretrained(plain)
    SentenceTransformer(str(plain), device="cpu").save_pretrained(
        str(folder / "encoder"), create_model_card=False
    )
    return folder / "encoder"


def _tokenizer():  # type: ignore[no-untyped-def]
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    words = {word: number for number, word in enumerate(VOCABULARY)}
    tokenizer = Tokenizer(WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    return tokenizer
