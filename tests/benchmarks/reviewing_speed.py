"""How fast a person can review: 1,000 decisions by a script of keys on 100,000 records.

python tests/benchmarks/reviewing_speed.py [--records 100000] [--decisions 1000]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import resource
import statistics
import tempfile
import time
from pathlib import Path

from textual.events import Key

from studio.project import Project
from studio.records import Document, Verdict
from studio.store.review_shapes import ReviewRow, View
from studio.tui.app import StudioApp
from studio.tui.widgets.virtual_rows import VirtualRows
from tests.support.data import query_for

WHO = "bench"
WORDS = ("tax", "room", "work", "home", "meal", "gift", "claim", "limit", "退货", "押金", "café")
CHUNK = 20_000


def make(path: Path, records: int) -> Project:
    """A project with that many queries on a tenth as many documents, each with a rank."""
    project, dice = Project.create(path), random.Random(7)

    def text(words: int) -> str:
        return " ".join(dice.choices(WORDS, k=words))

    store, documents = project.store, max(records // 10, 1)
    store.documents.begin_import()
    store.documents.stage(Document(f"d{n}", text(4), f"{n} {text(60)}") for n in range(documents))
    store.documents.commit_import()
    store.records.add(
        query_for(document_id=n % documents + 1, text=f"{text(9)} {n}?") for n in range(records)
    )
    for start in range(0, records, CHUNK):
        ranks = (
            (n + 1, min(int(dice.expovariate(0.4)) + 1, 50))
            for n in range(start, min(start + CHUNK, records))
        )
        store.verdicts.add(
            Verdict(n, "round-trip", rank <= 3, float(rank), "" if rank <= 3 else "round-trip")
            for n, rank in ranks
        )
    return project


async def review(project: Project, decisions: int) -> tuple[list[float], float]:
    """Seconds of each decision, from the key until the screen is drawn; and seconds to open."""
    app, dice = StudioApp(project, screen="review"), random.Random(1)
    taken = []
    began = time.perf_counter()
    async with app.run_test(size=(120, 40)):
        rows: VirtualRows[ReviewRow] = app.screen.query_one("#records", VirtualRows)
        while rows.current is None:
            await asyncio.sleep(0.002)
        opened = time.perf_counter() - began
        moved = asyncio.Event()
        app.screen.watch(rows, "cursor", moved.set, init=False)
        for _ in range(decisions):
            began = time.perf_counter()
            await decide(app, moved, "a" if dice.random() < 0.7 else "r")
            taken.append(time.perf_counter() - began)
    return taken, opened


async def decide(app: StudioApp, moved: asyncio.Event, key: str) -> None:
    """Press a key as the terminal would, and wait until what it changed is drawn."""
    drawn = asyncio.Event()
    moved.clear()
    event = Key(key, key)
    event.set_sender(app)
    app.post_message(event)
    await moved.wait()
    app.screen.call_after_refresh(drawn.set)
    await drawn.wait()


def main() -> None:
    """Make the project, review, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--decisions", type=int, default=1_000)
    chosen = parser.parse_args()
    os.environ["STUDIO_REVIEWER"] = WHO
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        project = make(Path(folder) / "project", chosen.records)
        print(f"{chosen.records:,} records made in {time.perf_counter() - began:.1f} s")
        began = time.process_time()
        taken, opened = asyncio.run(review(project, chosen.decisions))
        worked = (time.process_time() - began) / chosen.decisions
        done = project.store.review.tally(WHO).decided
        window = project.store.review.open(View(verdict="undecided"))
        left = window.count()
        window.close()
        project.close()
    ordered = sorted(taken)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"Review open with its first rows after {opened:.2f} s, start of the program included")
    print(f"{chosen.decisions:,} keys, {done:,} decisions stored, {left:,} left")
    print(f"keys per decision: {chosen.decisions / max(done, 1):.2f}")
    print(
        f"time per decision: median {1000 * statistics.median(taken):.1f} ms, "
        f"p95 {1000 * ordered[int(0.95 * len(ordered))]:.1f} ms, "
        f"mean {1000 * statistics.fmean(taken):.1f} ms, "
        f"longest {1000 * ordered[-1]:.1f} ms"
    )
    print(f"processor time per decision: {1000 * worked:.1f} ms, the start of the program included")
    print(f"peak memory: {peak:.0f} MiB")


if __name__ == "__main__":
    main()
