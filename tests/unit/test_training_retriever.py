"""Training a retriever: it learns, stops, resumes after kill -9, and says what went wrong."""

from __future__ import annotations

import dataclasses
import signal
from pathlib import Path

import pytest
from safetensors.torch import load_file

from studio.records import StudioError
from studio.training.encoders import LocalEncoder, load_encoder, words_prevail
from studio.training.retriever import train
from studio.training.settings import (
    RetrieverSettings,
    TrainingPair,
    TrainingPoint,
    ValidationSet,
    recommended,
)
from tests.support import tiny_encoder, warm


@pytest.fixture(scope="module")
def static(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_encoder.static_encoder(tmp_path_factory.mktemp("static")))


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_encoder.bert_encoder(tmp_path_factory.mktemp("bert")))


def settings(base: str, **changes: object) -> RetrieverSettings:
    plain = RetrieverSettings(
        base=base, batch_size=8, mini_batch=4, epochs=3, evaluations=3, device="cpu"
    )
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]


def weights(model: Path) -> dict[str, object]:
    return {
        name: tensor.tolist() for name, tensor in load_file(model / "model.safetensors").items()
    }


def test_training_teaches_what_the_base_does_not_know(static: str, tmp_path: Path) -> None:
    points: list[TrainingPoint] = []
    result = train(
        tiny_encoder.pairs(),
        settings(static, epochs=10),
        tmp_path / "model",
        validation=tiny_encoder.validation(),
        on_progress=points.append,
    )
    assert result.best_score is not None
    assert result.base_score is not None
    assert result.best_score > result.base_score + 0.3
    assert result.steps == 80
    assert not result.cancelled
    losses = [point.loss for point in points if point.loss is not None]
    assert losses[-1] < losses[0] / 2
    assert [point.step for point in points if point.score is not None] == [0, 27, 54, 80]


