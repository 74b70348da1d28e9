"""Recipes and encoders on the same queries, over draws and trainings: ``retrieval.py --seeds 3``.

    python -m tests.benchmarks.retrieval_seeds FOLDER --synthetic queries.jsonl --reranker

Each seed draws validation anew and trains anew; the examples that the LLM saw are the same for all,
and the generated queries are those of one file. A query's score is its mean over the seeds in which
it was a test query, and the paired test is over queries. A recipe is chosen on validation alone:
what is marked is what validation likes best, whatever the test says of it.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from studio.cli.output import table
from studio.evaluation.retrieval import NDCG
from studio.evaluation.significance import paired_test
from studio.evaluation.systems import BASE, BM25, RERANKED, TRAINED
from studio.jobs.params import FilterParams
from studio.jobs.rerank_params import RerankParams
from studio.jobs.train_params import (
    EvaluateParams,
    TrainParams,
)
from studio.project import Project
from studio.training.encoders import STATIC_NAMES

RECIPES = {
    "published": TrainParams(recipe="published", interpolate=False),
    "recommended": TrainParams(),
    "new": TrainParams(taught_by="reranker", distillation=0.5),
}
"""``new``: the recommended one, with a reranker over the base as the teacher."""
RunJob = Callable[[Project, str, dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Scored:
    """What one training reached on the test queries of its seed."""

    encoder: str
    recipe: str
    seed: int
    per_query: dict[str, dict[str, float]]
    """System → query → nDCG@10."""
    validation: dict[str, float | None]


def of_seed(
    project: Project, options: argparse.Namespace, seed: int, run_job: RunJob
) -> Iterator[Scored]:
    """Every encoder and recipe on one draw."""
    for encoder in options.encoders.split(","):
        common, short = {"encoder": encoder, "seed": seed}, Path(encoder).name
        filters = FilterParams(round_trip=options.round_trip, k=options.k, **common)
        run_job(project, "filter", filters.to_row() | {"run": f"{encoder} {seed}"})
        # Word vectors read no pair.
        reads = "minilm-l6" if encoder in STATIC_NAMES else encoder
        first = RerankParams(base=reads, retriever="base", seed=seed, name=f"teacher-{short}")
        for recipe in options.recipes.split(","):
            wanted = replace(RECIPES[recipe], name=f"{recipe}-{short}", **common)
            if wanted.taught_by == "reranker":
                project.store.values.set("encoder", encoder)
                run_job(project, "rerank", first.to_row())
                wanted = replace(wanted, teacher=first.name)
            trained = run_job(project, "train", wanted.to_row())
            score = EvaluateParams(
                model_id=trained["model_id"], encoder=encoder, split=options.split
            )
            if options.reranker:
                over = RerankParams(
                    base=reads, retriever=wanted.name, seed=seed, name=f"over-{wanted.name}"
                )
                run_job(project, "rerank", over.to_row())
                score = replace(
                    score, systems=RERANKED, reranker=over.name, rerank=options.rerank_depth
                )
            run_job(project, "evaluate", score.to_row())
            found = project.store.evaluations.of_model(trained["model_id"])
            per_query = {one.system: dict(one.per_query[NDCG]) for one in found}
            yield Scored(encoder, recipe, seed, per_query, trained["validation"])


def over_seeds(scored: list[Scored], new: str, old: str) -> tuple[list[float], list[float]]:
    """Both systems' scores of each query, its mean over the seeds, in the same order."""
    values: dict[str, list[tuple[float, float]]] = {}
    for one in scored:
        for query, score in one.per_query[new].items():
            values.setdefault(query, []).append((score, one.per_query[old][query]))
    means = [tuple(map(statistics.fmean, zip(*rows, strict=True))) for rows in values.values()]
    return [mean[0] for mean in means], [mean[1] for mean in means]


def on_validation(scored: list[Scored]) -> float:
    """The mean over the seeds of what the trained model reached on validation queries."""
    found = [value for one in scored if (value := one.validation.get(TRAINED)) is not None]
    return statistics.fmean(found) if found else 0.0


def summary_table(title: str, scored: list[Scored]) -> Any:
    """A row for each encoder and recipe, and one for the reranker on top of it."""
    rows = []
    chosen = {
        encoder: max(
            dict.fromkeys(one.recipe for one in scored if one.encoder == encoder),
            key=lambda recipe, encoder=encoder: on_validation(  # type: ignore[misc]
                [one for one in scored if (one.encoder, one.recipe) == (encoder, recipe)]
            ),
        )
        for encoder in dict.fromkeys(one.encoder for one in scored)
    }
    for encoder, recipe in dict.fromkeys((one.encoder, one.recipe) for one in scored):
        some = [one for one in scored if (one.encoder, one.recipe) == (encoder, recipe)]
        for new in (TRAINED, RERANKED):
            if any(new not in one.per_query for one in some):
                continue
            new_scores, base = over_seeds(some, new, BASE)
            _, bm25 = over_seeds(some, new, BM25)
            found = paired_test(new_scores, base)
            gains = [
                statistics.fmean(one.per_query[new].values())
                - statistics.fmean(one.per_query[BASE].values())
                for one in some
            ]
            spread = statistics.stdev(gains) if len(gains) > 1 else 0.0
            mean, low, high = (
                found.difference.mean, found.difference.low, found.difference.high,
            )  # fmt: skip
            rows.append(
                [
                    f"{encoder} {recipe}" + (" + reranker" if new == RERANKED else ""),
                    f"{on_validation(some):.3f}" + (" ◀" if chosen[encoder] == recipe else ""),
                    len(new_scores),
                    *(f"{statistics.fmean(values):.3f}" for values in (bm25, base, new_scores)),
                    f"{mean:+.3f} ({low:+.3f} … {high:+.3f})",
                    f"{spread:.3f}",
                    f"{found.p_value:.4f}",
                    f"{paired_test(new_scores, bm25).p_value:.4f}",
                ]
            )
    columns = ("system", "validation", "queries", "BM25", "base", "nDCG@10", "gain over base (95%)")
    return table(title, (*columns, "sd over seeds", "p", "p against BM25"), rows)


def run(
    folder: Path,
    options: argparse.Namespace,
    work: Path,
    prepared: Callable[[Path, argparse.Namespace, Path], Project],
    generate: Callable[[Project, argparse.Namespace], dict[str, Any]],
    run_job: RunJob,
) -> Any:
    """The table over all seeds."""
    scored: list[Scored] = []
    for seed in range(options.seed, options.seed + options.seeds):
        told = argparse.Namespace(**{**vars(options), "seed": seed, "first_seed": options.seed})
        project = prepared(folder, told, work / f"seed-{seed}")
        generate(project, told)
        scored += of_seed(project, told, seed, run_job)
    seeds = "1 seed" if options.seeds == 1 else f"{options.seeds} seeds"
    return summary_table(f"{folder.name}, {seeds}", scored)


if __name__ == "__main__":
    from tests.benchmarks.retrieval import main

    sys.exit(main(seeds=3))
