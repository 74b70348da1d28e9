"""What the wizard was told becomes a project, or one sentence on the line that will not do."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.llm.endpoints import resolve
from studio.project import Project, recent
from studio.settings import load
from studio.tasks import TASKS
from studio.tui.home.new_project import WishFault, make
from tests.support.openai_server import OpenAIServer
from tests.support.wishes import LABELLED, gold_file, wish


@pytest.mark.parametrize(
    ("task", "changes", "field", "sentence"),
    [
        ("retrieval", {"folder": ""}, "folder", "Type the folder"),
        ("retrieval", {"corpus": "/nowhere"}, "corpus", "no documents at"),
        ("retrieval", {"corpus": ""}, "corpus", "Where are the documents"),
        ("retrieval", {"language": "Chinse"}, "language", "did you mean zh"),
        ("retrieval", {"endpoint": "rubbish"}, "endpoint", "no endpoint 'rubbish'"),
        ("classification", {"labels": "good", "about": ""}, "labels", "at least two labels"),
        ("classification", {**LABELLED, "gold": "/nowhere"}, "gold", "no gold texts at"),
        ("classification", {**LABELLED, "gold": ""}, "gold", "Where are the gold texts"),
        ("qa", {"corpus": "/nowhere", "about": ""}, "corpus", "no documents at"),
    ],
)
def test_what_the_wizard_refuses(
    tmp_path: Path, task: str, changes: dict[str, str], field: str, sentence: str
) -> None:
    corpus = str(tmp_path) if TASKS[task].needs_documents else ""
    with pytest.raises(WishFault, match=sentence) as refused:
        make(wish(tmp_path, task, **{"corpus": corpus, **changes}))
    assert refused.value.field == field
    assert not (tmp_path / "new").exists()


def test_gold_of_other_labels_is_refused_and_nothing_is_left_behind(tmp_path: Path) -> None:
    told = {**LABELLED, "labels": "yes, no", "gold": str(gold_file(tmp_path))}
    with pytest.raises(WishFault, match="the label 'good' is unknown") as refused:
        make(wish(tmp_path, "classification", **told))
    assert refused.value.field == "gold"
    assert not (tmp_path / "new").exists()
    assert recent() == []


def test_a_project_is_not_made_among_its_own_documents(tmp_path: Path) -> None:
    with pytest.raises(WishFault, match="holds the documents"):
        make(wish(tmp_path, corpus=str(tmp_path), folder=str(tmp_path)))
    assert list(tmp_path.iterdir()) == []


def with_gold(tmp_path: Path, endpoint: str) -> Path:
    told = {**LABELLED, "gold": str(gold_file(tmp_path)), "endpoint": endpoint}
    return make(wish(tmp_path, "classification", **told)).folder


def test_an_address_alone_takes_the_only_model_that_is_served_there(tmp_path: Path) -> None:
    with OpenAIServer(models=("lark-8b",)) as server:
        made = with_gold(tmp_path, server.url)
    found = resolve(load(made))
    assert (found.base_url, found.model) == (server.url, "lark-8b")
    assert server.paid.calls == 0


def test_an_address_alone_is_refused_with_the_models_to_choose_from(tmp_path: Path) -> None:
    several = pytest.raises(WishFault, match="It offers lark-8b, wren-1b")
    with OpenAIServer(models=("lark-8b", "wren-1b")) as server, several as refused:
        with_gold(tmp_path, server.url)
    assert refused.value.field == "endpoint"
    assert "--model" not in str(refused.value)
    assert not (tmp_path / "new").exists()


def test_a_server_that_is_down_is_told_beside_its_line(tmp_path: Path) -> None:
    with OpenAIServer() as server:
        gone = server.url
    with pytest.raises(WishFault) as refused:
        with_gold(tmp_path, gone)
    assert refused.value.field == "endpoint"


def test_an_address_with_its_model_is_kept_with_the_key_that_typed_addresses_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = with_gold(tmp_path, 'https://lm.example/v1 a "quoted" model')
    project = Project.open(made)
    found = resolve(project.settings)
    project.close()
    assert (found.base_url, found.model) == ("https://lm.example/v1", 'a "quoted" model')
    assert not found.keyless
    assert found.api_key_env == "STUDIO_API_KEY"


def test_the_default_endpoint_is_not_written_down(tmp_path: Path) -> None:
    made = with_gold(tmp_path, load().endpoint)
    assert not (made / "studio.toml").exists()
