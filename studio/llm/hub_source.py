"""The model hub as a source: its own downloader, one file after the other."""

from __future__ import annotations

import os
import shutil
import urllib.error
import urllib.request
from pathlib import Path

from studio.llm.catalogue import CatalogueEntry
from studio.llm.download import Progress, PullProgress, SourceFailed, run_watched

PROBE_S = 4.0
DEFAULT_HUB = "https://huggingface.co"


def collect(entry: CatalogueEntry, partial: Path, progress: Progress) -> Path:
    """Download every file; a folder with all of them. Raises SourceFailed.

    A file that was cut off goes on where it stopped: the hub's downloader keeps what it has.
    """
    if entry.hub is None:
        raise SourceFailed("The model hub does not have it.")
    _refuse_unreachable()
    staging = partial / "hub"
    staging.mkdir(exist_ok=True)
    for file in entry.files:
        _download(entry, file.path, staging, progress)
    shutil.rmtree(staging / ".cache", ignore_errors=True)
    return staging


def _download(entry: CatalogueEntry, path: str, staging: Path, progress: Progress) -> None:
    hub = entry.hub
    assert hub is not None

    def on_bytes(done: int) -> None:
        shown = min(done, entry.size)
        progress(PullProgress(entry.name, "hub", shown, entry.size, f"{hub.repo}: {path}"))

    command = ["huggingface_hub.cli.hf", "download", hub.repo, path, "--revision", hub.revision]
    quiet = {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    failed = run_watched([*command, "--local-dir", str(staging)], staging, on_bytes, quiet)
    if failed or not (staging / path).is_file():
        raise SourceFailed(f"The model hub did not give {hub.repo}/{path}: {failed}.")


def _refuse_unreachable() -> None:
    """Ask once with a short wait: the downloader itself would try for half a minute."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        raise SourceFailed("The model hub is switched off (HF_HUB_OFFLINE).")
    address = os.environ.get("HF_ENDPOINT") or DEFAULT_HUB
    try:
        with urllib.request.urlopen(
            urllib.request.Request(address, method="HEAD"), timeout=PROBE_S
        ):
            return
    except urllib.error.HTTPError:
        return
    except (OSError, ValueError) as error:
        raise SourceFailed(f"The model hub ({address}) cannot be reached.") from error
