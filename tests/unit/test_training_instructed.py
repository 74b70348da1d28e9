"""Training on triplets: tasks apart, instructions kept, shorter vectors, adapters, decoders."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from studio.records import StudioError
from studio.training.batches import groups_of, plan_of
from studio.training.encoders import encode, load_encoder
from studio.training.retriever import train
from studio.training.settings import RetrieverSettings, TrainingPair, ValidationSet
from tests.support import tiny_llm
from tests.support.tiny_encoder import TOPICS, bert_encoder, static_encoder

FIND, TELL = "Find a text on it.", "Tell what it is."


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bert_encoder(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llm.llama(tmp_path_factory.mktemp("llm"))


def pairs(instruction: str = FIND, count: int = 12) -> list[TrainingPair]:
    return [
        TrainingPair(
            f"the {TOPICS[n]}", f"{instruction}{n}", f"what is the {TOPICS[n]} of {instruction}",
            (f"it is no {TOPICS[n]}",), instruction, "short-long",
        )
        for n in range(count)
    ]  # fmt: skip


VALIDATION = ValidationSet(
    {f"q{n}": pair.asked for n, pair in enumerate(pairs(count=6))},
    {f"d{n}": pair.document_text for n, pair in enumerate(pairs(count=6))},
    {f"q{n}": {f"d{n}": 1} for n in range(6)},
)


def trained(base: Path, out: Path, **settings: object) -> Path:
    chosen = RetrieverSettings(
        str(base), batch_size=4, max_steps=3, learning_rate=1e-2, negatives=1, device="cpu"
    )
    train(pairs(), replace(chosen, **settings), out, validation=VALIDATION)  # type: ignore[arg-type]
    return out


def test_no_batch_holds_two_tasks_and_every_pair_has_its_turn() -> None:
    rare = [TrainingPair(f"q{n}", f"r{n}", f"text {n}", (), f"task {n}", "sts") for n in range(6)]
    both = [*pairs(FIND), *pairs(TELL), *rare]
    plan = plan_of(both, groups_of(both), 5, seed=3)
    epoch = plan.epoch(0)
    assert sorted(row for batch in epoch for row in batch) == list(range(len(both)))
    assert len(epoch) == plan.batches
    for batch in epoch:
        told = {both[row].instruction if row < 24 else both[row].group for row in batch}
        assert len(told) == 1


def test_positives_of_one_query_never_meet_in_a_batch() -> None:
    several = [TrainingPair("who keeps it", f"d{n}", f"keeper {n}", (), FIND) for n in range(4)]
    both = [*pairs(FIND), *several]
    for batch in plan_of(both, groups_of(both), 8, seed=0).epoch(0):
        assert sum(row >= 12 for row in batch) <= 1


def test_the_saved_model_knows_its_instructions(encoder: Path, tmp_path: Path) -> None:
    model = load_encoder(str(trained(encoder, tmp_path / "model")), "cpu")
    assert model.prompts[FIND] == f"Instruct: {FIND}\nQuery: "
    by_name = model.encode(["the heron"], prompt_name=FIND)
    assert by_name == pytest.approx(model.encode([f"Instruct: {FIND}\nQuery: the heron"]))


def test_shorter_vectors_take_part_in_the_loss(encoder: Path, tmp_path: Path) -> None:
    whole, short = (
        encode(load_encoder(str(trained(encoder, tmp_path / str(n), widths=widths)), "cpu"), ["a"])
        for n, widths in enumerate([(), (8,)])
    )
    assert whole.shape == short.shape
    assert whole != pytest.approx(short)


@pytest.mark.parametrize("kind", ["encoder", "decoder"])
def test_adapters_are_trained_and_merged(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    base: Path = request.getfixturevalue(kind)
    out = trained(base, tmp_path / "model", lora_rank=4, evaluations=2, interpolation="validation")
    before, after = load_encoder(str(base), "cpu"), load_encoder(str(out), "cpu")
    assert {*after.state_dict()} == {*before.state_dict()}
    assert not list(out.rglob("adapter*"))
    frozen = next(n for n in before.state_dict() if "embed" in n and n.endswith("weight"))
    assert after.state_dict()[frozen].equal(before.state_dict()[frozen])


def test_adapters_want_a_transformer(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="static encoder has none"):
        trained(static_encoder(tmp_path / "static"), tmp_path / "model", lora_rank=4)


def test_a_decoder_ends_every_text_with_its_end_token(decoder: Path, tmp_path: Path) -> None:
    model = load_encoder(str(decoder), "cpu", max_length=16)
    end = model.tokenizer.eos_token_id
    for text in ("a", "a long text that has far more than sixteen bytes"):
        ids = model.tokenizer(text, truncation=True, max_length=16)["input_ids"]
        assert ids[-1] == end
        assert ids.count(end) == 1
    # What the last token has read decides: alone and beside a longer text alike.
    alone, beside = encode(model, ["abc"]), encode(model, ["abc", "a much longer text"])
    assert alone[0] == pytest.approx(beside[0], abs=1e-5)
    model.save_pretrained(str(tmp_path / "saved"))
    again = load_encoder(str(tmp_path / "saved"), "cpu", max_length=16)
    assert again.tokenizer("a")["input_ids"][-1] == end
    assert encode(again, ["abc"])[0] == pytest.approx(alone[0], abs=1e-5)
