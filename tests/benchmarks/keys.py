"""How fast a key answers while everything runs, and what each key sends to the terminal.

    python -m tests.benchmarks.keys [--harlequin COMMAND] [--posting COMMAND] [--presses 60]

One run of everything, in ptys of 120×40 with a terminal emulator behind them. The load: all streams
of the Prompt pane at 50 tokens a second each, and a writer that commits 500 records a second in
windows of 50 ms, as a worker does. A key is answered when the bytes come that draw what it does;
keys come one after the other, 150 ms apart.

The peers are measured without load, for the bytes: name the command of an installed one.
"""

from __future__ import annotations

import argparse
import os
import random
import shlex
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from studio.project import Project
from studio.prompting.builtin import builtin
from studio.records import Document, Example
from tests.support.data import query_for
from tests.support.openai_server import OpenAIServer
from tests.support.screen import Screen

RUN = """
from pathlib import Path
from studio.tui.app import run
from tests.support.data import query_for
raise SystemExit(run(Path({path!r})))
"""
MEDIAN_MS = 50
P95_MS = 150
TOKENS_A_SECOND = 50
ROWS_A_SECOND = 500
WINDOW_S = 0.05
RECORDS = 20_000
APART_S = 0.15
WORDS = [
    "house",
    "tax",
    "gift",
    "meal",
    "trip",
    "room",
    "work",
    "client",
    "cost",
    "law",
    "rent",
    "car",
    "fee",
    "loan",
    "town",
    "shop",
]


def a_project(folder: Path, url: str) -> Path:
    """Documents, examples and records enough for every pane; its endpoint streams without end."""
    project = Project.create(folder / "busy", title="Busy")
    draw = random.Random(1)

    def text(length: int) -> str:
        return " ".join(draw.choice(WORDS) for _ in range(length))

    store = project.store
    store.documents.begin_import()
    store.documents.stage(Document(f"d{n}", text(3), text(60)) for n in range(400))
    store.documents.commit_import()
    first = store.documents.page(limit=6)
    store.examples.add(Example(d.full_text, text(8), document_id=d.id) for d in first)
    template = builtin("question-answering").replace("max_tokens = ", "max_tokens = 9")
    store.prompts.save("question-answering", template)
    store.records.add(query_for(draw.randrange(1, 400), text(9)) for _ in range(RECORDS))
    project.close()
    (project.path / "studio.toml").write_text(
        f'endpoint = "busy"\n[endpoints.busy]\nbase_url = "{url}"\nmodel = "stand-in"\n', "utf-8"
    )
    return project.path


def write_rows(path: Path) -> None:
    """Commit records at the rate of a fast run until the parent ends it."""
    conn = sqlite3.connect(path, isolation_level=None, timeout=30)
    conn.execute("PRAGMA synchronous=FULL")
    each = int(ROWS_A_SECOND * WINDOW_S)
    due = time.monotonic()
    while True:
        conn.execute("BEGIN IMMEDIATE")
        conn.executemany(
            "INSERT INTO records(document_id, text, created) VALUES (1, ?, '2026-01-01')",
            [(f"row {random.random()} of the writer",) for _ in range(each)],
        )
        conn.execute("COMMIT")
        due += WINDOW_S
        time.sleep(max(due - time.monotonic(), 0))


