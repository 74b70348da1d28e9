"""The process behind the Search pane: what it answers, in which order, and when it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from studio.jobs.search_protocol import ChooseSystems, Embed, Ranking, State
from studio.project import Project
from studio.records import Document
from studio.runs import Model
from studio.training import small
from studio.training.small_settings import SmallSettings
from tests.support import data, labelled_project
from tests.support.openai_server import OpenAIServer
from tests.support.project import fill
from tests.support.searcher import Searcher, is_gone
from tests.support.tiny_encoder import TOPICS, bert_encoder, static_encoder
from tests.support.verbs import Verbs, assert_one_sentence
from tests.support.waiting import PATIENCE_S, until

NO_ENCODER = "openai:none"
"""Refused at once, so that only BM25 answers."""


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STUDIO_CONFIG", "STUDIO_DATA", "STUDIO_CACHE"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    made = Project.create(tmp_path / "project")
    fill(made.store, [f"the {topic} of the {topic}" for topic in TOPICS])
    made.store.values.set("encoder", NO_ENCODER)
    yield made
    made.close()


def ids(ranking: Ranking) -> list[str]:
    return [hit.outside_id for hit in ranking.hits]


def test_bm25_answers_within_a_second_or_two(project: Project) -> None:
    with Searcher(project.path, is_warm=False) as search:
        search.ask("where is the violin")
        answer = search.answer("bm25")
        loaded = Path(f"/proc/{search.process.pid}/maps").read_text()
        assert "torch" not in loaded, "it waits for what only the encoders need"
    assert ids(answer) == ["d5"]
    assert answer.hits[0].head == "the violin of the violin"
    assert answer.terms == ("where", "violin")
    assert answer.documents == len(TOPICS)


def test_only_the_newest_question_is_answered_when_many_come_at_once(project: Project) -> None:
    with Searcher(project.path) as search:
        search.ask("violin")
        search.answer("bm25")
        # A quick one may answer each before it reads the next: then it is asked again.
        assert any(_some_left_out(search) for _ in range(50))


def _some_left_out(search: Searcher) -> bool:
    """Whether many questions at once get fewer answers; the newest one always has one."""
    # It finds all of them at once, however slow this side is.
    search.process.send_signal(signal.SIGSTOP)
    first = search.number
    for length in range(1, 200):
        search.ask("lantern harbour "[:length] * 3)
    search.process.send_signal(signal.SIGCONT)
    answered = set()
    while search.number not in answered:
        heard = search.next()
        if isinstance(heard, Ranking):
            answered.add(heard.number)
    return len(answered) < search.number - first


def test_base_and_trained_come_up_one_after_the_other(project: Project, tmp_path: Path) -> None:
    folder = static_encoder(tmp_path / "base")
    static_encoder(project.models_dir / "mine")
    project.store.values.set("encoder", str(folder))
    with Searcher(project.path) as search:
        search.ask("violin", k=3)
        ready = [search.answer(system) for system in ("bm25", "base")]
        assert [len(answer.hits) for answer in ready] == [1, 3]
        assert search.state("trained", "absent").words == "Nothing is trained yet."
        project.store.models.add(Model("mine", "models/mine", str(folder)))
        trained = search.answer("trained")
        assert trained.number == 1
        assert ids(trained) == ids(ready[1])
        assert search.states["trained"].name == "mine"
        project.store.models.add(Model("gone", "models/gone", str(folder)))
        assert "no encoder folder" in search.state("trained", "failed").words
        search.send(ChooseSystems(("base", "model-1", "hybrid")))
        assert search.state("model-1", "ready").label == "mine"
        search.ask("pepper")
        assert ids(search.answer("hybrid"))[0] == "d13", "though BM25 itself is not asked for"
        search.ask("pepper")
        assert ids(search.answer("base"))[0] == "d13"
        assert search.states["base"].name == "base", "the folder's name, not its whole path"


def test_documents_that_come_later_are_found(project: Project) -> None:
    with Searcher(project.path) as search:
        search.ask("zebra")
        assert search.answer("bm25").hits == ()
        fill(project.store, [Document("z", "", "a zebra by the river")])
        assert ids(search.answer("bm25")) == ["z"]


def test_a_project_without_documents_says_so_until_some_come(tmp_path: Path) -> None:
    empty = Project.create(tmp_path / "empty")
    with Searcher(empty.path) as search:
        assert "studio import" in search.state("bm25", "absent").words
        empty.store.values.set("encoder", NO_ENCODER)
        fill(empty.store, ["a zebra"])
        search.ask("zebra")
        assert ids(search.answer("bm25")) == ["d1"]
    empty.close()


def test_nothing_goes_to_an_endpoint_before_the_person_says_so(project: Project) -> None:
    with OpenAIServer() as server, Searcher(project.path) as search:
        project.store.values.set("encoder", f"openai:stand-in@{server.url}")
        held = search.state("base", "held")
        assert "16 documents" in held.words
        assert server.calls == 0
        search.ask("violin")
        search.send(Embed("base"))
        assert len(search.answer("base").hits) == 10


def test_what_native_code_prints_goes_to_the_log(project: Project) -> None:
    with Searcher(project.path) as search:
        assert "openai:MODEL@URL" in search.state("base", "failed").words
    assert (project.path / "logs" / "search.log").is_file()


@pytest.mark.parametrize(
    "query",
    ["\x1b[2J violin \x00", "[bold]violin[/]", "\ud800 violin", "violin " * 200_000, "🎻 violin"],
    ids=["escape", "markup", "surrogate", "long", "emoji"],
)
def test_hostile_questions_are_answered_like_others(project: Project, query: str) -> None:
    with Searcher(project.path) as search:
        search.ask(query)
        assert ids(search.answer("bm25")) == ["d5"]


def test_lines_that_are_no_question_are_passed_over(project: Project) -> None:
    with Searcher(project.path) as search:
        search.send(b"\x00\xff\n[]\n{}\n" + json.dumps({"say": "ask"}).encode() + b"\n")
        search.send(b"x" * 10_000_000 + b"\n")
        search.ask("violin")
        assert ids(search.answer("bm25")) == ["d5"]


def test_it_ends_when_its_stdin_closes(project: Project) -> None:
    with Searcher(project.path) as search:
        search.state("bm25", "ready")
        assert search.process.stdin is not None
        search.process.stdin.close()
        assert search.process.wait(PATIENCE_S) == 0


PARENT = """
import os, subprocess, sys, time
command = [sys.executable, "-m", "studio", "search-process", sys.argv[1], str(os.getpid())]
# A pipe that somebody else holds open too: only the parent's pid tells that it is gone.
reader, writer = os.pipe()
os.set_inheritable(writer, True)
child = subprocess.Popen(command, stdin=reader, stdout=subprocess.PIPE, close_fds=False)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(3600)
"""


def test_it_does_not_outlive_a_parent_that_was_killed(project: Project) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(project.path)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    assert is_gone(child)


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(stat.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(stat.parent.name))
        except OSError:
            continue
    return found


def test_it_does_not_outlive_screens_that_were_killed(project: Project) -> None:
    command = ["-m", "studio", str(project.path)]
    with pexpect.spawn(
        sys.executable, command, dimensions=(24, 80), timeout=PATIENCE_S, use_poll=True
    ) as screens:
        screens.expect("Examples")
        screens.send("7")
        screens.expect("what would a person ask")
        until(lambda: children(screens.pid))
        started = children(screens.pid)
        assert len(started) == 1
        screens.kill(signal.SIGKILL)
        screens.wait()
        assert is_gone(started[0])


def test_it_writes_nothing_to_the_project(project: Project) -> None:
    # Not its data_version: that moves when SQLite mends the index of a log whose reader was killed.
    files = [project.path / name for name in ("studio.db", "studio.db-wal")]
    before = [file.read_bytes() for file in files]
    with Searcher(project.path) as search:
        search.ask("violin")
        search.answer("bm25")
        search.state("base", "failed")
    assert [file.read_bytes() for file in files] == before


def test_a_place_that_is_no_project_ends_it_at_once(tmp_path: Path) -> None:
    with Searcher(tmp_path) as search:
        assert search.process.wait(PATIENCE_S) == 1
    assert not (tmp_path / "studio.db").exists()


def test_states_tell_how_far_it_is(project: Project) -> None:
    with Searcher(project.path) as search:
        said = []
        while not said or said[-1].state != "ready":
            heard = search.next()
            if isinstance(heard, State) and heard.system == "bm25":
                said.append(heard)
    assert said[0].words == "indexing 0 of 16"


def test_the_index_of_a_large_corpus_is_kept_and_built_anew_when_it_must(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from studio.jobs import search_indexes
    from studio.jobs.search_indexes import read_lexical

    monkeypatch.setattr(search_indexes, "KEPT_FROM", 2)
    made = Project.create(tmp_path / "many")
    fill(made.store, ["a zebra", "a horse", "a zebra and a horse"])
    said: list[str] = []

    def first(word: str = "horse") -> int:
        said.clear()
        up_to = made.store.documents.last_id()
        return read_lexical(made.store, "en", up_to, said.append).find(word, 1)[0][0]

    assert first() == 2
    assert "indexing 0 of 3" in said
    assert first() == 2
    assert said == ["looking for the index"]
    [home] = (tmp_path / "studio_cache" / "bm25").iterdir()
    [index] = home.iterdir()
    next(index.glob("data*")).write_bytes(b"broken")
    assert first() == 2
    assert "indexing 0 of 3" in said
    fill(made.store, ["a lynx"])
    assert first("lynx") == 4
    assert len(list(home.iterdir())) == 1
    made.close()


def test_a_large_matrix_lies_in_a_file_and_finds_the_same(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    from studio.jobs import search_indexes
    from studio.jobs.search_indexes import read_dense

    def found() -> list[tuple[int, float]]:
        dense = read_dense(project.store, name, 256, 16, lambda _words: None, may_take_long=allowed)
        files.append(dense.file)
        return dense.find("violin", 5)

    files: list[object] = []
    with OpenAIServer() as server:
        name, allowed = f"openai:stand-in@{server.url}", True
        in_memory = found()
        monkeypatch.setattr(search_indexes, "IN_MEMORY", 0)
        monkeypatch.setattr(search_indexes, "CHUNK", 5)
        # The cache has all of it, so nothing is asked for a second time.
        calls, allowed = server.calls, False
        again = found()
        assert again[0] == in_memory[0]
        assert [score for _, score in again] == [score for _, score in in_memory]
        assert server.calls == calls
    assert files[0] is None
    assert files[1] is not None


def test_an_embedding_that_would_take_long_is_held(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    from studio.jobs import search_indexes
    from studio.jobs.search_indexes import Held, read_dense

    monkeypatch.setattr(search_indexes, "CHUNK", 2)
    monkeypatch.setattr(search_indexes, "HOLD_S", 1e-9)

    class Slow:
        """Takes a moment for each text."""

        at_once = 1024

        def identity(self, role: str) -> str:
            return role

        def encode(self, texts: list[str], role: str) -> object:
            import numpy as np

            time.sleep(0.001)
            return np.eye(4, dtype=np.float32)[[len(text) % 4 for text in texts]]

    monkeypatch.setattr(search_indexes, "open_encoder", lambda _name, **_: Slow())
    said: list[str] = []
    with pytest.raises(Held, match="embedding 8 documents takes about 0 min"):
        read_dense(project.store, "slow", 256, 16, said.append, may_take_long=False)
    assert said[-1] == "embedding 6 of 16"
    assert len(read_dense(project.store, "slow", 256, 16, said.append, may_take_long=True)) == 16


@pytest.fixture
def labelled(tmp_path: Path) -> Iterator[Project]:
    """A run of two rounds with their models; the second one learnt the labels the other way."""
    made = labelled_project.make(tmp_path / "labelled", "http://127.0.0.1:9")
    base = str(bert_encoder(tmp_path / "base"))
    run = made.store.runs.add("s3", {})
    for number, swapped in enumerate((False, True)):
        labels = ("far", "near") if swapped else ("near", "far")
        items = [
            data.labelled(f"what is the {topic} " + "of " * draw, labels[place >= 8])
            for draw in range(3)
            for place, topic in enumerate(TOPICS)
        ]
        settings = SmallSettings(kind="head", base=base, max_length=32, device="cpu")
        path = f"models/s3-{run}-round-{number}"
        small.train(items, labelled_project.LABELS, settings, made.path / path)
        round_ = made.store.runs.begin_round(run, number)
        made.store.runs.update_round(round_.id, stage="scored", model_path=path)
    yield made
    made.close()


def test_models_of_a_labelled_project_predict_a_text(labelled: Project) -> None:
    with Searcher(labelled.path) as search:
        search.ask("what is the violin")
        last, first = (search.prediction(f"s3-1-round-{number}") for number in (1, 0))
        assert (first.predicted, last.predicted) == ("near", "far")
        assert 0.5 <= first.confidence <= 1
        assert search.states["s3-1-round-1"].label == "run 1 round 1"
        search.ask("  ")
        assert search.prediction("s3-1-round-0").predicted == ""
        search.send(ChooseSystems(("s3-1-round-0", "nix")))
        assert "no system nix any more" in search.state("nix", "failed").words


def test_the_verb_says_what_each_model_predicts(labelled: Project, tmp_path: Path) -> None:
    studio = Verbs(tmp_path)
    said = studio("search", "what is the willow", "-p", labelled.path, "--json").json
    assert [(one["system"], one["predicted"]) for one in said] == [
        ("s3-1-round-1", "near"),
        ("s3-1-round-0", "far"),
    ]
    named = ("search", "what is the willow", "-p", labelled.path, "--system", "s3-1-round0")
    assert_one_sentence(studio(*named), 2, "Did you mean s3-1-round-0?")
