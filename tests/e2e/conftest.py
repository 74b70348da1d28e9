"""What several files of end-to-end tests stand on."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.project import Project
from tests.support.command import Command
from tests.support.openai_server import OpenAIServer
from tests.support.small_projects import make_project


@pytest.fixture
def studio(tmp_path: Path) -> Command:
    """The verbs, each a process of its own."""
    return Command(tmp_path)


@pytest.fixture
def project(tmp_path: Path, server: OpenAIServer) -> Project:
    """Six documents, and an endpoint."""
    return make_project(tmp_path / "small", "retrieval", server.url)
