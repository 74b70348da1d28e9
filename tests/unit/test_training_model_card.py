"""The README of a trained model."""

from __future__ import annotations

from dataclasses import replace

from studio.evaluation.embeddings import Prefixes
from studio.training.model_card import ModelCard, render

CARD = ModelCard(
    name="tax-2",
    base="minilm-l6",
    lineage=["model tax-1, snapshot 3: 1,204 records", "prompt question-answering v2, qwen"],
    data={"pairs": 1204, "documents": 400},
    scores={"bm25": {"ndcg@10": 0.4}, "trained": {"ndcg@10": 0.51234, "recall@100": 0.9}},
    notes=["Gold: held-out examples."],
    settings={"epochs": 2.0},
)


def test_the_card_tells_lineage_data_scores_and_settings() -> None:
    text = render(CARD)
    assert "- base: minilm-l6\n- model tax-1, snapshot 3: 1,204 records" in text
    assert "| pairs | 1204 |" in text
    assert "|  | ndcg@10 | recall@100 |" in text
    assert "| bm25 | 0.4000 |  |" in text
    assert "| trained | 0.5123 | 0.9000 |" in text
    assert "| epochs | 2.0 |" in text


def test_the_front_matter_is_what_hubs_read() -> None:
    head = render(CARD).split("---")[1]
    assert "library_name: sentence-transformers" in head
    assert 'base_model: "minilm-l6"' in head


def test_text_from_outside_can_neither_break_a_table_nor_the_front_matter() -> None:
    nasty = 'a|b\n---\nx: "y\x1b[31m'
    text = render(ModelCard(name=nasty, base=nasty, data={nasty: nasty}))
    assert "\x1b" not in text
    assert "a\\|b --- x:" in text
    assert text.count("\n---\n") == 1


def test_the_card_says_how_a_query_is_asked_with_its_task() -> None:
    assert "prompt_name" not in render(CARD)
    text = render(replace(CARD, instructed=True, prefixes=Prefixes("query: ", "")))
    assert "model.encode([...], prompt_name=task, normalize_embeddings=True)" in text
    assert 'prompt=f"query: Instruct: {task}\\nQuery: "' in text
