"""What is wrong with a model's folder, found out before anything in it is loaded.

Folders come out of git without their large files, out of downloads that broke off, out of trainings
that saved only an adapter. Each sentence names the file and says what to do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from studio.records import StudioError

_POINTER = b"version https://git-lfs.github.com/spec/"
_HEADER_LIMIT = 100_000_000
"""Bytes of a safetensors header: the format allows no more."""
_AGAIN = "Fetch the folder again."
_DECISIVE = re.compile(r"(config|modules|token|vocab|index).*\.json|.*\.(safetensors|txt|model)")
"""Files that decide what a model is; others may be broken without harm."""
_TOKENIZERS = ("tokenizer.json", "vocab.*", "*.model", "*.tiktoken", "*.bpe", "*.bpe.codes")
_WITHOUT_VOCABULARY = ("ByT5", "Canine", "Perceiver")
"""Tokenizers that read bytes or characters, and so need no file of words."""
_WITHOUT_FILES = frozenset({"Normalize", "Dropout"})
"""Parts whose folder is empty, so that git leaves it out."""
_WITH_WEIGHTS = frozenset({"Transformer", "StaticEmbedding", "Dense"})
_WITH_CONFIG = frozenset({"Transformer", "Pooling", "Dense"})
_ROUTES = ("router_config.json", "config.json")
_FOREIGN = re.compile(
    r"(pytorch_model.*|model|weights.*)\.(bin|pt|pth|ckpt|h5|msgpack|onnx)|.*\.gguf"
)


@dataclass(frozen=True, slots=True)
class _Part:
    """One module of an encoder."""

    kind: str
    """The class's own name, such as ``Pooling``."""
    folder: Path


class UnusableModel(StudioError):
    """What is wrong with a model, as a sentence that goes on after its name."""


def check_folder(folder: Path) -> None:
    """Look through the files of an encoder, or of a plain transformers model such as an LLM.

    Raises:
        UnusableModel: something is missing, cut off, or would have to run code to be loaded.
    """
    try:
        _check(folder)
    except OSError as error:
        raise UnusableModel(
            f"{error.filename or folder} cannot be read ({error.strerror}). Look at its "
            "permissions."
        ) from error


def _check(folder: Path) -> None:
    if not folder.is_dir():
        raise UnusableModel(f"{folder.name} is a file. Give the folder that it lies in.")
    if not any(folder.iterdir()):
        raise UnusableModel(f"its folder is empty. {_AGAIN}")
    _check_files(folder, folder)
    for part in _parts(folder):
        if part.folder != folder:
            _check_files(folder, part.folder)
        _check_part(folder, part)


def _check_files(root: Path, folder: Path) -> None:
    """Every file beside each other is whole."""
    for file in sorted(folder.glob("*")):
        if not file.is_file() or not _DECISIVE.fullmatch(file.name):
            continue
        named = file.relative_to(root)
        with file.open("rb") as opened:
            if opened.read(len(_POINTER)) == _POINTER:
                raise UnusableModel(
                    f"{named} is only git-lfs's pointer to the file. Run `git lfs pull` in the "
                    "folder, or fetch it again."
                )
        if file.suffix == ".json":
            _json(root, file)
        elif file.suffix == ".safetensors":
            _tensors(root, file)
    if (folder / "adapter_config.json").is_file():
        raise UnusableModel(
            "adapter_config.json says that it is an adapter (PEFT), which is nothing without its "
            "base. Merge it into its base with merge_and_unload(), save that, and give its folder."
        )


def _parts(folder: Path) -> Iterator[_Part]:
    """The modules that ``modules.json`` and routers name; without it one transformer."""
    listed = folder / "modules.json"
    if not listed.exists():
        yield _Part("Transformer", folder)
        return
    try:
        named = [(str(one["type"]), str(one["path"])) for one in _json(folder, listed)]
    except (KeyError, TypeError):
        named = []
    if not named:
        raise UnusableModel(f"modules.json does not say what the encoder is made of. {_AGAIN}")
    for kind, path in named:
        yield from _part(folder, "modules.json", folder, kind, path)


def _part(root: Path, listed: str, parent: Path, kind: str, path: str) -> Iterator[_Part]:
    if not kind.startswith("sentence_transformers."):
        raise UnusableModel(
            f"{listed} names a part with code of its own ({kind}), and the studio runs no code "
            "that comes with a model. Choose another model."
        )
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        raise UnusableModel(f"{listed} names a folder outside the encoder's own ({path}).")
    part = _Part(kind.rpartition(".")[2], parent / path)
    yield part
    if part.kind in ("Router", "Asym"):
        routes = next((f for n in _ROUTES if (f := part.folder / n).is_file()), None)
        if routes is None:
            raise UnusableModel(
                f"{(part.folder / _ROUTES[0]).relative_to(root)} is missing. {_AGAIN}"
            )
        for name, inner in dict(_json(root, routes).get("types") or {}).items():
            yield from _part(root, str(routes.relative_to(root)), part.folder, str(inner), name)


