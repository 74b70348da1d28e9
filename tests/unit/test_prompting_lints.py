"""Remarks on an example as one writes it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from studio.prompting.lints import lint_example
from studio.records import INSTRUCTION, Example

DOCUMENT = "A late return costs ten percent of the tax that is due."
OTHERS = [Example(DOCUMENT, "what is the fine for a late return"), Example(DOCUMENT, "")]


@pytest.mark.parametrize(
    ("query", "kinds"),
    [
        ("what happens when i miss the deadline", []),
        ("", []),
        ("return costs ten percent of the tax", ["copied"]),
        ("penalty", ["too-short"]),
        ("when i send it in may and not in april do they want more", ["too-long"]),
        ("is there a fine for sending it late", []),
        ("What is the fine for a late tax return?", ["alike"]),
        ("逾期申报怎么办", ["language"]),
    ],
)
def test_remarks(query: str, kinds: list[str]) -> None:
    found = lint_example(Example(DOCUMENT, query), OTHERS, norm=(4, 12), language="en")
    assert [remark.kind for remark in found] == kinds


def test_a_remark_reads_as_a_sentence() -> None:
    (remark,) = lint_example(Example(DOCUMENT, "what is the fine for a late return"), OTHERS)
    expected = "Nearly the same as another example: “what is the fine for a late return”."
    assert str(remark) == expected


@pytest.mark.parametrize(
    ("instruction", "fields", "said"),
    [
        ("Draw the plan of a barn.", {"output": "x"}, ["“draw” is on the prompt's blacklist"]),
        ("Name the parts of a plough.", {"input": "a plough"}, ["No output yet"]),
        ("Name it.", {"output": "x"}, ["2 words; the prompt's usual instruction has 4 at least"]),
        ("Name the parts of a drawbridge.", {"output": "x"}, []),
        ("列出犁的各个部分", {"output": "x"}, ["The instruction does not look like"]),
        ("", {}, []),
    ],
)
def test_remarks_on_a_seed(instruction: str, fields: dict[str, str], said: list[str]) -> None:
    seed = Example("", instruction, type=INSTRUCTION, fields=fields)
    found = lint_example(seed, norm=(4, 150), listed=("draw", "go to"))
    assert [str(remark)[: len(one)] for remark, one in zip(found, said, strict=True)] == said


def test_writing_an_example_loads_no_heavy_module() -> None:
    script = (
        "import sys\n"
        "from studio.prompting.lints import lint_example\n"
        "import studio.prompting.shots, studio.methods.promptagator, studio.filters\n"
        "from studio.records import Example\n"
        "lint_example(Example('a b c d e f', 'a b c d e f'), [Example('a', 'b c')])\n"
        "print([m for m in ('numpy', 'torch', 'jinja2', 'pandas', 'openai') if m in sys.modules])"
    )
    said = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "[]"
