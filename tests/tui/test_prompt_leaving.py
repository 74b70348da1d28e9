"""Leaving the program while the preview is at work: whatever is under way is not waited for."""

from __future__ import annotations

import subprocess
import sys

import pexpect
import psutil
import pytest

from studio.llm.catalogue import installed_path
from studio.project import Project
from tests.support.openai_server import OpenAIServer
from tests.support.waiting import PATIENCE_S, until
from tests.tui.conftest import use_endpoint
from tests.tui.test_prompt_score import LONG_ANSWER
from tests.tui.test_terminal import Terminal


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


def leave(terminal: Terminal) -> None:
    terminal.child.send("q")
    terminal.child.expect(pexpect.EOF, timeout=PATIENCE_S)
    terminal.child.wait()
    assert terminal.child.exitstatus == 0


def test_leaving_while_columns_stream_waits_for_none_and_is_clean(project: Project) -> None:
    with OpenAIServer(words=lambda _body: LONG_ANSWER) as server:
        # The answers never come to an end.
        server.stall(after=20)
        use_endpoint(project, server.url)
        terminal = Terminal(project.path)
        terminal.expect("Examples")
        terminal.press("2")
        terminal.expect("word1")
        assert server.in_flight > 0
        leave(terminal)
        assert "Traceback" not in str(terminal.child.before)
        until(lambda: server.in_flight == 0)


@pytest.mark.models
@pytest.mark.skipif(installed_path("smollm2-135m") is None, reason="the model is not here")
def test_leaving_while_the_embedded_model_streams_waits_for_no_answer(project: Project) -> None:
    (project.path / "studio.toml").write_text('endpoint = "embedded:smollm2-135m"\n', "utf-8")
    terminal = Terminal(project.path)
    terminal.expect("Examples")
    terminal.press("2")
    terminal.expect("streaming")
    [model] = psutil.Process(terminal.child.pid).children()
    # From now on it says nothing, and heeds nothing.
    model.suspend()
    leave(terminal)
    assert (project.path / "logs" / "llm-preview.log").exists()
    until(lambda: not model.is_running(), "the model ends")
