"""``studio generate``, whole path, rows durable, beside a bare aiohttp loop with the same bodies.

``python -m tests.benchmarks.generation_speed [--requests 2000] [--rounds 3]`` starts a server with
200 ms of latency and answers of about 100 tokens in a process of its own, and runs the verb as a
person types it and the bare loop in turn, 64 and 256 calls at a time, and 64 where latencies are
log-normal with σ = 1; the best of each is told. Last, a run is killed with -9 at its half and
resumed.

A rate is requests by the seconds from the first call that the server sees to the last committed
row (bare: to the last answer). Processor time is that of the worker between the same moments, so
that start-up, which is told beside it, is in neither.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from studio.jobs import queue
from studio.project import Project
from studio.prompting.builtin import builtin
from studio.records import Example
from tests.benchmarks.quick_server import WORDS
from tests.support.project import fill

TICK_S = 0.02
CASES = ((64, 0.0, 0.95), (256, 0.0, 0.75), (64, 1.0, 0.93))
"""Calls at a time, σ of the latencies, and the share of the bare loop's rate to reach."""
MOST_MS = 1.0
"""Milliseconds of the worker's processor time that a request may take."""


@dataclass(frozen=True)
class Ran:
    """One run, ours or bare."""

    rate: float
    """Requests a second."""
    processor_ms: float
    """For each request."""
    whole_s: float = 0.0
    """Seconds of the command from its start to its end."""


def main() -> int:
    """The whole table; 1 when a goal is missed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--case", type=int, choices=range(len(CASES)), help="only one of them")
    parser.add_argument("--no-kill", action="store_true")
    parser.add_argument("--bare", nargs=3, metavar=("URL", "BODIES", "AT_ONCE"))
    asked = parser.parse_args()
    if asked.bare:
        asyncio.run(bare(asked.bare[0], Path(asked.bare[1]), int(asked.bare[2])))
        return 0
    missed = 0
    print("at once  latency      ours/s   bare/s  ratio  goal  worker ms  bare ms  command s")
    for number, case in enumerate(CASES):
        if asked.case in (None, number):
            missed += told(*case, asked.requests, asked.rounds)
    if not asked.no_kill:
        missed += killed(asked.requests, 64)
    return int(missed > 0)


def told(at_once: int, sigma: float, goal: float, requests: int, rounds: int) -> int:
    """One line of the table; 1 when its goals are missed."""
    ours, bares = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder, serving(sigma) as url:
            ours.append(generated(Path(folder), url, requests, at_once))
            bodies = Path(folder, "bodies.json")
            bodies.write_bytes(fetch(url, "bodies"))
            fetch(url, "forget")
            bares.append(bare_run(url, bodies, at_once))
    best, bare_best = (max(runs, key=lambda ran: ran.rate) for runs in (ours, bares))
    ratio = max(one.rate / other.rate for one, other in zip(ours, bares, strict=True))
    took = min(ran.processor_ms for ran in ours)
    print(
        f"{at_once:7}  {'log-normal' if sigma else '200 ms':10} {best.rate:8.1f} "
        f"{bare_best.rate:8.1f} {ratio:6.2f} {goal:5.2f} {took:10.2f} "
        f"{min(ran.processor_ms for ran in bares):8.2f} {best.whole_s:10.1f}",
        flush=True,
    )
    return int(ratio < goal or took > MOST_MS)


@contextmanager
def serving(sigma: float) -> Iterator[str]:
    """The address of a server in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.quick_server", "--sigma", str(sigma)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.terminate()


def fetch(url: str, what: str) -> bytes:
    """What the server tells."""
    with urlopen(f"{url}/{what}") as answer:
        return bytes(answer.read())


def made(folder: Path, url: str, documents: int, at_once: int) -> Project:
    """A project with so many documents of about a hundred words, and its endpoint at ``url``."""
    project = Project.create(folder / "measured")
    fill(project.store, (passage(number, 100) for number in range(documents)))
    pairs = [Example(passage(-number, 50), f"where is shed {number}") for number in range(1, 5)]
    project.store.examples.add(pairs)
    project.store.prompts.save("question-answering", builtin("question-answering"), "first")
    home = folder / "home" / "config"
    home.mkdir(parents=True)
    (home / "config.toml").write_text(
        f'endpoint = "quick"\n[endpoints.quick]\nbase_url = "{url}"\nmodel = "quick"\n'
        f"max_concurrency = {at_once}\nprice_in = 0.1\nprice_out = 0.4\n"
    )
    return project


