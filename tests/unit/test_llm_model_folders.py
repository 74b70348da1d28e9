"""Folders as they lie on people's disks: what is broken is named before anything is scored."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from studio.llm.model_folders import UnusableModel, check_folder
from studio.records import StudioError
from studio.training.encoders import load_encoder, load_pretrained, open_encoder
from tests.support import tiny_encoder


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder of a transformer, a pooling and a dense layer."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Dense, Normalize

    home = tmp_path_factory.mktemp("whole")
    bert = SentenceTransformer(str(tiny_encoder.bert_encoder(home)), device="cpu")
    model = SentenceTransformer(modules=[*bert, Dense(32, 16), Normalize()], device="cpu")
    model.save_pretrained(str(home / "dense"), create_model_card=False)
    return home / "dense"


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "encoder"))


def rewrite(file: Path, change: Callable[[Any], Any]) -> None:
    content = json.loads(file.read_text())
    file.write_text(json.dumps(change(content) or content))


def pointer(folder: Path) -> None:
    oid = f"oid sha256:{'a' * 64}"
    file = folder / "model.safetensors"
    file.write_text(f"version https://git-lfs.github.com/spec/v1\n{oid}\nsize 90000\n")


def tokenizer_pointer(folder: Path) -> None:
    shutil.copy(folder / "model.safetensors", folder / "kept")
    pointer(folder)
    (folder / "model.safetensors").rename(folder / "tokenizer.json")
    (folder / "kept").rename(folder / "model.safetensors")


def cut(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-200])


def cut_within_the_header(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:60])


def page_instead(folder: Path) -> None:
    (folder / "model.safetensors").write_text("<!DOCTYPE html><html>Sign in to go on</html>")


def cut_json(folder: Path) -> None:
    file = folder / "tokenizer.json"
    file.write_text(file.read_text()[:-40])


def other_format(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "tf_model.h5")
    (folder / "tf_model.h5").rename(folder / "model.h5")


def pickled_part(folder: Path) -> None:
    (folder / "2_Dense" / "model.safetensors").rename(folder / "2_Dense" / "pytorch_model.bin")


def pickled_beside_a_stray(folder: Path) -> None:
    (folder / "onnx").mkdir()
    shutil.copy(folder / "model.safetensors", folder / "onnx" / "model.safetensors")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def adapter(folder: Path) -> None:
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA"}')


def own_code(folder: Path) -> None:
    rewrite(folder / "modules.json", lambda parts: parts[1].update(type="mine.Pooling"))


def outside(folder: Path) -> None:
    rewrite(folder / "modules.json", lambda parts: parts[1].update(path="../1_Pooling"))


def own_network(folder: Path) -> None:
    (folder / "mine.py").write_text("raise SystemExit('code ran')")
    auto = {"AutoConfig": "mine.Config", "AutoModel": "mine.Model"}
    rewrite(folder / "config.json", lambda it: it.update(model_type="mine", auto_map=auto))


def without_tokenizer(folder: Path) -> None:
    for file in folder.glob("tokenizer*"):
        file.unlink()


def other_shape(folder: Path) -> None:
    rewrite(folder / "config.json", lambda config: config.update(hidden_size=48))


def odd_heads(folder: Path) -> None:
    rewrite(folder / "config.json", lambda config: config.update(num_attention_heads=3))


def odd_size(folder: Path) -> None:
    rewrite(folder / "config.json", lambda config: config.update(hidden_size="wide"))


def lost_layer(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    kept = {name: tensor for name, tensor in weights.items() if ".layer.1." not in name}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})


def no_numbers(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    name = next(name for name in weights if "word_embeddings" in name)
    weights[name][3] = float("inf")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def other_words(folder: Path) -> None:
    words = {f"word{n}": 100 + n for n in range(50)}
    rewrite(folder / "tokenizer.json", lambda it: it["model"]["vocab"].update(words))


def no_padding(folder: Path) -> None:
    rewrite(folder / "tokenizer_config.json", lambda it: it.pop("pad_token") and None)


BROKEN = [
    (pointer, "model.safetensors is only git-lfs's pointer"),
    (tokenizer_pointer, "tokenizer.json is only git-lfs's pointer"),
    (cut, r"model.safetensors is cut off: [\d,]+ of [\d,]+ bytes"),
    (cut_within_the_header, "model.safetensors .* is cut off or damaged"),
    (page_instead, "model.safetensors .* is no safetensors file"),
    (cut_json, "tokenizer.json is no whole JSON file"),
    (other_format, "model.safetensors is missing, and model.h5 is none"),
    (pickled_part, "2_Dense/pytorch_model.bin only pickled"),
    (pickled_beside_a_stray, "pytorch_model.bin only pickled"),
    (adapter, "is an adapter"),
    (own_code, "modules.json names a part with code of its own .mine.Pooling"),
    (outside, "outside the encoder's own"),
    (own_network, "its network .mine. is code that comes with it"),
    (without_tokenizer, "files of its tokenizer are missing"),
    (other_shape, "another shape"),
    (odd_heads, r"as its config\.json says: The hidden size .*\. Fetch the folder again\.$"),
    (odd_size, r"as its config\.json says: .*'hidden_size'.*\. Fetch the folder again\.$"),
    (lost_layer, r"its files lack.*layer\.1\."),
    (no_numbers, "word_embeddings.weight are no numbers"),
    (other_words, r"its tokenizer has 150 words and its weights [\d,]+, so"),
    (no_padding, "no padding token"),
    (lambda folder: shutil.rmtree(folder / "1_Pooling"), "folder 1_Pooling/ of its part Pooling"),
    (lambda folder: (folder / "1_Pooling/config.json").rename(folder / "1_Pooling/x"), "1_Poo"),
    (lambda folder: (folder / "modules.json").write_text("[]"), "modules.json does not say"),
    (lambda folder: (folder / "config.json").unlink(), "config.json is missing"),
    (lambda folder: [f.unlink() for f in folder.rglob("*") if f.is_file()], "is missing"),
]  # fmt: skip


@pytest.mark.parametrize(("breaking", "message"), BROKEN)
def test_what_is_broken_is_named_in_one_sentence(
    folder: Path, breaking: Callable[[Path], object], message: str
) -> None:
    breaking(folder)
    with pytest.raises(StudioError, match=message) as refused:
        open_encoder(str(folder), device="cpu")
    assert str(folder) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_empty_folder_and_a_file_are_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(StudioError, match="its folder is empty"):
        load_encoder(str(tmp_path / "empty"))
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(StudioError, match=r"is a file\. Give the folder"):
        load_encoder(str(tmp_path / "model.safetensors"))


def test_parts_without_a_file_may_lack_their_folder(folder: Path) -> None:
    # git keeps no empty folders.
    shutil.rmtree(folder / "3_Normalize", ignore_errors=True)
    assert load_encoder(str(folder), "cpu").get_embedding_dimension() == 16


def sharded(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    names = sorted(weights)
    parts = {"model-1.safetensors": names[::2], "model-2.safetensors": names[1::2]}
    for part, held in parts.items():
        save_file({n: weights[n] for n in held}, folder / part, metadata={"format": "pt"})
    places = {name: part for part, held in parts.items() for name in held}
    index = {"metadata": {"total_size": 1}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "model.safetensors").unlink()


def test_weights_in_several_files_are_what_their_index_says(folder: Path) -> None:
    sharded(folder)
    check_folder(folder)
    assert load_encoder(str(folder), "cpu").get_embedding_dimension() == 16
    index = folder / "model.safetensors.index.json"
    kept = index.read_text()
    rewrite(index, lambda it: it["weight_map"].update({"encoder.more": "model-1.safetensors"}))
    with pytest.raises(
        UnusableModel, match=r"model-1.safetensors holds encoder.more, which it does"
    ):
        check_folder(folder)
    index.write_text(kept)
    (folder / "model-2.safetensors").unlink()
    with pytest.raises(UnusableModel, match=r"names model-2\.safetensors, which is missing"):
        check_folder(folder)


def test_a_header_that_claims_more_than_memory_is_no_header(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", 2**60) + b"{}")
    with pytest.raises(UnusableModel, match="is no safetensors file"):
        check_folder(folder)


def test_routes_of_any_name_are_looked_through_too(folder: Path, tmp_path: Path) -> None:
    router(folder, tmp_path / "routed", "query", "passage")
    (part,) = (tmp_path / "routed").glob("passage_0_*")
    cut(part)
    with pytest.raises(UnusableModel, match=f"{part.name}/model.safetensors is cut off"):
        check_folder(tmp_path / "routed")


def router(folder: Path, out: Path, *routes: str) -> None:
    """An encoder whose routes, all alike, have these names."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Router

    parts = {name: list(SentenceTransformer(str(folder), device="cpu")) for name in routes}
    model = SentenceTransformer(modules=[Router(parts, default_route=routes[-1])], device="cpu")
    model.save_pretrained(str(out), create_model_card=False)


