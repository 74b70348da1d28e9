"""``studio demo``: import → queries → filters → a trained retriever, measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from studio.cli.demo_ending import encoder_verdict, path_counts, rows_of, show_ending
from studio.cli.demo_sample import ENDPOINT, LLMS, SampleDemo
from studio.cli.output import out, table
from studio.cli.tables import MEASURES, filter_tables, score_table
from studio.jobs import queue
from studio.jobs.params import FilterParams, PathParams
from studio.jobs.plans import run_row
from studio.jobs.setup import Sample, sample_project
from studio.jobs.train_params import EvaluateParams, TrainParams
from studio.llm import catalogue
from studio.project import Project
from studio.runs import Job
from studio.servers import EMBEDDED_PREFIX
from studio.settings import load

DOCUMENTS = 80
QUERIES = 3
"""What two cores and the small LLM do in a few minutes."""


@dataclass(frozen=True, slots=True)
class RetrievalDemo(SampleDemo):
    """The whole path on a corpus."""

    again: ClassVar = ENDPOINT

    documents: int = DOCUMENTS
    queries: int = QUERIES

    def begin(self, path: Path, sample: Sample, endpoint: str) -> tuple[Project, Job]:
        """A new project with the path under way."""
        encoder = load().encoder or catalogue.default_encoder(sample.language)
        if encoder in catalogue.load():
            catalogue.required_path(encoder)
        project, corpus = sample_project(path, sample.name)
        generate = run_row(
            project,
            documents=self.documents,
            queries_per_document=self.queries,
            endpoint=endpoint,
            model=self.model,
        )
        params = PathParams(
            corpus_import=corpus,
            generate=generate,
            filter=FilterParams().to_row(),
            train=TrainParams().to_row(),
            evaluate=EvaluateParams().to_row(),
        )
        return project, queue.submit(project, "path", params.to_row())

    def plan(self, project: Project, job: Job) -> str:
        """Who writes how many queries."""
        asked = job.params["generate"]
        return (
            f"Demo in {project.path}: {self.llm(job)} writes {asked['queries_per_document']} "
            f"queries for each of {asked['documents']} documents, then filter, train, evaluate."
        )

    def outcome(self, project: Project, job: Job, result: dict[str, Any]) -> dict[str, Any]:
        """Counts, scores and what they were measured on."""
        scores = result.get("scores", {})
        return {
            "documents": project.store.documents.count(),
            **path_counts(project, result),
            "scores": {name: {m: means[m] for m in MEASURES} for name, means in scores.items()},
            "p_value": result.get("p_value", {}),
            "difference": result.get("difference", {}),
            "gold": result["gold"],
            "llm": result["model"],
        }

    def show(self, found: dict[str, Any], result: dict[str, Any]) -> None:
        """Queries, filters and scores."""
        rows = [["documents", found["documents"]], *rows_of(found, "queries")]
        out.print(table(f"Queries by {found['llm']}", ("what", "count"), rows))
        out.print(filter_tables(result))
        if found["scores"]:
            out.print(score_table(result))
            out.print(_verdict(found), highlight=False)
        show_ending(found)


def _verdict(found: dict[str, Any]) -> str:
    """What the numbers say, plainly."""
    if "trained_vs_base" not in found["p_value"]:
        return "Too little was measured for a test."
    unclear = "No significant difference from the base encoder with this LLM."
    if found["llm"] == LLMS[0]:
        more = "More documents help: `studio demo FOLDER --documents 200`."
    else:
        more = (
            f"A larger one writes better queries: `studio models pull {LLMS[0]}`, then "
            f"`studio demo FOLDER --endpoint {EMBEDDED_PREFIX}{LLMS[0]}`."
        )
    return encoder_verdict(found, f"{unclear} {more}")
