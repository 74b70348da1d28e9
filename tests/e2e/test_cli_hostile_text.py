"""Hostile text from outside: harmless on a terminal, unchanged for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from studio.safe_text import HARMFUL
from tests.support.openai_server import OpenAIServer
from tests.support.verbs import Verbs

HARM = frozenset(map(chr, HARMFUL))
EVIL = (
    "\x1b]52;c;aGFjaw==\x07 \x1b[31mred \x9b2J \u202eevil\u202c [bold]loud[/bold] [/] :100: \\[x]"
)
"""Clipboard, colours, a C1 control, a bidi override, markup, an emoji code, a backslash."""


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Verbs:
    return Verbs(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def project(studio: Verbs) -> Path:
    """Hostile in its title, its documents, its examples, its queries and an error message."""
    lines = [{"_id": f"d{n}", "title": EVIL, "text": f"document {n} {EVIL}"} for n in range(3)]
    examples = [{"query": f"ask {n} {EVIL}", "document_text": f"text {n} {EVIL}"} for n in range(3)]
    _write(studio.home / "docs.jsonl", lines)
    _write(studio.home / "examples.jsonl", examples)
    path = studio.home / "p"
    made = studio(
        "new", path, "--corpus", studio.home / "docs.jsonl", "--title", EVIL,
        "--examples", studio.home / "examples.jsonl", "--json",
    )  # fmt: skip
    assert (made.json["documents"], made.json["examples"]) == (3, 3)
    with OpenAIServer(words=lambda body: f"what about {body['seed']} {EVIL}") as server:
        asked = ("-p", path, "--endpoint", server.url, "--model", "stand-in", "--queries", 2)
        assert studio("generate", *asked, "--json").json["generated"] == 6
        server.reply = _refusal
        failed = studio("generate", *asked, "--search", EVIL, "--seed", 2)
        assert failed.code == 1, failed
    return path


async def _refusal(_: web.Request, body: object) -> web.Response | None:
    return web.json_response({"error": {"message": EVIL}}, status=400) if body else None


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


SHOWN = {
    "search": ("search", EVIL + " document", "--system", "bm25"),
    "examples": ("examples", "list"),
    "render": ("prompt", "render", "d1"),
    "prompts": ("prompt", "list"),
    "jobs": ("jobs", "list"),
    "job": ("jobs", "show", 2),
    "failed job": ("jobs", "show", 3),
    "lineage": ("lineage", "record", 1),
}


@pytest.mark.parametrize("what", SHOWN)
def test_what_is_shown_is_harmless(studio: Verbs, project: Path, what: str) -> None:
    done = studio(*SHOWN[what], "-p", project)
    assert done.code == 0, done.err
    assert not HARM & set(done.out)
    assert done.err == ""


@pytest.mark.parametrize("what", ["search", "examples", "render", "lineage"])
def test_markup_is_text(studio: Verbs, project: Path, what: str) -> None:
    flat = "".join(studio(*SHOWN[what], "-p", project).out.replace("│", "").split())
    assert "[bold]loud[/bold][/]:100:\\[x]" in flat
    assert "␛]52;c;aGFjaw==␇" in flat


def texts(found: Any) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(found, str):
        yield found
    elif isinstance(found, dict | list):
        for item in found.values() if isinstance(found, dict) else found:
            yield from texts(item)


@pytest.mark.parametrize("what", SHOWN)
def test_json_is_harmless_and_unchanged(studio: Verbs, project: Path, what: str) -> None:
    done = studio(*SHOWN[what], "-p", project, "--json")
    assert not HARM & set(done.out.rstrip("\n"))
    if what not in ("prompts", "job"):  # these two hold nothing hostile
        assert any(EVIL in text for text in texts(done.json))


def test_an_error_that_repeats_hostile_text_is_harmless(studio: Verbs, project: Path) -> None:
    for verb in (("prompt", "render", EVIL), ("generate", "--endpoint", EVIL), ("import", EVIL)):
        done = studio(*verb, "-p", project)
        assert done.code == 1
        assert not HARM & set(done.err)


@pytest.mark.parametrize("format", ["jsonl", "pairs"])
def test_exports_hold_the_text_as_it_was(studio: Verbs, project: Path, format: str) -> None:
    done = studio("export", format, "-p", project, "--json").json
    rows = [json.loads(line) for line in Path(done["files"][0]).read_text("utf-8").splitlines()]
    assert len(rows) == done["rows"]
    assert all(any(EVIL in text for text in texts(row)) for row in rows)
