"""A simulation: does S3 close a gap that is known to be there, at the same number of records?

    python -m tests.benchmarks.s3_simulation [--seeds 5] [--seed-records 60]

Nothing here is a claim about any LLM. A small HTTP server speaks the OpenAI protocol and has a pool
of reviews about eight things, each praised and blamed in words of its own. To a seed prompt it
answers with texts about three of the things only: a bias that every generator has in some way. To
an extrapolation prompt it answers with the nearest text of the same label, among all eight, that it
has not given yet; to a request that shows texts of its own it answers with the nearest to those, in
the same way. Gold validation and test are about all eight. Each method has a server, a project
and a number of records of its own; S3's number, which its errors decide, is the others' budget.

The small model is a linear head on a static encoder, so that a run takes seconds.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rapidfuzz import fuzz

from studio.evaluation.classification import mcnemar
from studio.jobs import queue
from studio.jobs.plans import run_row
from studio.project import Project
from studio.records import Gold, Label, StudioError
from studio.runs import JobState
from tests.support.data import gold_text
from tests.support.openai_server import OpenAIServer

THINGS: dict[str, tuple[list[str], list[str], list[str]]] = {
    "soup": (
        ["soup", "broth", "stew", "bowl"],
        ["steaming and rich", "thick with herbs", "gone to the last spoon", "seasoned just so"],
        ["lukewarm and watery", "salty beyond help", "grey with a skin on it", "left half full"],
    ),
    "battery": (
        ["battery", "charge", "power cell", "accu"],
        ["lasts from Monday to Friday", "full again within the hour", "never below half"],
        ["dead by noon", "drops ten percent a minute", "swells in the heat", "begs for a socket"],
    ),
    "shoes": (
        ["boots", "soles", "laces", "heels"],
        ["fit like a second skin", "dry after a day of rain", "soft from the first step"],
        ["rub both ankles raw", "came apart at the seam", "let every puddle in", "squeak indoors"],
    ),
    "novel": (
        ["novel", "plot", "chapters", "ending"],
        ["kept me up till four", "turns on one quiet line", "earns its tears", "read it twice"],
        ["put down on page thirty", "told everything twice", "ends in a dream", "cardboard people"],
    ),
    "hotel": (
        ["room", "bed", "lobby", "balcony"],
        ["faces the sea and sleeps in silence", "smelled of fresh linen", "view over the harbour"],
        [
            "shook with every tram",
            "stained from wall to wall",
            "hair in the basin",
            "mouldy corners",
        ],
    ),
    "bank": (
        ["account", "transfer", "loan desk", "statement"],
        ["settled the same afternoon", "no fee in nine years", "explained in plain numbers"],
        ["frozen without a word", "charged for closing it", "lost a wire for weeks"],
    ),
    "dentist": (
        ["filling", "crown", "cleaning", "dentist"],
        ["over before I felt it", "holds since spring", "counted me down gently"],
        ["fell out over breakfast", "drilled without asking", "numb till midnight"],
    ),
    "garden": (
        ["seedlings", "roses", "lawn", "hedge"],
        ["bloomed into October", "took root within days", "thick and green by June"],
        ["rotted in the pot", "eaten bare by slugs", "yellow within a week", "never came up"],
    ),
}
SEEDED = ("soup", "battery", "shoes")
"""What seed texts are about."""
OPENINGS = (
    "We tried it on a Sunday with the whole family.",
    "My sister had told me about it for months.",
    "After the second week I can say this much.",
    "Nobody at work believed me when I told them.",
    "It was raining and we had nowhere else to go.",
    "I do not write such things often, but here goes.",
    "Three of us went, and all three agree.",
    "The advertisement promised a great deal, as they do.",
    "I had a voucher from my birthday to use up.",
    "For once I kept the receipt and a few notes.",
    "It was the third one that we looked at this year.",
    "My neighbour swears by it, so I gave in.",
)
CLOSINGS = (
    "That is all I have to say about it.",
    "Make of it what you like, dear reader.",
    "The rest of the day we spent at the lake.",
    "My brother will hear of this at dinner.",
    "I am curious what others think of it.",
    "We took the late train home and talked it over.",
    "Next month we will see whether that changes.",
    "The photographs are on the phone of my cousin.",
    "You will find it behind the old town hall.",
    "I wrote this down the same evening.",
    "There is parking in the street behind it.",
    "It took about an hour, all things counted.",
)
VARIANTS = 40
"""Texts about each thing and what is said of it."""
LABELS = [Label("good", "a satisfied customer"), Label("bad", "a dissatisfied customer")]
METHODS = ("s3", "zerogen", "goldgen", "progen")


def texts(things: list[str], label: str, drawn: random.Random) -> list[str]:
    """Texts about these things with this label, each between sentences that say nothing."""
    found = []
    for name in things:
        nouns, good, bad = THINGS[name]
        for said in good if label == "good" else bad:
            for _ in range(VARIANTS):
                noun, first = drawn.choice(nouns), drawn.choice(OPENINGS)
                found.append(f"{first} The {noun}: {said}. {drawn.choice(CLOSINGS)}")
    return list(dict.fromkeys(found))


class Pool:
    """What the server knows, shared out so that gold is never in it."""

    def __init__(self, seed: int, validation: int, test: int) -> None:
        self.drawn = random.Random(seed)
        self.gold: dict[str, list[Gold]] = {"validation": [], "test": []}
        self.rest: dict[str, list[str]] = {}
        self.given: set[str] = set()
        for label in ("good", "bad"):
            own = texts(list(THINGS), label, self.drawn)
            self.drawn.shuffle(own)
            cuts = (validation // 2, (validation + test) // 2)
            for split, part in (("validation", own[: cuts[0]]), ("test", own[cuts[0] : cuts[1]])):
                self.gold[split] += [
                    gold_text(text, label, split, f"{split}-{label}-{n}")  # type: ignore[arg-type]
                    for n, text in enumerate(part)
                ]
            self.rest[label] = own[cuts[1] :]

    def answer(self, body: dict[str, Any]) -> str:
        """What the LLM says."""
        asked = str(body["messages"][-1]["content"])
        label = "bad" if "dissatisfied" in asked else "good"
        if "reasons" in asked:
            return "\n".join(f"- it was {word}" for word in ("one thing", "another", "a third"))
        left = [text for text in self.rest[label] if text not in self.given]
        shown = [str(one["content"]) for one in body["messages"] if one["role"] == "assistant"]
        like = asked.split("\n\n")[1] if "Write another" in asked else ""
        if not like and self.given.intersection(shown):
            like = "\n".join(shown)
        if like:
            said = max(left, key=lambda text: fuzz.token_set_ratio(like, text))
        else:
            nouns = [noun for name in SEEDED for noun in THINGS[name][0]]
            said = self.drawn.choice([t for t in left if any(noun in t for noun in nouns)])
        self.given.add(said)
        return said


def one(folder: Path, method: str, seed: int, told: dict[str, Any]) -> dict[str, Any]:
    """One run; its rounds, and which test items its last model gets right."""
    pool = Pool(seed, validation=120, test=240)
    with OpenAIServer(words=pool.answer) as server:
        path = folder / f"{method}-{seed}"
        project = Project.create(path, task="classification")
        project.store.labels.set(LABELS)
        project.store.gold.add([*pool.gold["validation"], *pool.gold["test"]])
        project.close()
        (path / "studio.toml").write_text(
            f'endpoint = "pool"\n[endpoints.pool]\nbase_url = "{server.url}"\nmodel = "stand-in"\n'
        )
        project = Project.open(path)
        row = run_row(
            project, trains=True, method=method, patience=0, seed=seed, max_concurrency=1,
            **{"kind": "head", "base": "wordllama-256", **told},
        )  # fmt: skip
        job = queue.wait(project, queue.submit(project, "s3", row).id)
        if job.state is not JobState.DONE:
            raise StudioError(f"{method}, seed {seed}: {job.message}")
        last = project.store.runs.rounds(job.result["run_id"])[-1]
        project.close()
        return {"rounds": job.result["rounds"], "right": last.test["right"]}


def mean_sd(numbers: list[float]) -> str:
    """Such as ``.853 ± .012``."""
    return f"{statistics.fmean(numbers):.3f} ± {statistics.stdev(numbers):.3f}"


def main() -> int:
    """Run everything, print the tables; 1 when S3 is not ahead of each on average."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--seed-records", type=int, default=60)
    options = parser.parse_args()
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in METHODS}
    with tempfile.TemporaryDirectory() as name:
        for seed in range(1, options.seeds + 1):
            told: dict[str, Any] = {"seed_records": options.seed_records, "rounds": 2}
            for method in METHODS:
                result = one(Path(name), method, seed, told)
                found[method].append(result)
                if method == "s3":
                    told["records"] = result["rounds"][-1]["records"]
    accuracy: Callable[[dict[str, Any]], float] = lambda r: r["rounds"][-1]["test"]["accuracy"]  # noqa: E731
    print(f"SIMULATION, {options.seeds} seeds, test accuracy of 240 items, kind head")
    print(f"{'S3 by round':<14} {'records':>8} {'errors':>7} {'test':>15}")
    for number in range(3):
        rows = [r["rounds"][number] for r in found["s3"] if len(r["rounds"]) > number]
        records = statistics.fmean(row["records"] for row in rows)
        errors = statistics.fmean(row["errors"] for row in rows)
        test = mean_sd([row["test"]["accuracy"] for row in rows])
        print(f"{number:<14} {records:>8.0f} {errors:>7.0f} {test:>15}")
    print(f"\n{'method':<14} {'records':>8} {'test':>15}   S3 against it, all seeds' items")
    behind = False
    for method in METHODS:
        runs = found[method]
        records = statistics.fmean(r["rounds"][-1]["records"] for r in runs)
        line = f"{method:<14} {records:>8.0f} {mean_sd([accuracy(r) for r in runs]):>15}"
        if method != "s3":
            new = [bool(x) for r in found["s3"] for x in r["right"]]
            old = [bool(x) for r in runs for x in r["right"]]
            test = mcnemar(new, old)
            wins = sum(accuracy(a) > accuracy(b) for a, b in zip(found["s3"], runs, strict=True))
            line += (
                f"   right alone {test.only_new} : {test.only_old}, McNemar p = {test.p_value:.2g}"
            )
            line += f", ahead in {wins} of {len(runs)} seeds"
            behind = behind or test.only_new <= test.only_old
        print(line)
    return int(behind)


if __name__ == "__main__":
    raise SystemExit(main())
