"""Texts that try to leave their place, what must hold of every frame, a project full of them."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import unicodedata
from collections.abc import Callable
from contextlib import closing
from itertools import cycle
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from textual.app import App
from textual.pilot import Pilot

from studio.calls import Answer, Message, Request
from studio.jobs import queue
from studio.project import Project
from studio.records import Document, Example, Verdict
from studio.runs import Model
from studio.safe_text import BIDI
from studio.store.generations import Finished
from tests.support.data import gold_query, queries_of

HOSTILE = {
    "escape": "\x1b[2J\x1b[31mred\x1b]0;title\x07",
    "osc 52": "\x1b]52;c;ZXZpbA==\x07",
    "osc 2": "\x1b]2;evil\x07\x1b]2;evil\x1b\\",
    "c1": "\x9b31m\x9d0;x\x9c\x85",
    "bidi": "abc\u202egnp.exe\u2066x\u2069\u200f",
    "markup": "[bold]b[/bold] [red]r[/] [/] [",
    "action": "[@click=app.quit]click[/]",
    "jinja": "{{ ''.__class__ }} {% for x in y %}",
    "nul": "a\x00b\x08c\x7f",
    "surrogate": "a\ud800b",
    "long line": "x" * 100_000,
    "right to left": "שלום עולם مرحبا",
    "combining": "e" + "\u0301" * 60,
    "han": "汉字漢字かなカナ한글",
    "emoji": "👨\u200d👩\u200d👧 ❤\ufe0f 🇫🇷 👍🏽",
    "zero width": "a\u200bb\u200dc\ufeffd\u2060e",
    "separators": "a\u2028b\u2029c\x0bd\x0ce\rf",
}


def storable(text: str) -> str:
    """The text as SQLite can hold it: a lone surrogate is no UTF-8."""
    return text.encode("utf-8", "replace").decode("utf-8")


TEXTS = tuple(storable(text) for text in HOSTILE.values())
SHORT = tuple(text[:60] for text in TEXTS)
"""For places that hold a name or a word; none is cut but the long line."""


# -- what must hold --


def frame(app: App[Any]) -> list[str]:
    """The lines of the screen as they go to the terminal."""
    strips = app.screen._compositor.render_strips()
    return ["".join(segment.text for segment in strip) for strip in strips]


def assert_harmless(app: App[Any]) -> None:
    """No control in any line, and each exactly as wide as the screen."""
    width = app.size.width
    for line in frame(app):
        bad = [c for c in line if unicodedata.category(c) in ("Cc", "Cs") or ord(c) in BIDI]
        assert not bad, f"{bad!r} in {line!r}"
        assert cell_len(line) == width, line


async def walk(pilot: Pilot[int], *keys: str) -> None:
    """Press the keys and look at the frame after each."""
    await pilot.pause(0.3)
    assert_harmless(pilot.app)
    for key in keys:
        await pilot.press(key)
        await pilot.pause(0.01)
        assert_harmless(pilot.app)


# -- a project full of them --

WRITTEN = (
    *("contents", "documents", "examples", "example_revisions", "prompts", "generations"),
    *("records", "record_edits", "verdicts", "gold", "gold_relevant", "models"),
)
"""Tables that hold what people and LLMs wrote."""


def attack(folder: Path, url: str) -> None:
    """Make a project with every hostile text in every place that an outsider can write to."""
    project = Project.create(folder, title="".join(SHORT))
    store = project.store
    store.documents.begin_import()
    for n, text in enumerate(TEXTS):
        store.documents.stage([Document(f"id{n}" + text[:300], text, f"findme {n} {text}")])
    store.documents.commit_import()
    for n, text in enumerate(TEXTS, 1):
        # The documents of examples are not asked about: one only, so that all others stream.
        shown = n if n == 1 else None
        store.examples.add([Example(f"document {text}", f"query {text}", document_id=shown)])
        store.examples.tag(n, add=[SHORT[n - 1]], drop=[])
        attack_record(project, n, text)
        store.gold.add([gold_query(f"g{n}", f"findme {n} {text}", "test", {n: 1, 1: 0})])
    attack_jobs(project)
    attack_models(project)
    store.drafts.set("prompt", "Draft {{ document }}\n" + "\n".join(SHORT))
    (folder / "studio.toml").write_text(endpoints(url), "utf-8")
    project.close()


def attack_record(project: Project, number: int, text: str, document: int = 0) -> None:
    """The record of that number: in its prompt, model, answer, reason, edit and reviewer."""
    store = project.store
    prompt = store.prompts.save(f"name {number} {text}", f"template {number} {text}", text)
    request = Request(
        (Message("user", f"please {number} {text}"),),
        "model " + text[:200],
        document_id=document or number,
        prompt_id=prompt.id,
        shot_set_id=store.shot_sets.save([store.examples.all()[0].revision_id]),
        note=text,
    )
    answer = Answer("raw " + text, endpoint="at " + text[:200], finish_reason=text[:50])
    store.generations.save([Finished(request, answer, "", queries_of(request, "query " + text))])
    store.verdicts.add([Verdict(number, "filter " + text[:100], False, 0.5, "why " + text[:100])])
    if number % 2:
        store.review.accept([number], "bo " + text[:200])
        store.review.edit(number, "edited " + text, "bo " + text[:200])


def attack_jobs(project: Project) -> None:
    """A job of each text as message, params, result and log; one run with live figures."""
    store = project.store
    for text, raw in zip(TEXTS, HOSTILE.values(), strict=True):
        job = store.jobs.submit("train", {"name": text, text[:40]: text})
        store.jobs.add_points(job, [(f"{text[:90]} loss", step, 1 / step) for step in (5, 10, 15)])
        found = {"gold": text, "scores": {text[:40]: {"nDCG@10": 0.1}}, "dropped": {text: 1}}
        set_job(project, job, state="failed", message=text, result=json.dumps(found))
        (project.logs_dir / queue.log_path(project, job).name).write_bytes(
            raw.encode("utf-8", "surrogatepass")
        )
    run = store.jobs.submit("generate", {"search": TEXTS[0], "endpoint": TEXTS[1]})
    live = {"asked": 99, "answered": 17, "note": "".join(SHORT), "reasons": dict.fromkeys(SHORT, 3)}
    state = {"state": "running", "pid": os.getpid(), "heartbeat": 4e9, "message": "".join(SHORT)}
    set_job(project, run, live=json.dumps(live), started="2026-03-01T09:00:00+00:00", **state)
    for number, text in enumerate(SHORT):
        request = Request((Message("user", f"{number}"),), text, document_id=1 + number)
        store.generations.save([Finished(request, Answer(TEXTS[number]), text, ())], run)


def set_job(project: Project, job: int, **values: Any) -> None:
    """Write a job's row as a worker would."""
    columns = ", ".join(f"{name} = ?" for name in values)
    with project.store.write() as conn:
        conn.execute(f"UPDATE jobs SET {columns} WHERE id = ?", (*values.values(), job))


