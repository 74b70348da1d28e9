"""Remarks on all examples at once say what each one by itself would say."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from studio.prompting.lint_all import Linter
from studio.prompting.lints import lint_example
from studio.records import Example

DOCUMENT = "A late return costs ten percent of the tax that is due."
QUERIES = st.lists(st.lists(st.sampled_from(list("abcdefg退税")), max_size=8), max_size=6)


def kinds(linter: Linter, examples: list[Example]) -> list[list[str]]:
    found = linter.remarks(examples)
    return [[remark.kind for remark in found[example.id]] for example in examples]


@settings(max_examples=60)
@given(st.lists(QUERIES, min_size=1, max_size=4))
def test_it_agrees_with_the_remarks_on_one_through_all_changes(states: list) -> None:
    linter = Linter((3, 6), "en")
    for state in states:
        examples = [
            Example(DOCUMENT, " ".join(words), id=number) for number, words in enumerate(state, 1)
        ]
        alone = [
            [
                remark.kind
                for remark in lint_example(
                    example,
                    [other for other in examples if other.id != example.id],
                    norm=(3, 6),
                    language="en",
                )
            ]
            for example in examples
        ]
        found = kinds(linter, examples)
        assert [sorted(one) for one in found] == [sorted(one) for one in alone]


def test_the_near_example_is_named_and_forgotten_when_it_goes() -> None:
    linter = Linter((1, 30), "en")
    first = Example(DOCUMENT, "what is the fine for a late return", id=1)
    second = replace(first, query="what is the fine for a late tax return", id=2)
    (remark,) = linter.remarks([first, second])[1]
    assert "late tax return" in str(remark)
    assert kinds(linter, [first]) == [[]]


def test_another_document_alone_is_looked_at_again() -> None:
    linter = Linter((1, 30), "en")
    example = Example("Other words.", "return costs ten percent of the tax", id=1)
    assert kinds(linter, [example]) == [[]]
    assert kinds(linter, [replace(example, document_text=DOCUMENT)]) == [["copied"]]
