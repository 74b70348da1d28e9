"""The workers that tests start come from a process that has imported their libraries already."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from pathlib import Path

from studio import child
from tests.support import warm
from tests.support.waiting import PATIENCE_S


def test_a_worker_as_jobs_start_it_gives_way_to_a_warm_one(tmp_path: Path) -> None:
    address = tmp_path / "warm"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(address))
        listener.listen()
        listener.settimeout(PATIENCE_S)
        worker = subprocess.Popen(
            child.python("studio", "worker", "folder", "7"),
            env=os.environ | warm.environment() | {"STUDIO_TESTS_WARM": str(address)},
        )
        asked, _ = listener.accept()
        with asked, asked.makefile("rb") as text:
            wanted = json.loads(text.read(int.from_bytes(text.read(4), "big")))
            asked.sendall(b"5\n")
    assert wanted["arguments"] == ["worker", "folder", "7"]
    assert worker.wait() == 5


def test_a_script_comes_from_a_warm_process_and_ends_as_it_ended() -> None:
    code = (
        "import os, sys; assert 'torch' in sys.modules; print(sys.argv[1:], flush=True); os.abort()"
    )
    done = warm.script(code, "one", "two")
    assert (done.stdout, done.returncode) == ("['one', 'two']\n", -signal.SIGABRT), done.stderr
