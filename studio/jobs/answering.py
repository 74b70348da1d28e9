"""Score what an LLM answers to gold instructions, before and after its tuning.

Loss and perplexity are of gold's own answers, token by token; ROUGE-L is of what the model writes
itself, as Super-NaturalInstructions scores it (Wang et al. 2022).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import exp
from typing import Any

from studio.evaluation import generation, systems
from studio.evaluation.generation import LOSS, PERPLEXITY, ROUGE_L
from studio.evaluation.significance import bootstrap_mean, paired_test
from studio.evaluation.systems import BASE, BEFORE_AFTER, TRAINED, System
from studio.formats.instructions import prompt_text
from studio.jobs import preferring
from studio.jobs.cards import write_model_card
from studio.jobs.context import JobContext
from studio.jobs.project_systems import model_by_number, systems_of
from studio.jobs.tune_params import AnswerParams
from studio.llm.causal import AnswerLoss, CausalModel, Prompted
from studio.records import Datum, Gold, StudioError
from studio.runs import Model
from studio.store.models import Evaluation

TESTED = (ROUGE_L, LOSS)
"""What has a value for each gold item; the first one decides who won an item."""


def prompted(datum: Datum) -> Prompted:
    """An instruction as the model reads it, and its answer."""
    return Prompted(prompt_text(datum.text, datum.context), datum["output"])


def run(context: JobContext) -> None:
    """The job ``evaluate`` where LLMs are tuned."""
    params = AnswerParams.from_row(context.job.params)
    context.keep(**measure(context, params))
    if params.judge:
        _judge(context, params, params.judge)


def _judge(context: JobContext, params: AnswerParams, told: dict[str, Any]) -> None:
    """Have an LLM compare the answers, and keep its word with the model's scores."""
    store = context.store
    done = {one.system: one for one in store.evaluations.of_job(context.job.id)}
    table = preferring.judge(context, told, done[TRAINED], done[BASE])
    model = store.models.get(done[TRAINED].model_id or 0)
    assert model is not None
    split = {**model.scores[params.split], "judged": table}
    scores = {**model.scores, params.split: split}
    store.models.set_scores(model.id, scores)
    write_model_card(context, replace(model, scores=scores))


def measure(context: JobContext, params: AnswerParams) -> dict[str, Any]:
    """Base and tuned model on a split of gold: keeps scores and answers, returns the comparison.

    A system that was scored before an interruption is not scored again. Raises StudioError without
    gold or without a model.
    """
    store = context.store
    gold = store.gold.all(params.split)
    if not gold:
        raise StudioError(
            f"There are no gold {params.split} instructions to score on. Import some with "
            "`studio gold import FILE --split auto`."
        )
    model = model_by_number(context.project, params.model_id)
    if model is None:
        raise StudioError("No model is tuned yet. `studio tune` tunes one on the kept records.")
    there = {one.name: one for one in systems_of(context.project, model)}
    done = {one.system: one for one in store.evaluations.of_job(context.job.id)}
    for system in (there[name] for name in BEFORE_AFTER):
        if system.name not in done:
            done[system.name] = _scored(context, params, system, gold, model)
            store.evaluations.add(done[system.name])
    found = summary(done, params.seed) | {"gold": label_of(gold, params), "items": len(gold)}
    scores = {**model.scores, params.split: found}
    store.models.set_scores(model.id, scores)
    write_model_card(context, replace(model, scores=scores))
    return found


def label_of(gold: Sequence[Gold], params: AnswerParams) -> str:
    """What was scored on, in words."""
    noun = gold[0].type.noun if len(gold) == 1 else gold[0].type.nouns
    return (
        f"{len(gold)} gold {params.split} {noun}; answers of at most {params.answer_tokens} tokens"
    )


