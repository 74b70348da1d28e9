"""Where a causal LLM lies: a catalogue name, a folder, a GGUF file, or a name on the hub."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.llm import catalogue
from studio.llm.loading import hub_folder, named_in_errors
from studio.llm.model_folders import UnusableModel
from studio.records import StudioError

INSTALL = "pip install 'studio[sft]'"
_LLMS = "Take an LLM, such as smollm2-135m."


@dataclass(frozen=True, slots=True)
class CausalFolder:
    """The files of a causal LLM."""

    path: Path
    gguf: str = ""
    """The file in it that holds everything; empty: safetensors."""

    @property
    def file(self) -> Path | None:
        """The GGUF file, also one beside the same weights as safetensors; None without one."""
        if self.gguf:
            return self.path / self.gguf
        beside = sorted(self.path.glob("*.gguf"))
        return beside[0] if len(beside) == 1 else None

    @property
    def options(self) -> dict[str, Any]:
        """What transformers has to be told to read it."""
        return {"gguf_file": self.gguf} if self.gguf else {}


def causal_folder(name: str) -> CausalFolder:
    """The files of an LLM by catalogue name, folder, GGUF file or hub name, fetched if need be.

    Raises:
        StudioError: it is not there, no causal LLM, or a GGUF without the package that reads it.
    """
    with named_in_errors(f"The LLM {name}", _LLMS):
        found = _found(name)
        _refuse_unusable(found)
    return found


def _found(name: str) -> CausalFolder:
    entry = catalogue.load().get(name)
    if entry is not None and entry.kind != "llm":
        raise StudioError(f"{name} is an encoder and writes nothing. {_LLMS}")
    path = catalogue.required_path(name) if entry else Path(name).expanduser()
    if path.exists():
        return _at(path)
    if name.startswith((".", "/", "~")) or name.count("/") != 1:
        raise StudioError(f"There is no LLM at {name}: check the path. {_LLMS}")
    return CausalFolder(hub_folder(name))


def _at(path: Path) -> CausalFolder:
    if path.is_file():
        return CausalFolder(path.parent, path.name)
    files = sorted(file.name for file in path.glob("*.gguf"))
    if not files or any(path.glob("*.safetensors")):
        return CausalFolder(path)
    if len(files) > 1:
        raise UnusableModel(f"it holds {len(files)} GGUF files. Name one, such as {files[0]}.")
    return CausalFolder(path, files[0])


def _refuse_unusable(found: CausalFolder) -> None:
    if found.gguf:
        if not found.gguf.endswith(".gguf"):
            raise UnusableModel(f"{found.gguf} is a file. Give a folder, or a GGUF file.")
        if importlib.util.find_spec("gguf") is None:
            raise UnusableModel(f"reading {found.gguf} needs the package gguf: {INSTALL}.")
        return
    try:
        kinds = json.loads((found.path / "config.json").read_text("utf-8"))["architectures"]
    except (OSError, ValueError, LookupError, TypeError):
        # What is missing or broken is said when it is loaded.
        return
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    known = {name for one in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values() for name in _names(one)}
    if kinds and known.isdisjoint(kinds):
        raise UnusableModel(f"it is a {kinds[0]}, which writes nothing. {_LLMS}")


def _names(one: str | tuple[str, ...]) -> tuple[str, ...]:
    return (one,) if isinstance(one, str) else one
