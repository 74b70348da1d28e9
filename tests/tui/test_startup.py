"""The first screen paints before anything heavy is loaded."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from studio.project import Project
from studio.tui.actions import PANES

HEAVY = (
    "torch",
    "transformers",
    "sentence_transformers",
    "openai",
    "numpy",
    "pandas",
    "pyarrow",
    "jieba",
    "bm25s",
    "aiohttp",
)
PAINT = """
import asyncio, json, sys
from pathlib import Path
from studio.project import Project
from studio.tui.actions import PANES
from studio.tui.app import StudioApp

async def main(path, mode):
    project = Project.open(Path(path)) if path else None
    async with StudioApp(project, screen=mode).run_test(size=(120, 40)) as pilot:
        await pilot.pause(0.2)
    print(json.dumps([name for name in {heavy!r} if name in sys.modules]))

asyncio.run(main(sys.argv[1], sys.argv[2]))
"""


def loaded_by(path: str, mode: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", PAINT.format(heavy=HEAVY), path, mode],
        capture_output=True,
        text=True,
        check=True,
    )
    return list(json.loads(done.stdout.strip().splitlines()[-1]))


@pytest.mark.parametrize("mode", ["home", "examples", "jobs"])
def test_a_pane_paints_without_heavy_modules(project: Project, mode: str) -> None:
    assert loaded_by(str(project.path), mode) == []


def test_home_paints_without_a_project_and_without_heavy_modules() -> None:
    assert loaded_by("", "home") == []


def test_what_panes_are_made_of_is_imported_ahead_and_nothing_heavy_with_it() -> None:
    code = (
        "import asyncio, json, sys; from studio.tui import importing_ahead as ahead\n"
        "ahead.REST_S = ahead.BETWEEN_S = 0; asyncio.run(ahead.import_ahead())\n"
        "print(json.dumps([*sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    loaded = json.loads(done.stdout)
    assert {f"studio.tui.{name}.pane" for name in PANES} <= {*loaded}
    assert not {*HEAVY} & {*loaded}


def test_the_preview_loads_the_client_only_when_it_calls(project: Project) -> None:
    (project.path / "studio.toml").write_text(
        'endpoint = "far"\n[endpoints.far]\nbase_url = "https://llm.invalid/v1"\nmodel = "m"\n'
    )
    assert loaded_by(str(project.path), "prompt") == []
