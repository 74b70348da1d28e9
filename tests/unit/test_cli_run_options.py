"""What a run is told on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from studio.cli.run_options import refuse_foreign, run_told
from studio.jobs.params import RunParams
from studio.project import Project
from studio.records import StudioError
from tests.support.openai_server import OpenAIServer


def told(project: Project, server: OpenAIServer, model: str = "") -> str:
    return str(run_told(project, RunParams(endpoint=server.url), model)["model"])


def test_a_server_with_one_model_need_not_be_told_which(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "p")
    with OpenAIServer(models=("alone",)) as server:
        assert told(project, server) == "alone"
        assert told(project, server, "other") == "other"
    with (
        OpenAIServer(models=("one", "two")) as server,
        pytest.raises(StudioError, match="offers one, two"),
    ):
        told(project, server)


@pytest.mark.parametrize("method", ["self-instruct", "seedless", "evol", "alpaca"])
def test_which_documents_is_nothing_for_a_method_that_writes_for_none(
    tmp_path: Path, method: str
) -> None:
    project = Project.create(tmp_path / "p", task="instructions")
    with pytest.raises(typer.BadParameter, match=f"the method {method} has no setting documents"):
        refuse_foreign(project, RunParams(method=method, documents=3), {})
    refuse_foreign(project, RunParams(method=method), {})
    refuse_foreign(project, RunParams(method="self-qa", documents=3), {})
