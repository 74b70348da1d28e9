"""Loading encoders from wherever they are, and what is said when they are not there."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest

from studio.evaluation.embeddings import Prefixes
from studio.llm.catalogue import installed_path
from studio.records import StudioError
from studio.training.encoders import (
    LocalEncoder,
    encode,
    is_static,
    load_encoder,
    open_encoder,
)
from studio.training.fingerprints import fingerprint
from tests.support import tiny_encoder

needs_wordllama = pytest.mark.skipif(
    installed_path("wordllama-256") is None, reason="wordllama-256 is not on this machine"
)


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_encoder.bert_encoder(tmp_path_factory.mktemp("bert")))


def test_a_folder_loads_and_gives_normalised_rows(bert: str) -> None:
    vectors = encode(load_encoder(bert, "cpu"), ["the river", "stone", "stone of the river"])
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1, 1], abs=1e-5)


def test_no_texts_give_no_rows(bert: str) -> None:
    assert encode(load_encoder(bert, "cpu"), []).shape == (0, 32)


def test_the_length_is_cut_to_what_the_network_has_positions_for(bert: str) -> None:
    assert load_encoder(bert, "cpu", max_length=256).max_seq_length == 64
    assert load_encoder(bert, "cpu", max_length=16).max_seq_length == 16


def test_half_precision_gives_nearly_the_same_vectors(bert: str) -> None:
    model = load_encoder(bert, "cpu")
    texts = ["the river", "stone"]
    assert np.abs(encode(model, texts, bf16=True) - encode(model, texts)).max() < 0.02


def test_the_fingerprint_follows_weights_length_and_prompts(bert: str) -> None:
    model = load_encoder(bert, "cpu")
    first = fingerprint(model, "query")
    assert fingerprint(load_encoder(bert, "cpu"), "query") == first
    assert fingerprint(load_encoder(bert, "cpu", max_length=8), "query") != first
    model.prompts = {"query": "ask: "}
    assert fingerprint(model, "query") != first
    half, full = LocalEncoder(model, bf16=True), LocalEncoder(model)
    assert half.identity("document") != full.identity("document")


def changed(bert: str, out: Path, **kept: object) -> str:
    """The same weights with other settings in their files."""
    shutil.copytree(bert, out)
    for name, change in kept.items():
        file = out / f"{name}.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | change))  # type: ignore[operator]
    return str(out)


@pytest.mark.parametrize(
    "kept",
    [
        {"tokenizer": {"normalizer": {"type": "Lowercase"}}},
        {"tokenizer_config": {"padding_side": "left"}},
        {"config": {"hidden_act": "relu"}},
        {"config_sentence_transformers": {"truncate_dim": 8}},
        {"config_sentence_transformers": {"prompts": {"query": "the "}}},
        {"1_Pooling/config": {"pooling_mode": "cls"}},
    ],
    ids=str,
)
def test_what_changes_a_vector_changes_its_name_in_the_cache(
    bert: str, tmp_path: Path, kept: dict[str, object]
) -> None:
    plain, other = open_encoder(bert), open_encoder(changed(bert, tmp_path / "other", **kept))
    assert plain.identity("query") != other.identity("query")
    again = open_encoder(changed(bert, tmp_path / "copy"))
    # The state that a call leaves in a tokenizer is none of its settings.
    again.encode(["the river " * 40, "stone"], "query")
    assert plain.identity("query") == again.identity("query")


def test_positions_that_begin_after_the_paddings_are_not_overrun(tmp_path: Path) -> None:
    from transformers import AutoTokenizer, RobertaConfig, RobertaModel

    plain = tiny_encoder.bert_encoder(tmp_path).parent / "plain"
    words = len(tiny_encoder.VOCABULARY)
    size = {
        "vocab_size": words,
        "hidden_size": 32,
        "num_attention_heads": 2,
        "intermediate_size": 64,
    }
    config = RobertaConfig(num_hidden_layers=1, max_position_embeddings=66, **size)
    RobertaModel(config).save_pretrained(tmp_path / "roberta")
    tokenizer = AutoTokenizer.from_pretrained(plain)
    tokenizer.model_max_length = 10**9
    tokenizer.save_pretrained(tmp_path / "roberta")
    encoder = open_encoder(str(tmp_path / "roberta"), device="cpu")
    assert encoder.encode(["the river of stone " * 200], "document").shape == (1, 32)


def test_the_models_own_query_prompt_is_used(bert: str) -> None:
    model = load_encoder(bert, "cpu")
    model.prompts = {"query": "river "}
    encoder = LocalEncoder(model)
    assert encoder.encode(["stone"], "query") == pytest.approx(
        encoder.encode(["river stone"], "document"), abs=1e-5
    )


@needs_wordllama
def test_the_static_encoder_of_the_catalogue_knows_words() -> None:
    model = load_encoder("wordllama-256", "cpu")
    assert is_static(model)
    king, queen, engine = encode(model, ["the king", "the queen", "a diesel engine"])
    assert king @ queen > king @ engine


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("./no/such/folder", "There is no encoder folder at ./no/such/folder"),
        ("no-such-owner/no-such-model", "no-such-owner/no-such-model could not be loaded"),
        ("smollm2-135m", "is a language model, not an encoder"),
        ("openai:model-without-address", "not of the form openai:MODEL@URL"),
    ],
)
def test_an_encoder_that_is_not_there(
    name: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(StudioError, match=message):
        open_encoder(name)


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(StudioError, match="pickled"):
        load_encoder(str(tmp_path))


class EmbeddingServer(BaseHTTPRequestHandler):
    """A text's vector is its length and 1; the model ``short`` drops the first text."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        texts = body["input"][1:] if body["model"] == "short" else body["input"]
        if body["model"] == "missing":
            self.send_error(404, "model not found")
            return
        rows = [
            {"object": "embedding", "index": n, "embedding": [float(len(text)), 1.0]}
            for n, text in enumerate(texts)
        ]
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        answer = {"object": "list", "data": rows[::-1], "model": body["model"], "usage": usage}
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture
def endpoint() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), EmbeddingServer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