def _check_part(root: Path, part: _Part) -> None:
    if part.kind in _WITHOUT_FILES or part.kind in ("Router", "Asym"):
        return
    inside = "" if part.folder == root else f"{part.folder.relative_to(root)}/"
    if not part.folder.is_dir() or not any(part.folder.iterdir()):
        raise UnusableModel(f"the folder {inside} of its part {part.kind} is missing. {_AGAIN}")
    whole = any(part.folder.glob("*.safetensors"))
    pickled = [file.name for file in sorted(part.folder.glob("*.bin"))]
    if pickled and not whole:
        raise UnusableModel(
            f"it has the weights in {inside}{pickled[0]} only pickled, and a pickle can hide code. "
            "Convert them to safetensors and try again."
        )
    if part.kind in _WITH_WEIGHTS and not whole:
        other = [f.name for f in sorted(part.folder.iterdir()) if _FOREIGN.fullmatch(f.name)]
        instead = f", and {other[0]} is none" if other else ""
        raise UnusableModel(
            f"{inside}model.safetensors is missing{instead}. Weights are read from safetensors "
            "alone: fetch or save it in that format."
        )
    if part.kind in _WITH_CONFIG and not (part.folder / "config.json").is_file():
        raise UnusableModel(f"{inside}config.json is missing. {_AGAIN}")
    if part.kind == "Transformer":
        _check_shards(root, part.folder)
        _check_code(root, part.folder)
    if part.kind in ("Transformer", "StaticEmbedding") and not _has_tokenizer(part.folder):
        raise UnusableModel(
            f"the files of its tokenizer are missing (such as {inside}tokenizer.json), and without "
            f"them every word is an unknown one. {_AGAIN}"
        )


def _check_shards(root: Path, folder: Path) -> None:
    """The index of weights in several files names what is there."""
    index = folder / "model.safetensors.index.json"
    if not index.is_file() or (folder / "model.safetensors").is_file():
        return
    places = _json(root, index).get("weight_map")
    named = index.relative_to(root)
    if not isinstance(places, dict) or not places:
        raise UnusableModel(f"{named} does not say where the weights are. {_AGAIN}")
    for shard in sorted({str(place) for place in places.values()}):
        if Path(shard).name != shard or not (folder / shard).is_file():
            raise UnusableModel(f"{named} names {shard}, which is missing. {_AGAIN}")
        there = _tensors(root, folder / shard)
        lost = [name for name, place in places.items() if place == shard and name not in there]
        if lost:
            raise UnusableModel(
                f"{named} says that {shard} holds {lost[0]}, which it does not: the two are not "
                f"of one model. {_AGAIN}"
            )


def _check_code(root: Path, folder: Path) -> None:
    """A network that this version knows needs no code, whatever its config offers."""
    config = _json(root, folder / "config.json")
    if not isinstance(config, dict) or "auto_map" not in config:
        return
    from transformers import CONFIG_MAPPING

    if config.get("model_type") not in CONFIG_MAPPING:
        raise UnusableModel(
            f"its network ({config.get('model_type')}) is code that comes with it, and the studio "
            "runs no code that comes with a model. Choose another model."
        )


def _has_tokenizer(folder: Path) -> bool:
    if any(file.is_file() for name in _TOKENIZERS for file in folder.glob(name)):
        return True
    settings = folder / "tokenizer_config.json"
    named = _json(folder, settings).get("tokenizer_class") if settings.is_file() else None
    return str(named).startswith(_WITHOUT_VOCABULARY)


def _json(root: Path, file: Path) -> Any:
    try:
        return json.loads(file.read_text("utf-8"))
    except ValueError:
        raise UnusableModel(f"{file.relative_to(root)} is no whole JSON file. {_AGAIN}") from None


def _tensors(root: Path, file: Path) -> set[str]:
    """The names of the tensors in a safetensors file, whose length is what its header says."""
    size, named = file.stat().st_size, file.relative_to(root)
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        if size < 8 or length > _HEADER_LIMIT:
            raise UnusableModel(f"{named} ({size:,} bytes) is no safetensors file. {_AGAIN}")
        try:
            header = dict(json.loads(opened.read(length)))
            header.pop("__metadata__", None)
            end = max((int(one["data_offsets"][1]) for one in header.values()), default=0)
        except (ValueError, TypeError, LookupError):
            raise UnusableModel(
                f"{named} ({size:,} bytes) is cut off or damaged. {_AGAIN}"
            ) from None
    if size != (whole := 8 + length + end):
        raise UnusableModel(f"{named} is cut off: {size:,} of {whole:,} bytes are there. {_AGAIN}")
    return set(header)