def passage(number: int, words: int) -> str:
    """A text that no other number has."""
    said = (f"{WORDS[(number * place) % 20]} {number + place}" for place in range(words // 2))
    return f"Notice {number}: " + ", ".join(said) + "."


def command(folder: Path, *arguments: object) -> subprocess.Popen[bytes]:
    """``studio`` as a person types it, in a home of its own."""
    homes = {f"STUDIO_{name}": str(folder / "home" / name.lower()) for name in HOMES}
    return subprocess.Popen(
        [sys.executable, "-m", "studio", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ | homes,
    )


HOMES = ("CONFIG", "DATA", "CACHE", "STATE")


def started(folder: Path, project: Project, at_once: int) -> subprocess.Popen[bytes]:
    """The verb with all documents, once each."""
    count = project.store.documents.count()
    return command(
        folder, "generate", "-p", project.path, "--documents", count, "--queries", 1,
        "--concurrency", at_once,
    )  # fmt: skip


def generated(folder: Path, url: str, requests: int, at_once: int) -> Ran:
    """One run of the verb."""
    project = made(folder, url, requests, at_once)
    began = time.monotonic()
    process = started(folder, project, at_once)
    samples = list(watched(project, process))
    whole_s = time.monotonic() - began
    assert process.stderr is not None
    assert not process.returncode, process.stderr.read().decode()
    seen = json.loads(fetch(url, "seen"))
    last, stored = project.store.db.conn.execute(
        "SELECT max(created), count(*) FROM generations"
    ).fetchone()
    assert stored == requests == seen["calls"], (stored, seen)
    ended = datetime.fromisoformat(last).timestamp()
    spent = at_moment(samples, ended) - at_moment(samples, seen["first"])
    return Ran(requests / (ended - seen["first"]), 1000 * spent / requests, whole_s)


def watched(project: Project, process: subprocess.Popen[bytes]) -> Iterator[tuple[float, float]]:
    """Moments and the processor seconds that the worker of the first job has taken by then."""
    pid = 0
    while process.poll() is None:
        if not pid and (job := project.store.jobs.get(1)):
            pid = job.pid or 0
        if pid:
            with suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                ticks = int(fields[11]) + int(fields[12])
                yield time.time(), ticks / os.sysconf("SC_CLK_TCK")
        time.sleep(TICK_S)


def at_moment(samples: list[tuple[float, float]], moment: float) -> float:
    """The processor seconds at a moment."""
    return max((spent for at, spent in samples if at <= moment), default=0.0)


def bare_run(url: str, bodies: Path, at_once: int) -> Ran:
    """The bare loop in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.generation_speed", "--bare", url]
    done = subprocess.run(
        [*command, str(bodies), str(at_once)], capture_output=True, text=True, check=True
    )
    return Ran(**json.loads(done.stdout))


async def bare(url: str, file: Path, at_once: int) -> None:
    """Post all bodies, so many at a time, read the answers, and print how fast that was."""
    import aiohttp

    bodies = [body.encode() for body in json.loads(file.read_text())]
    headers = {"Content-Type": "application/json", "Authorization": "Bearer no-key"}
    left, answers = iter(bodies), list[Any]()

    async def work(session: aiohttp.ClientSession) -> None:
        for body in left:
            async with session.post(f"{url}/chat/completions", data=body) as response:
                answers.append(await response.json())

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(headers=headers, connector=connector) as session:
        began, busy = time.monotonic(), time.process_time()
        await asyncio.gather(*(work(session) for _ in range(at_once)))
        seconds, busy = time.monotonic() - began, time.process_time() - busy
    assert len(answers) == len(bodies)
    rate, each = len(bodies) / seconds, 1000 * busy / len(bodies)
    print(json.dumps({"rate": rate, "processor_ms": each}))


def killed(requests: int, at_once: int) -> int:
    """What a kill at half costs; 1 when it is more than what was in flight and in one window."""
    with tempfile.TemporaryDirectory() as folder, serving(0.0) as url:
        project = made(Path(folder), url, requests, at_once)
        process = started(Path(folder), project, at_once)
        while json.loads(fetch(url, "seen"))["calls"] < requests / 2:
            time.sleep(TICK_S)
        os.kill(queue.get(project, 1).pid or 0, signal.SIGKILL)
        process.wait()
        command(Path(folder), "jobs", "resume", 1, "-p", project.path).wait()
        seen = json.loads(fetch(url, "seen"))
        # A window of 50 ms at the most that so many calls of 200 ms bring.
        most = at_once + at_once // 4
        print(
            f"killed at half: {queue.get(project, 1).state.value}, {seen['twice']} requests were "
            f"paid again, {most} may be ({at_once} in flight and one commit window)"
        )
        return int(seen["twice"] > most or seen["calls"] - seen["twice"] != requests)


if __name__ == "__main__":
    raise SystemExit(main())
