"""Review over a million records: seconds for all that a person does there, and memory.

    python tests/benchmarks/review_scale.py [FOLDER] [--records 1000000] [--quick]

Makes the project in the folder (a temporary one without), or takes the one that is there. Times are
those of the store in one process, the median of three where nothing is written. A second process
writes 500 rows a second where it says "busy".
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from multiprocessing import Process
from pathlib import Path
from typing import Any

from rich.console import Console

from studio.project import DATABASE, Project
from studio.records import content_sha
from studio.store import Store
from studio.store.review_shapes import View
from studio.store.review_window import Window

console = Console(width=130)
COMMON, RARE, ONE, TWO = "water", "zyzzyva", "学", "砚台"
SYLLABLES = [a + b for a in ("ba", "ko", "li", "mu", "ne", "ri", "so", "ta") for b in "nrslmtkd"]
HAN = [chr(number) for number in range(0x4E00, 0x55D0)]
"""Two thousand Chinese characters; none of them is looked for."""


@dataclass(frozen=True)
class Line:
    """One row of the table."""

    what: str
    seconds: float
    most: float | None
    note: str = ""


def words(count: int, seed: int) -> list[str]:
    """Made-up Latin words, the frequent ones first."""
    drawn = random.Random(seed)
    return [
        "".join(drawn.choices(SYLLABLES, k=drawn.randint(1, 3))) + drawn.choice("aeiou")
        for _ in range(count)
    ]


def texts(count: int) -> Iterator[str]:
    """Queries of 4 to 12 words with a few frequent ones; every eighth in Chinese."""
    drawn, known = random.Random(1), words(20_000, 2)
    frequent = known[:200]
    for number in range(count):
        if number % 8 == 7:
            text = "".join(drawn.choices(HAN, k=drawn.randint(6, 20)))
            text += (ONE if drawn.random() < 0.1 else "") + "？"
            yield f"{TWO}{text}" if number % 25_000 == 7 else text
            continue
        said = drawn.choices(frequent, k=drawn.randint(2, 6))
        said += drawn.choices(known, k=drawn.randint(2, 6))
        if drawn.random() < 0.2:
            said.insert(1, COMMON)
        if number % 20_000 == 3:
            said.append(RARE)
        yield " ".join(said)


@contextmanager
def bulk(conn: sqlite3.Connection) -> Iterator[None]:
    """Rows go in without indexes and triggers, which are made again at the end."""
    made = conn.execute(
        "SELECT type, name, sql FROM sqlite_master WHERE type IN ('index', 'trigger')"
        " AND sql IS NOT NULL"
    ).fetchall()
    conn.execute("PRAGMA synchronous=OFF")
    conn.execute("PRAGMA cache_size=-400000")
    conn.execute("BEGIN")
    known = conn.execute("SELECT tbl, idx, stat FROM sqlite_stat1").fetchall()
    for kind, name, _ in made:
        conn.execute(f"DROP {kind} {name}")
    yield
    conn.execute("INSERT INTO records_fts(records_fts) VALUES ('rebuild')")
    for _, _, sql in made:
        conn.execute(sql)
    conn.execute("DELETE FROM sqlite_stat1")
    conn.executemany("INSERT INTO sqlite_stat1(tbl, idx, stat) VALUES (?, ?, ?)", known)
    conn.execute("COMMIT")
    conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def fill(project: Project, count: int) -> None:
    """Documents, calls of three prompt versions, records, and the verdicts of two filters."""
    conn, drawn, now = project.store.db.conn, random.Random(3), "2026-01-01T00:00:00.000+00:00"
    about = max(1, count // 10)
    ranks = [1] * 60 + [2] * 12 + [3] * 6 + list(range(4, 40))
    judged = [
        (round(min(drawn.betavariate(1, 3), 1.0), 3), float(drawn.choice(ranks)))
        for _ in range(count)
    ]
    with bulk(conn):
        conn.execute("INSERT INTO jobs(kind, params, created) VALUES ('generate', '{}', ?)", (now,))
        conn.execute("INSERT INTO contents(sha, text) VALUES ('x', 'Query: a raw answer')")
        conn.executemany(
            "INSERT INTO prompts(version, name, template, sha, created) VALUES (?, 'p', 't', ?, ?)",
            [(version, str(version), now) for version in (1, 2, 3)],
        )
        conn.executemany(
            "INSERT INTO documents(outside_id, text, sha) VALUES (?, ?, ?)",
            (
                (f"d{n}", f"{n} {text} " * 6, content_sha(str(n)))
                for n, text in enumerate(texts(about), 1)
            ),
        )
        conn.executemany(
            "INSERT INTO generations(request_sha, job_id, prompt_id, document_id, draw, model,"
            " decoding, seed, messages, answer_id, created) VALUES (?, 1, ?, ?, ?, 'a-model',"
            """ '{"temperature": 0.7, "stop": []}', 0, '[["user", 1]]', 1, ?)""",
            (
                (content_sha(str(n)), 1 + n * 3 // (count + 1), 1 + n % about, n // about, now)
                for n in range(count)
            ),
        )
        conn.executemany(
            "INSERT INTO records(generation_id, document_id, job_id, text, kept, reason, created)"
            " VALUES (?, ?, 1, ?, ?, ?, ?)",
            (
                (
                    n + 1,
                    1 + n % about,
                    text,
                    copied < 0.8 and rank <= 3,
                    "copied" if copied >= 0.8 else "round-trip" if rank > 3 else "",
                    now,
                )
                for n, (text, (copied, rank)) in enumerate(zip(texts(count), judged, strict=True))
            ),
        )
        insert = (
            "INSERT INTO verdicts(record_id, filter, kept, score, reason, job_id, created)"
            " VALUES (?, ?, ?, ?, ?, 1, ?)"
        )
        conn.executemany(
            insert,
            (
                (n, "copy", copied < 0.8, copied, "" if copied < 0.8 else "copied", now)
                for n, (copied, _) in enumerate(judged, 1)
            ),
        )
        conn.executemany(
            insert,
            (
                (n, "round-trip", rank <= 3, rank, "" if rank <= 3 else "round-trip", now)
                for n, (copied, rank) in enumerate(judged, 1)
                if copied < 0.8
            ),
        )


def make(folder: Path, count: int) -> None:
    """The project, with so many records."""
    project = Project.create(folder)
    took = seconds(lambda: fill(project, count))
    project.close()
    console.print(f"made {count:,} records in {took:.0f} s in {folder}")


def seconds(work: Callable[[], Any]) -> float:
    """How long it takes, once."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def screen(store: Store, view: View) -> Window:
    """The first screenful of a view."""
    window = store.review.open(view)
    window.at(0, 50)
    return window


