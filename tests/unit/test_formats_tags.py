"""Tags: words of the person's own, harmless wherever they show, the same after any round trip."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.formats.examples import read_examples, write_examples
from studio.formats.rows import RawExample, SkippedRow
from studio.formats.tags import LONGEST, MOST, tag_text, tags_of
from studio.records import Example


@pytest.mark.parametrize(
    ("typed", "tags"),
    [
        ("", ()),
        ("   \t\n ", ()),
        ("home tax", ("home", "tax")),
        ("home, tax;law", ("home", "tax", "law")),
        ("退货，押金、zh", ("退货", "押金", "zh")),
        ("#home ##tax #", ("home", "tax")),
        ("Home home HOME tax", ("Home", "tax")),
        ("a\x1b[31mb c\x00d", ("a[31mb", "cd")),
        ("a\u202eb \u200b \ufeff", ("ab",)),
        ("\ud800 x\ud800y", ("xy",)),
        ("cafe\u0301 caf\u00e9", ("caf\u00e9",)),
        ("🧾 ❤\ufe0f", ("🧾", "❤\ufe0f")),
        ("[bold] {{x}} =1+1", ("[bold]", "{{x}}", "=1+1")),
        ("x" * 500, ("x" * LONGEST,)),
        (" ".join(str(n) for n in range(99)), tuple(str(n) for n in range(MOST))),
    ],
)
def test_what_is_typed_becomes_tags(typed: str, tags: tuple[str, ...]) -> None:
    assert tags_of(typed) == tags


@given(st.text(st.characters() | st.sampled_from("#,;、 \t\u0301\u200d\ud800")))
def test_tags_are_harmless_and_stay_as_they_are(typed: str) -> None:
    tags = tags_of(typed)
    assert tags_of(tag_text(tags)) == tags
    assert len(tags) <= MOST
    for tag in tags:
        assert 0 < len(tag) <= LONGEST
        assert not any(unicodedata.category(c) in ("Cc", "Cf", "Cs") or c.isspace() for c in tag)


@settings(max_examples=40)
@given(typed=st.text(), suffix=st.sampled_from([".jsonl", ".csv", ".tsv"]))
def test_tags_go_out_and_come_back(
    tmp_path_factory: pytest.TempPathFactory, typed: str, suffix: str
) -> None:
    path = tmp_path_factory.mktemp("tags") / f"a{suffix}"
    tags = tag_text(tags_of(typed))
    write_examples([Example("d", "q", tags=tags)], path)
    (row,) = read_examples(path)
    assert isinstance(row, RawExample)
    assert row.tags == tags


@pytest.mark.parametrize(
    ("value", "tags"),
    [("home tax", "home tax"), (["home", "the tax"], "home the tax"), (None, ""), ([], "")],
)
def test_a_file_may_hold_tags_as_text_or_as_a_list(
    tmp_path: Path, value: object, tags: str
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"query": "q", "document": "d", "tags": value}))
    (row,) = read_examples(path)
    assert isinstance(row, RawExample)
    assert row.tags == tags


@pytest.mark.parametrize("value", [3, {"a": 1}, [3], [["x"]], "\ud800", "a\0b"])
def test_tags_that_are_no_texts_cost_one_row(tmp_path: Path, value: object) -> None:
    path = tmp_path / "a.jsonl"
    good = {"query": "q", "document": "d"}
    path.write_text(json.dumps(good) + "\n" + json.dumps({**good, "tags": value}))
    _, bad = read_examples(path)
    assert isinstance(bad, SkippedRow)
    assert bad.where == "a.jsonl:2"
    assert "tags" in bad.reason
