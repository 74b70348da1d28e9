"""What only a GPU shows, as one table in under eight minutes; works on a processor, slowly.

    python -m tests.benchmarks.gpu_checks [--only train,search] [--documents 11413] [--pairs 441]

- ``tests``: the unit tests of training and search, on this machine's device.
- ``train``: `studio train` as typed, with a teacher, a validation set and the scoring at the end,
  on random words in a corpus of some size; what its parts took, and the share of the encoder.
- ``speed``: training in half precision beside a bare sentence-transformers script.
- ``search``: exact search over a million embeddings beside bare torch with all of them on the card.
- ``memory``: a training that the card has no room for ends in a sentence.
- ``s3``: a round of S3, fine-tuned, against a server with known answers.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from studio.jobs import worker
from studio.jobs.train_params import TrainParams
from studio.project import Project
from studio.records import Document, StudioError
from studio.training.retriever import train
from studio.training.settings import RetrieverSettings
from tests.benchmarks import s3_simulation
from tests.benchmarks.search_scale import unit_rows
from tests.benchmarks.training_speed import pairs
from tests.support.data import gold_query, query_for
from tests.support.project import fill

ROOT = Path(__file__).parents[2]
TESTED = ("test_training_*.py", "test_evaluation_search.py", "test_jobs_training.py")
PARTS = {
    "loading": ("encoders.py", "load_encoder"),
    "BM25": ("bm25.py", "__init__"),
    "encoding": ("encoders.py", "encode"),
    "validation": ("validation.py", "__call__"),
    "steps": ("trainer.py", "training_step"),
    "checkpoints": ("trainer.py", "_save_checkpoint"),
}
"""What a training's time goes into: file and function that say so in a profile."""


def line(name: str, value: str) -> None:
    """One row of the table."""
    print(f"{name:<34} {value}", flush=True)


def seconds_of(work: Callable[[], object]) -> float:
    """How long it takes, with what the card still has to do."""
    import torch

    began = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - began


def unit_tests(options: argparse.Namespace) -> None:
    """The last line of pytest."""
    files = sorted(str(path) for name in TESTED for path in (ROOT / "tests/unit").glob(name))
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "8", "--tb=short", *files],
        env={**os.environ, "OMP_NUM_THREADS": "1"}, cwd=ROOT,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    for failed in (row for row in ended.stdout.splitlines() if row.startswith(("FAILED", "ERROR"))):
        line("", failed)
    line("unit tests", (ended.stdout.strip() or ended.stderr).splitlines()[-1])


def real_words() -> list[str]:
    """Those of the sample corpora: a tokenizer cuts invented ones into many pieces."""
    found = {
        word.strip(".,:;()'").lower()
        for path in sorted((ROOT / "sample_corpora").rglob("*.jsonl"))
        for word in path.read_text("utf-8").split()
    }
    return sorted(word for word in found if word.isascii() and word.isalpha())


def made_project(path: Path, documents: int, count: int, encoder: str) -> Project:
    """Documents of random words, queries out of words of one, and gold of the same kind."""
    drawn, words = random.Random(5), real_words()
    project = Project.create(path, title="GPU", language="en")
    texts = [drawn.choices(words, k=drawn.randint(40, 140)) for _ in range(documents)]
    fill(project.store, (Document(f"d{n}", "", " ".join(t)) for n, t in enumerate(texts)))
    ids = project.store.documents.ids_by_outside_id(f"d{n}" for n in range(documents))
    chosen = drawn.sample(range(documents), count + 155)
    asked = {n: " ".join(drawn.sample(texts[n], 6)) for n in chosen}
    project.store.records.add(query_for(ids[f"d{n}"], asked[n]) for n in chosen[:count])
    project.store.gold.add(
        gold_query(f"q{n}", asked[n], "validation" if place < 90 else "test", {ids[f"d{n}"]: 1})
        for place, n in enumerate(chosen[count:])
    )
    project.store.values.set("encoder", encoder)
    return project


