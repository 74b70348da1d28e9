"""Jobs in words."""

from __future__ import annotations

from datetime import UTC, datetime

from studio.records import Job, JobState
from studio.tui.jobs import words as job_words

NOON = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
RUNNING = Job(
    "generate", {}, state=JobState.RUNNING, done=25, total=100, started="2026-01-01T11:59:00+00:00"
)
RESULT = {
    "scores": {
        "bm25": {"nDCG@10": 0.5, "Recall@100": 0.9, "MRR@10": 0.4},
        "base": {"nDCG@10": 0.6, "Recall@100": 0.95, "MRR@10": 0.5},
        "trained": {"nDCG@10": 0.65, "Recall@100": 0.96, "MRR@10": 0.55},
    },
    "intervals": {"base": {"nDCG@10": [0.55, 0.65]}},
    "p_value": {"trained_vs_base": 0.0123, "trained_vs_bm25": 0.3},
    "difference": {"trained_vs_base": [0.05, 0.01, 0.09]},
    "gold": "60 gold test queries (60 import)",
    "kept": 811,
    "dropped": {"round-trip": 500},
    "spent": {"calls": 3, "prompt_tokens": 10, "completion_tokens": 2, "cost": None},
}


def test_progress_is_a_bar_with_its_share() -> None:
    assert job_words.progress(RUNNING).split() == ["━━────────", "25%"]
    assert job_words.progress(Job("import", {}, done=1200)) == "1,200"
    assert job_words.progress(Job("import", {}, state=JobState.DONE, done=2, total=2)) == ""


def test_time_spent_and_left() -> None:
    assert job_words.took(RUNNING, NOON) == "1:00"
    assert job_words.time_left(RUNNING, NOON) == "3:00 left"
    assert job_words.time_left(Job("import", {}), NOON) == ""


def test_the_result_of_an_evaluation_is_a_table_with_intervals_and_p() -> None:
    text = job_words.result_text(Job("evaluate", {}, state=JobState.DONE, result=RESULT))
    lines = text.splitlines()
    assert lines[0].split() == ["ndcg@10", "recall@100", "mrr@10"]
    assert lines[2].startswith("base     0.6000 [0.550–0.650]  0.9500")
    assert "on 60 gold test queries" in text
    assert "trained − base  +0.0500 [+0.0100 … +0.0900]  p = 0.0123  significant" in text
    assert "p = 0.3000  not significant" in text
    assert "price unknown" in text


def test_what_was_dropped_is_counted_by_reason() -> None:
    text = job_words.result_text(Job("filter", {}, result=RESULT))
    assert "dropped: round-trip" in text
    assert "500" in text


def test_an_interrupted_job_says_how_to_go_on() -> None:
    job = Job("train", {}, state=JobState.INTERRUPTED)
    assert "r goes on" in job_words.advice(job, "r")
    assert job_words.advice(RUNNING, "r") == ""


def test_an_empty_result_is_no_text() -> None:
    assert job_words.result_text(Job("train", {})) == ""


def test_what_a_step_made_stands_in_the_list() -> None:
    assert job_words.in_short(Job("filter", {}, result={"kept": 14, "dropped": {}})) == "14 kept"
    generated = Job("generate", {}, result={"requests": 44, "generated": 26})
    assert job_words.in_short(generated) == "26 queries generated"
    assert job_words.in_short(Job("import", {}, result={"documents": 25})) == "25 documents"
    assert job_words.in_short(Job("import", {}, message="3 files")) == "3 files"
    assert job_words.in_short(Job("train", {})) == ""
