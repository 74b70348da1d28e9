"""The README of a trained model, written anew whenever something is learnt about it."""

from __future__ import annotations

from typing import Any

from studio.jobs.context import JobContext
from studio.records import Model
from studio.training.model_card import ModelCard, write_card


def write_model_card(context: JobContext, model: Model) -> None:
    """Lineage, data, settings and every score so far, into the model's folder."""
    lineage = context.store.lineage.of_model(model.id) or {}
    card = ModelCard(
        name=model.name,
        base=model.base,
        lineage=_lineage_lines(lineage),
        data=_data(context, lineage),
        settings={key: item for key, item in model.settings.items() if item not in ("", None)},
        scores=_scores(model),
        notes=_notes(model),
        query_prompt=str(model.settings.get("query_prompt", "")),
    )
    write_card(context.project.path / model.path, card)


def _lineage_lines(lineage: dict[str, Any]) -> list[str]:
    """The model itself, what made its data, then its parent's, as far as it goes."""
    lines: list[str] = []
    current: dict[str, Any] | None = lineage
    while current:
        lines.append(
            f"model {current['model']} ({current['name']}), job {current['job']}, "
            f"snapshot {current['snapshot']} of {current['records']} records"
        )
        for made in current["made_by"]:
            prompt = f"prompt {made['prompt']} version {made['prompt_version']}"
            source = f"{prompt}, LLM {made['model']}" if made["model"] else "brought from outside"
            lines.append(f"{made['records']} records on {made['documents']} documents: {source}")
        current = current["parent"]
    return lines


def _data(context: JobContext, lineage: dict[str, Any]) -> dict[str, Any]:
    data: dict[str, Any] = {
        "pairs": lineage.get("records", 0),
        "language": context.project.language,
        "few-shot examples": len(lineage.get("examples", ())),
    }
    for link in context.store.verdicts.chain():
        data[f"filter {link.filter}"] = f"{link.judged:,} judged, {link.kept:,} kept"
    return data


def _scores(model: Model) -> dict[str, dict[str, float]]:
    return dict(model.scores.get("test", {}).get("scores", {}))


def _notes(model: Model) -> list[str]:
    notes = []
    if validation := model.scores.get("validation_ndcg@10"):
        base, trained = validation["base"], validation["trained"]
        if base is not None and trained is not None:
            notes.append(
                f"nDCG@10 on validation: base {base:.4f}, trained {trained:.4f}. Validation chose "
                "the checkpoint and the share of trained weights, so it flatters the model."
            )
    if test := model.scores.get("test"):
        notes.append(f"Test: {test['gold']}.")
        notes += [f"{name.replace('_', ' ')}: p = {p}." for name, p in test["p_value"].items()]
    return notes
