"""Jobs in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from studio.runs import Job, JobState
from studio.tui.job_watch import JobWatch
from studio.tui.jobs import outcome
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


def test_time_spent() -> None:
    assert job_words.took(RUNNING, NOON) == "1:00"


def test_the_time_left_is_by_the_pace_of_the_phase_and_not_of_what_went_before() -> None:
    watch = JobWatch()
    encoding = replace(RUNNING, done=90, total=100, message="train: encoding for the teacher")
    assert watch.left(encoding, job_words.phase(encoding), 0.0) == ""
    training = replace(RUNNING, done=0, total=100, message="train: training m · loss 0.5")
    assert watch.left(training, job_words.phase(training), 600.0) == ""
    assert watch.left(replace(training, done=10), job_words.phase(training), 620.0) == "3:00 left"
    # A step back, as after a resume, begins anew.
    assert watch.left(replace(training, done=5), job_words.phase(training), 630.0) == ""
    assert watch.left(replace(training, state=JobState.FAILED), "", 640.0) == ""


@pytest.mark.parametrize(
    ("message", "phase", "bar"),
    [
        ("train: encoding for the teacher", "encoding for the teacher", "encoding 100%"),
        ("training retriever · loss 0.500", "training retriever", "training 100%"),
        ("generate: 40 of 60, 3 dropped", "", "train 100%"),
        ("", "", "train 100%"),
    ],
)
def test_the_share_is_named_after_its_phase(message: str, phase: str, bar: str) -> None:
    job = replace(RUNNING, kind="train", done=60, total=60, message=message)
    assert job_words.phase(job) == phase
    assert job_words.running([job]) == bar


def test_what_is_asked_to_stop_says_so_at_once() -> None:
    job = replace(RUNNING, kind="train", cancel_requested=True)
    assert job_words.mark(job) == "– cancelling …"
    assert job_words.running([job]) == "train cancelling"
    assert job_words.mark(replace(job, state=JobState.CANCELLED)) == "– cancelled"


def test_each_end_is_told_in_one_sentence() -> None:
    done = replace(RUNNING, id=4, kind="filter", state=JobState.DONE, result={"kept": 14})
    assert job_words.ending(done) == "filter 4 is done: 14 kept"
    failed = replace(done, state=JobState.FAILED, message="The disk is full.")
    assert job_words.ending(failed) == "filter 4 failed: The disk is full."
    assert "resumed" in job_words.ending(replace(done, state=JobState.INTERRUPTED))


def test_a_watch_tells_of_each_end_once_and_of_none_from_before() -> None:
    watch = JobWatch()
    old, live = replace(RUNNING, id=1, state=JobState.DONE), replace(RUNNING, id=2)
    assert watch.ended([live, old]) == []
    done = replace(live, state=JobState.DONE)
    short = replace(RUNNING, id=3, state=JobState.FAILED)
    assert watch.ended([short, done, old]) == [done, short]
    assert watch.ended([short, done, old]) == []


def test_the_result_of_an_evaluation_is_a_table_with_intervals_and_p() -> None:
    text = outcome.result_text(Job("evaluate", {}, state=JobState.DONE, result=RESULT))
    lines = text.splitlines()
    assert lines[0].split() == ["nDCG@10", "Recall@100", "MRR@10"]
    assert lines[2].startswith("base     0.6000 [0.550–0.650]  0.9500")
    assert "on 60 gold test queries" in text
    assert "trained − base  +0.0500 [+0.0100 … +0.0900]  p = 0.0123  significant" in text
    assert "p = 0.3000  not significant" in text
    assert "price unknown" in text


def test_what_was_dropped_is_counted_by_reason() -> None:
    text = outcome.result_text(Job("filter", {}, result=RESULT))
    assert "dropped: round-trip" in text
    assert "500" in text


def test_what_a_person_should_know_of_a_job_stands_with_its_result() -> None:
    said = "docs.tsv: it has no header line: its columns were taken as id, text."
    job = Job("import", {}, result={"documents": 2, "notes": [said]})
    assert said in outcome.result_text(job)


def test_a_filters_end_tells_its_reasons_and_each_link() -> None:
    found = {
        "kept": 353,
        "dropped": {"round-trip": 30, "copied": 17},
        "chain": [{"filter": "copy", "label": "Copy: by words", "judged": 400, "kept": 383}],
    }
    done = Job("filter", {}, id=4, state=JobState.DONE, result=found)
    told = "353 kept, 47 dropped: 30 round-trip, 17 copied"
    assert job_words.in_short(done) == told
    assert job_words.ending(done) == f"filter 4 is done: {told}"
    text = outcome.result_text(done)
    assert "copy                 400 → 383      Copy: by words" in text
    assert "dropped: copied                17" in text


def test_an_interrupted_job_says_how_to_go_on() -> None:
    job = Job("train", {}, state=JobState.INTERRUPTED)
    assert "r goes on" in job_words.advice(job, "r")
    assert job_words.advice(RUNNING, "r") == ""


def test_an_empty_result_is_no_text() -> None:
    assert outcome.result_text(Job("train", {})) == ""


def test_what_a_step_made_stands_in_the_list() -> None:
    assert job_words.in_short(Job("filter", {}, result={"kept": 14, "dropped": {}})) == "14 kept"
    generated = Job("generate", {}, result={"requests": 44, "generated": 26})
    assert job_words.in_short(generated) == "26 queries generated"
    assert job_words.in_short(Job("import", {}, result={"documents": 25})) == "25 documents"
    assert job_words.in_short(Job("import", {}, message="3 files")) == "3 files"
    assert job_words.in_short(Job("train", {})) == ""
