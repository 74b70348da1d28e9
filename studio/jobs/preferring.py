"""The pairwise judge of an evaluation: an LLM compares what base and tuned model answered.

What is asked, paid and stored goes the one way of :mod:`studio.jobs.collect`, so that caps hold,
a killed job goes on, and no answer is paid twice.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from studio.calls import Prompt
from studio.evaluation.generation import PREFERRED
from studio.evaluation.significance import sign_test
from studio.formats.instructions import prompt_text
from studio.jobs.collect import Collector
from studio.jobs.context import JobContext
from studio.jobs.params import RunParams
from studio.jobs.plans import Beginning, endpoint_of, plan_for
from studio.jobs.run_estimates import LOOKED_AT
from studio.jobs.run_rows import begun
from studio.llm.estimate import Estimate, estimate
from studio.methods.preferring import NAME, AnswerPair, preferences, preferring
from studio.params import Params
from studio.project import Project
from studio.prompting.builtin import builtin, builtin_names, localised_name
from studio.records import Split
from studio.store.models import Evaluation


def judge(
    context: JobContext, told: dict[str, Any], new: Evaluation, old: Evaluation
) -> dict[str, Any]:
    """Won, lost and tied by the new system, with a sign test; kept for each gold item.

    told: endpoint and caps, as :class:`RunParams` has them. Raises CapReached where a cap ends it;
    what came in is stored, and counts.
    """
    context.begin("judge")
    project, store = context.project, context.store
    template = template_of(project)
    run = begun(context, NAME, None, {**told, "template": template, "method": NAME})
    pairs, same = _pairs(project, new.split, new, old)
    params = RunParams.from_row(told)
    endpoint = endpoint_of(project, params)
    method = preferring(lambda: pairs)
    prompt = Prompt(NAME, str(run.params["template"]))
    plan = plan_for(project, method, prompt, params, Params(), endpoint)
    stage, total = method.stages[0], 2 * len(pairs)
    with Collector(context, run, method, plan, endpoint, params, owns=True, total=total) as asked:
        asked.collect_all(stage, total=total)
    found = preferences(store.records.of_stage(run.id, NAME))
    scores = dict.fromkeys(same, 0.0) | {n: x for n, x in found.items() if x is not None}
    store.evaluations.add_values(new.id, PREFERRED, scores)
    table = tally(scores, len(pairs) + len(same))
    table |= {"by": endpoint.model, "spent": asdict(store.generations.spent(context.job.id))}
    context.keep(judged=table)
    asked.check_cap()
    return table


def estimate_preferring(project: Project, told: dict[str, Any], split: Split) -> Estimate:
    """What it would take at most: both answers are taken to be as long as gold's."""
    gold = project.store.gold.all(split)
    pairs = [
        AnswerPair(one.outside_id, one.id, prompt_text(one.text, one.context), *3 * [one["output"]])
        for one in gold[:LOOKED_AT]
    ]
    params = RunParams.from_row(told)
    endpoint = endpoint_of(project, params)
    method, prompt = preferring(lambda: pairs), Prompt(NAME, template_of(project))
    plan = plan_for(project, method, prompt, params, Params(), endpoint)
    asks = method.stages[0].ask(plan, 0, Beginning())
    return estimate([ask.request for ask in asks], 2 * len(gold), endpoint, plan.count)


def tally(scores: dict[str, float], items: int) -> dict[str, Any]:
    """How many were won, lost, tied and not read, and whether chance alone would do that."""
    won = sum(one > 0 for one in scores.values())
    lost = sum(one < 0 for one in scores.values())
    return {
        "won": won,
        "lost": lost,
        "tied": len(scores) - won - lost,
        "unread": items - len(scores),
        "p_value": round(sign_test(won, lost), 5),
    }


def template_of(project: Project) -> str:
    """The bundled template, in the project's language where there is one."""
    return builtin(localised_name(NAME, project.language, builtin_names(NAME)), NAME)


def _pairs(
    project: Project, split: Split, new: Evaluation, old: Evaluation
) -> tuple[list[AnswerPair], list[str]]:
    """The pairs to compare, and the gold items that both answer with the same words: ties."""
    pairs, same = [], []
    for gold in project.store.gold.all(split):
        ours, theirs = (one.answers.get(gold.outside_id) for one in (new, old))
        if ours is None or theirs is None:
            continue
        if ours.split() == theirs.split():
            same.append(gold.outside_id)
        else:
            asked = prompt_text(gold.text, gold.context)
            pairs.append(AnswerPair(gold.outside_id, gold.id, asked, gold["output"], ours, theirs))
    return pairs, same
