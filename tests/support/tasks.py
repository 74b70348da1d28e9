"""A project of every task: as it was made, with records, with a model. The verbs make them.

A new task is one more row of :data:`TASKS`.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import random
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from studio.jobs import queue, worker
from studio.project import Project
from studio.runs import Job
from tests.support import instructions, tiny_llm, triplets
from tests.support.command import Done
from tests.support.openai_server import OpenAIServer
from tests.support.tiny_encoder import TOPICS, bert_encoder
from tests.support.verbs import Verbs

SERVER = re.compile(r"http://127\.0\.0\.1:\d+[^\"]*")
STATES = ("empty", "records", "model")
LABELS = "near=a satisfied customer,far=a dissatisfied customer"
NAMES = ("near", "far")
GOLD = 8
"""Items of each split."""


@dataclass(frozen=True)
class TaskCase:
    """One task, and what is made for a test of it."""

    task: str
    new: tuple[object, ...]
    """What ``studio new`` is told of it."""
    makes: tuple[object, ...]
    """The verb that makes its records, and with rounds its model."""
    quickly: tuple[object, ...]
    """What rounds are told to train in a moment."""
    others_words: str
    """A pattern for words that people with this task never asked to read."""


ROUNDS = ("s3", "--rounds", 1, "--rationales", 2)
HEAD = ("--kind", "head", "--seed-records", 8)
LABELLED = r"(?i)\bquer(y|ies)\b|retriev|ndcg"
RETRIEVAL = r"(?i)\blabel(s|led)?\b|hypothes|premise|\bclassifi"
TASKS = {
    case.task: case
    for case in (
        TaskCase("retrieval", (), ("generate", "--documents", 6), ("--epochs", 0.1), RETRIEVAL),
        TaskCase(
            "classification",
            ("--labels", LABELS),
            ROUNDS,
            HEAD,
            LABELLED + r"|\bdocuments?\b|hypothes|premise|passage",
        ),
        TaskCase("nli", ("--labels", LABELS), ROUNDS, HEAD, LABELLED),
        TaskCase(
            "qa",
            (),
            ROUNDS,
            ("--epochs", 1, "--seed-records", 6),
            LABELLED + r"|\blabels?\b|hypothes|premise",
        ),
        TaskCase(
            "instructions",
            (),
            ("generate", "--wanted", 6),
            (),
            LABELLED + r"|hypothes|premise",
        ),
        TaskCase(
            "embedding",
            (),
            ("generate", "--wanted", 12, "--groups", "short-long,sts"),
            (),
            r"(?i)hypothes|premise|\btun(e|es|ed|ing)\b",
        ),
    )
}


@dataclass(frozen=True)
class Files:
    """What people bring to a project."""

    corpus: Path
    gold: Path
    """A BEIR folder, or labelled items."""
    examples: Path

    @classmethod
    def of(cls, task: str, folder: Path) -> Files:
        """Write them."""
        folder.mkdir(parents=True)
        rows = [{"_id": f"d{n}", "text": _passage(n)} for n in range(len(TOPICS))]
        examples = [{"document_id": f"d{n}", "query": f"is it the {TOPICS[n]}"} for n in (0, 1)]
        if task == "instructions":
            examples = [
                {"instruction": one, "input": given, "output": output}
                for one, given, output in instructions.SEEDS
            ]
        if task == "retrieval":
            gold = _beir(folder / "beir")
        else:
            gold = _lines(folder / "gold.jsonl", [_gold(task, n) for n in range(2 * GOLD)])
        return cls(
            _lines(folder / "corpus.jsonl", rows), gold, _lines(folder / "shots.jsonl", examples)
        )


def _passage(number: int) -> str:
    topic, other = TOPICS[number], TOPICS[(number + 5) % len(TOPICS)]
    return f"what is the {topic} of the {other} in 19{number + 10} is the {topic}"


def _gold(task: str, number: int) -> dict[str, object]:
    asked = f"is the {TOPICS[number % len(TOPICS)]} number {number}"
    if task == "classification":
        return {"text": asked, "label": NAMES[number % 2]}
    if task == "nli":
        return {"hypothesis": asked, "premise": _passage(number), "label": NAMES[number % 2]}
    if task == "instructions":
        return {"instruction": f"Say {asked}.", "input": "", "output": "it is so"}
    if task == "embedding":
        scored = {"score": number} if number % 2 else {}
        told = {"instruction": "Find what speaks of it."}
        return {"query": asked, "positive": _passage(number % len(TOPICS)), **told, **scored}
    return {"question": asked, "context": _passage(number), "answers": [f"19{number + 10}"]}


def _beir(folder: Path) -> Path:
    (folder / "qrels").mkdir(parents=True)
    names = range(2, 2 + 2 * GOLD - 4)
    _lines(folder / "queries.jsonl", [{"_id": f"q{n}", "text": f"the {TOPICS[n]}"} for n in names])
    for place, split in enumerate(("validation", "test")):
        lines = "".join(f"q{n}\td{n}\t1\n" for n in names if n % 2 == place)
        (folder / "qrels" / f"{split}.tsv").write_text("query-id\tcorpus-id\tscore\n" + lines)
    return folder


def _lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def said(body: dict[str, Any]) -> str:
    """What the LLM answers: decided by the request alone, in the form that it asks for."""
    asked = str(body["messages"][-1]["content"])
    if found := instructions.answer(body) or triplets.answer(body):
        return found
    drawn = random.Random(hashlib.sha256(f"{body.get('seed')} {asked}".encode()).hexdigest())
    if "List " in asked:
        return "\n".join(f"- the {one} of it" for one in drawn.sample(TOPICS, 6))
    return f"is the {' of the '.join(drawn.sample(TOPICS, 4))}?"


@contextmanager
def jobs_in_this_process() -> Iterator[None]:
    """A job is done when it is submitted: nobody waits for a process to import torch."""

    def work(project: Project, job_id: int) -> Job:
        worker.main(project.path, job_id)
        return queue.get(project, job_id)

    with (
        mock.patch.object(queue, "_start_worker", work),
        mock.patch.object(worker, "_stop_on_signals"),
    ):
        yield


@dataclass(frozen=True)
class Builder:
    """Makes projects with a stand-in LLM and a tiny encoder, for all workers of a run of tests."""

    folder: Path
    """Where all workers find what one has made."""
    server: OpenAIServer
    """This worker's own."""

    @property
    def studio(self) -> Verbs:
        """The verbs, in the builders' home."""
        return Verbs(self.folder)

    @property
    def encoder(self) -> Path:
        """A tiny one that knows the texts' words."""
        return self._once("encoder", bert_encoder)

    @property
    def llm(self) -> Path:
        """A tiny one."""
        return self._once("llm", tiny_llm.llama)

    def files(self, task: str) -> Files:
        """What is imported into projects of the task."""
        corpus = self._once(f"files-{task}", lambda folder: Files.of(task, folder).corpus)
        gold = "beir" if task == "retrieval" else "gold.jsonl"
        return Files(corpus, corpus.with_name(gold), corpus.with_name("shots.jsonl"))

    def copy(self, task: str, state: str, target: Path) -> Path:
        """A project of the task in this state, for one test to work with."""
        made = self._once(task, lambda folder: self._make(task, folder))
        copied = Path(shutil.copytree(made / state, target))
        settings = copied / "studio.toml"
        # It was made with the server of the worker that was first.
        settings.write_text(SERVER.sub(self.server.url, settings.read_text("utf-8")), "utf-8")
        return copied

    def _once(self, name: str, make: Callable[[Path], Path]) -> Path:
        """What is made in a folder of that name, when a worker first asks for it."""
        folder, done = self.folder / name, self.folder / f"{name}.done"
        with (self.folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)
                done.write_text(str(make(folder)), "utf-8")
        return Path(done.read_text("utf-8"))

    def _make(self, task: str, made: Path) -> Path:
        """The folder of its projects, each named by its state."""
        empty, records, model = (made / state for state in STATES)
        case, files = TASKS[task], self.files(task)
        self._done("new", empty, "--task", task, *case.new)
        (empty / "studio.toml").write_text(
            f'endpoint = "rule"\nencoder = "{self.encoder}"\n'
            f'[endpoints.rule]\nbase_url = "{self.server.url}"\nmodel = "stand-in"\n',
            "utf-8",
        )
        shutil.copytree(empty, model)
        with jobs_in_this_process():
            self._fill(task, model, files)
        shutil.copytree(model, records)
        _without_models(records)
        return made

    def _fill(self, task: str, path: Path, files: Files) -> None:
        brought: tuple[object, ...] = ()
        if task == "retrieval":
            brought = ("--gold", files.gold, "--examples", files.examples)
        else:
            self._done("gold", "import", files.gold, "--split", "auto", "-p", path)
        if task not in ("classification", "embedding"):
            self._done("import", files.corpus, *brought, "-p", path)
        if task == "instructions":
            self._done("examples", "import", files.examples, "-p", path)
        case, base = TASKS[task], ("--base", self.encoder)
        rounds = (*case.quickly, *base) if case.makes[0] == "s3" else ()
        self._done(*case.makes, *rounds, "-p", path)
        if task == "retrieval":
            self._done("train", "--steps", 2, "--evaluate", "-p", path)
        if task == "embedding":
            told = ("--encoder", self.encoder, "--steps", 2, "--evaluate")
            self._done("train", *told, "-p", path)
        if task == "instructions":
            told = ("--base", self.llm, "--steps", 1, "--evaluations", 1, "--evaluate")
            self._done("tune", *told, "-p", path)

    def _done(self, *arguments: object) -> Done:
        done = self.studio(*arguments)
        assert done.code == 0, f"studio {' '.join(map(str, arguments))}: {done.err}"
        return done


def _without_models(path: Path) -> None:
    """As if nothing had been trained yet: the records are there, and what was asked for them."""
    with closing(sqlite3.connect(path / "studio.db")) as db, db:
        db.execute("DELETE FROM evaluations")
        db.execute("DELETE FROM models")
    shutil.rmtree(path / "models", ignore_errors=True)


@contextmanager
def builder(folder: Path) -> Iterator[Builder]:
    """A builder with its server; all workers' builders may have the same folder."""
    folder.mkdir(exist_ok=True)
    with OpenAIServer(words=said) as server:
        yield Builder(folder, server)