def test_a_route_called_passage_is_the_documents(folder: Path, tmp_path: Path) -> None:
    router(folder, tmp_path / "routed", "query", "passage")
    routed, plain = (open_encoder(str(f), device="cpu") for f in (tmp_path / "routed", folder))
    for role in ("query", "document"):
        texts = ["the river of stone"]
        assert routed.encode(texts, role) == pytest.approx(plain.encode(texts, role), abs=1e-6)


def test_routes_that_are_for_no_role_are_named(folder: Path, tmp_path: Path) -> None:
    router(folder, tmp_path / "routed", "red", "green")
    with pytest.raises(StudioError, match="has the routes red, green, and none is for a query"):
        load_encoder(str(tmp_path / "routed"), "cpu")


def test_a_small_models_base_is_looked_through_as_well(folder: Path) -> None:
    from transformers import AutoModelForSequenceClassification

    # The layer on top is what training makes: that it is missing is as it should be.
    load_pretrained(AutoModelForSequenceClassification, str(folder), num_labels=3)
    lost_layer(folder)
    with pytest.raises(StudioError, match="its files lack"):
        load_pretrained(AutoModelForSequenceClassification, str(folder), num_labels=3)
    cut(folder)
    with pytest.raises(StudioError, match="is cut off"):
        load_pretrained(AutoModelForSequenceClassification, str(folder), num_labels=3)
