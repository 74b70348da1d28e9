"""A small project of any task, whose LLM is a rule: decided by the request alone."""

from __future__ import annotations

import hashlib
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

from studio.jobs import setup
from studio.project import Project
from studio.records import QUERY, Document, Example, Gold, Label, Record, Split
from studio.runs import Model
from tests.support import instructions, triplets
from tests.support.project import fill
from tests.support.tiny_encoder import TOPICS

PLACES = ("mill", "bridge", "barn", "pond", "tower", "orchard")
YEARS = (1901, 1887, 1923, 1850, 1944, 1768)
PASSAGES = [
    f"The {place} was built by Anna Berg in {year}. It stands beside the {topic} of the village."
    for place, year, topic in zip(PLACES, YEARS, TOPICS, strict=False)
]
LABELS = {
    "classification": (
        Label("near", "a satisfied customer"),
        Label("far", "a dissatisfied customer"),
    ),
    "nli": (Label("yes", "certainly true"), Label("no", "not supported by it")),
}


def make_project(folder: Path, task: str, url: str, language: str = "en") -> Project:
    """Documents where the task needs them, labels, examples, a prompt; its endpoint is at url."""
    project = Project.create(folder, title="Small", task=task, language=language)
    if project.task.needs_documents or task == "instructions":
        fill(
            project.store,
            [Document(f"p{n}", "", text) for n, text in enumerate(PASSAGES)],
        )
    project.store.labels.set(LABELS.get(task, ()))
    if task == "retrieval":
        project.store.examples.add(
            Example(f"A passage on item {number}.", f"what is the matter with item {number}")
            for number in range(3)
        )
    if task == "instructions":
        project.store.examples.add(instructions.seeds())
    setup.save_template(project)
    project.close()
    (folder / "studio.toml").write_text(
        f'endpoint = "rule"\n[endpoints.rule]\nbase_url = "{url}"\nmodel = "stand-in"\n', "utf-8"
    )
    return Project.open(folder)


def add_gold(project: Project, count: int = 8) -> None:
    """Gold of both splits."""
    splits: tuple[Split, ...] = ("validation", "test")
    for split in splits:
        project.store.gold.add([_gold(project, split, n) for n in range(count)])


def _gold(project: Project, split: Split, number: int) -> Gold:
    task = project.task
    drawn = random.Random(f"{split} {number}")
    text = f"is the {drawn.choice(TOPICS)} the {drawn.choice(TOPICS)} number {number}"
    name, origin = f"{split}-{number}", f"gold:{number + 1}"
    if task.gold == "documents":
        documents = project.store.documents.page(limit=len(PASSAGES))
        right = documents[number % len(documents)]
        return Gold(task.record, {"query": text}, split, name, relevant={right.id: 1})
    passage = f"{text} of the {split}. It was found by Carl Lund in {1700 + number}."
    label = LABELS[task.name][number % 2].name if task.has_labels else ""
    fields = {
        "classification": {"text": text, "label": label},
        "nli": {"hypothesis": text, "label": label, "premise": passage},
        "qa": {"question": f"{text}?", "answer": "Carl Lund", "context": passage},
        "instructions": {"instruction": f"Say {text}.", "input": "", "output": "Carl Lund"},
        "embedding": {"query": text, "positive": passage, "instruction": "Find the place."},
    }
    return Gold(task.record, fields[task.name], split, name, origin=origin)


def add_queries(project: Project) -> None:
    """A kept query for each document, as if it had been brought from outside."""
    project.store.records.add(
        Record(QUERY, {"query": f"what stands {document.text[:24]}"}, document_id=document.id)
        for document in project.store.documents.page(limit=len(PASSAGES))
    )


def texts(project: Project) -> list[tuple[int | None, str]]:
    """What its records say, with their documents."""
    return sorted((one.document_id, one.text) for one in project.store.records.all())


def words(body: dict[str, Any]) -> str:
    """What the LLM says."""
    asked = str(body["messages"][-1]["content"])
    if said := instructions.answer(body) or triplets.answer(body):
        return said
    drawn = random.Random(hashlib.sha256(f"{body.get('seed')} {asked}".encode()).hexdigest())
    if "List " in asked:
        return "\n".join(f"- the {topic} of {topic}" for topic in drawn.sample(TOPICS, 5))
    one, two, three = (drawn.choice(TOPICS) for _ in range(3))
    text = f"what is the {one} of the {two} and is the {three} of it"
    return f"{text}?" if "Answer: " in asked else text


def trained_by_rounds(project: Project) -> None:
    """A run of one round that has ended, with its model: .40 → .70 on ten test items."""
    runs = project.store.runs
    run = runs.add("s3", {"rounds": 1})
    scores: dict[str, Any] = {}
    for number, (validation, right) in enumerate([(0.5, 4), (0.75, 7)]):
        scores = {
            "validation": {"accuracy": validation},
            "test": {
                "accuracy": right / 10,
                "labels": {
                    "near": {"precision": 0.8, "recall": 0.6, "f1": 0.686, "items": 10},
                },
            },
        }
        details = {"right": [int(n < right) for n in range(10)], "f1s": []}
        runs.update_round(
            runs.begin_round(run, number).id,
            records=8 + 4 * number,
            stage="merged",
            validation=scores["validation"],
            test={**scores["test"], **details},
            model_path=f"models/s3-{run}-round-{number}",
        )
    name = f"s3-{run}-round-1"
    settings = {"batch_size": 8, "learning_rate": 5e-6, "seed": 1}
    made = Model(name, f"models/{name}", "wordllama-256", settings=settings)
    project.store.models.add(replace(made, scores={**scores, "run": run}))
    with project.store.write() as conn:
        conn.execute("UPDATE models SET created = '2026-03-01T09:00:00.000+00:00'")
