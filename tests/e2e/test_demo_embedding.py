"""``studio demo --task embedding``, with a stand-in that writes and a tiny encoder to train."""

from __future__ import annotations

from pathlib import Path

from studio.jobs import queue
from studio.project import Project
from tests.support import tiny_encoder, triplets
from tests.support.openai_server import OpenAIServer
from tests.support.tasks import jobs_in_this_process
from tests.support.verbs import Verbs, assert_one_sentence


def test_a_demo_goes_the_whole_way_and_is_shown_again(tmp_path: Path) -> None:
    studio, folder = Verbs(tmp_path), tmp_path / "demo"
    base = tiny_encoder.bert_encoder(tmp_path / "tiny")
    with OpenAIServer(words=triplets.answer) as server, jobs_in_this_process():
        typed = (
            "demo", folder, "--task", "embedding", "--endpoint", server.url, "--model", "stand-in",
            "--base", base, "--wanted", 12, "--steps", 2, "--headless",
        )  # fmt: skip
        found = studio(*typed, "--json").json
        paid = server.paid.calls
        shown = studio(*typed)
        assert server.paid.calls == paid
    assert found["kept"] >= 12
    assert found["steps"] == 2
    assert {"base", "trained"} <= {*found["scores"]}
    assert found["gold"].startswith("30 gold test queries")
    assert list(found["seconds"]) == ["generate", "filter", "train", "evaluate", "total"]
    assert (folder / found["model_path"] / "model.safetensors").is_file()
    assert "Scores on 30 gold test queries" in shown.out
    assert len(queue.all_jobs(Project.open(folder))) == 1
    assert_one_sentence(studio(*typed, "--sample", "tax_en"), 1, "repair_cafe_en")


def test_what_is_not_for_it_is_refused(tmp_path: Path) -> None:
    demo = ("demo", tmp_path / "demo", "--task", "embedding", "--headless")
    assert_one_sentence(Verbs(tmp_path)(*demo, "--kind", "head"), 2, "--kind", "S3")
    server = ("--endpoint", "http://127.0.0.1:1/v1", "--model", "x")
    no_folder = (*demo, *server, "--base", "./nowhere")
    assert_one_sentence(Verbs(tmp_path)(*no_folder), 1, "There is no folder")
    assert not (tmp_path / "demo").exists()
