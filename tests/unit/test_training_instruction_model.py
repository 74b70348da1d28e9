"""A small LLM tuned on instructions: trained, stopped, killed, moved, saved, on a tiny Llama."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from studio.llm.causal import CausalModel, Prompted
from studio.llm.embedded import EmbeddedServer
from studio.records import StudioError
from studio.training import instruction_model, stopping
from studio.training.instruction_model import TrainedInstruction, train
from studio.training.instruction_settings import InstructionSettings
from studio.training.settings import TrainingPoint
from tests.support.tiny_encoder import bert_encoder
from tests.support.tiny_llm import gguf

WORDS = ["red", "blue", "green", "pink"]
PAIRS = [Prompted(f"Name colour {n}.", WORDS[n % 4]) for n in range(12)]
VALIDATION = [Prompted(f"Name colour {n}, please.", WORDS[n % 4]) for n in range(4)]


@pytest.fixture(scope="module")
def settings(tiny_llm: Path) -> InstructionSettings:
    """Twelve steps; validation is scored at each fourth."""
    return InstructionSettings(
        base=str(tiny_llm),
        learning_rate=1e-2,
        dropout=0.1,
        epochs=4,
        max_length=96,
        evaluations=3,
        device="cpu",
        log_every=1,
    )


@pytest.fixture(scope="module")
def whole(
    settings: InstructionSettings, tmp_path_factory: pytest.TempPathFactory
) -> tuple[TrainedInstruction, list[TrainingPoint]]:
    """An undisturbed training."""
    points: list[TrainingPoint] = []
    out = tmp_path_factory.mktemp("whole") / "model"
    return train(PAIRS, settings, out, validation=VALIDATION, on_progress=points.append), points


def loss(folder: Path) -> float:
    found = CausalModel.open(str(folder), "cpu").losses(VALIDATION)
    return sum(one.nats for one in found) / sum(one.tokens for one in found)


def test_the_loss_falls_and_the_model_is_saved_as_it_was_scored(
    whole: tuple[TrainedInstruction, list[TrainingPoint]], tiny_llm: Path
) -> None:
    trained, points = whole
    assert trained.base_loss == pytest.approx(loss(tiny_llm), abs=1e-4)
    assert trained.best_loss == pytest.approx(loss(trained.path), abs=1e-4)
    assert trained.best_loss < trained.base_loss - 1
    scores = [(point.step, point.score) for point in points if point.score is not None]
    assert [step for step, _ in scores] == [0, 4, 8, 12]
    assert scores[0][1] == trained.base_loss
    assert (trained.best_step, trained.best_loss) == min(scores, key=lambda one: one[1])
    assert [point.step for point in points if point.loss is not None] == list(range(1, 13))
    assert not trained.path.with_name("model.training").exists()


def test_the_adapter_alone_is_there_and_names_no_folder_of_this_machine(
    whole: tuple[TrainedInstruction, list[TrainingPoint]], tiny_llm: Path
) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    path = whole[0].path
    config = json.loads((path / "adapter/adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == tiny_llm.name
    base = AutoModelForCausalLM.from_pretrained(tiny_llm)
    adapted = PeftModel.from_pretrained(base, str(path / "adapter")).eval()
    merged = CausalModel.open(str(path), "cpu")
    again = CausalModel(adapted, merged.tokenizer)
    for one, other in zip(merged.losses(PAIRS), again.losses(PAIRS), strict=True):
        assert one.nats == pytest.approx(other.nats, abs=1e-3)


def test_validation_chooses_the_checkpoint(settings: InstructionSettings, tmp_path: Path) -> None:
    # The rate is so high that it grows worse after some time: on what is known to be wrong.
    wrong = [Prompted(pair.prompt, pair.answer[::-1]) for pair in PAIRS]
    trained = train(PAIRS, replace(settings, evaluations=12), tmp_path / "m", validation=wrong)
    assert 0 < trained.best_step < trained.steps
    found = CausalModel.open(str(trained.path), "cpu").losses(wrong)
    total = sum(one.nats for one in found) / sum(one.tokens for one in found)
    assert trained.best_loss == pytest.approx(total, abs=1e-4)


class KilledError(BaseException):
    """Nothing of the training's own catches it."""


