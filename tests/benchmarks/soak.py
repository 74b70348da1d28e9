"""A long run against a server at which many calls go wrong: what is lost, doubled, overspent.

``python -m tests.benchmarks.soak [--requests 10000] [--faults 5] [--cap-tokens N]`` runs
``studio generate`` with its own worker; each kind of fault hits so many per cent of the calls. It
prints the limit on calls at a time every ten seconds, and at the end what was asked, stored and
paid. Ends with 1 when anything is missing, doubled, or over the cap.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from pathlib import Path
from typing import Any, Final, get_args

import psutil

from studio.jobs import queue
from studio.project import Project
from studio.prompting.builtin import builtin
from studio.records import Example
from studio.runs import Job, JobState
from tests.support.command import Command
from tests.support.openai_server import Fault, OpenAIServer
from tests.support.project import fill

ENDING: Final = ("hold", "wrong-key", "missing-model", "too-long", "quota")
"""No noise: these end a run, or hold a call until it is released."""
NOISE: Final = [fault for fault in get_args(Fault) if fault not in ENDING]
DRAWS: Final = 4
AT_ONCE: Final = 128
CALLS: Final = 20
"""So many times the requests are calls prepared, each with its fault or none."""


def main() -> int:
    """The whole run; the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--faults", type=float, default=5.0, help="per cent of each kind")
    parser.add_argument("--cap-tokens", type=int)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    drawn = random.Random(asked.seed)
    share = asked.faults / 100
    weights = [share] * len(NOISE) + [1 - share * len(NOISE)]
    with (
        tempfile.TemporaryDirectory() as folder,
        OpenAIServer(latency_s=0.02) as server,
    ):
        server.fail_next(
            *drawn.choices([*NOISE, None], weights, k=CALLS * asked.requests), retry_after=0.5
        )
        documents = asked.requests // DRAWS
        project = made(Path(folder), server.url, documents)
        began = time.monotonic()
        job = started(project, Path(folder), documents, asked.cap_tokens)
        ended = followed(project, job, began)
        return told(project, ended, server, began, asked)


def made(folder: Path, url: str, documents: int) -> Project:
    """A project with so many documents and its endpoint at ``url``."""
    project = Project.create(folder / "soaked")
    fill(project.store, [f"Permit {n} allows shed {n} in yard {n * 7}." for n in range(documents)])
    pairs = [("A permit for a fence.", "may i fence"), ("A permit for a roof.", "may i roof")]
    project.store.examples.add([Example(document, query) for document, query in pairs])
    project.store.prompts.save("question-answering", builtin("question-answering"), "first")
    home = folder / "home" / "config"
    home.mkdir(parents=True)
    (home / "config.toml").write_text(
        f'endpoint = "soak"\n[endpoints.soak]\nbase_url = "{url}"\nmodel = "stand-in"\n'
        f"max_concurrency = {AT_ONCE}\ntimeout_s = 5\n"
    )
    return project


def started(project: Project, folder: Path, documents: int, cap: int | None) -> int:
    """Begin the run, detached; its job."""
    capped = ["--budget-tokens", str(cap)] if cap else []
    done = Command(folder / "home")(
        "generate", "-p", project.path, "--documents", documents, "--queries", DRAWS,
        "--concurrency", AT_ONCE, *capped, "--detach", "--json",
    )  # fmt: skip
    return int(done.json["job"])


def followed(project: Project, number: int, began: float) -> Job:
    """Wait for its end, telling how it goes."""
    told_at = 0.0
    while True:
        job = queue.get(project, number)
        seconds = time.monotonic() - began
        if job.state not in (JobState.WAITING, JobState.RUNNING):
            return job
        if seconds - told_at >= 10:
            told_at = seconds
            live = job.live
            print(
                f"{seconds:6.0f} s  {live.get('answered', 0):>7,} answered  limit "
                f"{live.get('limit')} of {live.get('most')}, {live.get('in_flight')} in flight"
                f"  {held(job.pid)}",
                flush=True,
            )
        time.sleep(0.5)


def held(pid: int | None) -> str:
    """What the worker holds: memory and open files, sockets among them."""
    try:
        worker = psutil.Process(pid or 0)
        return f"{worker.memory_info().rss / 2**20:,.0f} MiB, {worker.num_fds()} handles"
    except psutil.Error:
        return ""


def told(
    project: Project, job: Job, server: OpenAIServer, began: float, asked: argparse.Namespace
) -> int:
    """Print the figures; 1 when they do not add up."""
    conn = project.store.db.conn
    stored, distinct = conn.execute(
        "SELECT count(*), count(DISTINCT request_sha) FROM generations"
    ).fetchone()
    spent: Any = project.store.generations.spent(job.id)
    paid = server.paid.prompt_tokens + server.paid.completion_tokens
    reasons = project.store.generations.reasons(job.id)
    texts = [record.text for record in project.store.records.all(kept=None)]
    print(f"{job.state}: {job.message}")
    print(f"{time.monotonic() - began:.0f} s, {server.calls:,} calls, {server.paid.calls:,} paid")
    print(f"{stored:,} answers of {asked.requests:,} requests, {distinct:,} different; {reasons}")
    print(
        f"{len(texts):,} records; {spent.tokens:,} tokens by the run's count, {paid:,} by the bill"
    )
    whole = bool(asked.cap_tokens) or stored == asked.requests
    under = not asked.cap_tokens or paid <= asked.cap_tokens
    ended_well = job.state is (JobState.FAILED if asked.cap_tokens else JobState.DONE)
    right = whole and under and ended_well and stored == distinct
    print("all accounted for" if right else "WRONG")
    return 0 if right else 1


if __name__ == "__main__":
    raise SystemExit(main())
