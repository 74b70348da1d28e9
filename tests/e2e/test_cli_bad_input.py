"""Bad input from the command line: one clear sentence each, and nothing half-done."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.folders import is_out_of_room
from studio.records import StudioError
from studio.training.refusals import mendable
from tests.support.command import Command
from tests.support.openai_server import OpenAIServer
from tests.support.project import corpus_file
from tests.support.verbs import Verbs, assert_one_sentence

FERN = {"_id": "fern", "text": "A fern that grows in a desert wants water twice a day."}
MOSS = {"_id": "moss", "text": "A moss that grows on a roof wants nothing at all."}


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Verbs:
    return Verbs(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


def jsonl(*rows: object) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


REFUSED = {
    "empty": ("docs.jsonl", b"", ["docs.jsonl holds no document", "empty"]),
    "no-text-field": (
        "docs.jsonl",
        jsonl({"_id": "a", "words": "x"}),
        ["docs.jsonl:1", "no field 'text'"],
    ),
    "all-broken": ("docs.jsonl", b"{broken\n", ["docs.jsonl:1", "not JSON"]),
    "no-text-column": ("docs.csv", b"id,words\n1,x\n", ["no column for the text", "'words'"]),
    "binary": ("docs.jsonl", bytes(range(256)) * 50, ["not text in any known encoding"]),
    "zip": ("docs.jsonl", b"PK\x03\x04" + bytes(99), ["ZIP archive"]),
    "not-parquet": ("docs.parquet", b"not at all", ["docs.parquet"]),
    "unclear-encoding": ("docs.csv", "id,text\n1,caf\xe9\n".encode("latin-1"), ["--encoding"]),
    "unknown-format": ("docs.xyz", b"\x00\x01", ["format of", "not known"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_corpus_that_cannot_be_used_leaves_no_project(
    studio: Verbs, tmp_path: Path, case: str
) -> None:
    name, content, words = REFUSED[case]
    (tmp_path / name).write_bytes(content)
    done = studio("new", tmp_path / "project", "--corpus", tmp_path / name)
    assert_one_sentence(done, 1, *words)
    assert not (tmp_path / "project").exists()


LATE = jsonl(*({"_id": str(n), "text": f"passage {n}"} for n in range(70_000)))
USED = {
    "one-document": (jsonl(FERN), 1, "", ""),
    "duplicate-id": (
        jsonl(FERN, FERN | {"text": "other"}, MOSS),
        2,
        "duplicate-id",
        "docs.jsonl:2",
    ),
    "no-text": (jsonl(FERN, {"_id": "b"}, MOSS), 2, "no-text", "docs.jsonl:2"),
    "broken-line-70001": (LATE + b"{broken\n" + jsonl(FERN), 70_001, "json", "docs.jsonl:70001"),
    "utf-16": (jsonl(FERN, MOSS).decode().encode("utf-16"), 2, "", ""),
    "nul": (jsonl(FERN, {"_id": "n", "text": "a \0 b"}), 1, "nul", "docs.jsonl:2"),
    "10-MB-line": (jsonl({"_id": "a", "text": "word " * 2_100_000}, FERN), 1, "too-long", ":1"),
}


@pytest.mark.parametrize("case", USED)
def test_what_can_be_used_comes_in_and_the_rest_is_named(
    studio: Verbs, tmp_path: Path, case: str
) -> None:
    content, documents, code, where = USED[case]
    (tmp_path / "docs.jsonl").write_bytes(content)
    corpus = tmp_path / "docs.jsonl"
    found = studio("new", tmp_path / "project", "--corpus", corpus, "--json").json
    assert found["documents"] == documents
    assert found["skipped"] == ({code: 1} if code else {})
    assert all(sample["where"].endswith(where) for sample in found["skipped_samples"])


def test_the_encoding_can_be_named(studio: Verbs, tmp_path: Path) -> None:
    (tmp_path / "docs.csv").write_bytes("id,text\n1,caf\xe9 de Flore\n".encode("latin-1"))
    corpus = tmp_path / "docs.csv"
    assert studio("new", tmp_path / "p", "--corpus", corpus, "--encoding", "latin-1").code == 0
    hits = studio("search", "Flore", "-p", tmp_path / "p", "--system", "bm25", "--json").json
    assert hits[0]["text"] == "café de Flore"
    unknown = studio(
        "import", tmp_path / "docs.csv", "-p", tmp_path / "p", "--encoding", "latin-99"
    )
    assert_one_sentence(unknown, 1, "no encoding 'latin-99'")


def gold(folder: Path, document: str) -> Path:
    (folder / "qrels").mkdir(parents=True)
    (folder / "queries.jsonl").write_bytes(jsonl({"_id": "q", "text": "how much water?"}))
    (folder / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\nq\t{document}\t1\n")
    return folder


@pytest.fixture(scope="module")
def one(studio: Verbs) -> Path:
    """A project of one document, with examples about other texts."""
    (studio.home / "docs.jsonl").write_bytes(jsonl(FERN))
    project = studio.home / "one"
    assert studio("new", project, "--corpus", studio.home / "docs.jsonl").code == 0
    return project


def test_gold_of_unknown_documents_alone_is_refused(
    studio: Verbs, one: Path, tmp_path: Path
) -> None:
    done = studio("import", "-p", one, "--gold", gold(tmp_path / "gold", "nope"))
    assert_one_sentence(done, 1, "None of the gold queries", "unknown document nope")
    assert_one_sentence(studio("evaluate", "-p", one), 1, "no gold test queries", "--gold")


def test_gold_can_come_later_than_the_corpus(studio: Verbs, tmp_path: Path) -> None:
    corpus = corpus_file(tmp_path / "docs.jsonl", 3)
    studio("new", tmp_path / "p", "--corpus", corpus)
    found = studio("import", "-p", tmp_path / "p", "--gold", gold(tmp_path / "g", "d1"), "--json")
    assert found.json["gold"] == {"test": 1}


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        ("generate --endpoint {url} --model stand-in", ["at least 2 examples", "has 0"]),
        ("filter --round-trip bm25", ["no queries to filter", "studio generate"]),
        ("train", ["nothing to train on"]),
        ("search x", ["Nothing is trained yet", "--system base or bm25"]),
        ("search , --system bm25 --json", []),
        ("search {blank}", ["query is empty"]),
        ("export pairs", ["no kept record to export"]),
        ("lineage model 3", ["no model 3"]),
        ("prompt render nix", ["no document 'nix'"]),
        ("prompt show --version 9", ["prompt version 9"]),
        ("prompt set nix", ["neither a file nor a built-in template", "generic"]),
        ("examples on 9", ["no example 9"]),
        ("jobs show 99", ["no job 99"]),
        ("generate --endpoint nix", ["no endpoint 'nix'"]),
        ("import {blank}", ["does not exist"]),
    ],
)
def test_a_project_of_one_document_says_what_is_missing(
    studio: Verbs, one: Path, server: OpenAIServer, verb: str, words: list[str]
) -> None:
    filled = [part.format(url=server.url, blank=" ") for part in verb.split()]
    done = studio(*filled, "-p", one)
    if words:
        assert_one_sentence(done, 1, *words)
    else:
        assert done.json == []


@pytest.mark.parametrize("fault", ["wrong-key", "missing-model", "nonsense", "down"])
def test_doctor_says_what_is_wrong_with_an_endpoint(studio: Verbs, fault: str) -> None:
    with OpenAIServer() as server:
        server.always = None if fault in ("down", "missing-model") else fault  # type: ignore[assignment]
        url = "http://127.0.0.1:9/v1" if fault == "down" else server.url
        model = "other" if fault == "missing-model" else "stand-in"
        done = studio("doctor", "--endpoint", url, "--model", model, "--json")
    [found] = [check for check in json.loads(done.out) if check["name"] == "endpoint"]
    assert done.code == 1
    assert found["state"] == "bad"
    assert url.split("/")[2] in found["said"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB; only root may make one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root can mount a small file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_one_sentence(studio: Verbs, tmp_path: Path, small_disk: Path) -> None:
    corpus = corpus_file(tmp_path / "docs.jsonl", 20_000, "word " * 60)
    done = studio("new", small_disk / "p", "--corpus", corpus)
    assert_one_sentence(done, 1, "is full")
    assert not (small_disk / "p").exists()


@pytest.mark.parametrize("library", ["safetensors", "torch", "numpy"])
def test_a_full_disk_is_known_by_the_error_of_whatever_writes(
    small_disk: Path, library: str
) -> None:
    import numpy as np
    import torch
    from safetensors.numpy import save_file

    def write() -> None:
        large = np.zeros(1_000_000)
        if library == "safetensors":
            save_file({"a": large}, small_disk / "a.safetensors")
        elif library == "torch":
            torch.save({"a": torch.from_numpy(large)}, small_disk / "a.pt")
        else:
            np.save(small_disk / "a.npy", large)

    with pytest.raises(Exception, match=r"space|pos|requested") as full:
        write()
    assert is_out_of_room(full.value)
    with pytest.raises(StudioError, match="disk is full"), mendable("use less"):
        write()


def test_a_read_only_folder_is_one_sentence(tmp_path: Path, small_disk: Path) -> None:
    # In processes of their own: a file that is still open keeps the disk writable.
    studio = Command(tmp_path)
    studio("new", small_disk / "p")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert_one_sentence(studio("new", small_disk / "q"), 1, "Read-only")
    assert studio("jobs", "-p", small_disk / "p").code == 0
    changed = studio("filter", "-p", small_disk / "p")
    assert_one_sentence(changed, 1, "studio.db cannot be written", "copy the project")
