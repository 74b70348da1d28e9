"""The README of a trained model: where it came from, on what, how, and what it scores."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from studio.evaluation.embeddings import OWN_PREFIXES, Prefixes, instructed
from studio.formats.data_card import printable_line
from studio.training.settings import RetrieverSettings, TrainedRetriever, TrainingPair

CardKind = Literal["retriever", "reranker", "llm"]


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What the card says. Everything is optional but the name and the base."""

    name: str
    """The model's name."""
    base: str
    """What it started from."""
    lineage: Sequence[str] = ()
    """One line for each ancestor, the nearest first: model, snapshot, prompt version, LLM …"""
    data: Mapping[str, Any] = field(default_factory=dict)
    """What it was trained on: pairs, documents, filters, languages …"""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """How it was trained."""
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """System → measure → value, on the test queries."""
    notes: Sequence[str] = ()
    """Sentences on the scores: significance, how the gold came about, licences."""
    prefixes: Prefixes = OWN_PREFIXES
    """Put before queries and documents, by the model itself."""
    instructed: bool = False
    """Whether it was trained with tasks in words before queries."""
    kind: CardKind = "retriever"
    """What it is, which decides how it is loaded."""

    @classmethod
    def of_training(
        cls,
        name: str,
        settings: RetrieverSettings,
        pairs: Sequence[TrainingPair],
        result: TrainedRetriever,
    ) -> ModelCard:
        """All that the training itself knows."""
        values = settings.as_dict()
        values |= {"steps": result.steps, "kept step": result.best_step}
        values |= {"share of trained weights": result.share, "seconds": round(result.seconds)}
        # A folder's whole path tells strangers about the machine.
        base = Path(settings.base).name if Path(settings.base).exists() else settings.base
        values["base"] = base
        documents = len({pair.document_id for pair in pairs})
        return cls(
            name=name,
            base=base,
            data={"pairs": len(pairs), "documents": documents},
            settings={key: value for key, value in values.items() if value not in ("", None)},
            notes=_validation_note(result),
            prefixes=result.prefixes,
            instructed=any(pair.instruction for pair in pairs),
        )


def write_card(folder: Path, card: ModelCard) -> None:
    """Write ``README.md`` into a model's folder, in place of one that is there."""
    (folder / "README.md").write_text(render(card), "utf-8")


def render(card: ModelCard) -> str:
    """The card as Markdown with the front matter that model hubs read."""
    parts = [_front_matter(card), f"# {printable_line(card.name)}\n", _usage(card)]
    parts += [_bullets("Lineage", [f"base: {card.base}", *card.lineage])]
    parts += [_table("Data", card.data), _scores(card.scores), _bullets("Notes", card.notes)]
    parts += [_table("Settings", card.settings)]
    return "\n".join(part for part in parts if part)


FRONT_MATTER: Final[dict[CardKind, str]] = {
    "retriever": (
        "library_name: sentence-transformers\n"
        "pipeline_tag: sentence-similarity\n"
        "tags: [sentence-transformers, retrieval, synthetic-data]\n"
    ),
    "reranker": (
        "library_name: sentence-transformers\n"
        "pipeline_tag: text-ranking\n"
        "tags: [sentence-transformers, cross-encoder, reranking, synthetic-data]\n"
    ),
    "llm": (
        "library_name: transformers\n"
        "pipeline_tag: text-generation\n"
        "tags: [instruction-tuning, lora, synthetic-data]\n"
    ),
}
"""What model hubs read of each kind."""


def _front_matter(card: ModelCard) -> str:
    base = json.dumps(printable_line(card.base), ensure_ascii=False)
    return f"---\n{FRONT_MATTER[card.kind]}base_model: {base}\n---\n"


def _usage(card: ModelCard) -> str:
    if card.kind == "retriever":
        return _usage_of_retriever(card)
    return _usage_of_llm() if card.kind == "llm" else _usage_of_reranker()


