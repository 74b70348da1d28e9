"""What a job was told, in words."""

from __future__ import annotations

import re

import pytest

from studio.jobs.params import (
    FilterParams,
    ImportParams,
    JudgeParams,
)
from studio.jobs.told import told, value_words
from studio.jobs.train_params import (
    EvaluateParams,
    TrainParams,
)
from studio.params import Params


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("import", ImportParams(corpus="/docs", gold="/gold", passage_tokens=200)),
        ("filter", FilterParams()),
        ("judge", JudgeParams(by="rubric", rubric="Five points for each tree.")),
        ("train", TrainParams(kept_by="length", min_score=0.5, prompt_version=3)),
        ("evaluate", EvaluateParams(model_id=3, systems="hybrid")),
    ],
)
def test_every_setting_has_words_and_no_value_has_brackets(kind: str, params: Params) -> None:
    for words, said in told(kind, params.to_row(), "retrieval"):
        assert re.fullmatch(r"[A-Z][^_]*", words), words
        assert not set(said) & set("[]{}'"), said
        assert said not in ("True", "False", "None")


def test_settings_of_a_path_say_their_stage() -> None:
    params = {
        "generate": {"budget_tokens": 5000, "method": "promptagator", "queries_per_document": 2},
        "filter": {"k": 3, "filters": ["length", "copy"]},
        "train": None,
    }
    assert list(told("path", params, "retrieval")) == [
        ("generate: Cap in tokens", "5,000"),
        ("generate: Method", "promptagator"),
        ("generate: Queries each", "2"),
        ("filter: Keep in the top", "3"),
        ("filter: Filters", "length, copy"),
    ]


def test_a_runs_own_settings_have_the_words_of_its_form() -> None:
    found = dict(told("s3", {"method": "s3", "extrapolate": False, "rounds": 3}, "classification"))
    assert found == {"Method": "s3", "Extrapolate": "no", "Rounds": "3"}


def test_a_judge_is_told_in_the_words_of_its_form() -> None:
    found = dict(told("judge", JudgeParams(keep_from=4).to_row(), "instructions"))
    assert (found["Judge"], found["Keep from"]) == ("accuracy", "4")


def test_values_are_written_as_people_write_them() -> None:
    assert value_words({"title": "name", "n": [1, 2]}) == "title name, n 1, 2"
    assert value_words(2e-05) == "2e-05"
    assert value_words(True) == "yes"