def test_the_result_is_a_plain_folder_that_any_program_loads(static: str, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    train(tiny_encoder.pairs(), settings(static, query_prompt="ask: "), tmp_path / "model")
    model = SentenceTransformer(str(tmp_path / "model"), device="cpu")
    assert model.prompts["query"] == "ask: "
    assert "library_name: sentence-transformers" in (tmp_path / "model" / "README.md").read_text()
    assert [folder.name for folder in tmp_path.iterdir()] == ["model"]


def test_a_transformer_trains_with_the_cached_loss(bert: str, tmp_path: Path) -> None:
    result = train(
        tiny_encoder.pairs(),
        settings(bert, learning_rate=5e-3),
        tmp_path / "model",
        validation=tiny_encoder.validation(),
    )
    assert result.best_score is not None
    assert result.best_score > 0.8


def test_cached_mini_batches_give_the_weights_of_the_whole_batch(bert: str, tmp_path: Path) -> None:
    for name, at_once in (("cached", 4), ("whole", 8)):
        # Without dropout, whose random numbers fall differently, the gradients are the same.
        load = load_encoder(bert, "cpu")
        load[0].auto_model.config.hidden_dropout_prob = 0.0
        load[0].auto_model.config.attention_probs_dropout_prob = 0.0
        load.save_pretrained(str(tmp_path / "still"), create_model_card=False)
        plain = settings(str(tmp_path / "still"), mini_batch=at_once, max_steps=3)
        train(tiny_encoder.pairs(), plain, tmp_path / name)
    cached, whole = (load_file(tmp_path / n / "model.safetensors") for n in ("cached", "whole"))
    assert all(cached[name].allclose(whole[name], atol=1e-4) for name in cached)


def test_word_vectors_can_be_held_and_are_where_they_are_most_of_the_weights(
    bert: str, static: str, tmp_path: Path
) -> None:
    before = load_encoder(bert, "cpu")
    assert not words_prevail(before)
    assert not words_prevail(load_encoder(static, "cpu"))
    name = "embeddings.word_embeddings.weight"
    for held in (True, False):
        out = tmp_path / f"held-{held}"
        train(tiny_encoder.pairs(1), settings(bert, max_steps=1, freeze_words=held), out)
        same = weights(out)[name] == before[0].auto_model.state_dict()[name].tolist()
        assert same is held
    train(tiny_encoder.pairs(1), settings(static, max_steps=1, freeze_words=True), tmp_path / "s")


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(
    bert: str, tmp_path: Path
) -> None:
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        train(tiny_encoder.pairs(), settings(bert, seed=seed, max_steps=4), tmp_path / name)
    assert weights(tmp_path / "one") == weights(tmp_path / "again")
    assert weights(tmp_path / "one") != weights(tmp_path / "other")


KILLED = """
import os, signal, sys
from pathlib import Path
from studio.training.retriever import train
from studio.training.settings import RetrieverSettings
from tests.support import tiny_encoder

def on_progress(point):
    if point.step >= int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)

train(tiny_encoder.pairs(), eval(sys.argv[2]), Path(sys.argv[1]),
      validation=tiny_encoder.validation() if sys.argv[4] == "validated" else None,
      on_progress=on_progress)
"""


@pytest.mark.parametrize(
    ("killed_at", "validated"), [(13, "validated"), (20, "unvalidated")], ids=["mid", "epoch-end"]
)
def test_after_kill_9_a_resumed_training_ends_with_the_weights_of_an_undisturbed_one(
    bert: str, tmp_path: Path, killed_at: int, validated: str
) -> None:
    chosen = settings(bert, learning_rate=1e-3, log_every=1, checkpoint_every=8, evaluations=5)
    gold = tiny_encoder.validation() if validated == "validated" else None
    child = warm.script(KILLED, str(tmp_path / "resumed"), repr(chosen), str(killed_at), validated)
    assert child.returncode == -signal.SIGKILL, child.stderr
    assert not (tmp_path / "resumed").exists()

    steps: list[int] = []
    pairs = tiny_encoder.pairs()
    resumed = train(
        pairs,
        chosen,
        tmp_path / "resumed",
        validation=gold,
        on_progress=lambda point: steps.append(point.step),
        resume=True,
    )
    undisturbed = train(pairs, chosen, tmp_path / "undisturbed", validation=gold)

    assert 0 < steps[0] - 1 <= killed_at
    assert weights(tmp_path / "resumed") == weights(tmp_path / "undisturbed")
    assert (resumed.best_score, resumed.steps) == (undisturbed.best_score, undisturbed.steps)


def test_a_checkpoint_that_was_cut_off_while_being_written_is_passed_over(
    static: str, tmp_path: Path
) -> None:
    train(tiny_encoder.pairs(), settings(static, checkpoint_every=8), tmp_path / "undisturbed")
    crash_at(static, tmp_path / "model", 18)
    (tmp_path / "model.training" / "checkpoint-20").mkdir()
    (tmp_path / "model.training" / "checkpoint-20" / "trainer_state.json").write_text('{"best')
    train(
        tiny_encoder.pairs(), settings(static, checkpoint_every=8), tmp_path / "model", resume=True
    )
    assert weights(tmp_path / "model") == weights(tmp_path / "undisturbed")


class CrashError(Exception):
    """What a test breaks a training with."""


def crash_at(base: str, out: Path, step: int) -> None:
    def on_progress(point: TrainingPoint) -> None:
        if point.step >= step:
            raise CrashError

    with pytest.raises(CrashError):
        train(
            tiny_encoder.pairs(),
            settings(base, checkpoint_every=8, log_every=1),
            out,
            on_progress=on_progress,
        )


def test_cancel_keeps_the_best_checkpoint(static: str, tmp_path: Path) -> None:
    reached: list[TrainingPoint] = []
    result = train(
        tiny_encoder.pairs(),
        settings(static, epochs=2000, evaluations=500),
        tmp_path / "model",
        validation=tiny_encoder.validation(),
        on_progress=reached.append,
        should_stop=lambda: len(reached) > 30,
    )
    scores = {point.step: point.score for point in reached if point.score is not None}
    assert result.cancelled
    assert result.steps < 16_000
    assert result.best_score == max(score for step, score in scores.items() if step)
    assert scores[result.best_step] == result.best_score
    assert (tmp_path / "model" / "modules.json").exists()
    assert (tmp_path / "model.training").exists()


def test_a_cancel_before_the_first_step_leaves_nothing(static: str, tmp_path: Path) -> None:
    from studio.training import stopping

    patient = stopping._PATIENCE_S
    stopping._PATIENCE_S = 0.0
    try:
        with pytest.raises(StudioError, match="before its first step"):
            train(
                tiny_encoder.pairs(), settings(static), tmp_path / "model", should_stop=lambda: True
            )
    finally:
        stopping._PATIENCE_S = patient
    assert list(tmp_path.iterdir()) == []


def test_resuming_with_other_pairs_is_refused(static: str, tmp_path: Path) -> None:
    crash_at(static, tmp_path / "model", 9)
    with pytest.raises(StudioError, match="made with other pairs or settings"):
        train(
            tiny_encoder.pairs(2),
            settings(static, checkpoint_every=8),
            tmp_path / "model",
            resume=True,
        )


def test_early_stopping_ends_a_training_that_no_longer_gains(static: str, tmp_path: Path) -> None:
    result = train(
        tiny_encoder.pairs(),
        settings(static, learning_rate=1e-9, epochs=20, evaluations=20, patience=2),
        tmp_path / "model",
        validation=tiny_encoder.validation(),
    )
    assert result.steps == 24
    assert not result.cancelled


def test_hard_negatives_are_used_and_filled_up_where_they_lack(static: str, tmp_path: Path) -> None:
    pairs = [
        dataclasses.replace(pair, negatives=(f"the {other}",) if n % 2 else ())
        for n, (pair, other) in enumerate(
            zip(tiny_encoder.pairs(), tiny_encoder.TOPICS * 4, strict=True)
        )
    ]
    result = train(
        pairs,
        settings(static, negatives=2, document_prompt="of "),
        tmp_path / "model",
        validation=tiny_encoder.validation(),
    )
    assert result.best_score is not None


@pytest.mark.parametrize("count", [5, 1000])
def test_documents_of_the_whole_corpus_stand_against_every_query(
    static: str, bert: str, tmp_path: Path, count: int
) -> None:
    corpus: dict[int | str, str] = {n: f"{topic} of stone" for n, topic in enumerate(range(30))}
    for base in (static, bert):
        result = train(
            tiny_encoder.pairs(),
            settings(base, corpus_negatives=count, learning_rate=5e-3, epochs=5),
            tmp_path / "model",
            validation=tiny_encoder.validation(),
            corpus=corpus,
        )
        assert result.best_score is not None
        assert result.base_score is not None
        assert result.best_score > result.base_score


def test_the_recommended_settings_train_both_kinds_of_encoder(
    static: str, bert: str, tmp_path: Path
) -> None:
    for base, kind in ((static, True), (bert, False)):
        chosen = dataclasses.replace(recommended(base, static=kind), device="cpu", evaluations=2)
        result = train(
            tiny_encoder.pairs(),
            chosen,
            tmp_path / "model",
            validation=tiny_encoder.validation(),
            corpus=tiny_encoder.corpus(),
            teacher=tiny_encoder.teacher,
        )
        assert result.best_score is not None


@pytest.mark.parametrize("kind", ["static", "bert"])
def test_the_query_side_alone_learns_and_documents_keep_their_vectors(
    static: str, bert: str, tmp_path: Path, kind: str
) -> None:
    base = static if kind == "static" else bert
    rate = 0.1 if kind == "static" else 1e-2
    chosen = settings(base, trained_side="query", learning_rate=rate, corpus_negatives=100)
    result = train(
        tiny_encoder.pairs(),
        dataclasses.replace(chosen, epochs=8, interpolation="validation"),
        tmp_path / "model",
        validation=tiny_encoder.validation(),
        corpus={n: f"{topic} of stone" for n, topic in enumerate(tiny_encoder.TOPICS)},
    )
    assert result.best_score is not None
    assert result.base_score is not None
    assert result.best_score > result.base_score + 0.2
    before, after = (LocalEncoder(load_encoder(str(p), "cpu")) for p in (base, result.path))
    texts = ["the river of the stone"]
    assert (before.encode(texts, "document") == after.encode(texts, "document")).all()
    assert (before.encode(texts, "query") != after.encode(texts, "query")).any()
    assert before.identity("document") == after.identity("document")
    again = train(
        tiny_encoder.pairs(),
        dataclasses.replace(chosen, base=str(result.path), epochs=1),
        tmp_path / "next",
        validation=tiny_encoder.validation(),
    )
    assert again.base_score == pytest.approx(result.best_score)


def test_a_setting_that_makes_no_sense_is_named(static: str, tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="learning_rate must be greater than 0"):
        train(tiny_encoder.pairs(), settings(static, learning_rate=-1.0), tmp_path / "model")


def test_interpolation_mixes_the_weights_of_before_and_after(static: str, tmp_path: Path) -> None:
    train(tiny_encoder.pairs(), settings(static), tmp_path / "whole")
    train(tiny_encoder.pairs(), settings(static, interpolation=0.25), tmp_path / "quarter")
    before, whole, quarter = (
        load_file(folder / "model.safetensors")["embedding.weight"]
        for folder in (Path(static), tmp_path / "whole", tmp_path / "quarter")
    )
    assert quarter.allclose(0.75 * before + 0.25 * whole, atol=1e-5)


def test_interpolation_chosen_on_validation_is_never_worse_there(
    static: str, tmp_path: Path
) -> None:
    plain = settings(static, learning_rate=0.3)
    gold = tiny_encoder.validation()
    whole = train(tiny_encoder.pairs(), plain, tmp_path / "whole", validation=gold)
    chosen = train(
        tiny_encoder.pairs(),
        dataclasses.replace(plain, interpolation="validation"),
        tmp_path / "chosen",
        validation=gold,
    )
    assert chosen.best_score is not None
    assert whole.best_score is not None
    assert chosen.best_score >= whole.best_score
    assert 0 < chosen.share <= 1


def test_an_anchor_of_another_shape_is_refused(static: str, bert: str, tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="different shapes"):
        train(
            tiny_encoder.pairs(),
            settings(static, interpolation=0.5, anchor=bert),
            tmp_path / "model",
        )


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([], "There are no training pairs"),
        ([TrainingPair("a", 1, "d"), TrainingPair("b", 1, "d")], "2 training pairs are all of one"),
        (
            [TrainingPair("a", 1, "d"), TrainingPair("b", 2, "D ")],
            "2 training pairs are all of one",
        ),
    ],
)
def test_too_few_documents_are_refused(
    static: str, tmp_path: Path, pairs: list[TrainingPair], message: str
) -> None:
    with pytest.raises(StudioError, match=message):
        train(pairs, settings(static), tmp_path / "model")