def _usage_of_reranker() -> str:
    return (
        "A cross-encoder: it reads a query and a document together and puts in order what a "
        "retriever finds. It learned from that retriever's first documents (see Lineage).\n\n"
        "```python\n"
        "from sentence_transformers import CrossEncoder\n\n"
        'model = CrossEncoder("path/to/this/folder")\n'
        "scores = model.predict([(query, document) for document in found])\n"
        "```\n"
    )


def _usage_of_llm() -> str:
    return (
        "A language model tuned on instructions with low-rank adapters (LoRA). This folder is the "
        "merged model; `adapter/` has the adapters alone, for PEFT, and `model-f16.gguf`, where it "
        "is there, is for llama.cpp and its kin.\n\n"
        "```python\n"
        "from transformers import pipeline\n\n"
        'answer = pipeline("text-generation", model="path/to/this/folder")\n'
        'asked = [{"role": "user", "content": "the instruction, an empty line, its input"}]\n'
        'print(answer(asked, do_sample=False)[0]["generated_text"][-1]["content"])\n'
        "```\n\n"
        "It was trained and scored with its chat template, as this call uses it.\n"
    )


def _usage_of_retriever(card: ModelCard) -> str:
    return (
        "A dual encoder for retrieval: a query and the document that answers it lie near each "
        "other.\n\n"
        "```python\n"
        "from sentence_transformers import SentenceTransformer\n\n"
        'model = SentenceTransformer("path/to/this/folder")\n'
        "queries = model.encode_query([...], normalize_embeddings=True)\n"
        "documents = model.encode_document([...], normalize_embeddings=True)\n"
        "scores = queries @ documents.T\n"
        "```\n\n"
        f"These two calls put {_said(card.prefixes.query)} before each query and "
        f"{_said(card.prefixes.document)} before each document, as in training and in the scores "
        "below.\n" + (_usage_of_tasks(card.prefixes.query) if card.instructed else "")
    )


def _usage_of_tasks(prefix: str) -> str:
    form = _literal(prefix.replace("{", "{{").replace("}", "}}") + instructed("{task}", ""))
    return (
        "\nIt was trained with the task in words before a query. It knows its tasks by their words "
        "(`model.prompts` lists them); any other can be told in the same form:\n\n"
        "```python\n"
        "model.encode([...], prompt_name=task, normalize_embeddings=True)\n"
        f"model.encode([...], prompt=f{form}, normalize_embeddings=True)\n"
        "```\n"
    )


def _said(prompt: str) -> str:
    return f"`{_literal(prompt)}`" if prompt else "nothing"


def _literal(prompt: str) -> str:
    return printable_line(json.dumps(prompt, ensure_ascii=False))


def _validation_note(result: TrainedRetriever) -> list[str]:
    if result.best_score is None:
        return ["No validation set: the last step was kept."]
    before = f" ({result.base_score:.4f} before training)" if result.base_score is not None else ""
    return [
        f"nDCG@10 on the validation queries: {result.best_score:.4f}{before}. "
        "They chose the checkpoint, so this number flatters the model."
    ]


def _scores(scores: Mapping[str, Mapping[str, float]]) -> str:
    if not scores:
        return ""
    measures = list(dict.fromkeys(name for row in scores.values() for name in row))
    lines = ["## Scores\n", _row(["", *measures]), _row(["---"] * (len(measures) + 1))]
    for system, row in scores.items():
        lines.append(_row([system, *(f"{row[m]:.4f}" if m in row else "" for m in measures)]))
    return "\n".join(lines) + "\n"


def _table(title: str, values: Mapping[str, Any]) -> str:
    if not values:
        return ""
    rows = [_row([key, value]) for key, value in values.items()]
    return "\n".join([f"## {title}\n", _row(["", ""]), _row(["---", "---"]), *rows]) + "\n"


def _bullets(title: str, lines: Sequence[str]) -> str:
    if not lines:
        return ""
    return "\n".join([f"## {title}\n", *(f"- {printable_line(line)}" for line in lines)]) + "\n"


def _row(cells: Sequence[Any]) -> str:
    return "| " + " | ".join(printable_line(str(cell)).replace("|", "\\|") for cell in cells) + " |"
