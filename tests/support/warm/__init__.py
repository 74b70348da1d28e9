"""What tests start comes from a process that is warm already; see ``forking``."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FOLDER = Path(__file__).parent


def script(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process of its own that need not import torch and its libraries."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=os.environ | environment() | {"STUDIO_TESTS_SCRIPT": "1", "PYTHONPATH": path()},
        capture_output=True,
        text=True,
    )


def path() -> str:
    """The ``PYTHONPATH`` of what may start warm."""
    return os.pathsep.join([str(FOLDER), *sys.path])


def environment() -> dict[str, str]:
    """What lets processes start warm; starts the one they come from, once for a run of tests."""
    parent = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
    address = Path(tempfile.gettempdir()) / f"studio-tests-{os.getuid()}-{parent}"
    with Path(f"{address}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not address.exists():
            _start(address, parent)
    return {"STUDIO_TESTS_WARM": str(address)}


def _start(address: Path, parent: int) -> None:
    offline = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    root = FOLDER.parents[2]
    forking = subprocess.Popen(
        [sys.executable, "-m", "tests.support.warm.forking", str(address), str(parent)],
        stdin=subprocess.DEVNULL,
        cwd=root,
        env=os.environ | offline | {"PYTHONPATH": str(root)},
        start_new_session=True,
    )
    while not address.exists() and forking.poll() is None:
        time.sleep(0.05)
