"""The job ``improve``: other wordings of a prompt, tried on documents that are set aside.

The search is GEPA's (see :mod:`studio.methods.improving`): half of the documents are learnt from,
half decide which wordings are developed further, and what the best of them gain is told by others
that no wording was chosen by. They are handed over as versions on the side; the prompt that the
project works with stays as it is.

A wording is good for a document when BM25 finds the document first by the query that it brought
(:mod:`studio.filters.round_trip`), as far as the query is not copied out of it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import Any, Final

from studio.calls import Prompt
from studio.evaluation.counting import ranks_in
from studio.evaluation.significance import paired_test
from studio.evaluation.wordings import WordingRow
from studio.filters.copy import copied_share
from studio.jobs.collect import Collector
from studio.jobs.context import JobContext
from studio.jobs.datasets import bm25_ranker, counting_of, read_corpus
from studio.jobs.improve_params import ImproveParams
from studio.jobs.params import RunParams
from studio.jobs.plans import (
    Beginning,
    endpoint_of,
    plan_for,
)
from studio.jobs.run_estimates import LOOKED_AT
from studio.jobs.run_rows import begun
from studio.llm.estimate import Estimate, estimate
from studio.methods import promptagator
from studio.methods.improving import (
    FORM,
    NAME,
    Improving,
    Reflection,
    Trial,
    Trials,
    Wordings,
    body_of,
)
from studio.methods.protocol import Plan
from studio.project import Project
from studio.prompting.builtin import builtin
from studio.prompting.template_set import is_set
from studio.prompting.templates import lint, parse
from studio.prompting.words import cut_words, distinct_pairs
from studio.records import Document, Reason, Record, StudioError
from studio.settings import Endpoint

log = logging.getLogger("studio.improve")

BODY: Final = "wording"
"""What GEPA calls the one component that is improved."""
LEARNT_AT_ONCE: Final = 4
"""Documents that a wording is proposed from."""
SHOWN_WORDS: Final = 60
"""Words of a document that the LLM sees when it reflects."""
FEWEST: Final = 12
"""Documents: a quarter to learn from, a quarter to choose by, half to compare on."""
INSTALL: Final = "pip install 'studio[improve]'"


@dataclass(frozen=True, slots=True)
class Tried:
    """What a wording brought for one document."""

    document: Document
    query: str
    reason: str
    """Why it is no query; empty for one that is."""
    rank: int
    """Of its document for it, from 1; 0 for no query."""
    copied: float
    """The share of it that is copied, 0 to 1."""

    @property
    def score(self) -> float:
        """0 to 1."""
        return 1.0 - self.copied if self.rank == 1 else 0.0

    @property
    def told(self) -> str:
        """As an LLM reads it."""
        if self.reason:
            said = f"it is no good query ({self.reason})"
        elif self.rank == 1:
            said = "it finds the document first"
        else:
            said = f"it finds the document at place {self.rank} only: it is not specific enough"
        if self.copied >= 0.5:
            said += f"; {self.copied:.0%} of it is copied out of the document"
        shown = cut_words(self.document.full_text, SHOWN_WORDS)
        return f"Document: {shown}\nQuery: {self.query}\nThat is: {said}."


def run(context: JobContext) -> None:
    """The job. A resumed one asks only what has no answer."""
    params = ImproveParams.from_row(context.job.params)
    gepa, prompt = _gepa(), improvable(context.project, params.prompt_id)
    context.begin("improve")
    row = {**context.job.params, "prompt_id": prompt.id, "method": NAME}
    run_ = begun(context, NAME, None, row)
    plan, endpoint = planned(context.project, params, prompt)
    template = FORM.parse(builtin(NAME, NAME))
    asking = Improving(template, lambda wording: _fault(prompt, wording))
    told = RunParams.from_row(params.to_row())
    with Collector(context, run_, asking.method, plan, endpoint, told, owns=True) as asked:
        search = WordingSearch(asked, asking, prompt, params)
        context.keep(
            improved=[asdict(one) for one in search.compared(search.best(gepa))],
            proposals=len(asking.wordings.batches),
            spent=asdict(context.store.generations.spent(context.job.id)),
        )


def planned(project: Project, params: ImproveParams, prompt: Prompt) -> tuple[Plan, Endpoint]:
    """One query for each document. Raises StudioError where there are too few documents."""
    told = replace(
        RunParams.from_row(params.to_row()), documents=params.documents + params.held_out
    )
    endpoint = endpoint_of(project, told)
    settings = promptagator.PromptagatorSettings(queries_per_document=1)
    plan = plan_for(project, promptagator.METHOD, prompt, told, settings, endpoint)
    there = len(plan.corpus.sampled())
    if there < FEWEST:
        raise StudioError(
            f"To try wordings takes {FEWEST} documents at least, and there are {there} that no "
            "example was written for. Import more."
        )
    return plan, endpoint


def improvable(project: Project, prompt_id: int | None) -> Prompt:
    """The prompt version to improve. Raises StudioError for one that writes no queries."""
    prompts = project.store.prompts
    prompt = prompts.latest() if prompt_id is None else prompts.get(prompt_id)
    if prompt is None:
        raise StudioError("The project has no such prompt. `studio prompt list` shows them.")
    if any(one.fatal for one in lint(prompt.template)):
        raise StudioError(
            f"Prompt version {prompt.version} does not write queries for documents, and only what "
            "can be searched for again can be tried. Choose another version."
        )
    if is_set(prompt.template):
        raise StudioError(
            f"Prompt version {prompt.version} is a set of templates, and one wording is improved "
            "at a time. Choose one of its members; the list of versions has each."
        )
    return prompt


def estimate_improving(project: Project, params: ImproveParams) -> Estimate:
    """What it would take if every proposal were tried on all documents that choose."""
    plan, endpoint = planned(project, params, improvable(project, params.prompt_id))
    documents = plan.corpus.sampled()
    learnt, choosing, held_out = parted(documents, params)
    tried = len(choosing) * (params.proposals + 1) + len(held_out) * (params.best + 1)
    total = tried + params.proposals * (2 * min(LEARNT_AT_ONCE, len(learnt)) + 1)
    asks = islice(promptagator.METHOD.stages[0].ask(plan, 0, Beginning()), LOOKED_AT)
    return estimate([ask.request for ask in asks], total, endpoint, plan.count)


def parted(
    documents: Sequence[Document], params: ImproveParams
) -> tuple[list[Document], list[Document], list[Document]]:
    """The documents to learn from, to choose by, and to compare on."""
    half = min(params.documents, len(documents) // 2) // 2
    return (
        list(documents[:half]),
        list(documents[half : 2 * half]),
        list(documents[2 * half : 2 * half + params.held_out]),
    )


class WordingSearch:
    """What GEPA asks of those who use it (its ``GEPAAdapter``, ``LoggerProtocol`` and stopper)."""

    def __init__(
        self, asked: Collector, asking: Improving, prompt: Prompt, params: ImproveParams
    ) -> None:
        self._asked, self._asking, self._params, self._prompt = asked, asking, params, prompt
        self._front, body = body_of(prompt.template)
        self._numbers = {body: 0}
        self._tried: dict[tuple[int, int], Tried] = {}
        corpus = read_corpus(asked.context.store)
        ranker = bm25_ranker(corpus, asked.plan.template.language)
        self._ranks = ranks_in(ranker, counting_of(asked.context.store))
        self.learnt, self._choosing, self._held_out = parted(asked.plan.corpus.sampled(), params)

    def best(self, gepa: Any) -> list[str]:
        """The wordings that do better than the prompt where wordings are chosen, best first."""
        [body] = self._numbers
        self._step("trying the prompt", 0)
        found = gepa.optimize(
            seed_candidate={BODY: body},
            trainset=self.learnt,
            valset=self._choosing,
            adapter=self,
            reflection_minibatch_size=min(LEARNT_AT_ONCE, len(self.learnt)),
            stop_callbacks=self.is_over,
            logger=self,
            seed=self._params.seed,
            raise_on_exception=True,
        )
        scores = found.val_aggregate_scores
        order = sorted(range(1, len(scores)), key=lambda n: -scores[n])
        better = [n for n in order if scores[n] > scores[0]]
        return [found.candidates[n][BODY] for n in better[: self._params.best]]

    def compared(self, bodies: Sequence[str]) -> list[WordingRow]:
        """The prompt and these wordings on the documents held out; they become versions aside."""
        [own, *_] = self._numbers
        self._step("comparing", self._params.proposals + 1)
        tried = [self._try(body, self._held_out) for body in (own, *bodies)]
        base = [one.score for one in tried[0]]
        table = []
        for body, found in zip((own, *bodies), tried, strict=True):
            row = _row(found, self._prompt.version)
            if body != own:
                test = paired_test([one.score for one in found], base)
                gained = test.difference
                note = f"proposed by job {self._asked.context.job.id}"
                text = self._template(body)
                saved = self._asked.context.store.prompts.save(
                    self._prompt.name, text, note, aside=True
                )
                row = replace(
                    row, version=saved.version, gain=gained.mean, low=gained.low,
                    high=gained.high, p_value=test.p_value,
                )  # fmt: skip
            table.append(row)
        return table

    def evaluate(
        self, batch: list[Document], candidate: dict[str, str], capture_traces: bool = False
    ) -> Any:
        """Try a wording on some documents."""
        from gepa.core.adapter import EvaluationBatch

        tried = self._try(candidate[BODY], batch)
        scores = [one.score for one in tried]
        return EvaluationBatch(outputs=tried, scores=scores, trajectories=tried)

    def make_reflective_dataset(
        self, candidate: dict[str, str], eval_batch: Any, components_to_update: list[str]
    ) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """What each document brought, in words."""
        return {BODY: [{"trial": one.told} for one in eval_batch.trajectories]}

    def propose_new_texts(
        self,
        candidate: dict[str, str],
        reflective_dataset: Mapping[str, Sequence[Mapping[str, Any]]],
        components_to_update: list[str],
    ) -> dict[str, str]:
        """Ask for another wording; the same again where none came that can be asked with."""
        batches, wording = self._asking.wordings.batches, candidate[BODY]
        told = "\n\n".join(one["trial"] for one in reflective_dataset[BODY])
        batches.append(Reflection(wording, told, len(batches) + 1))
        self._step(f"proposal {len(batches)} of {self._params.proposals}", len(batches))
        self._collect(self._asking.wordings, 1)
        [*made] = self._made("wordings", len(batches) - 1)
        if not made or not made[0].kept:
            return {BODY: wording}
        self._numbers.setdefault(made[0].text, len(batches))
        return {BODY: made[0].text}

    def is_over(self, state: Any) -> bool:
        """Whether all proposals were made; a wording without a failure leads to none."""
        made, most = len(self._asking.wordings.batches), self._params.proposals
        return made >= most or state.i >= 3 * most

    def log(self, message: str) -> None:
        """To the job's log."""
        log.info("%s", message)

    def _try(self, body: str, documents: Sequence[Document]) -> list[Tried]:
        """What a wording brings; nothing is asked twice."""
        number, batches = self._numbers[body], self._asking.trials.batches
        if new := [one for one in documents if (number, one.id) not in self._tried]:
            batches.append(Trial(number, parse(self._template(body)), new))
            self._collect(self._asking.trials, len(new))
            made = {one.document_id: one for one in self._made("trials", len(batches) - 1)}
            asked = [(one.text, str(row)) for row, one in made.items() if one.kept]
            ranks = dict(zip((row for _, row in asked), self._ranks(asked), strict=True))
            for one in new:
                rank = ranks.get(str(one.id), 0)
                self._tried[number, one.id] = _tried(one, made.get(one.id), rank)
        return [self._tried[number, one.id] for one in documents]

    def _step(self, name: str, done: int) -> None:
        """Say which step comes: the prompt itself, each proposal, and the comparison."""
        self._asked.context.stage = name
        self._asked.steps = done, self._params.proposals + 2

    def _collect(self, stage: Trials | Wordings, total: int) -> None:
        self._asked.collect(stage, len(stage.batches) - 1, total=total)
        self._asked.check_cap()

    def _made(self, stage: str, batch: int) -> Iterator[Record]:
        records, run_id = self._asked.context.store.records, self._asked.run.id
        return records.of_stage(run_id, stage, kept=None, since=batch, before=batch + 1)

    def _template(self, body: str) -> str:
        return f"{self._front}\n{body}\n"


def _tried(document: Document, made: Record | None, rank: int) -> Tried:
    query, reason = (made.text, made.reason) if made else ("nothing", Reason.ERROR)
    copied = copied_share(query, document.full_text) if rank else 0.0
    return Tried(document, query, reason, rank, copied)


def _row(tried: Sequence[Tried], version: int) -> WordingRow:
    good = [one for one in tried if not one.reason]
    return WordingRow(
        version,
        found=sum(one.rank == 1 for one in tried),
        documents=len(tried),
        copied=sum(one.copied for one in good) / max(1, len(good)),
        distinct=distinct_pairs(one.query for one in good),
        score=sum(one.score for one in tried) / max(1, len(tried)),
    )


def _fault(prompt: Prompt, wording: str) -> str:
    """Why a wording cannot be asked with; empty for one that can."""
    front, _ = body_of(prompt.template)
    return next((one.message for one in lint(f"{front}\n{wording}\n") if one.fatal), "")


def _gepa() -> Any:
    try:
        import gepa
    except ImportError as error:
        raise StudioError(f"To improve prompts, install the package gepa: {INSTALL}") from error
    return gepa
