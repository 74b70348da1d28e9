"""A made-up corpus in BEIR's layout: plants that differ in a few words, with gold and examples."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

PLANTS = ("fern", "orchid", "cactus", "maple", "willow", "clover", "thistle", "juniper")
PLACES = ("desert", "marsh", "mountain", "island", "riverbank", "greenhouse", "balcony", "cellar")
CARE = {
    "desert": "water sparingly and shelter from midday wind",
    "marsh": "drain the roots weekly and watch for mildew",
    "mountain": "cover before frost and stake against storms",
    "island": "rinse salt from leaves after every gale",
    "riverbank": "fence against floods and prune in spring",
    "greenhouse": "open the vents daily and mist at dawn",
    "balcony": "turn the pot often and feed through summer",
    "cellar": "lamp for twelve hours and keep nearly dry",
}


def rows() -> list[dict[str, str]]:
    """64 documents."""
    return [
        {
            "_id": f"{plant}-{place}",
            "title": f"Keeping a {plant}",
            "text": f"A {plant} that grows in a {place}: {CARE[place]}. The {plant} lives long.",
        }
        for plant, place in product(PLANTS, PLACES)
    ]


def question(name: str) -> str:
    """How a person asks for a document."""
    plant, place = name.split("-")
    return f"how do i look after my {plant} in the {place}"


def write_corpus(folder: Path) -> Path:
    """corpus.jsonl, queries.jsonl, qrels/ and examples.jsonl."""
    (folder / "qrels").mkdir(parents=True)
    names = [row["_id"] for row in rows()]
    _lines(folder / "corpus.jsonl", rows())
    _lines(folder / "examples.jsonl", [{"document_id": n, "query": question(n)} for n in names[:8]])
    gold = {"validation": names[8:18], "test": names[20:44]}
    queries = [{"_id": f"q-{n}", "text": question(n)} for part in gold.values() for n in part]
    _lines(folder / "queries.jsonl", queries)
    for split, part in gold.items():
        judged = "".join(f"q-{name}\t{name}\t1\n" for name in part)
        (folder / "qrels" / f"{split}.tsv").write_text("query-id\tcorpus-id\tscore\n" + judged)
    return folder


def _lines(path: Path, items: list[dict[str, str]]) -> None:
    path.write_text("".join(json.dumps(item) + "\n" for item in items), "utf-8")
