"""The models that the studio knows by name: what they are, where they are, how to get them."""

from __future__ import annotations

import difflib
import importlib.util
import os
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from studio import settings
from studio.records import StudioError

SAFE_WEIGHTS = "model.safetensors"
LANGUAGE_NAMES = {
    "ar": "Arabic",
    "de": "German",
    "en": "English",
    "es": "Spanish",
    "fr": "French",
    "it": "Italian",
    "ja": "Japanese",
    "ko": "Korean",
    "nl": "Dutch",
    "pt": "Portuguese",
    "ru": "Russian",
    "zh": "Chinese",
}
"""ISO 639-1 codes → the names that people know."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model."""

    path: str
    """Where it lies in the model's folder."""
    size: int
    """Bytes."""
    sha256: str
    """Hex; a file with any other is refused."""

    @property
    def pickled(self) -> bool:
        """Whether it is a pickle, which is kept only after conversion to safetensors."""
        return self.path.endswith(".bin")


@dataclass(frozen=True, slots=True)
class HubSource:
    """A repository of the model hub; the files lie in it as they lie in the model's folder."""

    repo: str
    revision: str = "main"


@dataclass(frozen=True, slots=True)
class IndexSource:
    """Wheels of the package index that carry the files. They are data, never code."""

    package: str
    """The package's name; ``{n}`` stands for the part's number, from 1."""
    version: str
    """Pinned."""
    count: int = 1
    """How many packages the model is cut into."""
    member: str = ""
    """A glob for the one file in each wheel that is a part; empty: the wheel holds the files."""
    root: str = ""
    """The folder of the files within the wheel, or within the archive."""
    archive: bool = False
    """Whether the joined parts are a zip file."""


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """A model that can be fetched by name."""

    name: str
    kind: Literal["llm", "encoder"]
    licence: str
    """Of the weights."""
    languages: tuple[str, ...]
    """ISO 639-1 codes."""
    note: str
    """One line on what it is good for."""
    files: tuple[ModelFile, ...]
    """All files, the weights first."""
    hub: HubSource | None = None
    index: IndexSource | None = None
    module: str = ""
    """An importable package that brings the files; they are used where they lie."""
    tokenizer: str = ""
    """The file with the tokenizer, within the folder; empty for LLMs."""
    default: bool = False
    """Whether the studio uses it when nothing is said."""
    needs_opt_in: bool = False
    """Whether the person must accept its licence first."""

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    @property
    def sha256(self) -> str:
        """Of the weights."""
        return self.files[0].sha256


@cache
def load() -> dict[str, CatalogueEntry]:
    """Every model by name, in the catalogue's order."""
    text = resources.files("studio.llm").joinpath("catalogue.toml").read_text("utf-8")
    return {name: _entry(name, table) for name, table in tomllib.loads(text).items()}


def entry_of(name: str) -> CatalogueEntry:
    """The entry, or StudioError with the nearest name."""
    entries = load()
    if name in entries:
        return entries[name]
    near = difflib.get_close_matches(name, entries, n=1, cutoff=0.4)
    hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(entries)}."
    raise StudioError(f"The catalogue has no model {name!r}. {hint}")


def language_warning(model: str, language: str) -> str:
    """Why a model of the catalogue should not write in this language; empty when it can.

    Nothing is said of models that the catalogue does not know.
    """
    code = language.lower().replace("_", "-").split("-")[0]
    entry = load().get(model)
    if entry is None or not code or code in entry.languages:
        return ""
    writes = " and ".join(LANGUAGE_NAMES.get(one, one) for one in entry.languages)
    wanted = LANGUAGE_NAMES.get(code, code)
    able = [e.name for e in load().values() if e.kind == "llm" and code in e.languages]
    other = f"embedded:{able[0]}, or a server" if able else "a server with a larger model"
    return (
        f"{model} writes {writes}, not {wanted}: most of what it writes would be useless. "
        f"Choose {other}."
    )


def models_home() -> Path:
    """The folder of fetched models (``$STUDIO_MODELS``, else in the person's data folder)."""
    override = os.environ.get("STUDIO_MODELS")
    return Path(override) if override else settings.data_dir() / "models"


def installed_path(name: str) -> Path | None:
    """The GGUF file of an LLM or the folder of an encoder, None while it is not on this machine.

    A fetched model comes first, then an installed package that brings the same files.
    """
    entry = load().get(name)
    if entry is None:
        return None
    for folder in (models_home() / name, _package_folder(entry)):
        if folder is not None and is_whole(entry, folder):
            return folder / entry.files[0].path if entry.kind == "llm" else folder
    return None


def required_path(name: str) -> Path:
    """As :func:`installed_path`, with StudioError that says how to get what is missing."""
    entry = entry_of(name)
    path = installed_path(name)
    if path is None:
        raise StudioError(
            f"The model {name} ({entry.size / 1e6:.0f} MB) is not on this machine; "
            f"fetch it with `studio models pull {name}`."
        )
    return path


def tokenizer_file(name: str) -> Path | None:
    """The tokenizer of an encoder on this machine, as the ``tokenizers`` package reads it."""
    entry, folder = load().get(name), installed_path(name)
    if entry is None or folder is None or not entry.tokenizer:
        return None
    return folder / entry.tokenizer


def is_whole(entry: CatalogueEntry, folder: Path) -> bool:
    """Whether every file is there with its size; the hash was checked before it got there."""
    for file in entry.files:
        path = folder / (SAFE_WEIGHTS if file.pickled else file.path)
        if not path.is_file() or (path.stat().st_size != file.size and not file.pickled):
            return False
    return True


def _package_folder(entry: CatalogueEntry) -> Path | None:
    """Where an installed package has the files, found without importing it."""
    spec = importlib.util.find_spec(entry.module) if entry.module else None
    if spec is None or entry.index is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations))).parent / entry.index.root


def _entry(name: str, table: dict[str, Any]) -> CatalogueEntry:
    hub, index = table.pop("hub", None), table.pop("index", None)
    return CatalogueEntry(
        name=name,
        files=tuple(ModelFile(**file) for file in table.pop("files")),
        languages=tuple(table.pop("languages")),
        hub=HubSource(**hub) if hub else None,
        index=IndexSource(**index) if index else None,
        **table,
    )
