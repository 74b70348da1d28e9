"""Trainings in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from studio.evaluation.significance import Interval, PairedTest
from studio.runs import Job, JobState, Model
from studio.tui.train import words as train_words


def measured(mean: float, p_value: float, queries: int = 100) -> PairedTest:
    return PairedTest(Interval(mean, mean - 0.02, mean + 0.02), p_value, queries)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.41304, ".413"), (1.0, "1.000"), (-0.004, "−.004"), (0.0, ".000"), (None, "—"),
     (float("nan"), "—")],
)  # fmt: skip
def test_scores_are_short(value: float | None, text: str) -> None:
    assert train_words.short(value) == text


def test_a_gain_a_loss_and_no_proof_are_told_apart_in_words() -> None:
    gain = train_words.verdict(measured(0.05, 0.0002), "the trained model", "BM25")
    assert gain == (
        "The trained model is better than BM25, and chance alone would give a difference this "
        "large in less than 0.1% of cases."
    )
    assert "A is worse than B" in train_words.verdict(measured(-0.05, 0.01), "A", "B")
    assert train_words.verdict(measured(0.01, 0.17), "A", "B").startswith("No proof that A and B")


def test_few_queries_are_warned_of() -> None:
    assert "only 12 queries" in train_words.verdict(measured(0.1, 0.01, 12), "A", "B")


def test_the_test_in_numbers() -> None:
    assert (
        train_words.test_line(measured(0.05, 0.0002), "nDCG@10")
        == "+.050 nDCG@10, 95% +.030 … +.070, p <.001"
    )
    assert train_words.test_line(measured(-0.01, 0.166), "nDCG@10").endswith("p = .166")


def test_a_training_without_a_model_shows_its_steps() -> None:
    job = Job("train", {"name": "garden"}, 7, JobState.RUNNING, done=30, total=90)
    job = replace(job, message="training student · loss 0.512")
    cells = train_words.job_cells(job, "/a/folder/base")
    assert cells[:3] == ("●", "garden · training student", "base")
    assert cells[4:6] == ("30/90", "━━━─────  33%")


@pytest.mark.parametrize(
    ("message", "told"),
    [("", "running"), ("encoding for the teacher, 30", "encoding for the teacher")],
)
def test_what_comes_before_the_training_has_no_bar_of_it(message: str, told: str) -> None:
    job = Job("train", {"name": "garden"}, 7, JobState.RUNNING, done=30, total=90, message=message)
    cells = train_words.job_cells(job, "/a/folder/base")
    assert cells[:3] == ("●", f"garden · {told}", "base")
    assert cells[4:6] == ("", "")


def test_the_name_of_a_jobs_model() -> None:
    assert train_words.job_name(Job("train", {}, 7)) == "retriever-7"
    assert train_words.job_name(Job("filter", {}, 8)) == "round-trip-8"
    assert train_words.job_name(Job("path", {"train": {"name": "x"}}, 9)) == "x"


def test_validation_as_scored_comes_before_validation_as_seen_in_training() -> None:
    seen = {"validation_ndcg@10": {"base": 0.1, "trained": 0.2}}
    scored = {"validation": {"scores": {"base": {"ndcg@10": 0.3}, "trained": {"ndcg@10": 0.4}}}}
    assert train_words.validation_of(Model("m", "p", "b", scores=seen)) == (0.1, 0.2)
    assert train_words.validation_of(Model("m", "p", "b", scores=seen | scored)) == (0.3, 0.4)
    assert train_words.validation_of(Model("m", "p", "b")) == (None, None)


def test_a_share_of_cases_is_never_told_in_powers_of_ten() -> None:
    assert "in 100% of cases" in train_words.verdict(measured(0.0, 1.0), "A", "B")
    assert "in 37% of cases" in train_words.verdict(measured(0.0, 0.372), "A", "B")
    assert "in 0.52% of cases" in train_words.verdict(measured(0.1, 0.0052), "A", "B")


def test_one_query_is_one_query() -> None:
    assert "there is only one" in train_words.verdict(measured(0.0, 1.0, 1), "A", "B")


def test_the_columns_of_the_scores_never_touch() -> None:
    metrics = {
        "means": {"ndcg@10": 1.0, "mrr@10": 1.0, "recall@100": 1.0},
        "intervals": {name: [1.0, 1.0] for name in ("ndcg@10", "mrr@10", "recall@100")},
    }
    assert train_words._cell(metrics, "ndcg@10") == "1.000"