def attack_models(project: Project) -> None:
    """A model of each text as its name, its base and its settings."""
    for number, text in enumerate(TEXTS):
        settings = {"kept_by": text[:100], "seed": 1}
        model = Model(f"m{number}", "models/x", text[:300], settings=settings)
        project.store.models.rename(project.store.models.add(model), text)


def endpoints(url: str) -> str:
    """Settings whose endpoints have hostile names and hostile models."""
    tables = [
        f'[endpoints.{toml(f"e{n} {text}")}]\nbase_url = "{url}"\nmodel = {toml(text)}'
        for n, text in enumerate(SHORT)
    ]
    stand_in = f'[endpoints.stand-in]\nbase_url = "{url}"\nmodel = "stand-in"'
    return "\n".join(['endpoint = "stand-in"', stand_in, *tables])


def toml(text: str) -> str:
    """As a TOML string: its escapes are those of JSON, and one control more."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def stored(project: Project) -> dict[str, list[tuple[Any, ...]]]:
    """Table → rows, of all that people and LLMs wrote."""
    with closing(sqlite3.connect(project.store.path)) as conn:
        return {table: conn.execute(f"SELECT * FROM {table}").fetchall() for table in WRITTEN}


def copied(folder: Path, to: Path) -> Project:
    """The project again, for a test that writes."""
    shutil.copytree(folder, to)
    return Project.open(to)


def speaker() -> Callable[[Any], str]:
    """An LLM that answers with a third of the hostile texts after the other."""
    texts = [text for text in HOSTILE.values() if len(text) < 1_000]
    answers = cycle("Question: " + " ".join(texts[n::3]) for n in range(3))
    return lambda _body: next(answers)
