"""Workers killed with -9 and gone on with, and what that may cost."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable
from typing import Any

from studio.jobs import queue
from studio.project import Project
from studio.runs import Job
from tests.support.command import Command
from tests.support.openai_server import OpenAIServer

CONCURRENCY = 3
KILLS = 3


def killed(
    studio: Command, project: Project, job: int, moments: Iterable[Callable[[], bool]]
) -> Job:
    """The job at its end, killed at each of these moments and gone on with."""
    for moment in moments:
        if not _kill_at(project, job, moment):
            break
        assert studio("jobs", "resume", job, "-p", project.path, "--detach").code == 0
    return ended(studio, project, job)


def ended(studio: Command, project: Project, job: int) -> Job:
    """The job at its end, gone on with where it was cut off."""
    found = queue.wait(project, job)
    if found.state.value == "interrupted":
        studio("jobs", "resume", job, "-p", project.path, "--json")
        found = queue.wait(project, job)
    return found


def paid(server: OpenAIServer, calls: int) -> Callable[[], bool]:
    """The moment at which a server has been paid for so many calls."""
    return lambda: server.paid.calls >= calls


def assert_paid_once(server: OpenAIServer, calls: int) -> None:
    """A job that was killed has cost the calls of an undisturbed one, but for the inevitable."""
    twice = sum(count - 1 for count in server.paid.bodies.values())
    # What was in flight at a kill, and what came in within the window that is written at once,
    # was paid and is asked again: nothing can know of it.
    assert twice <= KILLS * 3 * CONCURRENCY
    assert server.paid.calls - twice == calls


def most_usage(body: dict[str, Any]) -> dict[str, int]:
    """What a server would bill whose tokenizer makes a token of each byte."""
    texts = [message["content"].encode() for message in body["messages"]]
    prompt = sum(len(text) for text in texts) + 64 + 16 * len(texts)
    return {"prompt_tokens": prompt, "completion_tokens": int(body["max_tokens"])}


def _kill_at(project: Project, job: int, moment: Callable[[], bool]) -> bool:
    """Kill the worker at that moment; False when it had ended before."""
    while not moment():
        if queue.get(project, job).state.value in ("done", "failed"):
            return False
        time.sleep(0.005)
    pid = queue.get(project, job).pid
    if pid is None or queue.get(project, job).state.value != "running":
        return False
    os.kill(pid, signal.SIGKILL)
    while queue.get(project, job).state.value != "interrupted":
        if queue.get(project, job).state.value in ("done", "failed"):
            return False
        time.sleep(0.01)
    return True
