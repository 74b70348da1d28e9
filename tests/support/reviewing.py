"""Records to review, and what must hold of them after whatever was done."""

from __future__ import annotations

from pathlib import Path

from studio.records import Verdict
from studio.store import Store
from studio.store.db import rows, value, write
from tests.support.data import query_for
from tests.support.project import fill

TEXTS = (
    "how deep is the water of the lake",
    "who built the old bridge of stone",
    "水库的水有多深",
    "学习中文难不难",
    "a 🦊 crosses the river by night",
    'he said "NEAR(fox, river)" OR NOT *',
    "100% of the_underscores \\ are literal",
    "How DEEP is the Ocean water",
)


def reviewed(folder: Path) -> Store:
    """Eight records over two documents, judged by two filters: ranks 1, 2, 3, 0, 1, 2, 3, 0."""
    store = Store.create(folder / "studio.db")
    fill(store, ["about water", "about bridges"])
    store.records.add(
        query_for(document_id=1 + number % 2, text=text) for number, text in enumerate(TEXTS)
    )
    job = store.jobs.submit("filter", {})
    numbers = range(1, len(TEXTS) + 1)
    store.verdicts.add(
        [Verdict(n, "length", n != 8, float(n), "" if n != 8 else "too-long") for n in numbers],
        job,
    )
    store.verdicts.add(
        [
            Verdict(n, "round-trip", n % 4 == 1, float(n % 4), "" if n % 4 == 1 else "round-trip")
            for n in numbers
            if n != 8
        ],
        job,
    )
    return store


def many(store: Store, count: int) -> None:
    """More records, quickly."""
    store.records.add(query_for(document_id=1, text=f"question number {n}") for n in range(count))


Stand = list[tuple[object, ...]]


def stand(store: Store) -> Stand:
    """All that Review may change of the records, in order."""
    sql = "SELECT id, text, kept, reason, person, flagged, edited FROM records ORDER BY id"
    return [tuple(row) for row in rows(store.db, sql)]


def check(store: Store) -> None:
    """What is derived agrees with what it is derived from, for every record."""
    latest = "SELECT max(id) FROM verdicts WHERE undone = 0 GROUP BY record_id, filter"
    wrong = f"SELECT count(*) FROM verdicts WHERE in_force != (id IN ({latest}))"
    assert value(store.db, wrong) == 0
    said: dict[int, dict[str, tuple[bool, str]]] = {}
    sql = (
        "SELECT record_id, filter, kept, reason FROM verdicts"
        f" WHERE clears = 0 AND id IN ({latest}) ORDER BY id"
    )
    for record_id, name, kept, reason in rows(store.db, sql):
        said.setdefault(record_id, {})[name] = (bool(kept), reason)
    for row in rows(store.db, "SELECT id, kept, reason, person FROM records"):
        words = said.get(row["id"], {})
        against = [reason for name, (kept, reason) in words.items() if not kept]
        kept, reason = words.get("person", (not against, against[0] if against else ""))
        assert (bool(row["kept"]), row["reason"]) == (kept, "" if kept else reason), row["id"]
        assert bool(row["person"]) == ("person" in words)
    with write(store.db) as conn:
        conn.execute("INSERT INTO records_fts(records_fts, rank) VALUES ('integrity-check', 1)")
