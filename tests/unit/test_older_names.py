"""Names that older studios wrote into rows are still read."""

from __future__ import annotations

from studio.methods.s3_retrieval import RetrievalSettings
from studio.runs import RoundError


def test_params_know_what_a_field_was_called_before() -> None:
    read = RetrievalSettings.from_row({"confusers": 3, "rounds": 1})
    assert read == RetrievalSettings(hard_negatives=3)
    row = RetrievalSettings(hard_negatives=0).to_row()
    assert RetrievalSettings.from_row(row).hard_negatives == 0


def test_an_error_has_its_hard_negatives_by_either_name() -> None:
    for detail in ({"hard_negatives": [5, 7]}, {"confusers": [5, 7, "x"]}):
        assert RoundError(1, 1, "", 0.0, detail).hard_negatives == (5, 7)
    for detail in ({}, {"confusers": "5"}):
        assert RoundError(1, 1, "", 0.0, detail).hard_negatives == ()
