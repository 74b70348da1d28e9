"""A 4-bit encoder in one file: what is read out of it, and files that are not what they say."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.llm.catalogue import CatalogueEntry, IndexSource, ModelFile, is_whole
from studio.llm.fetch import fetch, sha256_of
from studio.llm.q4_encoder import DamagedFile, convert, read_directory
from studio.records import StudioError
from tests.support.package_index import PackageIndex

SIZES = (32, 1, 2, 64, 8, 16, 2)
"""hidden, layers, heads, feed-forward, vocabulary, positions, token types."""
MATRICES = {"q": (32, 32), "k": (32, 32), "v": (32, 32), "ao": (32, 32), "fi": (64, 32)}
MATRICES |= {"fo": (32, 64)}
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")


def blocks(values: np.ndarray) -> bytes:
    """The values as 4-bit blocks; exact where they are whole numbers from -8 to 7."""
    out = b""
    for block in values.reshape(-1, 32):
        halves = (block + 8).astype(np.uint8)
        out += np.float16(1).tobytes() + (halves[:16] | halves[16:] << 4).tobytes()
    return out


def tensors() -> dict[str, tuple[int, np.ndarray]]:
    """Name → kind and values of all tensors of an encoder with one layer."""
    drawn = np.random.default_rng(5)
    found = {"emb.word": (1, drawn.integers(-8, 8, (8, 32)))}
    plain = {"emb.pos": (16, 32), "emb.type": (1, 32), "emb.ln.w": (32,), "emb.ln.b": (32,)}
    for name, shape in MATRICES.items():
        found[f"l0.{name}.w"] = (1, drawn.integers(-8, 8, shape))
        plain[f"l0.{name}.b"] = (shape[0],)
    plain |= {f"l0.{norm}.{end}": (32,) for norm in ("aln", "oln") for end in "wb"}
    return found | {name: (0, drawn.normal(size=shape)) for name, shape in plain.items()}


def packed(
    sizes: tuple[int, ...] = SIZES,
    magic: bytes = b"E5S1\0\0\0\0",
    shift: int = 0,
    values: int = 0,
    pieces: int = 2,
    without: str = "",
) -> bytes:
    """A whole file, or one that lies where the arguments say so."""
    made = {name: one for name, one in tensors().items() if name != without}
    data = [blocks(v) if kind else v.astype("<f4").tobytes() for kind, v in made.values()]
    head = magic + struct.pack("<7ifi", *sizes, 1e-12, 32)
    head += struct.pack("<5iQ", pieces, 0, 2, 1, 3, 2)
    head += bytes(4 * 3 + 4 * 2) + b"ab" + struct.pack("<iI", 0, 3) + b"xyz"
    head += struct.pack("<i", len(made))
    names = [name.encode() for name in made]
    offset = len(head) + sum(2 + len(name) + 1 + 4 + 8 + 8 for name in names)
    for name, (kind, array), part in zip(names, made.values(), data, strict=True):
        head += struct.pack("<H", len(name)) + name
        head += struct.pack("<BIQQ", kind, array.size + values, offset + shift, len(part))
        offset += len(part)
    return head + b"".join(data)


def tokenizer_text() -> str:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel

    words = {word: place for place, word in enumerate([*SPECIAL, "a", "b", "c", "<mask>"])}
    made = Tokenizer(WordLevel(words, unk_token="<unk>"))
    made.add_special_tokens([*SPECIAL, "<mask>"])
    return str(made.to_str())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("encoder")
    (made / "whole.bin").write_bytes(packed())
    (made / "tokenizer.json").write_text(tokenizer_text())
    convert(made / "whole.bin", made / "tokenizer.json", made)
    return made


def test_every_weight_comes_out_as_it_went_in(folder: Path) -> None:
    from safetensors.numpy import load_file

    weights = load_file(folder / "model.safetensors")
    made = tensors()
    assert (weights["embeddings.word_embeddings.weight"] == made["emb.word"][1]).all()
    inner = weights["encoder.layer.0.intermediate.dense.weight"]
    assert (inner == made["l0.fi.w"][1]).all()
    kinds = weights["embeddings.token_type_embeddings.weight"]
    assert np.allclose(kinds[0], made["emb.type"][1])
    assert not kinds[1].any()


def test_the_folder_is_an_encoder_with_prompts(folder: Path) -> None:
    from studio.training.encoders import encode, load_encoder, prefixes_of

    model = load_encoder(str(folder))
    prefixes = prefixes_of(model)
    assert (prefixes.query, prefixes.document) == ("query: ", "passage: ")
    vectors = encode(model, ["a b", "c"])
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert json.loads((folder / "config.json").read_text())["pad_token_id"] == 1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (lambda: b"GGUF" + packed()[4:], "it is another file"),
        (lambda: packed()[:20], "it is cut off"),
        (lambda: packed()[:-1], "lies outside the file"),
        (lambda: packed(shift=10**15), "lies outside the file"),
        (lambda: packed(values=1), "bytes, not"),
        (lambda: packed(pieces=2**31 - 1), "says that it has 2,147,483,647 pieces"),
        (lambda: packed(pieces=-1), "says that it has -1 pieces"),
        (lambda: packed((32, 10**6, *SIZES[2:])), "says 1,000,000 layers, which cannot be"),
        (lambda: packed((32, 2, *SIZES[2:])), "its tensor l1.q.w is missing"),
        (lambda: packed((64, *SIZES[1:])), "its tensor emb.word has 256 values, not 512"),
        (lambda: packed(without="emb.pos"), "its tensor emb.pos is missing"),
        (lambda: b"", "it is cut off"),
    ],
)
def test_a_file_that_is_not_what_it_says_is_told_in_one_sentence(
    tmp_path: Path, content: Callable[[], bytes], sentence: str
) -> None:
    file = tmp_path / "x.bin"
    file.write_bytes(content())
    (tmp_path / "tokenizer.json").write_text(tokenizer_text())
    with pytest.raises(DamagedFile, match=sentence) as caught:
        convert(file, tmp_path / "tokenizer.json", tmp_path)
    assert "\n" not in str(caught.value)


@settings(max_examples=60, deadline=None)
@given(at=st.integers(0, 600), byte=st.integers(0, 255), cut=st.integers(0, 9000))
def test_no_byte_of_the_head_leads_beyond_the_file(
    tmp_path_factory: pytest.TempPathFactory, at: int, byte: int, cut: int
) -> None:
    content = bytearray(packed())
    content[at] = byte
    file = tmp_path_factory.getbasetemp() / "bent.bin"
    file.write_bytes(content[: len(content) - cut])
    try:
        found = read_directory(file)
    except DamagedFile:
        return
    assert all(one.offset + one.size <= len(content) - cut for one in found.tensors.values())


def test_two_packages_and_a_conversion_make_one_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.llm.download.POLL_S", 0.02)
    contents = {"w.bin": packed(), "tokenizer.json": tokenizer_text().encode()}
    files = []
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        files.append(ModelFile(name, len(content), sha256_of(tmp_path / name)))
    sources = (
        IndexSource("toy-weights", "1.0", root="w", files=("w.bin",)),
        IndexSource("toy-words", "2.0", root="t/assets", files=("tokenizer.json",)),
    )
    entry = CatalogueEntry(
        "toy", "encoder", "MIT", ("zh",), "", tuple(files), index=sources,
        tokenizer="tokenizer.json", conversion="q4",
    )  # fmt: skip
    with PackageIndex() as index:
        for name, value in index.env().items():
            monkeypatch.setenv(name, value)
        index.add("toy-weights", "1.0", {"w/w.bin": contents["w.bin"], "w/__init__.py": b"1/0"})
        index.add("toy-words", "2.0", {"t/assets/tokenizer.json": contents["tokenizer.json"]})
        got = fetch(entry, tmp_path / "home", lambda progress: None)
        assert is_whole(entry, got)
        assert not (got / "w.bin").exists()
        assert (got / "1_Pooling" / "config.json").is_file()
        index.add("toy-words", "2.0", {"t/assets/tokenizer.json": b"{}"})
        with pytest.raises(StudioError, match=r"has 2 bytes of t/assets/tokenizer.json"):
            fetch(entry, tmp_path / "other", lambda progress: None)
