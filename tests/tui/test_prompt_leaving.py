"""Leaving the program while the preview is at work: at once, whatever is under way."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pexpect
import pytest

from studio.llm.catalogue import installed_path
from studio.project import Project
from tests.support.openai_server import OpenAIServer
from tests.support.waiting import PATIENCE_S, until
from tests.tui.conftest import use_endpoint
from tests.tui.test_prompt_score import LONG_ANSWER
from tests.tui.test_terminal import Terminal

AT_MOST_S = 2.0
"""Seconds to the shell; on an idle machine it is a quarter of that."""


def test_leaving_waits_for_no_work_that_was_put_aside() -> None:
    code = (
        "import asyncio, time\n"
        "from studio.tui.pane.daemon_thread import run_in_daemon_thread\n"
        "async def main():\n"
        "    task = asyncio.create_task(run_in_daemon_thread(lambda: time.sleep(3600)))\n"
        "    await asyncio.sleep(0.1)\n"
        "    task.cancel()\n"
        "asyncio.run(main())\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=PATIENCE_S)


def seconds_to_the_shell(terminal: Terminal) -> float:
    started = time.monotonic()
    terminal.child.send("q")
    terminal.child.expect(pexpect.EOF, timeout=30)
    terminal.child.wait()
    assert terminal.child.exitstatus == 0
    return time.monotonic() - started


def test_leaving_while_columns_stream_is_quick_and_clean(project: Project) -> None:
    with OpenAIServer(token_s=0.05, words=lambda _body: LONG_ANSWER) as server:
        use_endpoint(project, server.url)
        terminal = Terminal(project.path)
        terminal.expect("Examples")
        terminal.press("2")
        terminal.expect("word1")
        assert seconds_to_the_shell(terminal) < AT_MOST_S
        assert "Traceback" not in str(terminal.child.before)
        until(lambda: server.in_flight == 0)


@pytest.mark.models
@pytest.mark.skipif(installed_path("smollm2-135m") is None, reason="the model is not here")
def test_leaving_while_the_embedded_model_streams_is_quick(project: Project) -> None:
    (project.path / "studio.toml").write_text('endpoint = "embedded:smollm2-135m"\n', "utf-8")
    terminal = Terminal(project.path)
    terminal.expect("Examples")
    terminal.press("2")
    terminal.expect("streaming")
    time.sleep(2)
    assert seconds_to_the_shell(terminal) < AT_MOST_S
    log = Path(project.path / "logs" / "llm-preview.log")
    assert log.exists()
