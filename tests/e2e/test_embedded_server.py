"""The embedded LLM as a real process: it serves, it shares prefixes, and it never outlives us."""

from __future__ import annotations

import asyncio
import dataclasses
import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from studio.calls import Answer, Decoding, Message, Request
from studio.llm import engine
from studio.llm.budget import Budget
from studio.llm.catalogue import installed_path
from studio.llm.client import Delta, LLMClient
from studio.llm.embedded import EmbeddedServer
from studio.llm.failures import CallFailed
from studio.records import StudioError
from tests.support.waiting import PATIENCE_S, until

PASSAGE = "A permit is refused if the building is older than eighty years. " * 8


def smollm2() -> Path | None:
    has_runtime = importlib.util.find_spec("xllamacpp") is not None
    return installed_path("smollm2-135m") if has_runtime else None


pytestmark = [
    pytest.mark.models,
    pytest.mark.skipif(smollm2() is None, reason="needs xllamacpp and smollm2-135m"),
]


def ask(text: str = PASSAGE, seed: int = 0, style: str = "chat", max_tokens: int = 12) -> Request:
    role = "user" if style == "chat" else "prompt"
    return Request(
        (Message(role, f"{text}\nOne question:"),),
        model="smol",
        decoding=Decoding(temperature=0.9, max_tokens=max_tokens),
        seed=seed,
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    gguf = smollm2()
    assert gguf is not None
    log = tmp_path_factory.mktemp("llm") / "server.log"
    with EmbeddedServer(gguf, threads=1, parallel=2, context=1024, name="smol", log=log) as running:
        yield running


async def complete(server: EmbeddedServer, *requests: Request) -> list[Answer]:
    async with LLMClient(server.endpoint, server.key) as client:
        return [await client.complete(request) for request in requests]


async def test_it_answers_chat_and_completion_with_usage(server: EmbeddedServer) -> None:
    chat, completion = await complete(server, ask(), ask(style="completion"))
    for answer in (chat, completion):
        assert answer.text
        assert answer.prompt_tokens
        assert answer.completion_tokens
        assert answer.cost == 0.0


async def test_draws_of_one_document_reuse_its_prefix(server: EmbeddedServer) -> None:
    document = "Read this with care. " + PASSAGE
    answers = await complete(server, *(ask(document, seed) for seed in range(4)))
    for later in answers[1:]:
        assert later.cached_tokens is not None
        assert later.prompt_tokens is not None
        assert later.cached_tokens >= later.prompt_tokens - 2


async def test_the_engine_reads_each_document_once_for_all_its_draws(
    server: EmbeddedServer,
) -> None:
    opening = ("the river", "a lease", "our bread")
    documents = [f"This is about {word}. {word} {PASSAGE}" for word in opening]
    requests = [
        dataclasses.replace(ask(text, seed, max_tokens=6), document_id=number)
        for number, text in enumerate(documents)
        for seed in range(4)
    ]
    answers: list[Answer] = []
    async with LLMClient(server.endpoint, server.key) as client:
        await engine.run(
            requests,
            [client],
            budget=Budget(),
            on_answer=lambda request, answer: answers.append(answer),
            should_stop=lambda: False,
            max_concurrency=8,
        )
    assert len(answers) == 12
    # Each of three documents is read once, and the last one perhaps by both slots at the same time.
    read = sum(answer.prompt_tokens or 0 for answer in answers)
    cached = sum(answer.cached_tokens or 0 for answer in answers)
    assert read - cached <= 4 * read / 12


async def test_the_seed_decides_the_draw(server: EmbeddedServer) -> None:
    warm, one, again, *others = await complete(server, ask(), *map(seeded, (7, 7, 8, 9, 10)))
    assert one.text == again.text
    assert {other.text for other in others} != {one.text}
    assert warm.prompt_tokens == one.prompt_tokens


def seeded(seed: int) -> Request:
    return ask(seed=seed)


async def test_it_streams_and_ends_with_the_whole_answer(server: EmbeddedServer) -> None:
    async with LLMClient(server.endpoint, server.key) as client:
        *deltas, last = [item async for item in client.stream(ask())]
    assert isinstance(last, Answer)
    assert last.text == "".join(delta.text for delta in deltas if isinstance(delta, Delta))
    assert last.completion_tokens


async def test_a_wrong_key_is_refused(server: EmbeddedServer) -> None:
    async with LLMClient(server.endpoint, "wrong") as client:
        with pytest.raises(CallFailed, match="refused the key"):
            await client.complete(ask())


async def test_a_prompt_over_the_window_is_refused_alone(server: EmbeddedServer) -> None:
    async with LLMClient(server.endpoint, server.key) as client:
        with pytest.raises(CallFailed, match="context size") as caught:
            await client.complete(ask(PASSAGE * 20))
    assert caught.value.kind == "refused"


async def test_each_slot_has_the_whole_window(server: EmbeddedServer) -> None:
    async with LLMClient(server.endpoint, server.key) as client:
        long = [ask(f"{n} {PASSAGE * 5}", max_tokens=2) for n in range(2)]
        answers = await asyncio.gather(*map(client.complete, long))
    assert all((answer.prompt_tokens or 0) > 512 for answer in answers)


def test_it_stops_with_its_context_manager(tmp_path: Path) -> None:
    gguf = smollm2()
    assert gguf is not None
    with EmbeddedServer(gguf, threads=1, parallel=1, context=256, log=tmp_path / "log") as server:
        pid = server.pid
        assert server.alive
    assert pid is not None
    assert not runs(pid)


def test_nothing_of_it_reaches_the_terminal(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PARENT.format(gguf=smollm2(), log=tmp_path / "log", then="pass")],
        capture_output=True,
        check=True,
        timeout=PATIENCE_S,
    )
    assert done.stderr == b""
    assert json.loads(done.stdout)["pid"]


