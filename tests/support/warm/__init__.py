"""What tests start comes from a process that is warm already; see ``forking``."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

FOLDER = Path(__file__).parent


def script(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process of its own that need not import torch and its libraries."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=os.environ | environment() | {"STUDIO_TESTS_SCRIPT": "1"},
        capture_output=True,
        text=True,
    )


def environment() -> dict[str, str]:
    """What lets processes start warm; begins the one they come from, once for a run of tests."""
    _begin()
    return where_it_listens()


def where_it_listens() -> dict[str, str]:
    """What lets processes start warm once that one has begun; until then they start as always."""
    return {
        "PYTHONPATH": os.pathsep.join([str(FOLDER), *sys.path]),
        "STUDIO_TESTS_WARM": str(_address()),
    }


def begin_meanwhile() -> None:
    """Begin that process, which takes a while, and wait for nothing."""
    threading.Thread(target=_begin, daemon=True).start()


def _address() -> Path:
    return Path(tempfile.gettempdir()) / f"studio-tests-{os.getuid()}-{_parent()}"


def _parent() -> int:
    return os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()


def _begin() -> None:
    address = _address()
    with Path(f"{address}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if address.exists():
            return
        told = {
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
            "TOKENIZERS_PARALLELISM": "false",
            "COLUMNS": "120",
        }
        root = FOLDER.parents[2]
        forking = subprocess.Popen(
            [sys.executable, "-m", "tests.support.warm.forking", str(address), str(_parent())],
            stdin=subprocess.DEVNULL,
            cwd=root,
            env=os.environ | told | {"PYTHONPATH": str(root)},
            start_new_session=True,
        )
        while not address.exists() and forking.poll() is None:
            time.sleep(0.05)