def test_a_validation_set_without_judgements_is_refused(static: str, tmp_path: Path) -> None:
    gold = ValidationSet({"q": "text"}, {"d": "text"}, {})
    with pytest.raises(StudioError, match="validation set has no query"):
        train(tiny_encoder.pairs(), settings(static), tmp_path / "model", validation=gold)


def test_a_loss_that_is_no_number_ends_the_training_with_advice(
    static: str, tmp_path: Path
) -> None:
    with pytest.raises(StudioError, match="lower the learning rate"):
        train(tiny_encoder.pairs(), settings(static, learning_rate=1e38), tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_out_of_memory_ends_with_advice(bert: str, tmp_path: Path) -> None:
    script = (
        "import os, resource, sys\n"
        # The driver of a GPU takes more addresses than the limit below leaves.
        "os.environ['CUDA_VISIBLE_DEVICES'] = ''\n"
        "from pathlib import Path\n"
        "from studio.training.retriever import train\n"
        "from studio.training.settings import RetrieverSettings, TrainingPair\n"
        "from studio.records import StudioError\n"
        "import sentence_transformers, datasets, torch\n"
        "torch.set_num_threads(1)\n"
        "pairs = [TrainingPair(f'{n} ' + 'the ' * 60, n, f'{n} ' + 'of ' * 60)\n"
        "         for n in range(4000)]\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * 4096\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 400_000_000,) * 2)\n"
        "try:\n"
        f"    train(pairs, RetrieverSettings(base={bert!r}, batch_size=4000, mini_batch=4000,\n"
        "          device='cpu'), Path(sys.argv[1]))\n"
        "except StudioError as error:\n"
        "    print(error)\n"
    )
    child = warm.script(script, str(tmp_path / "model"))
    assert "The memory ran out in training; set the mini-batch to 2000" in child.stdout, (
        child.stderr
    )
