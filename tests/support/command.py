"""The ``studio`` command as a user runs it: a process of its own, in a home of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support import warm


@dataclass(frozen=True)
class Done:
    """How a run of the command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What ``--json`` printed."""
        assert self.code == 0, f"exit {self.code}: {self.err}"
        return json.loads(self.out)


@dataclass(frozen=True)
class Command:
    """Runs ``studio`` with settings, data and caches under one folder."""

    home: Path

    @property
    def environment(self) -> dict[str, str]:
        """Nothing of the real user's, and no network; workers start warm."""
        from studio.llm.catalogue import models_home

        kept = {k: v for k, v in os.environ.items() if not k.startswith(("STUDIO_", "OPENAI_"))}
        return kept | {
            "STUDIO_CONFIG": str(self.home / "config"),
            "STUDIO_DATA": str(self.home / "data"),
            "STUDIO_CACHE": str(self.home / "cache"),
            "STUDIO_STATE": str(self.home / "state"),
            "STUDIO_MODELS": str(models_home()),
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
            "COLUMNS": "120",
            **warm.environment(),
        }

    def __call__(self, *arguments: object, timeout: float = 600, cwd: Path | None = None) -> Done:
        ended = subprocess.run(
            [sys.executable, "-m", "studio", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=timeout,
            env=self.environment | {"STUDIO_TESTS_VERB": "1"},
            stdin=subprocess.DEVNULL,
            cwd=cwd or self.home,
        )
        return Done(ended.returncode, ended.stdout, ended.stderr)

    def started(self, *arguments: object) -> subprocess.Popen[str]:
        """The command under way, to be killed or waited for."""
        return subprocess.Popen(
            [sys.executable, "-m", "studio", *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            env=self.environment,
            cwd=self.home,
        )
