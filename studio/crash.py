"""The last words of a program that cannot go on: a sentence without a key, details in a file."""

from __future__ import annotations

import os
import traceback

from studio.api_keys import blotted
from studio.folders import data_dir, private_file
from studio.records import StudioError


def last_words(error: BaseException) -> str:
    """What a person is told; of a fault of the studio itself, also where its details are."""
    if isinstance(error, StudioError):
        return blotted(str(error))
    told = blotted(f"Unexpected {type(error).__name__}: {error}")
    path = data_dir() / "crash.log"
    try:
        path.unlink(missing_ok=True)
        with os.fdopen(private_file(path), "w", encoding="utf-8", errors="replace") as out:
            out.write(blotted("".join(traceback.format_exception(error))))
    except OSError as unwritable:
        return f"{told} (no details kept: {unwritable})."
    return f"{told}. {path} has the details; please report it."
