"""The whole path on a BEIR folder: import → generate → filter → train → evaluate, as one table.

Eight gold queries become the few-shot examples and leave the test, as Promptagator rules; a seeded
part of the rest is validation, and what is left is scored once at the end.

    python tests/benchmarks/retrieval.py ../shared/data/retrieval/cranfield --documents 300
    python tests/benchmarks/retrieval.py FOLDER --endpoint http://localhost:8000/v1 --model NAME
    python tests/benchmarks/retrieval.py FOLDER --baselines
    python -m tests.benchmarks.retrieval_seeds FOLDER --synthetic queries.jsonl --reranker

The last one is the same with --seeds 3: recipes and encoders beside each other on equal queries.

A run that was killed goes on when it is started again with the same --work folder.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console

from studio.cli.output import table
from studio.cli.tables import chain_table, score_table
from studio.jobs import queue
from studio.jobs.params import FilterParams
from studio.jobs.plans import run_row
from studio.jobs.setup import save_template
from studio.jobs.train_params import (
    EvaluateParams,
    TrainParams,
)
from studio.methods.promptagator import prompt_text
from studio.project import DATABASE, Project
from studio.records import Example, StudioError
from tests.benchmarks import retrieval_seeds
from tests.support.data import gold_query, query_for

console = Console(width=140)


def arguments(seeds: int) -> argparse.Namespace:
    """What was typed; seeds: so many where nothing else is said."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="a BEIR folder")
    parser.add_argument("--work", type=Path, help="where the project goes; kept between runs")
    parser.add_argument("--language", default="en")
    parser.add_argument("--template", default="", help="a built-in template or a file")
    parser.add_argument(
        "--endpoint", default="", help="a URL, a name in the settings, embedded:MODEL"
    )
    parser.add_argument("--model", default="")
    parser.add_argument("--encoders", default="minilm-l6", help="one or more, with commas")
    parser.add_argument("--documents", type=int, default=100)
    parser.add_argument("--queries", type=int, default=3, help="per document")
    parser.add_argument("--shots", type=int)
    parser.add_argument("--temperature", type=float)
    parser.add_argument(
        "--synthetic",
        type=Path,
        help="JSONL with document_id and query, in place of an LLM; where it is not there yet,\n"
        "the LLM writes it first, once for all seeds, encoders and recipes",
    )
    parser.add_argument("--examples", type=int, default=8)
    parser.add_argument("--example-words", type=int, default=30, help="the longest example")
    parser.add_argument("--validation", type=int, default=60)
    parser.add_argument("--split", default="test", choices=["validation", "test"])
    parser.add_argument(
        "--round-trip", default="trained", choices=["trained", "base", "hybrid", "bm25", "off"]
    )
    parser.add_argument("-k", type=int, default=1)
    parser.add_argument("--recipe", default="recommended", choices=["recommended", "published"])
    parser.add_argument("--side", choices=["both", "query"])
    parser.add_argument("--distillation", type=float)
    parser.add_argument("--teacher", default="", help="its encoder; the base where empty")
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--epochs", type=float)
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument("--temperature-loss", type=float)
    parser.add_argument("--hard-negatives", type=int, default=0)
    parser.add_argument("--no-interpolation", action="store_true")
    parser.add_argument("--only-generate", action="store_true", help="train in a later run")
    parser.add_argument("--seed", type=int, default=13)
    parser.add_argument("--seeds", type=int, default=seeds, help="draws and trainings: one table")
    parser.add_argument(
        "--recipes",
        default=",".join(retrieval_seeds.RECIPES),
        help="with --seeds: published (Promptagator's own), recommended (of `studio train`), new\n"
        "(a cross-encoder teaches); the table says which one validation chooses",
    )
    parser.add_argument("--reranker", action="store_true", help="with --seeds: one on top of each")
    parser.add_argument("--rerank-depth", type=int, default=50)
    parser.add_argument(
        "--baselines", action="store_true", help="only BM25 and base, on all judged queries"
    )
    return parser.parse_args()


def open_text(folder: Path, name: str) -> Iterator[str]:
    """The lines of a file of the folder, plain or gzip."""
    plain = folder / name
    with plain.open(encoding="utf-8") if plain.exists() else gzip.open(f"{plain}.gz", "rt") as file:
        yield from file


