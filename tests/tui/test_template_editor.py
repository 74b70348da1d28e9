"""The template editor: what stands where, and the way to the next remark."""

from __future__ import annotations

import pytest

from studio.jobs.setup import templates_of
from studio.methods.s3 import FORM
from studio.project import Project
from studio.prompting.builtin import builtin
from studio.prompting.forms import TemplateNames
from studio.prompting.templates import DOCUMENT_FORM
from studio.tasks import TASKS
from studio.tui.app import StudioApp
from studio.tui.pane.template_form import method_for
from studio.tui.prompt.highlight import spans, zone_of
from studio.tui.prompt.template_editor import TemplateEditor
from tests.support.hostile import assert_harmless, storable
from tests.support.prompt_pane import AT_ONCE
from tests.support.waiting import quiet

DOCUMENTS, STAGES = DOCUMENT_FORM.names, FORM.names


def kinds(line: str, zone: str, known: TemplateNames = DOCUMENTS) -> list[tuple[str, str]]:
    return [(line[start:end], kind) for start, end, kind in spans(line, zone, known)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("+++", [("+++", "fence")]),
        ('name = "a # b"', [("name", "key"), ('"a # b"', "text")]),
        ("shots = [2, 8]  # few", [("shots", "key"), ("2", "number"), ("8", "number"),
                                   ("# few", "comment")]),
        ("zero_shot = true", [("zero_shot", "key"), ("true", "number")]),
        ("shoots = 1", [("shoots", "unknown"), ("1", "number")]),
        ('[decoding.models."x"]', [('[decoding.models."x"]', "heading")]),
        ("# 注释", [("# 注释", "comment")]),
        ('name = "open', [("name", "key"), ('"open', "text")]),
    ],
)  # fmt: skip
def test_the_settings_are_read_as_toml(line: str, found: list[tuple[str, str]]) -> None:
    assert kinds(line, "front") == found


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("# Document", [("# Document", "heading")]),
        ("# Notes", []),
        ("写 {{ query }}", [("{{", "brace"), ("query", "name"), ("}}", "brace")]),
        ("{{ documnet }}", [("{{", "brace"), ("documnet", "unknown"), ("}}", "brace")]),
        ("{{ query|upper }}", [("{{", "brace"), ("query", "name"), ("upper", "name"),
                               ("}}", "brace")]),
        ("{{ query|evil }}", [("{{", "brace"), ("query", "name"), ("evil", "unknown"),
                              ("}}", "brace")]),
        ('{% if language == "zh" %}', [("{%", "brace"), ("if", "brace"), ("language", "name"),
                                       ('"zh"', "text"), ("%}", "brace")]),
        ("{# said aside #}", [("{# said aside #}", "comment")]),
        ("{{ query", [("{{", "brace"), ("query", "name"), ("", "brace")]),
    ],
)  # fmt: skip
def test_the_body_is_read_as_headings_and_placeholders(
    line: str, found: list[tuple[str, str]]
) -> None:
    assert kinds(line, "body") == found


def test_a_line_belongs_to_the_settings_until_the_second_fence() -> None:
    lines = ["+++", 'name = "x"', "+++", "body"]
    assert [zone_of(lines, n) for n in range(4)] == ["front", "front", "front", "body"]


def test_what_is_unknown_to_one_form_is_known_to_another() -> None:
    assert ("texts", "unknown") in kinds('texts = "a review"', "front")
    assert ("texts", "key") in kinds('texts = "a review"', "front", STAGES)
    assert ("rationales", "unknown") in kinds("{{ rationales }}", "body")
    assert ("rationales", "name") in kinds("{{ rationales }}", "body", STAGES)
    assert kinds("# Extrapolation", "body") == []
    assert kinds("# Extrapolation", "body", STAGES) == [("# Extrapolation", "heading")]