@contextmanager
def writer(path: Path) -> Iterator[None]:
    """The writer beside whatever the body does."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.keys", "--write", str(path)]
    )
    try:
        yield
    finally:
        process.kill()
        process.wait()


def studio(path: Path) -> Screen:
    """The program on the project, with folders of its own."""
    own = {name: str(path.parent) for name in ("STUDIO_CONFIG", "STUDIO_DATA", "STUDIO_CACHE")}
    own["XDG_STATE_HOME"] = str(path.parent)
    return Screen([sys.executable, "-c", RUN.format(path=str(path))], environment=own)


ANYTHING = rb"[^\x00-\x1f]"
"""Anything that is drawn: where nothing else draws, it is the answer."""


def pressed(
    screen: Screen, keys: str | list[str], pattern: bytes, presses: int
) -> tuple[list[float], list[int]]:
    """Milliseconds to each answer, and bytes sent in the time after each key."""
    answers, sent = [], []
    for number in range(presses):
        written = screen.written
        answers.append(screen.answer(keys[number % len(keys)], pattern))
        screen.settle(APART_S)
        sent.append(screen.written - written)
    return answers, sent


def go(screen: Screen, key: str, mark: str) -> None:
    """Go to a pane and wait for its mark."""
    screen.press(key)
    screen.wait(lambda s: mark in s.text)
    screen.settle(1.5)


def idle(screen: Screen, seconds: float = 10) -> tuple[float, float]:
    """Bytes a second and share of one core while nobody presses a key."""
    process = psutil.Process(screen.child.pid)
    written, used, began = screen.written, sum(process.cpu_times()[:2]), time.perf_counter()
    screen.settle(seconds)
    spent = time.perf_counter() - began
    return (screen.written - written) / spent, (sum(process.cpu_times()[:2]) - used) / spent


def p95(values: list[float]) -> float:
    """The value that 95 of 100 do not pass."""
    return sorted(values)[min(int(0.95 * len(values)), len(values) - 1)]


def told(name: str, answers: list[float], sent: list[int]) -> bool:
    """Print one line; whether a bound was passed."""
    median, high = statistics.median(answers), p95(answers)
    over = median > MEDIAN_MS or high > P95_MS
    line = f"{name:<44} {len(answers):>4} {median:>7.1f} {high:>7.1f} {max(answers):>7.1f}"
    print(f"{line} {statistics.median(sent):>8.0f}{'  over the bound' if over else ''}", flush=True)
    return over


def under_load(path: Path, presses: int) -> bool:
    """The table of answers while the streams run and the writer writes."""
    print(f"{'key, under load':<44} {'n':>4} {'median':>7} {'p95':>7} {'max ms':>7} {'bytes':>8}")
    over = False
    with writer(path / "studio.db"), studio(path) as screen:

        def line(name: str, keys: str | list[str], pattern: bytes, times: int = presses) -> None:
            nonlocal over
            over |= told(name, *pressed(screen, keys, pattern, times))

        screen.wait(lambda s: "Quit" in s.text)
        screen.press("escape")
        screen.settle(1)
        go(screen, "2", "Score")
        screen.settle(3)
        line("Prompt: l, next column", "l", ANYTHING)
        line("Prompt: l, and its rendered prompt", "l", rb"Prompt for d")
        go(screen, "1", "Helped to make")
        line("Examples: j k, another example", "jjjkkk", ANYTHING)
        screen.press("e")
        screen.settle(0.5)
        line("Examples: a letter in the query", ["ǂ"], "ǂ".encode())
        screen.press("escape")
        screen.settle(0.5)
        go(screen, "4", "Review")
        line("Review: j, next record", "j", ANYTHING)
        line("Review: a, accept and go on", "a", ANYTHING)
        screen.press("2")
        screen.settle(1)
        line("from pane to pane: 1 2", "12", rb"Helped to|Score", presses // 2)
    return over


def quiet(path: Path) -> bool:
    """Bytes and processor while nothing is pressed, pane by pane."""
    print(f"\n{'idle, no load':<44} {'bytes/s':>12} {'% of a core':>12}")
    over = False
    marks = {"0": "Home", "1": "Helped", "3": "Generate", "4": "Review", "6": "Train"}
    with studio(path) as screen:
        screen.wait(lambda s: "Quit" in s.text)
        for key, mark in {**marks, "7": "Search", "8": "Jobs"}.items():
            go(screen, key, mark)
            screen.settle(4)
            sent, share = idle(screen)
            over |= share > 0.01
            print(f"{'studio, pane ' + key:<44} {sent:>12.0f} {100 * share:>12.2f}", flush=True)
    return over


def peer(name: str, command: str, folder: Path, to_list: list[str], to_field: list[str]) -> None:
    """Bytes per key of another program: down in its list, a letter in its field; and idle."""
    environment = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with Screen(shlex.split(command), environment=environment) as screen:
        screen.settle(8)
        sent, share = idle(screen)
        print(f"{name + ', idle':<44} {sent:>10.0f}/s {100 * share:>11.2f}%", flush=True)
        for what, keys, key in (("down in its list", to_list, "down"), ("a letter", to_field, "x")):
            for wanted in keys:
                screen.press(wanted)
                screen.settle(0.5)
            answers, bytes_sent = pressed(screen, [key], ANYTHING, 12)
            middle, size = statistics.median(answers), statistics.median(bytes_sent)
            print(f"{name + ': ' + what:<44} {middle:>9.1f} ms {size:>6.0f} bytes", flush=True)


def unloaded(path: Path) -> None:
    """Our bytes per key without load, for the comparison."""

    def line(name: str, keys: str) -> None:
        answers, sent = pressed(screen, keys, ANYTHING, 12)
        middle, size = statistics.median(answers), statistics.median(sent)
        print(f"{name:<44} {middle:>9.1f} ms {size:>6.0f} bytes", flush=True)

    with studio(path) as screen:
        screen.wait(lambda s: "Quit" in s.text)
        screen.settle(2)
        line("studio Examples: j, with its document", "jjjkkk")
        screen.press("e")
        screen.settle(0.5)
        line("studio Examples: a letter in the query", "x")
        screen.press("escape")
        screen.settle(0.5)
        go(screen, "4", "Review")
        line("studio Review: j, with its provenance", "j")


def main() -> int:
    """Measure and print; 1 when a bound is passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--presses", type=int, default=60)
    parser.add_argument("--harlequin", help="its command, with a database of some tables")
    parser.add_argument("--posting", help="its command, with a collection of some requests")
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write:
        write_rows(options.write)
    os.environ.pop("TMUX", None)
    endless = " ".join(WORDS * 1_000)
    with (
        tempfile.TemporaryDirectory() as name,
        OpenAIServer(token_s=1 / TOKENS_A_SECOND, words=lambda _body: endless) as server,
    ):
        path = a_project(Path(name), server.url)
        over = under_load(path, options.presses)
        over |= quiet(path)
        print("\nkeys and bytes without load")
        unloaded(path)
        if options.harlequin:
            peer("harlequin", options.harlequin, Path(name), ["f6", "enter"], ["f2"])
        if options.posting:
            peer("posting", options.posting, Path(name), ["tab"], ["shift+tab"])
    return int(over)


if __name__ == "__main__":
    raise SystemExit(main())