def judged_queries(folder: Path, split: str) -> list[dict[str, Any]]:
    """Queries of a qrels file with their relevant documents, in the file's order."""
    relevant: dict[str, dict[str, int]] = {}
    for number, line in enumerate(open_text(folder, f"qrels/{split}.tsv")):
        if number:
            query, document, grade = line.rstrip("\n").split("\t")
            if int(grade) > 0:
                relevant.setdefault(query, {})[document] = int(grade)
    texts = {row["_id"]: row["text"] for row in map(json.loads, open_text(folder, "queries.jsonl"))}
    return [
        {"id": q, "text": texts[q], "relevant": docs} for q, docs in relevant.items() if q in texts
    ]


def split_gold(folder: Path, options: argparse.Namespace) -> dict[str, list[dict[str, Any]]]:
    """Examples and validation from train where there is one, else out of test, which then shrinks.

    Examples are short queries, as a person would choose them. Over seeds they stay the same: the
    LLM has seen them, so that none of them may be scored with any seed.
    """
    test = judged_queries(folder, "test")
    if options.baselines:
        return {"examples": [], "validation": [], "test": test}
    has_train = any((folder / "qrels").glob("train.tsv*"))
    pool = judged_queries(folder, "train") if has_train else list(test)
    pool.sort(key=lambda q: (len(q["id"]), q["id"]))
    random.Random(getattr(options, "first_seed", options.seed)).shuffle(pool)
    short = [q for q in pool if len(q["text"].split()) <= options.example_words]
    examples = short[: options.examples]
    shown = {q["id"] for q in examples}
    if options.seed != getattr(options, "first_seed", options.seed):
        random.Random(options.seed).shuffle(pool)
    validation = [q for q in pool if q["id"] not in shown][: options.validation]
    taken = shown | {q["id"] for q in validation}
    return {
        "examples": examples,
        "validation": validation,
        "test": [q for q in test if q["id"] not in taken],
    }


def prepare(folder: Path, options: argparse.Namespace, work: Path) -> Project:
    """The project with corpus, gold and examples; made once."""
    if (work / DATABASE).exists():
        return Project.open(work)
    project = Project.create(work, title=folder.name, language=options.language)
    save_template(project, options.template)
    run_job(project, "import", {"corpus": str(folder.absolute())})
    gold = split_gold(folder, options)
    ids = project.store.documents.ids_by_outside_id(
        name for queries in gold.values() for q in queries for name in q["relevant"]
    )
    for split in ("validation", "test"):
        project.store.gold.add(
            gold_query(
                q["id"], q["text"], split, {ids[d]: g for d, g in q["relevant"].items() if d in ids}
            )
            for q in gold[split]
        )
    project.store.examples.add(example(project, ids, q) for q in gold["examples"])
    return project


def example(project: Project, ids: dict[str, int], query: dict[str, Any]) -> Example:
    """The query with that relevant document which shares most words with it."""
    documents = project.store.documents.many([ids[d] for d in query["relevant"] if d in ids])
    asked = set(query["text"].lower().split())
    best = max(
        documents.values(),
        key=lambda d: (
            len(asked & set(d.full_text.lower().split()))
            / (20 + len(set(d.full_text.split())) ** 0.5)
        ),
    )
    return Example(prompt_text(best), query["text"], document_id=best.id)


def run_job(project: Project, kind: str, params: dict[str, Any]) -> dict[str, Any]:
    """Run a job to its end; one of the same kind and params that was killed is gone on with."""
    for job in queue.all_jobs(project):
        if (job.kind, job.params) == (kind, json.loads(json.dumps(params))):
            if job.state.value == "done":
                return {"job": job.id, **job.result}
            if job.state in queue.RESUMABLE:
                job = queue.resume(project, job.id)
            break
    else:
        job = queue.submit(project, kind, params)
    seen = [""]

    def show(now: Any) -> None:
        line = now.message[:100]
        if line != seen[0] and sys.stderr.isatty():
            print(f"\r\x1b[K{now.done}/{now.total} {line}", end="", file=sys.stderr)
            seen[0] = line

    ended = queue.wait(project, job.id, show, poll_s=0.5)
    return {"job": job.id, "wall": seconds_of(ended), **queue.result(project, ended)}


def seconds_of(job: Any) -> float:
    """From start to end, over interruptions."""
    from datetime import datetime

    return (
        datetime.fromisoformat(job.finished) - datetime.fromisoformat(job.started)
    ).total_seconds()


def synthetic_records(project: Project, path: Path) -> int:
    """Queries written elsewhere become records, once."""
    if project.store.records.count():
        return project.store.records.count()
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    ids = project.store.documents.ids_by_outside_id({str(row["document_id"]) for row in rows})
    shown = {e.document_id for e in project.store.examples.all()}
    records = [
        query_for(ids[str(row["document_id"])], row["query"])
        for row in rows
        if ids.get(str(row["document_id"])) not in (None, *shown) and row["query"].strip()
    ]
    return len(project.store.records.add(records))


