"""A labelled project whose LLM is a small rule, and whose small model trains in a moment."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path
from typing import Any

from studio.project import Project
from studio.records import Gold, Label, Split
from tests.support.data import gold_text
from tests.support.tiny_encoder import TOPICS

NEAR, FAR = TOPICS[:8], TOPICS[8:]
LABELS = [Label("near", "a satisfied customer"), Label("far", "a dissatisfied customer")]
SEEDED = 3
"""Topics of each label that seed texts are about; extrapolations are about all eight."""


def gold(count: int, split: Split, seed: int = 1) -> list[Gold]:
    """Texts of both labels in turn; what they are about decides the label."""
    drawn = random.Random(f"{seed} {split}")
    found = []
    for number in range(count):
        topics = FAR if number % 2 else NEAR
        text = f"is the {drawn.choice(topics)} the {drawn.choice(topics)} number {number}"
        label = "far" if number % 2 else "near"
        found.append(
            gold_text(text, label, split, f"{split}-{number}", origin=f"gold:{number + 1}")
        )
    return found


def make(folder: Path, url: str, validation: int = 30, test: int = 30) -> Project:
    """A classification project with gold; its endpoint is at ``url``."""
    project = Project.create(folder, title="Near and far", task="classification")
    project.store.labels.set(LABELS)
    project.store.gold.add([*gold(validation, "validation"), *gold(test, "test")])
    project.close()
    (folder / "studio.toml").write_text(
        f'endpoint = "rule"\n[endpoints.rule]\nbase_url = "{url}"\nmodel = "stand-in"\n', "utf-8"
    )
    return Project.open(folder)


def words(body: dict[str, Any]) -> str:
    """What the LLM says: decided by the request alone."""
    asked = str(body["messages"][-1]["content"])
    drawn = random.Random(hashlib.sha256(f"{body.get('seed')} {asked}".encode()).hexdigest())
    topics = FAR if "dissatisfied" in asked else NEAR
    if "List " in asked:
        return "\n".join(f"- the {topic} of {topic}" for topic in drawn.sample(topics, 5))
    if "Write another" not in asked:
        topics = topics[:SEEDED]
    one, two, three = (drawn.choice(topics) for _ in range(3))
    return f"what is the {one} of the {two} and is the {three} of it"
