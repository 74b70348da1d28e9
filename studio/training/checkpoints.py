"""The working folder of a training: its checkpoints, and what it was started with."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from studio.records import StudioError, content_sha
from studio.training.settings import RetrieverSettings, TrainingPair, ValidationSet

HARMLESS = frozenset({"base", "device", "log_every", "mini_batch"})
"""Settings that may change between an interruption and its resumption."""


@dataclass(frozen=True, slots=True)
class WorkingFolder:
    """``MODEL.training`` beside the model's own folder; gone when the training has ended well."""

    path: Path
    """Holds ``checkpoint-STEP`` folders and ``run.json``."""

    @classmethod
    def beside(cls, out: Path) -> WorkingFolder:
        """The working folder of a model that will lie in ``out``."""
        return cls(out.absolute().with_name(out.name + ".training"))

    def entered(self, run: str, resume: bool) -> Path | None:
        """Where a run goes on from; None where it begins, in an empty folder then.

        Raises:
            StudioError: it is to go on, and the checkpoints are of a run with other data or
                settings.
        """
        checkpoint = self.last_checkpoint(run) if resume else None
        if checkpoint is None:
            self.begin(run)
        return checkpoint

    def begin(self, run: str) -> None:
        """Start afresh for a run known by its fingerprint."""
        self.remove()
        self.path.mkdir(parents=True)
        self._write({"run": run})

    def last_checkpoint(self, run: str) -> Path | None:
        """The newest whole checkpoint of this very run, or None if there is none.

        Raises:
            StudioError: the checkpoints are of a run with other data or settings.
        """
        noted = self._read().get("run")
        if noted is None:
            return None
        if noted != run:
            raise StudioError(
                f"The checkpoints in {self.path} were made with other pairs or settings, so this "
                "training cannot go on from them; train without resuming to start afresh."
            )
        whole = [folder for folder in self.path.glob("checkpoint-*") if _is_whole(folder)]
        return max(whole, key=lambda folder: int(folder.name.split("-")[1]), default=None)

    def teacher(self, questions: str) -> Path:
        """Where a teacher's answers to these questions, known by their hash, are kept."""
        return self.path / f"teacher-{questions[:16]}.npy"

    def note_base_score(self, score: float) -> None:
        """Remember the untrained encoder's score, so that a resumed run need not compute it."""
        self._write(self._read() | {"base_score": score})

    def base_score(self) -> float | None:
        """The noted score."""
        score = self._read().get("base_score")
        return float(score) if isinstance(score, int | float) else None

    def remove(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _read(self) -> dict[str, object]:
        try:
            noted = json.loads((self.path / "run.json").read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return noted if isinstance(noted, dict) else {}

    def _write(self, content: dict[str, object]) -> None:
        partial = self.path / "run.json.partial"
        partial.write_text(json.dumps(content), "utf-8")
        os.replace(partial, self.path / "run.json")


def run_fingerprint(
    pairs: Sequence[TrainingPair],
    settings: RetrieverSettings,
    gold: ValidationSet | None,
    encoder: str,
    sources: Mapping[str, tuple[int, ...]],
) -> str:
    """Equal for trainings that would take the same steps."""
    decisive = {key: value for key, value in settings.as_dict().items() if key not in HARMLESS}
    # The encoder's own hash stands for the base. Of the other folders the name: projects are moved.
    decisive |= {key: Path(decisive[key]).name for key in ("anchor", "teacher")}
    parts = [json.dumps(decisive, sort_keys=True, default=str), encoder]
    for pair in pairs:
        found = sources.get(content_sha(pair.document_text), ()) if sources else ()
        cut_from = [f"of {source}" for source in found]
        parts += [pair.asked, str(pair.document_id), pair.document_text, *pair.negatives, *cut_from]
        parts.append("\n")
    if gold is not None:
        parts += [f"{name} {text}" for name, text in sorted(gold.queries.items())]
        parts.append(json.dumps({q: dict(g) for q, g in gold.relevant.items()}, sort_keys=True))
    return content_sha(*parts)


@contextmanager
def put_in_place(out: Path) -> Iterator[Path]:
    """A folder to write into, not made yet, that becomes ``out`` in one step when all is written.

    What was there is deleted after.
    """
    partial, target = out.absolute().with_name(f".{out.name}.partial"), out.absolute()
    shutil.rmtree(partial, ignore_errors=True)
    yield partial
    old = target.with_name(target.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        os.replace(target, old)
    os.replace(partial, target)
    shutil.rmtree(old, ignore_errors=True)


def _is_whole(checkpoint: Path) -> bool:
    """Whether the trainer came to the file that it writes last, and could finish it."""
    try:
        json.loads((checkpoint / "trainer_state.json").read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return True