def generate(project: Project, options: argparse.Namespace) -> dict[str, Any]:
    if options.synthetic and options.synthetic.exists():
        return {
            "generated": synthetic_records(project, options.synthetic),
            "model": options.synthetic.name,
        }
    is_url = "://" in options.endpoint
    row = run_row(
        project,
        documents=options.documents,
        queries_per_document=options.queries,
        endpoint="" if is_url else options.endpoint,
        base_url=options.endpoint if is_url else "",
        model=options.model,
        shots=options.shots,
        temperature=options.temperature,
        seed=options.seed,
    )
    found = run_job(project, "generate", row)
    if options.synthetic:
        keep_queries(project, options.synthetic)
    return found


def keep_queries(project: Project, path: Path) -> None:
    """What the LLM wrote, so that whatever is compared is trained on the same."""
    records = [one for one in project.store.records.all() if one.document_id is not None]
    documents = project.store.documents.many([one.document_id or 0 for one in records])
    lines = [
        json.dumps(
            {"document_id": documents[one.document_id or 0].outside_id, "query": one.text},
            ensure_ascii=False,
        )
        for one in records
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text("\n".join(lines) + "\n", "utf-8")
    partial.replace(path)


def train_and_score(project: Project, encoder: str, options: argparse.Namespace) -> None:
    train = TrainParams(
        encoder=encoder,
        recipe=options.recipe,
        side=options.side,
        distillation=options.distillation,
        teacher=options.teacher,
        batch_size=options.batch_size,
        epochs=options.epochs,
        learning_rate=options.learning_rate,
        temperature=options.temperature_loss,
        hard_negatives=options.hard_negatives,
        interpolate=not options.no_interpolation,
        seed=options.seed,
    )
    filters = FilterParams(
        round_trip=options.round_trip,
        k=options.k,
        encoder=encoder,
        seed=options.seed,
        train=train.to_row(),
    )
    judged = run_job(project, "filter", filters.to_row() | {"run": run_name(encoder, options)})
    console.print(chain_table(judged))
    trained = run_job(
        project,
        "train",
        train.to_row() | {"run": run_name(encoder, options), "kept": judged["kept"]},
    )
    score = EvaluateParams(model_id=trained["model_id"], split=options.split, encoder=encoder)
    found = run_job(project, "evaluate", score.to_row())
    console.print(
        f"[bold]{encoder}[/]: {trained['pairs']} pairs, {trained['steps']} steps, "
        f"validation {trained['validation']}, share of trained weights {trained['share']}"
    )
    console.print(score_table(found))
    seconds = {
        name: round(x.get("wall", 0), 1)
        for name, x in (("filter", judged), ("train", trained), ("evaluate", found))
    }
    console.print(f"seconds: {seconds}", style="dim")


def run_name(encoder: str, options: argparse.Namespace) -> str:
    """So that two encoders, or two settings, are two jobs."""
    return f"{encoder} {options.round_trip} {options.k} {options.split} {options.recipe}"


def baselines(project: Project, options: argparse.Namespace) -> None:
    for encoder in options.encoders.split(","):
        found = run_job(project, "evaluate", EvaluateParams(encoder=encoder).to_row())
        rows = [
            [name, *(round(s[m], 4) for m in ("ndcg@10", "mrr@10", "recall@100", "map"))]
            for name, s in found["scores"].items()
        ]
        console.print(
            table(
                f"{options.folder.name}, {encoder}",
                ("system", "ndcg@10", "mrr@10", "recall@100", "map"),
                rows,
            )
        )


def main(seeds: int = 0) -> int:
    options = arguments(seeds)
    if not options.folder.is_dir():
        print(
            f"{options.folder} is not there: the real data sets are optional, so this is skipped."
        )
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        work = options.work or Path(scratch) / "project"
        try:
            if options.seeds:
                found = retrieval_seeds.run(
                    options.folder, options, work, prepare, generate, run_job
                )
                console.print(found)
                return 0
            project = prepare(options.folder, options, work)
            if options.baselines:
                baselines(project, options)
                return 0
            made = generate(project, options)
            spent = made.get("spent", {})
            console.print(
                f"{options.folder.name}: {made['generated']} queries by {made['model']} in "
                f"{made.get('wall', 0):.0f} s, cost {spent.get('cost')}, "
                f"drops {made.get('generation_drops', {})}"
            )
            for encoder in () if options.only_generate else options.encoders.split(","):
                train_and_score(project, encoder, options)
        except StudioError as error:
            print(f"retrieval.py: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