def training(options: argparse.Namespace) -> None:
    """The verb as typed, then the same job in this process under a profile."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "project"
        project = made_project(path, options.documents, options.pairs, options.encoder)
        command = [sys.executable, "-m", "studio", "train", "-p", str(path)]
        command += ["--evaluate", "--json"]
        began = time.perf_counter()
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        took = time.perf_counter() - began
        if ended.returncode:
            raise StudioError(f"studio train: {ended.stderr.strip()}")
        told = json.loads(ended.stdout)
        line(
            f"studio train, {options.pairs} pairs",
            f"{took:.1f} s ({options.documents:,} documents, {told['steps']} steps)",
        )
        scores = {name: round(s["ndcg@10"], 3) for name, s in told["scores"].items()}
        line("  nDCG@10", f"{scores}")
        job = project.store.jobs.submit("train", TrainParams(name="again").to_row())
        project.close()
        profile = cProfile.Profile()
        profile.enable()
        took = seconds_of(lambda: worker.main(path, job))
        profile.disable()
        line("  the same in this process", f"{took:.1f} s under a profile, vectors of before known")
        for part, spent in parts_of(pstats.Stats(profile)).items():
            line(f"    {part}", f"{spent:.1f} s")


def parts_of(found: pstats.Stats) -> dict[str, float]:
    """Seconds in each of the parts and all that it calls."""
    spent = dict.fromkeys(PARTS, 0.0)
    for (file, _, name), (_, _, _, cumulative, _) in found.stats.items():  # type: ignore[attr-defined]
        for part, (wanted, function) in PARTS.items():
            if name == function and Path(file).name == wanted:
                spent[part] += cumulative
    return spent


def speed(options: argparse.Namespace) -> None:
    """What `make bench-training` prints, in half precision."""
    command = [
        sys.executable,
        "-m",
        "tests.benchmarks.training_speed",
        "--encoder",
        options.encoder,
    ]
    command += ["--bf16", "--steps", "30", "--batch", "128", "--mini-batch", "128"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    for row in (ended.stdout or ended.stderr).strip().splitlines()[-2:]:
        line("training beside bare, bf16", row)


def search(options: argparse.Namespace) -> None:
    """Ours, from main memory, beside torch with everything on the card."""
    import numpy as np
    import torch

    from studio.evaluation.search import TIE, source_ranks, top_k

    documents = unit_rows(options.embeddings, 384, seed=0)
    sources = np.random.default_rng(1).integers(0, len(documents), 2048)
    queries = documents[sources] + 3.6 * unit_rows(2048, 384, seed=2)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    for name in ("first", "again"):
        took = seconds_of(lambda: top_k(queries, documents, 100, device=device))
        ranked = seconds_of(lambda: source_ranks(queries, documents, sources, device=device))
        line(f"search, {name}", f"{took:.2f} s; ranks of 2,048 sources {ranked:.2f} s")
    rows, scores = top_k(queries, documents, 100, device=device)
    ranks = source_ranks(queries, documents, sources, device=device)
    exact = np.einsum("qd,qkd->qk", queries.astype(np.float64)[:64], documents[rows[:64]])
    line("  off from float64", f"{np.abs(exact - scores[:64]).max():.2e}")
    places = [
        (place, where[0] + 1, rank)
        for place, (row, source, rank) in enumerate(zip(rows, sources, ranks, strict=True))
        if len(where := np.flatnonzero(row == source))
    ]
    apart = [
        place
        for place, seen, rank in places
        # A document as near as the source within TIE may stand before it.
        if abs(scores[place][rank - 1] - scores[place][seen - 1]) > TIE
    ]
    line("  ranks at odds with search", f"{len(apart)} of {len(places):,}")
    on_card = torch.from_numpy(documents).to(device)
    asked = torch.from_numpy(queries).to(device)

    def bare() -> None:
        best = [(asked @ part.T).topk(100).values for part in torch.split(on_card, 65_536)]
        torch.cat(best, 1).topk(100)

    bare()
    line("bare torch, all on the card", f"{seconds_of(bare):.2f} s")
    line("to the card", f"{seconds_of(lambda: torch.from_numpy(documents).to(device)):.2f} s")


def memory(options: argparse.Namespace) -> None:
    """The sentence that somebody reads."""
    import torch

    if not torch.cuda.is_available():
        line("too little memory", "no GPU here")
        return
    torch.cuda.set_per_process_memory_fraction(0.02)
    settings = RetrieverSettings(
        base=options.encoder, batch_size=2048, mini_batch=2048, max_steps=2, max_length=256
    )
    with tempfile.TemporaryDirectory() as scratch:
        try:
            train([*pairs(4096)], settings, Path(scratch) / "model")
            line("too little memory", "it fitted")
        except StudioError as error:
            line("too little memory", str(error))
        finally:
            torch.cuda.empty_cache()
            torch.cuda.set_per_process_memory_fraction(1.0)


def s3(options: argparse.Namespace) -> None:
    """One round, of the simulation."""
    with tempfile.TemporaryDirectory() as scratch:
        began = time.perf_counter()
        told = {"seed_records": 60, "rounds": 1, "kind": "finetune", "base": options.encoder}
        found = s3_simulation.one(Path(scratch), "s3", 1, told)
        tests = [round(row["test"]["accuracy"], 3) for row in found["rounds"]]
        line(
            "a round of S3, fine-tuned",
            f"{time.perf_counter() - began:.1f} s, test by round {tests}",
        )


CHECKS = {
    "tests": unit_tests,
    "train": training,
    "speed": speed,
    "search": search,
    "memory": memory,
    "s3": s3,
}


def main() -> int:
    """Print the table; 1 when a check could not be made."""
    import torch

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", default=",".join(CHECKS))
    parser.add_argument("--encoder", default="minilm-l6")
    parser.add_argument("--documents", type=int, default=11_413)
    parser.add_argument("--pairs", type=int, default=441)
    parser.add_argument("--embeddings", type=int, default=1_000_000)
    options = parser.parse_args()
    card = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    line("machine", f"{card}, torch {torch.__version__}")
    failed = 0
    for name in options.only.split(","):
        began = time.perf_counter()
        try:
            CHECKS[name](options)
        except Exception as error:
            failed = 1
            line(name, f"failed: {type(error).__name__}: {error}")
        line(f"  ({name} took)", f"{time.perf_counter() - began:.0f} s")
    return failed


if __name__ == "__main__":
    sys.exit(main())