def views(count: int) -> list[tuple[str, View, float | None]]:
    """What is opened, and how long it may take."""
    return [
        ("everything", View(), 0.3),
        (f"search: a common word ({COMMON})", View(search=COMMON), 0.5),
        (f"search: a rare word ({RARE})", View(search=RARE), 0.5),
        (f"search: one Chinese character ({ONE})", View(search=ONE), 0.5),
        (f"search: a rare Chinese word ({TWO})", View(search=TWO), 0.5),
        ("search: two words, undecided", View(search=f"{COMMON} ban", verdict="undecided"), 0.5),
        ("undecided", View(verdict="undecided"), 0.5),
        ("rejected (none)", View(verdict="rejected"), 0.5),
        ("reason: copied", View(reason="copied"), 0.5),
        ("prompt version 3", View(prompt_id=3), 0.5),
        ("document", View(document_id=count // 20), 0.5),
        ("score: round-trip 10 to 20", View(filter="round-trip", score_from=10, score_to=20), 0.5),
        ("by score", View(filter="round-trip", sort="score"), 0.5),
        ("by score, the highest first, dropped", by_score("-score", verdict="dropped"), 0.5),
        (f"by score, search: {COMMON}", by_score("score", search=COMMON), None),
        ("by text", View(sort="text"), None),
        ("by length", View(sort="length"), None),
        ("by document", View(sort="document"), None),
    ]


def by_score(sort: Any, **more: Any) -> View:
    """A view in the order of the round trip's scores."""
    return View(filter="round-trip", sort=sort, **more)


def looked(store: Store, count: int) -> Iterator[Line]:
    """All that only reads."""
    for what, view, most in views(count):
        took = []
        for _ in range(3):
            began = time.perf_counter()
            window = screen(store, view)
            took.append(time.perf_counter() - began)
            found = window.count()
            complete = time.perf_counter() - began
            window.close()
        note = f"{found:,} records, all known after {complete:.2f} s"
        yield Line(f"open, {what}", statistics.median(took), most, note)
    window = store.review.open(View(verdict="undecided"))
    total = window.count()
    yield Line("jump to the last", seconds(lambda: window.at(total - 50, 50)), 0.1)
    drawn = random.Random(4)
    places = [drawn.randrange(total) for _ in range(200)]
    took = [seconds(lambda place=place: window.at(place, 50)) for place in places]
    yield Line("a page anywhere, the slowest of 200", max(took), 0.05)
    yield Line("next undecided", seconds(lambda: window.next_undecided(total // 2)), 0.02)
    window.close()
    everything = store.review.open(View())
    yield Line("everything: the last page", seconds(lambda: everything.at(count - 50, 50)), 0.1)
    everything.close()
    review = store.review
    number = count // 2
    yield Line("provenance of a record", seconds(lambda: review.provenance(number)), 0.1)
    yield Line("tally", seconds(lambda: review.tally("Ada")), None)
    yield Line("agreement", seconds(review.agreement), None)
    yield Line("scores of all filters", seconds(review.scores), None)
    yield Line("histogram, 40 bins", seconds(lambda: review.histogram("copy", 40)), 0.5)
    view = View(search=COMMON)
    yield Line("histogram of a search", seconds(lambda: review.histogram("copy", 40, view)), None)
    yield Line("what a threshold would keep", seconds(lambda: review.would_keep("copy", 0.5)), None)
    yield Line("reasons", seconds(review.reasons), None)
    yield Line("prompts", seconds(review.prompts), None)


def decided(store: Store, count: int) -> Iterator[Line]:
    """All that writes, and undo of it."""
    review = store.review
    drawn = random.Random(5)
    took = sorted(
        seconds(lambda n=n: review.accept([n], "Ada")) for n in drawn.sample(range(1, count), 200)
    )
    yield Line("one accept, median of 200", took[100], 0.02)
    yield Line("one accept, p95", took[189], 0.02)
    yield Line("undo of one", seconds(lambda: review.undo("Ada")), 0.02)
    yield Line("edit of one", seconds(lambda: review.edit(7, "another text", "Ada")), 0.02)
    yield Line("flag of one", seconds(lambda: review.flag([8], "Ada")), 0.02)
    part = range(1, count // 10 + 1)
    yield Line("preview of a tenth", seconds(lambda: review.preview_bulk(part)), None)
    dropped = View(filter="copy", score_to=0.036)
    change = review.reject(dropped, "Ada")
    yield Line("undo of a bulk", seconds(lambda: review.undo("Ada")), None, change.words)
    yield Line("redo of it", seconds(lambda: review.redo("Ada")), None)
    review.undo("Ada")
    yield Line("bulk reject by a filter", seconds(lambda: review.reject(dropped, "Ada")), None)
    review.undo("Ada")
    yield Line("round trip: K from 3 to 1", seconds(lambda: threshold(store, 1)), None)
    yield Line("undo of that", seconds(lambda: review.undo("Ada")), None)


def threshold(store: Store, k: int) -> None:
    """Move the round trip's K."""
    store.review.move_threshold("round-trip", k, "Ada")


WRITER = """
import sys, time
from pathlib import Path
from studio.records import QUERY, Record
from studio.store import Store
store = Store(Path(sys.argv[1]))
while True:
    began = time.monotonic()
    texts = [f"new {n} {began}" for n in range(25)]
    store.records.add([Record(QUERY, {"query": text}, document_id=1) for text in texts])
    time.sleep(max(0, 0.05 - (time.monotonic() - began)))
"""


@contextmanager
def busy(path: Path) -> Iterator[None]:
    """While another process writes 500 rows a second."""
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)])
    time.sleep(1)
    try:
        yield
    finally:
        writer.kill()
        writer.wait()


def disturbed(store: Store, count: int) -> Iterator[Line]:
    """Decisions while others write."""
    review = store.review
    with busy(store.path):
        took = []
        for number in range(1_000, 1_200):
            took.append(seconds(lambda n=number: review.accept([n], "Ada")))
            time.sleep(0.01)
        took.sort()
        yield Line("busy: one accept, median of 200", took[100], 0.02)
        yield Line("busy: one accept, p95", took[189], 0.15)
        bulk_reject = seconds(lambda: review.reject(range(1, count // 10 + 1), "Ada"))
        yield Line("busy: bulk reject of a tenth", bulk_reject, None)
        yield Line("busy: undo of it", seconds(lambda: review.undo("Ada")), None)


def beside_a_bulk(store: Store) -> Iterator[Line]:
    """Decisions while a bulk over everything runs on another thread, and undo of that."""
    ended, bulk_took = threading.Event(), [0.0]

    def run() -> None:
        other = Store(store.path)
        bulk_took[0] = seconds(lambda: other.review.reject(View(), "Bob"))
        ended.set()

    threading.Thread(target=run).start()
    took, number = [], 2_000
    while not ended.is_set():
        took.append(seconds(lambda n=number: store.review.accept([n], "Ada")))
        number += 1
        time.sleep(0.05)
    took.sort()
    yield Line("bulk reject of everything", bulk_took[0], None)
    yield Line("beside it: one accept, median", took[len(took) // 2], 0.05)
    yield Line("beside it: one accept, p95", took[len(took) * 95 // 100], 0.15)
    yield Line("undo of everything", seconds(lambda: store.review.undo("Bob")), None)


def resident() -> float:
    """The resident size now, in MiB (Linux)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return float("nan")


def scrolled(store: Store) -> Iterator[Line]:
    """Every page from the first to the last, and memory on the way."""
    window = store.review.open(View(verdict="kept"))
    total, before = window.count(), 0.0
    began = time.perf_counter()
    for place in range(0, total, 200):
        window.at(place, 200)
        if place // 200 == total // 2_000:
            before = resident()
    took, after = time.perf_counter() - began, resident()
    window.close()
    note = f"{before:.0f} MiB after a tenth, {after:.0f} MiB at the end"
    yield Line(f"scroll through {total:,} records", took, None, note)


def show(line: Line) -> None:
    """Print a line as soon as it is known."""
    asked = "" if line.most is None else f"asked {line.most:g}"
    late = line.most is not None and line.seconds > line.most
    text = f"{line.what:<44} {line.seconds:>9.4f} s  {asked:<11} {line.note}"
    console.print(text, style="red" if late else "", highlight=False)


def main() -> None:
    """Make the project where it is not there, then measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="where the project is, or goes")
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument(
        "--quick", action="store_true", help="leave out what goes through all of it"
    )
    chosen = parser.parse_args()
    folder = chosen.folder or Path(tempfile.mkdtemp(prefix="studio-review-"))
    if not (folder / DATABASE).exists():
        # In a process of its own, so that its memory is not measured here.
        maker = Process(target=make, args=(folder, chosen.records))
        maker.start()
        maker.join()
    store = Store.create(folder / DATABASE)
    count = store.records.count()
    parts = [looked(store, count), decided(store, count), disturbed(store, count)]
    if not chosen.quick:
        parts += [scrolled(store), beside_a_bulk(store)]
    for line in chain.from_iterable(parts):
        show(line)


if __name__ == "__main__":
    main()
