"""Whatever stands in a template, its writer reads a remark; nothing ends or fills the memory."""

from __future__ import annotations

import pytest

from studio import methods
from studio.prompting.rendering import MOST_TEXT, filled
from studio.prompting.template_source import SourceFault, read
from studio.prompting.templates import lint, parse, render
from studio.records import StudioError
from studio.tasks import TASKS

FRONT = '+++\nname = "x"\nlanguage = "en"\ndocument_label = "D:"\nquery_label = "Q:"\n+++\n'

HARMLESS = (
    '{% if language == "zh" %}写{% else %}Write{% endif %} a query.',
    "{% if fewest_words > 3 and not most_words < 5 %}long{% endif %} queries",
    "{{ document_label | upper | trim }}",
    "{# a remark #}{% raw %}{{ x }}{% endraw %}",
)
BOMBS = (
    "{{ " + "9" * 5000 + " }}",
    "{{ 9 ** 9 ** 9 }}",
    "{{ 'a' * 10 ** 9 }}",
    "{% if language == 'a' * 10 ** 9 %}b{% endif %}",
    "{{ range(10 ** 9) | list }}",
    "{% for i in range(10 ** 9) %}x{% endfor %}",
    "{{ 'x' | center(10 ** 9) }}",
    "{{ '%999999999d' | format(1) }}",
    "{% autoescape true %}{% endautoescape %}",
    "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}",
    "{{" * 500,
    "{{" * 100_000,
    "{#" * 100_000,
    "{% if document %}" * 400,
    "{% if document %}" * 400 + "{% endif %}" * 400,
    "{% if document %}a{% elif document %}" * 400 + "{% endif %}",
    "{{ " + "(" * 900 + "document" + ")" * 900 + " }}",
    "{{ " + "not " * 450 + "document }}",
    "{{ document" + "|upper" * 300 + " }}",
    "{% if " + " or ".join(["document"] * 20_000) + " %}{% endif %}",
    "{{ document.__class__ }}",
    "{{ document | attr('__class__') }}",
    "{{ self }}",
    "{% include '/etc/hostname' %}",
)


@pytest.mark.parametrize("body", HARMLESS)
def test_comparisons_and_filters_are_templates(body: str) -> None:
    assert [remark for remark in lint(FRONT + body) if remark.fatal] == []
    assert render(parse(FRONT + body), (), "A document.")


@pytest.mark.parametrize("part", ["", "# Document\n{{ document }}\n", "# Ask\n"])
@pytest.mark.parametrize("body", BOMBS, ids=range(len(BOMBS)))
def test_a_bomb_is_a_remark_with_a_line(body: str, part: str) -> None:
    fatal = [remark for remark in lint(f"{FRONT}Write.\n{part}{body}\n") if remark.fatal]
    if not fatal:
        # Deep, but not too deep for this interpreter.
        assert render(parse(f"{FRONT}Write.\n{part}{body}\n"), (), "A document.")
    assert all(remark.line >= 1 and remark.message.endswith((".", "?")) for remark in fatal)


@pytest.mark.parametrize(
    "front",
    [
        "a = " + "[" * 5000 + "]" * 5000,
        "a = " + "9" * 5000,
        "document_words = 1" + "0" * 30,
        "shots = [0, 1" + "0" * 30 + "]",
        "queries_per_document = 1" + "0" * 30,
        'name = "' + "x" * 600_000 + '"',
    ],
    ids=("nested", "digits", "words", "shots", "queries", "long"),
)
def test_a_bomb_in_the_settings_is_a_remark(front: str) -> None:
    text = FRONT.replace("+++\n", f"+++\n{front}\n", 1)
    assert any(remark.fatal for remark in lint(text))
    with pytest.raises(StudioError, match="line"):
        parse(text)


@pytest.mark.parametrize("task", TASKS)
def test_every_methods_form_has_only_remarks_on_bombs(task: str) -> None:
    for method in methods.of_task(task).values():
        head = f'+++\nname = "x"\ntask = "{task}"\nlanguage = "en"\ntexts = "t"\n'
        for body in BOMBS:
            found = method.form.lint(f'{head}method = "{method.name}"\n+++\n{body}\n')
            assert any(remark.fatal for remark in found)


def test_values_that_do_not_fit_a_template_are_a_sentence() -> None:
    for body in ("{% if document > 3 %}a{% endif %}", "{{ document | trim(1, 2) }}"):
        with pytest.raises(StudioError, match="cannot be filled in"):
            render(parse(f"{FRONT}Write.\n# Document\n{{{{ document }}}}{body}"), (), "A document.")


def test_a_text_that_grows_without_end_is_cut_off() -> None:
    with pytest.raises(StudioError, match="more than 2,000,000 characters"):
        filled("{{ document }}" * 900, {"document": "x" * (MOST_TEXT // 10)})


def test_a_text_that_is_no_template_of_bounded_size_is_taken_apart_no_further() -> None:
    with pytest.raises(SourceFault, match="more than 500,000 characters"):
        read(FRONT + "x" * 600_000)