@pytest.mark.parametrize("task", TASKS)
def test_no_bundled_template_has_anything_unknown(task: str) -> None:
    for name, text in templates_of(TASKS[task]).items():
        known = method_for(text, TASKS[task]).form.names
        lines = text.split("\n")
        spans = [
            one for n, line in enumerate(lines) for one in kinds(line, zone_of(lines, n), known)
        ]
        assert [one for one in spans if one[1] == "unknown"] == [], name


async def test_what_is_unknown_is_underlined_and_not_only_red(wired: Project) -> None:
    wired.store.drafts.set("prompt", builtin("generic") + "\n{{ documnet }}")
    app = StudioApp(wired, screen="prompt")
    async with app.run_test(size=(100, 30)) as pilot:
        await quiet(pilot)
        editor = app.screen.query_one(TemplateEditor)
        drawn = editor.get_line(editor.document.line_count - 1)
        unknown = next(
            span for span in drawn.spans if drawn.plain[span.start : span.end][:1] == "d"
        )
        assert unknown.style.underline  # type: ignore[union-attr]


@pytest.mark.parametrize("theme", ["studio-dark", "studio-light", "studio-ansi"])
async def test_keys_are_coloured_in_every_theme(wired: Project, theme: str) -> None:
    app = StudioApp(wired, screen="prompt")
    async with app.run_test(size=(100, 30)) as pilot:
        app.theme = theme
        await quiet(pilot)
        line = app.screen.query_one(TemplateEditor).get_line(1)
        assert line.spans[0].style.color is not None  # type: ignore[union-attr]


@pytest.mark.parametrize("hostile", AT_ONCE, ids=["all", "long"])
async def test_a_hostile_template_is_drawn_harmless_and_kept(wired: Project, hostile: str) -> None:
    text = builtin("generic").replace("+++\n", f"+++\nname = {storable(hostile)}\n", 1) + hostile
    wired.store.drafts.set("prompt", text)
    app = StudioApp(wired, screen="prompt")
    async with app.run_test(size=(80, 24)) as pilot:
        await quiet(pilot)
        await pilot.press("e", "pagedown", "end")
        await quiet(pilot)
        assert_harmless(app)
        assert app.screen.query_one(TemplateEditor).value == storable(text)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
async def test_the_text_stands_first_and_the_settings_above_it(
    wired: Project, size: tuple[int, int]
) -> None:
    app = StudioApp(wired, screen="prompt")
    async with app.run_test(size=size) as pilot:
        await quiet(pilot)
        editor = app.screen.query_one(TemplateEditor)
        lines = editor.value.split("\n")
        fence = len(lines) - 1 - lines[::-1].index("+++")
        top = editor.wrapped_document.location_to_offset((fence, 0)).y
        # Where there is room for all of a short text, its end is the end of the field.
        assert editor.scroll_offset.y == min(top, editor.max_scroll_y) > 0
        assert editor.cursor_location == (fence + 1, 0)
        await pilot.press("e", "ctrl+end")
        assert editor.cursor_location == editor.document.end
        await pilot.press("ctrl+home")
        assert editor.cursor_location == (0, 0)
        assert editor.scroll_offset.y == 0


async def test_a_bracket_goes_from_remark_to_remark_and_f8_while_writing(
    wired: Project,
) -> None:
    text = builtin("generic").replace("shots = [2, 8]", "shots = 3") + "\n{{ documnet }}"
    wired.store.drafts.set("prompt", text)
    app = StudioApp(wired, screen="prompt")
    async with app.run_test(size=(100, 30)) as pilot:
        await quiet(pilot)
        editor = app.screen.query_one(TemplateEditor)
        lines = text.split("\n")
        await pilot.press("right_square_bracket")
        assert editor.has_focus
        assert lines[editor.cursor_location[0]] == "shots = 3"
        await pilot.press("f8")
        assert lines[editor.cursor_location[0]] == "{{ documnet }}"
        await pilot.press("f8")
        assert lines[editor.cursor_location[0]] == "shots = 3"


async def test_without_remarks_the_bracket_says_so(wired: Project) -> None:
    app = StudioApp(wired, screen="prompt")
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("right_square_bracket")
        await pilot.pause()
        assert "No remarks" in list(app.said)[-1].text
