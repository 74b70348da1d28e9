"""Names that older studios wrote into rows are still read."""

from __future__ import annotations

from studio.jobs.s3_params import S3Params
from studio.records import RoundError


def test_params_know_what_a_field_was_called_before() -> None:
    assert S3Params.from_row({"confusers": 3, "rounds": 1}) == S3Params(hard_negatives=3, rounds=1)
    assert S3Params.from_row(S3Params(hard_negatives=0).to_row()).hard_negatives == 0


def test_an_error_has_its_hard_negatives_by_either_name() -> None:
    for detail in ({"hard_negatives": [5, 7]}, {"confusers": [5, 7, "x"]}):
        assert RoundError(1, 1, "", 0.0, detail).hard_negatives == (5, 7)
    for detail in ({}, {"confusers": "5"}):
        assert RoundError(1, 1, "", 0.0, detail).hard_negatives == ()
