"""Leaving the program while the preview is at work: it waits for nothing that is under way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress

import psutil
import pytest

from studio.llm.catalogue import installed_path
from studio.project import Project
from studio.tui import memory
from tests.support.openai_server import OpenAIServer
from tests.support.waiting import PATIENCE_S, until
from tests.tui.conftest import use_endpoint
from tests.tui.test_prompt_score import LONG_ANSWER
from tests.tui.test_terminal import Terminal


@pytest.fixture(autouse=True)
def toured() -> None:
    """Nobody opens a project for the first time here."""
    memory.keep(toured=True)


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


def test_leaving_waits_for_no_answer_that_streams(project: Project) -> None:
    with OpenAIServer(token_s=0.05, words=lambda _body: LONG_ANSWER) as server:
        # After that no stream says another word, nor ever ends.
        server.stall(after=20)
        use_endpoint(project, server.url)
        terminal = Terminal(project.path)
        terminal.expect("spare room")
        terminal.press("2")
        terminal.expect("word1")
        terminal.press("q")
        assert terminal.end() == 0
        assert "Traceback" not in terminal.seen
        until(lambda: server.in_flight == 0)


@pytest.mark.models
@pytest.mark.skipif(installed_path("smollm2-135m") is None, reason="the model is not here")
def test_leaving_waits_for_no_embedded_model(project: Project) -> None:
    (project.path / "studio.toml").write_text('endpoint = "embedded:smollm2-135m"\n', "utf-8")
    terminal = Terminal(project.path)
    terminal.expect("spare room")
    terminal.press("2")
    terminal.expect("streaming")
    terminal.wait(lambda: embedded_servers_of(terminal), "a process with the model")
    (server,) = embedded_servers_of(terminal)
    # However fast the machine is, it answers nothing from now on.
    server.send_signal(signal.SIGSTOP)
    terminal.press("q")
    assert terminal.end() == 0
    with suppress(ProcessLookupError):
        os.kill(server.pid, signal.SIGCONT)
    until(lambda: not server.is_running() or server.status() == psutil.STATUS_ZOMBIE)
    assert (project.path / "logs" / "llm-preview.log").exists()


def embedded_servers_of(terminal: Terminal) -> list[psutil.Process]:
    """The processes with a model that it has started."""
    started = psutil.Process(terminal.child.pid).children(recursive=True)
    return [one for one in started if "studio.llm.embedded_server" in one.cmdline()]