def test_an_endpoint_embeds_any_number_of_texts_in_order(endpoint: str) -> None:
    encoder = open_encoder(f"openai:some/model@{endpoint}")
    texts = ["a" * n for n in range(1, 151)]
    vectors = encoder.encode(texts, "document")
    assert vectors.shape == (150, 2)
    assert vectors[:, 0] / vectors[:, 1] == pytest.approx(range(1, 151), rel=1e-4)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(150), abs=1e-5)


@pytest.mark.parametrize(
    ("model", "message"),
    [("missing", "has no such model or route"), ("short", "2 texts with 1 vectors")],
)
def test_an_endpoint_that_does_not_deliver(endpoint: str, model: str, message: str) -> None:
    with pytest.raises(StudioError, match=message):
        open_encoder(f"openai:{model}@{endpoint}").encode(["a", "b"], "query")


def test_an_endpoint_reads_the_prompts_that_are_asked_for(endpoint: str) -> None:
    name = f"openai:some/model@{endpoint}"
    plain, asked = open_encoder(name), open_encoder(name, prefixes=Prefixes("aa", "a"))
    assert asked.encode(["a"], "query") == pytest.approx(plain.encode(["aaa"], "query"))
    assert asked.encode(["a"], "document") == pytest.approx(plain.encode(["aa"], "document"))
    assert len({plain.identity("query"), asked.identity("query"), asked.identity("document")}) == 3


def test_an_endpoint_that_is_down() -> None:
    with pytest.raises(StudioError, match="Nothing answers at"):
        open_encoder("openai:m@http://127.0.0.1:9/v1").encode(["a"], "query")
