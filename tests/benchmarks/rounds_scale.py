"""How fast the Rounds pane opens on a round with many errors, and how fast it moves there.

``python -m tests.benchmarks.rounds_scale [--errors 50000]`` prints milliseconds: opening a page of
the store anywhere, the first paint with an error whole beside the list, and a jump to the end.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from studio.project import Project
from studio.runs import RoundError
from studio.store import Store
from studio.tui.app import StudioApp
from studio.tui.widgets.text_pane import TextPane
from studio.tui.widgets.virtual_rows import VirtualRows
from tests.support import rounds
from tests.support.data import gold_text

GOAL_MS = 300


def made(folder: Path, errors: int) -> Project:
    """Two rounds with so many errors each, and an extrapolation of every error of the first."""
    project = Project.create(folder, title="Many", task="classification")
    project.store.labels.set(rounds.LABELS)
    project.store.gold.add(
        gold_text(f"validation text number {n} " * 8, "pos", "validation", f"m-{n}")
        for n in range(errors)
    )
    run = project.store.runs.add("s3", rounds.params())
    gold = project.store.gold.all("validation")
    for number in (0, 1):
        round_ = project.store.runs.begin_round(run, number)
        found = (RoundError(round_.id, one.id, "neg", 0.7) for one in gold)
        project.store.runs.set_errors(round_.id, found)
        scores = {"accuracy": 0.1, "right": [0] * errors}
        project.store.runs.update_round(round_.id, stage="extrapolated", validation=scores)
    first = project.store.runs.errors(project.store.runs.rounds(run)[0].id)
    project.store.records.add(
        rounds.extrapolated(f"new text {n}", "pos", run, 0, n, error.id)
        for n, error in enumerate(first)
    )
    return project


def pages(project: Project) -> None:
    """A page of the store at the beginning, in the middle and at the end of each round."""
    store = Store(project.store.path)
    for one in store.runs.rounds(1):
        began = time.perf_counter()
        ids = store.runs.error_ids(one.id)
        say(f"ids of round {one.number}", began)
        for name, place in (("first", 0), ("middle", len(ids) // 2), ("last", len(ids) - 128)):
            began = time.perf_counter()
            assert len(store.runs.error_rows(one.id, ids[max(place, 0)] - 1, 128)) > 0
            say(f"{name} page of round {one.number}", began)
    store.close()


async def paint(project: Project) -> float:
    """From the key 5 to the first error whole beside the painted list, in ms; then to the end."""
    app = StudioApp(project, screen="home")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause(1)
        gc.freeze()  # as the program does by then, outside of tests
        began, worked = time.perf_counter(), time.process_time()
        app.simulate_key("5")
        await until(lambda: right(app) and listed(app).current is not None)
        await pilot.pause()
        spent = say("5 → errors painted, the first one whole", began)
        # What a busy machine cannot falsify.
        print(f"{'  of it, processor time':<48} {1000 * (time.process_time() - worked):8.1f} ms")
        began = time.perf_counter()
        await pilot.press("G")
        await until(lambda: listed(app).cursor == listed(app).count - 1)
        await until(lambda: listed(app).current is not None)
        say("G → the last one", began)
    return spent


def listed(app: StudioApp) -> VirtualRows:  # type: ignore[type-arg]
    return app.screen.query_one("#errors", VirtualRows)


def right(app: StudioApp) -> bool:
    found = app.screen.query("#error")
    return bool(found) and "right" in str(found.first(TextPane)._body.visual)


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


def say(what: str, began: float) -> float:
    spent = 1000 * (time.perf_counter() - began)
    print(f"{what:<48} {spent:8.1f} ms")
    return spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--errors", type=int, default=50_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project = made(Path(folder) / "many", options.errors)
        pages(project)
        # The first time the pane's modules are imported as well.
        asyncio.run(paint(project))
        spent = asyncio.run(paint(project))
        project.close()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{options.errors:,} errors a round: {spent:.0f} ms (goal {GOAL_MS}); {memory:.0f} MiB")


if __name__ == "__main__":
    main()
