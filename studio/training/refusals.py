"""What a training refuses before it begins, and advice where the machine gives out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from studio.folders import is_out_of_room
from studio.records import StudioError
from studio.training.batches import groups_of
from studio.training.settings import RetrieverSettings, TrainingPair

if TYPE_CHECKING:
    from studio.training.distillation import Teacher

_POSITIVE = (
    "batch_size",
    "learning_rate",
    "epochs",
    "max_steps",
    "max_length",
    "scale",
    "teacher_temperature",
)
"""Settings that must be greater than 0."""


def checked_groups(pairs: Sequence[TrainingPair]) -> list[int]:
    """The pairs' groups, of which there must be two."""
    groups = groups_of(pairs)
    if len(set(groups)) < 2:
        raise StudioError(
            f"The {len(pairs)} training pairs are all of one document, and an encoder learns by "
            "telling documents apart; generate queries for at least two documents."
            if pairs
            else "There are no training pairs; generate queries, or loosen the filters."
        )
    return groups


def check_settings(settings: RetrieverSettings) -> None:
    """Refuse numbers that make no sense."""
    wrong = [
        name
        for name in _POSITIVE
        if (value := getattr(settings, name)) is not None and not value > 0
    ]
    if wrong:
        raise StudioError(f"The training setting {wrong[0]} must be greater than 0.")


def check_distillation(
    settings: RetrieverSettings,
    teacher: Teacher | None,
    corpus: Mapping[int | str, str] | None,
) -> None:
    """Refuse a teacher's share without what it takes."""
    if not 0 <= settings.distillation <= 1:
        raise StudioError(
            f"The training setting distillation is {settings.distillation}; it is the teacher's "
            "share of the loss, from 0 (none) to 1 (all of it)."
        )
    if settings.distillation and (teacher is None or not corpus):
        raise StudioError(
            "Distillation needs a teacher and the corpus that it grades; give both, or set "
            "distillation to 0."
        )
    if settings.distillation and not settings.corpus_negatives:
        raise StudioError(
            "Distillation compares the documents of the corpus, and corpus_negatives is 0; set it "
            "above 0, as the recommended recipe does, or set distillation to 0."
        )


@contextmanager
def mendable(advice: str) -> Iterator[None]:
    """Too little memory or disk becomes advice: what to do so that less memory is needed."""
    try:
        yield
    except Exception as error:
        if is_out_of_room(error):
            raise StudioError(
                "The disk is full, so the training stopped; free some space and resume it."
            ) from error
        if not _is_out_of_memory(error):
            raise
        raise StudioError(f"The memory ran out in training; {advice}, and resume.") from error


def _is_out_of_memory(error: BaseException) -> bool:
    # torch raises its own class on a GPU and a bare RuntimeError on a CPU.
    text = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in text or "can't allocate" in text


def encoder_advice(max_length: int, at_once: int) -> str:
    """How an encoder needs less memory. at_once: texts in the network."""
    ways = []
    if at_once > 1:
        ways.append(f"set the mini-batch to {max(1, at_once // 2)} (results stay the same)")
    if max_length > 64:
        ways.append(f"the length to {max_length // 2} tokens")
    ways.append("choose a smaller encoder")
    return ", or ".join(ways)