@pytest.mark.parametrize("way", ["cancelled", "cancelled at an evaluation", "killed"])
def test_a_broken_off_training_goes_on_to_the_same_model_elsewhere(
    way: str,
    settings: InstructionSettings,
    whole: tuple[TrainedInstruction, list[TrainingPoint]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stopping, "_POLL_S", 0.0)
    steps = 8 if way == "cancelled at an evaluation" else 6
    seen: list[int] = []
    scored: set[int] = set()

    def note(point: TrainingPoint) -> None:
        seen.append(point.step)
        if point.score is not None:
            scored.add(point.step)
        if way == "killed" and point.step == steps and seen.count(steps) == 1:
            raise KilledError

    def go(home: Path, base: Path, resume: bool, **told: Callable[..., object]) -> object:
        return train(
            PAIRS,
            replace(settings, base=str(base)),
            home / "model",
            validation=VALIDATION,
            resume=resume,
            **told,  # type: ignore[arg-type]
        )

    (here := tmp_path / "here").mkdir()
    shutil.copytree(settings.base, here / "base")
    if way == "killed":
        with pytest.raises(KilledError):
            go(here, here / "base", False, on_progress=note)
    else:
        first = go(
            here,
            here / "base",
            False,
            on_progress=note,
            # Asked at the end of the step, before it is logged.
            should_stop=lambda: steps - 1 in seen,
        )
        assert isinstance(first, TrainedInstruction)
        assert first.cancelled
        assert 4 <= first.steps < 12
    here.rename(there := tmp_path / "there")
    with pytest.raises(StudioError, match="other pairs or settings"):
        train(PAIRS[1:], replace(settings, base=str(there / "base")), there / "model", resume=True)
    after = go(there, there / "base", True, on_progress=note)
    assert isinstance(after, TrainedInstruction)
    assert (after.steps, after.cancelled) == (12, False)
    assert scored == {0, 4, 8, 12}
    assert (after.base_loss, after.best_step) == (whole[0].base_loss, whole[0].best_step)
    same = [
        CausalModel.open(str(path), "cpu").losses(PAIRS) for path in (after.path, whole[0].path)
    ]
    assert same[0] == same[1]


def test_a_long_step_is_left_at_the_next_layer_on_the_way_there_and_back(
    tiny_llm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping, "_POLL_S", 0.0)
    monkeypatch.setattr(stopping, "_PATIENCE_S", 0.0)
    opened = CausalModel.open(str(tiny_llm), "cpu")
    stop: list[bool] = []
    watch = stopping.StopWatch(lambda: bool(stop))
    ids = opened.model.dummy_inputs["input_ids"]
    with instruction_model._broken_off(opened, watch):
        result = opened.model(input_ids=ids, labels=ids).loss
        stop.append(True)
        with pytest.raises(stopping.TrainingStoppedError):
            result.backward()
        with pytest.raises(stopping.TrainingStoppedError):
            opened.model.model.layers[1](opened.model.model.embed_tokens(ids))
    opened.model(input_ids=ids)


def test_packed_rows_cost_what_their_parts_cost(
    settings: InstructionSettings, tmp_path: Path
) -> None:
    # With a rate of almost nothing the loss of the one step is that of the base.
    few = replace(settings, dropout=0.0, learning_rate=1e-12, batch_size=12, max_steps=1)
    told: list[list[TrainingPoint]] = []
    for packing in (False, True):
        points: list[TrainingPoint] = []
        few = replace(few, packing=packing)
        train(PAIRS, few, tmp_path / "m", on_progress=points.append)
        told.append(points)
    assert told[0][0].loss == pytest.approx(told[1][0].loss, abs=1e-4)


def test_the_gguf_of_the_tuned_model_answers_as_the_merged_one(
    settings: InstructionSettings, tiny_llm: Path, tmp_path: Path
) -> None:
    import openai

    base = gguf(tiny_llm, tmp_path / "base.gguf")
    few = replace(settings, base=str(base), max_steps=3, learning_rate=3e-3)
    trained = train(PAIRS, few, tmp_path / "m")
    assert trained.gguf is not None
    merged = CausalModel.open(str(trained.path), "cpu")
    assert merged.losses(PAIRS) == CausalModel.open(str(trained.gguf), "cpu").losses(PAIRS)
    prompts = [pair.prompt for pair in PAIRS[:2]]
    with EmbeddedServer(trained.gguf, 1, 1, 256) as server:
        client = openai.OpenAI(base_url=server.base_url, api_key=server.key)
        said = [
            client.chat.completions.create(
                model=server.name,
                messages=[{"role": "user", "content": prompt}],
                temperature=0,
                max_tokens=6,
            )
            .choices[0]
            .message.content
            for prompt in prompts
        ]
    # What is no character is shown in two ways.
    assert [_legible(text) for text in said] == [
        _legible(text) for text in merged.answers(prompts, max_new_tokens=6)
    ]


def _legible(text: str | None) -> str:
    return (text or "").replace("\ufffd", "")


def test_a_broken_gguf_beside_the_weights_costs_no_training(
    settings: InstructionSettings, tiny_llm: Path, tmp_path: Path
) -> None:
    base = shutil.copytree(tiny_llm, tmp_path / "base")
    (base / "other.gguf").write_bytes(b"cut off")
    two = replace(settings, base=str(base), max_steps=2)
    trained = train(PAIRS, two, tmp_path / "m", validation=VALIDATION)
    saving = replace(two, gradient_checkpointing=True)
    again = train(PAIRS, saving, tmp_path / "n", validation=VALIDATION)
    assert trained.gguf is None
    # Activations that are worked out again are the same.
    assert again.best_loss == pytest.approx(trained.best_loss, abs=1e-4)


@pytest.mark.parametrize(
    ("pairs", "changed", "sentence"),
    [
        ([], {}, "nothing to tune on"),
        ([Prompted("Say nothing.", " ")], {}, "nothing to tune on"),
        (PAIRS, {"base": "minilm-l6"}, "is an encoder"),
        (PAIRS, {"base": "{bert}"}, "it is a BertModel, which writes nothing"),
        (PAIRS, {"base": "{pickled}"}, "only pickled"),
        (PAIRS, {"rank": 0}, "rank must be greater than 0"),
        (PAIRS, {"bf16": True}, "no bfloat16"),
    ],
)
def test_what_cannot_be_tuned_is_refused(
    pairs: list[Prompted],
    changed: dict[str, object],
    sentence: str,
    settings: InstructionSettings,
    tmp_path: Path,
) -> None:
    if changed.get("base") == "{bert}":
        bert_encoder(tmp_path)
        changed = {"base": str(tmp_path / "plain")}
    if changed.get("base") == "{pickled}":
        (tmp_path / "pickled").mkdir()
        shutil.copy(Path(settings.base, "config.json"), tmp_path / "pickled")
        (tmp_path / "pickled/pytorch_model.bin").write_bytes(b"x")
        changed = {"base": str(tmp_path / "pickled")}
    with pytest.raises(StudioError, match=sentence):
        train(pairs, replace(settings, **changed), tmp_path / "m")  # type: ignore[arg-type]


def test_too_little_memory_is_advice(
    settings: InstructionSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_memory(*_: object) -> None:
        raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")

    monkeypatch.setattr(CausalModel, "losses", out_of_memory)
    monkeypatch.setattr(CausalModel, "tokens", out_of_memory)
    with pytest.raises(StudioError, match=r"gradient checkpointing on .*batch to 2.* and resume"):
        train(PAIRS, settings, tmp_path / "m")


def test_settings_come_back_from_their_row() -> None:
    chosen = InstructionSettings(rank=4, packing=True)
    row = chosen.as_row() | {"of_a_later_studio": 1}
    assert InstructionSettings.from_row(row) == chosen
