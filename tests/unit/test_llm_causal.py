"""A causal LLM in this process: tokens, losses and answers, on a tiny random Llama."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import pytest

from studio.llm.causal import AnswerLoss, CausalModel, Prompted
from studio.records import StudioError
from tests.support.tiny_encoder import bert_encoder

PAIRS = [
    Prompted("Name a colour.", "Blue, or red."),
    Prompted("说一种水果。", "苹果。"),
    Prompted("Add the numbers.\n\n2 and 3", "5"),
    Prompted("Say nothing.", ""),
]


@pytest.fixture(scope="module")
def model(tiny_llm: Path) -> CausalModel:
    return CausalModel.open(str(tiny_llm), "cpu")


def test_a_pair_is_read_as_the_chat_template_writes_it(model: CausalModel) -> None:
    said = model.tokens(PAIRS[0])
    turns = [
        {"role": "user", "content": PAIRS[0].prompt},
        {"role": "assistant", "content": PAIRS[0].answer},
    ]
    written = model.tokenizer.apply_chat_template(turns, tokenize=False)
    assert model.tokenizer.decode(said.ids) == written.removesuffix("\n")
    assert model.tokenizer.decode(said.ids[said.start : said.end]) == PAIRS[0].answer


def test_losses_are_those_of_each_answer_alone(model: CausalModel) -> None:
    import torch

    found = model.losses(PAIRS)
    for pair, loss in zip(PAIRS[:3], found, strict=False):
        read = model.tokens(pair)
        ids = torch.tensor([read.ids])
        labels = ids.clone()
        labels[:, : read.start] = labels[:, read.end :] = -100
        with torch.no_grad():
            own = model.model(input_ids=ids, labels=labels).loss
        assert loss.mean == pytest.approx(float(own), abs=1e-4)
        assert loss.tokens == len(pair.answer.encode())
    assert (found[3], found[3].mean) == (AnswerLoss(0.0, 0), None)


def test_without_its_prompt_an_answer_follows_an_empty_one(model: CausalModel) -> None:
    bare = model.losses(PAIRS, without_prompt=True)
    empty = model.losses([Prompted("", pair.answer) for pair in PAIRS])
    assert bare == empty
    assert bare != model.losses(PAIRS)


def test_answers_written_together_are_those_written_alone(model: CausalModel) -> None:
    prompts = [pair.prompt for pair in PAIRS]
    together = model.answers(prompts, max_new_tokens=12)
    assert together == [model.answers([one], max_new_tokens=12)[0] for one in prompts]
    assert all(together)


def test_texts_over_the_limit_are_cut_and_keep_both_parts(model: CausalModel) -> None:
    long = Prompted("a" * 3_000, "b" * 3_000)
    read = model.tokens(long)
    assert len(read.ids) == model.max_length == 512
    assert read.start > 200
    assert read.end - read.start > 200
    assert model.tokenizer.decode(read.ids[: read.start]).endswith("assistant\n")
    assert model.losses([long])[0].tokens == read.end - read.start
    assert len(model.answers([long.prompt], max_new_tokens=3)) == 1


def test_who_stops_gets_the_first_ones(model: CausalModel) -> None:
    assert model.losses(PAIRS, should_stop=lambda: True) == []
    assert model.answers(["Go on."], should_stop=lambda: True) == []


def test_progress_is_told_up_to_the_last(model: CausalModel) -> None:
    seen: list[int] = []
    model.losses(PAIRS, on_progress=seen.append)
    assert seen[-1] == len(PAIRS)


def test_a_base_without_a_chat_template_gets_a_plain_one(tiny_llm: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_llm, tmp_path / "base")
    (folder / "chat_template.jinja").unlink()
    model = CausalModel.open(str(folder), "cpu")
    text = model.tokenizer.decode(model.tokens(PAIRS[0]).ids)
    assert text == "### Instruction:\nName a colour.\n\n### Response:\nBlue, or red.<|im_end|>"


def test_a_folder_that_is_no_llm_is_named(
    tiny_llm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bert_encoder(tmp_path)
    (pickled := tmp_path / "pickled").mkdir()
    shutil.copy(tiny_llm / "config.json", pickled)
    (pickled / "pytorch_model.bin").write_bytes(b"x")
    wrong = {
        "minilm-l6": "is an encoder",
        str(tmp_path / "plain"): "it is a BertModel, which writes nothing",
        str(pickled): "only pickled",
        str(tmp_path / "nothing"): "There is no LLM at",
        "nobody/nothing-1b": r"The LLM nobody/nothing-1b could not be loaded: .* Take an LLM",
    }
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for name, sentence in wrong.items():
        with pytest.raises(StudioError, match=sentence):
            CausalModel.open(name)


def test_a_gguf_without_its_package_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(StudioError, match=r"pip install 'studio\[sft\]'"):
        CausalModel.open(str(tmp_path))
