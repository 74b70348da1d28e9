"""The README of a trained model, written anew whenever something is learnt about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from studio.evaluation.embeddings import Prefixes
from studio.evaluation.measures import likeness_lines
from studio.evaluation.systems import BEFORE_AFTER, label_of, of_pair_key
from studio.jobs.context import JobContext
from studio.jobs.project_systems import heeds_instructions
from studio.runs import RERANKER, Model
from studio.training.encoders import ROLES
from studio.training.model_card import CardKind, ModelCard, write_card


def write_model_card(context: JobContext, model: Model) -> None:
    """Lineage, data, settings and every score so far, into the model's folder."""
    lineage = context.store.lineage.of_model(model.id) or {}
    card = ModelCard(
        name=model.name,
        base=_base(model.base),
        lineage=_lineage_lines(lineage),
        data=_data(context, lineage),
        settings=_settings(model),
        scores=_scores(model),
        notes=_notes(model),
        kind=_kind(context, model),
        instructed=heeds_instructions(model),
        prefixes=Prefixes(*(str(model.settings.get(f"{role}_prompt") or "") for role in ROLES)),
    )
    write_card(context.project.path / model.path, card)


def _kind(context: JobContext, model: Model) -> CardKind:
    if model.learner == RERANKER:
        return "reranker"
    return "llm" if context.project.task.trained_by == "tune" else "retriever"


def _base(base: str) -> str:
    """A folder's last part: a whole path tells strangers about the machine, and nothing else."""
    return Path(base).name if base.startswith(("/", "~", ".")) else base


def _settings(model: Model) -> dict[str, Any]:
    found = {key: item for key, item in model.settings.items() if item not in ("", None)}
    return found | {
        key: _base(found[key]) for key in ("base", "anchor", "teacher", "retriever") if key in found
    }


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
            about = f" on {made['documents']} documents" if made["documents"] else ""
            lines.append(f"{made['records']} records{about}: {source}")
        current = current["parent"]
    return lines


def _data(context: JobContext, lineage: dict[str, Any]) -> dict[str, Any]:
    data: dict[str, Any] = {
        "pairs" if context.project.task.has_path else "records": lineage.get("records", 0),
        "language": context.project.language,
        "few-shot examples": len(lineage.get("examples", ())),
    }
    for link in context.store.verdicts.chain():
        data[f"filter {link.filter}"] = f"{link.judged:,} judged, {link.kept:,} kept"
    return data


def _scores(model: Model) -> dict[str, dict[str, float]]:
    test = model.scores.get("test", {})
    labels = test.get("systems", {})
    return {label_of(name, labels): means for name, means in test.get("scores", {}).items()}


def _notes(model: Model) -> list[str]:
    notes = []
    if validation := model.scores.get("validation_ndcg@10"):
        before, after = (validation[name] for name in BEFORE_AFTER)
        if before is not None and after is not None:
            notes.append(
                f"nDCG@10 on validation: base {before:.4f}, trained {after:.4f}. Validation chose "
                "the checkpoint and the share of trained weights, so it flatters the model."
            )
    if losses := model.scores.get("validation_loss"):
        before, after = (losses[name] for name in BEFORE_AFTER)
        if before is not None and after is not None:
            notes.append(
                f"Loss on validation: base {before:.4f}, trained {after:.4f} nats a token. "
                "Validation chose the checkpoint, so it flatters the model."
            )
    if test := model.scores.get("test"):
        notes.append(f"Test: {test['gold']}.")
        labels = test.get("systems", {})
        for key, p_value in test["p_value"].items():
            new, old = (label_of(name, labels) for name in of_pair_key(key))
            notes.append(f"{new} vs {old}: p = {p_value}.")
        notes += likeness_lines(test.get("likeness"), labels)
    return notes