PARENT = """
import json, os, time
from pathlib import Path
from studio.llm.embedded import EmbeddedServer
with EmbeddedServer(Path("{gguf}"),
                    threads=1, parallel=1, context=256, log=Path("{log}")) as server:
    print(json.dumps({{"pid": server.pid}}), flush=True)
    {then}
"""


@pytest.mark.parametrize(
    "then",
    ["time.sleep(3600)", "os.fork(); time.sleep(3600)"],
    ids=["alone", "with a forked child that holds the pipe open"],
)
def test_it_dies_when_its_parent_is_killed(tmp_path: Path, then: str) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT.format(gguf=smollm2(), log=tmp_path / "log", then=then)],
        stdout=subprocess.PIPE,
    )
    assert parent.stdout is not None
    pid = json.loads(parent.stdout.readline())["pid"]
    assert runs(pid)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    until(lambda: not runs(pid))


def test_a_parent_killed_while_the_model_loads_leaves_nothing(tmp_path: Path) -> None:
    code = (
        "import os, signal\n"
        "from studio.llm.embedded import EmbeddedServer\n"
        "from pathlib import Path\n"
        f'server = EmbeddedServer(Path("{smollm2()}"), log=Path("{tmp_path / "log"}"))\n'
        "process = server._spawn()\n"
        "server._write_key(process)\n"
        "print(process.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    parent = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert parent.returncode == -signal.SIGKILL
    pid = int(parent.stdout)
    until(lambda: not runs(pid))
    assert not [other for other in psutil.pids() if session_of(other) == pid and runs(other)]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "cannot be read"),
        (b"", "not a GGUF"),
        (b"PK\x03\x04 a zip", "not a GGUF"),
        (b"GGUF" + b"\x00" * 64, "did not start"),
    ],
)
def test_a_file_that_is_no_model_is_refused(
    tmp_path: Path, content: bytes | None, sentence: str
) -> None:
    gguf = tmp_path / "model.gguf"
    if content is not None:
        gguf.write_bytes(content)
    with pytest.raises(StudioError, match=sentence):
        EmbeddedServer(gguf, log=tmp_path / "log").start()


def session_of(pid: int) -> int | None:
    """The process that its session began with; None when it has ended meanwhile."""
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def runs(pid: int) -> bool:
    """Whether it lives; a zombie waiting for its parent does not."""
    try:
        return b") Z" not in Path(f"/proc/{pid}/stat").read_bytes()
    except FileNotFoundError:
        return False
