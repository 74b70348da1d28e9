"""Which filters a type of records has, and what people type to change that."""

from __future__ import annotations

import pytest

from studio import filters
from studio.filters.choosing import chain, fitting, refuse_unused, settings_in, usual
from studio.records import (
    INSTRUCTION,
    LABELLED_TEXT,
    OWN_TYPES,
    QUERY,
    QUESTION,
    SENTENCE_PAIR,
    RecordType,
    StudioError,
)

LIKE_INSTRUCTIONS = RecordType("recipe", ("instruction", "output"), "recipe", "recipes")


def test_queries_are_judged_as_published() -> None:
    assert usual(QUERY) == [
        "length", "copy", "language", "duplicates", "near-duplicates", "round-trip",
    ]  # fmt: skip


@pytest.mark.parametrize("judged", [LABELLED_TEXT, SENTENCE_PAIR, QUESTION])
def test_labelled_records_have_no_document_to_be_judged_by(judged: RecordType) -> None:
    assert usual(judged) == ["length", "language", "duplicates"]
    assert not {"copy", "near-duplicates", "round-trip", "conflicts"} & set(fitting(judged))


@pytest.mark.parametrize("judged", [INSTRUCTION, LIKE_INSTRUCTIONS])
def test_instructions_have_a_chain_of_their_own(judged: RecordType) -> None:
    assert usual(judged) == [
        "field-lengths", "blacklist", "starts", "repeated-input", "language", "conflicts",
        "duplicates", "novelty", "per-task",
    ]  # fmt: skip


@pytest.mark.parametrize("judged", OWN_TYPES)
def test_what_is_usual_fits_and_what_is_drawn_is_asked_for(judged: RecordType) -> None:
    assert set(usual(judged)) <= set(fitting(judged))
    assert "sample" in set(fitting(judged)) - set(usual(judged))


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("", ["length", "language", "duplicates"]),
        (" , ", ["length", "language", "duplicates"]),
        ("duplicates, length", ["length", "duplicates"]),
        ("+novelty", ["length", "language", "duplicates", "novelty"]),
        ("-language,+sample", ["length", "duplicates", "sample"]),
        ("length,+sample", ["length", "sample"]),
        ("+length", ["length", "language", "duplicates"]),
    ],
)
def test_a_chain_is_typed_and_runs_in_its_own_order(typed: str, expected: list[str]) -> None:
    assert chain(typed, LABELLED_TEXT) == expected


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("novelti", "did you mean “novelty”"),
        ("+smaple", "did you mean “sample”"),
        ("-lenght", "did you mean “length”"),
        ("round-trip", "nothing for texts; these are: length, "),
        ("+", "no filter “”"),
        ("-length,-language,-duplicates", "leave none"),
        ("-length,language", "names alone, or"),
    ],
)
def test_a_chain_that_cannot_be_is_refused_by_name(typed: str, words: str) -> None:
    with pytest.raises(StudioError, match=words):
        chain(typed, LABELLED_TEXT)


def test_settings_are_read_as_their_fields_are() -> None:
    typed = (
        "novelty.near=0.6, per-task.most=3; length.fewest=,blacklist.words=map, go to,"
        "language.language=de"
    )
    assert settings_in(typed) == {
        "novelty": {"near": 0.6},
        "per-task": {"most": 3},
        "length": {"fewest": None},
        "blacklist": {"words": "map, go to"},
        "language": {"language": "de"},
    }
    assert settings_in(" ") == {}
    bounds = settings_in("field-lengths.words=instruction:2-9,output:1-5,sample.size=4")
    assert bounds == {
        "field-lengths": {"words": "instruction:2-9,output:1-5"},
        "sample": {"size": 4},
    }


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("novelty", "write filter.setting=value"),
        ("near=0.6", "write filter.setting=value"),
        ("noveltie.near=0.6", "did you mean “novelty”"),
        ("novelty.nera=0.6", "did you mean “near”"),
        ("novelty.near=close", "it is a number, such as 0.7"),
        ("per-task.most=2.5", "it is a whole number, such as 5"),
        ("length.most=many", "it is a whole number"),
        ("conflicts.most=2", "it has none"),
    ],
)
def test_settings_that_cannot_be_are_refused_with_the_nearest(typed: str, words: str) -> None:
    with pytest.raises(StudioError, match=words):
        settings_in(typed)


def test_every_setting_of_every_filter_can_be_typed_as_it_is() -> None:
    for name in filters.available():
        made = filters.make(name)
        for key in filters.setting_names(name):
            value = getattr(made, key)
            typed = f"{name}.{key}={'' if value is None else value}"
            assert settings_in(typed) == {name: {key: value}}


def test_settings_of_a_filter_that_does_not_run_are_refused() -> None:
    with pytest.raises(StudioError, match=r"add it with \+sample"):
        refuse_unused({"sample": {"size": 3}}, ["length"])
