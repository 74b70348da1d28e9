"""In how long texts an encoder finds one sentence: the job, its table and its chart."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.jobs import passkey
from studio.project import Project
from studio.records import StudioError
from studio.runs import Model
from studio.tui.train.facts import Cache, read_model
from tests.support import tiny_encoder
from tests.support.claimed import claimed

QUICK = {"longest": 512, "queries": 2, "candidates": 4}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    for place in ("CONFIG", "DATA", "CACHE"):
        monkeypatch.setenv(f"STUDIO_{place}", str(tmp_path / place))
    made = Project.create(tmp_path / "project")
    base = str(tiny_encoder.static_encoder(tmp_path / "base"))
    tiny_encoder.static_encoder(made.models_dir / "mine")
    made.store.models.add(Model("mine", "models/mine", base))
    return made


def test_base_and_model_are_scored_and_charted_by_tokens(project: Project) -> None:
    context = claimed(project, "passkey", **QUICK)
    passkey.run(context)
    found = context.result["passkey"]
    assert {name: [*of] for name, of in found.items()} == {
        "base": ["256", "512"],
        "trained": ["256", "512"],
    }
    heads, rows = passkey.rows_of(found, context.result["systems"])
    assert heads == ["tokens", *context.result["systems"].values()]
    assert [row[0] for row in rows] == ["256", "512"]
    model = project.store.models.latest()
    assert model is not None
    (plot,) = read_model(project.store.path, model, Cache()).plots
    assert plot.x_label == "tokens"
    assert [x for x, _ in plot.series[0].points] == [256, 512]


def test_more_queries_than_candidates_are_refused(project: Project) -> None:
    with pytest.raises(StudioError, match="ask for more candidates, or fewer queries"):
        passkey.run(claimed(project, "passkey", queries=5, candidates=4))