def _scored(
    context: JobContext, params: AnswerParams, system: System, gold: Sequence[Gold], model: Model
) -> Evaluation:
    """One system's answers with their scores. Raises Cancelled where it was asked to stop."""
    label = systems.label_of(system.name)
    llm = context.loads(lambda: CausalModel.open(system.source), label, len(gold))
    pairs = [prompted(one) for one in gold]

    def told(what: str) -> Any:
        return lambda done: context.progress(done, len(gold), f"{what} {label}")

    losses = llm.losses(pairs, on_progress=told("reading by"), should_stop=context.should_stop)
    context.check()
    answers = llm.answers(
        [pair.prompt for pair in pairs],
        max_new_tokens=params.answer_tokens,
        on_progress=told("answering by"),
        should_stop=context.should_stop,
    )
    context.check()
    return evaluation(
        system.name,
        [one.outside_id for one in gold],
        losses,
        answers,
        [pair.answer for pair in pairs],
        gold=label_of(gold, params),
        split=params.split,
        model_id=model.id,
        job_id=context.job.id,
        answer_tokens=params.answer_tokens,
        seed=params.seed,
    )


def evaluation(
    system: str,
    names: Sequence[str],
    losses: Sequence[AnswerLoss],
    answers: Sequence[str],
    references: Sequence[str],
    *,
    answer_tokens: int,
    seed: int,
    **about: Any,
) -> Evaluation:
    """The scores of a system's answers to these gold items, with the answers.

    answer_tokens: where an answer was cut. about: the other fields of an :class:`Evaluation`.
    """
    found = generation.scores(losses, answers, references)
    values = {
        ROUGE_L: dict(zip(names, found.rouges, strict=True)),
        LOSS: dict(zip(names, found.losses, strict=True)),
    }
    return Evaluation(
        system=system,
        metrics=_means(values, seed)
        | {"label": systems.label_of(system), "answer_tokens": answer_tokens},
        per_query=values,
        answers=dict(zip(names, answers, strict=True)),
        **about,
    )


def _means(values: Mapping[str, Mapping[str, float]], seed: int) -> dict[str, Any]:
    """Means and 95% intervals, with the perplexity that the loss comes to."""
    found = {name: bootstrap_mean([*of.values()], seed=seed) for name, of in values.items()}
    means = {name: round(one.mean, 4) for name, one in found.items()}
    bounds = {name: [round(one.low, 4), round(one.high, 4)] for name, one in found.items()}
    loss = found[LOSS]
    means[PERPLEXITY] = round(exp(loss.mean), 4)
    bounds[PERPLEXITY] = [round(exp(loss.low), 4), round(exp(loss.high), 4)]
    return {"means": means, "intervals": bounds}


def summary(scored: Mapping[str, Evaluation], seed: int) -> dict[str, Any]:
    """Means, 95% intervals, and paired tests of the tuned model against its base."""
    new, old = scored[TRAINED], scored[BASE]
    key = systems.pair_key(TRAINED, BASE)
    tests = {name: tested(new, old, name, seed) for name in TESTED}
    decides = tests[TESTED[0]]
    return {
        "scores": {name: one.metrics["means"] for name, one in scored.items()},
        "intervals": {name: one.metrics["intervals"] for name, one in scored.items()},
        "systems": {name: str(one.metrics["label"]) for name, one in scored.items()},
        "p_value": {key: decides["p_value"]},
        "difference": {key: decides["difference"]},
        "tests": {key: tests},
        "wins": {key: _wins(new.per_query[ROUGE_L], old.per_query[ROUGE_L])},
    }


def tested(new: Evaluation, old: Evaluation, measure: str, seed: int) -> dict[str, Any]:
    """The difference of two systems with its 95% interval, and its p-value."""
    ours, theirs = new.per_query[measure], old.per_query[measure]
    found = paired_test([ours[one] for one in theirs], [*theirs.values()], seed=seed)
    between = found.difference
    bounds = [round(x, 4) for x in (between.mean, between.low, between.high)]
    return {"difference": bounds, "p_value": round(found.p_value, 5)}


def _wins(new: Mapping[str, float], old: Mapping[str, float]) -> dict[str, int]:
    apart = [new[one] - old[one] for one in old]
    won, lost = sum(x > 0 for x in apart), sum(x < 0 for x in apart)
    return {"won": won, "lost": lost, "tied": len(apart) - won - lost}
