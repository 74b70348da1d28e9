"""Exports appear whole or not at all, inside their folder, and load where they are meant to."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from studio import formats
from studio.formats.gold import read_gold
from studio.formats.reading import read_corpus
from studio.formats.rows import CardFacts, ExportContext, ExportRow, RawDocument, RawGold
from studio.formats.staging import staged
from studio.records import StudioError
from studio.tasks import TASKS

ROOT = Path(__file__).parents[2]


def rows(count: int = 6) -> list[ExportRow]:
    """Records of three documents in turn; every third was dropped."""
    return [
        ExportRow(
            fields={"query": f"=what is tea {number}?\n"},
            document_id=f"d{number % 3}",
            title="Tea" if number % 3 else "",
            passage=f"喝茶 {number % 3}",
            record_id=number + 1,
            generation_id=number + 100 if number else None,
            prompt_name="question-answering",
            prompt_version=2,
            model="qwen2.5-coder-1.5b",
            endpoint="embedded",
            seed=number,
            draw=number // 3,
            shots=(3, 1) if number else (),
            scores={"round-trip": 1.0, "length": None} if number else {},
            kept=number % 3 != 2,
            reason="" if number % 3 != 2 else "round-trip",
        )
        for number in range(count)
    ]


def export(name: str, target: Path, given: list[ExportRow], **context: Any) -> Path:
    formats.exporters()[name].write(iter(given), target, ExportContext(**context))
    return target


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


# --- what each format holds


def test_pairs_are_what_the_trainer_expects(tmp_path: Path) -> None:
    export("pairs", tmp_path, rows())
    found = lines(tmp_path / "pairs.jsonl")
    assert [list(row) for row in found] == [["anchor", "positive"]] * 4
    assert found[1] == {"anchor": "=what is tea 1?\n", "positive": "Tea 喝茶 1"}


def test_triplets_use_mined_negatives_where_there_are_some(tmp_path: Path) -> None:
    mined = [replace(rows()[0], negatives=("milk", "beer"))]
    export("triplets", tmp_path, mined)
    assert [row["negative"] for row in lines(tmp_path / "triplets.jsonl")] == ["milk", "beer"]


def test_triplets_draw_a_passage_of_another_document(tmp_path: Path) -> None:
    given = enumerate(rows(3000))
    many = [replace(row, document_id=f"d{n % 50}", passage=f"text {n % 50}") for n, row in given]
    export("triplets", tmp_path / "a", many, seed=1)
    export("triplets", tmp_path / "b", many, seed=1)
    export("triplets", tmp_path / "c", many, seed=2)
    first, second, third = (lines(tmp_path / name / "triplets.jsonl") for name in "abc")
    assert all(row["negative"] != row["positive"] for row in first)
    assert first == second != third
    assert list(first[0]) == ["anchor", "positive", "negative"]


def of_long(number: int, source: int, **more: Any) -> ExportRow:
    """A record of a passage of a long document."""
    fields = {"query": f"question {number}"}
    name = f"long{source}#{number}"
    return ExportRow(fields, name, "", f"{name} text", number, sources=(source,), **more)


def test_no_negative_of_a_triplet_is_of_the_positives_own_long_document(tmp_path: Path) -> None:
    given = [of_long(number, number // 10) for number in range(40)]
    for seed in range(5):
        export("triplets", tmp_path / str(seed), given, seed=seed)
        for row in lines(tmp_path / str(seed) / "triplets.jsonl"):
            assert row["positive"].partition("#")[0] != row["negative"].partition("#")[0]


def test_where_all_rows_around_are_of_one_document_the_spare_passages_serve(
    tmp_path: Path,
) -> None:
    given = [of_long(number, 1) for number in range(3)]
    spare = [of_long(8, 1), of_long(9, 2)]
    export("triplets", tmp_path / "out", given, spare=spare)
    negatives = [row["negative"] for row in lines(tmp_path / "out" / "triplets.jsonl")]
    assert negatives == ["long2#9 text"] * 3
    with pytest.raises(StudioError, match="may well be right: export pairs"):
        export("triplets", tmp_path / "none", given, spare=spare[:1])


def test_triplets_of_one_document_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="has no other document near it"):
        export("triplets", tmp_path / "out", rows(1))
    assert not (tmp_path / "out").exists()


def test_jsonl_holds_every_column_of_provenance(tmp_path: Path) -> None:
    export("jsonl", tmp_path, rows())
    assert lines(tmp_path / "records.jsonl")[5] == {
        "query": "=what is tea 5?\n",
        "document_id": "d2",
        "title": "Tea",
        "text": "喝茶 2",
        "record_id": 6,
        "generation_id": 105,
        "prompt_name": "question-answering",
        "prompt_version": 2,
        "model": "qwen2.5-coder-1.5b",
        "endpoint": "embedded",
        "seed": 5,
        "draw": 1,
        "shots": [3, 1],
        "scores": [{"filter": "round-trip", "score": 1.0}, {"filter": "length", "score": None}],
        "kept": False,
        "reason": "round-trip",
    }


@pytest.mark.parametrize(
    ("task", "own"),
    [
        ("classification", {"text": "hi", "label": "pos"}),
        ("nli", {"hypothesis": "hi", "label": "pos", "premise": "ctx", "document_id": ""}),
        ("qa", {"question": "hi", "answer": "c", "context": "ctx", "document_id": ""}),
    ],
)
def test_columns_are_what_a_record_of_the_task_has(
    tmp_path: Path, task: Any, own: dict[str, str], load_dataset: Any
) -> None:
    fields = {name: item for name, item in own.items() if name != "document_id"}
    row = ExportRow(fields, "", "", "", 1, model="gpt")
    first, *_ = own
    for name in ("jsonl", "csv", "parquet"):
        target = export(name, tmp_path / name, [row], task=TASKS[task])
        found = load_dataset(str(target), split="train")
        assert found.column_names[: len(own) + 1] == [*own, "record_id"]
        assert {key: found[0][key] or "" for key in own} == own
        assert f"Each row is one {first} with its" in (target / "README.md").read_text("utf-8")


@pytest.mark.parametrize("name", ["jsonl", "csv", "parquet"])
def test_notes_are_a_column_where_there_are_any(
    name: str, tmp_path: Path, load_dataset: Any
) -> None:
    given = [replace(rows()[0], note="ask Bob, 吗?\nfirst"), rows()[1]]
    found = load_dataset(str(export(name, tmp_path / "with", given, has_notes=True)), split="train")
    assert [note or "" for note in found["note"]] == ["ask Bob, 吗?\nfirst", ""]
    without = load_dataset(str(export(name, tmp_path / "without", given)), split="train")
    assert "note" not in without.column_names


def test_csv_cells_are_safe_in_a_spreadsheet(tmp_path: Path) -> None:
    evil = replace(rows()[1], title="@SUM(1)", passage="\tx", model="+1", endpoint="-1", seed=-4)
    export("csv", tmp_path, [evil])
    with (tmp_path / "records.csv").open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["query"] == "'=what is tea 1?\n"
    assert (row["title"], row["text"]) == ("'@SUM(1)", "'\tx")
    assert (row["model"], row["endpoint"], row["seed"]) == ("'+1", "'-1", "-4")
    assert json.loads(row["shots"]) == [3, 1]


def test_a_beir_folder_comes_back_as_it_went_out(tmp_path: Path) -> None:
    corpus = [RawDocument(f"d{n}", "Tea" if n % 3 else "", f"喝茶 {n}") for n in range(5)]
    gold = [
        RawGold("q1", "tea?", "test", {"d1": 2, "d4": 1}),
        RawGold("q2", "milk?", "validation", {"d2": 1}),
    ]
    export("beir", tmp_path, rows(), documents=corpus, gold=gold)
    assert [replace(row, where="") for row in read_corpus(tmp_path)] == corpus  # type: ignore[type-var]
    found = {row.outside_id: row for row in read_gold(tmp_path) if isinstance(row, RawGold)}
    assert {name: (row.split, row.relevant) for name, row in found.items()} == {
        "q1": ("test", {"d1": 2, "d4": 1}),
        "q2": ("validation", {"d2": 1}),
    }
    train = (tmp_path / "qrels/train.tsv").read_text().splitlines()
    assert train[:2] == ["query-id\tcorpus-id\tscore", "synthetic-1\td0\t1"]
    assert len(train) == 5


def test_beir_without_a_corpus_holds_the_rows_documents_once(tmp_path: Path) -> None:
    export("beir", tmp_path, rows())
    assert [row["_id"] for row in lines(tmp_path / "corpus.jsonl")] == ["d0", "d1"]


def test_beir_query_ids_never_meet_those_of_gold(tmp_path: Path) -> None:
    gold = [RawGold("synthetic-1", "tea?", "test", {"d1": 1})]
    export("beir", tmp_path, rows(), gold=gold)
    names = [row["_id"] for row in lines(tmp_path / "queries.jsonl")]
    assert names[:2] == ["synthetic-1", "xsynthetic-1"]


def test_beir_refuses_two_documents_with_one_id(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="Two documents have the id 'd0'"):
        export("beir", tmp_path, rows(), documents=[RawDocument("d0", "", "other")])
    assert list(tmp_path.iterdir()) == []


# --- the data card


def test_the_card_counts_and_names_what_made_the_rows(tmp_path: Path) -> None:
    facts = CardFacts("My data", "zh", 3, ("round trip at K=1, base encoder",), "CC BY 4.0")
    card = (export("jsonl", tmp_path, rows(), card=facts) / "README.md").read_text(encoding="utf-8")
    assert "# My data" in card
    assert "| documents in the corpus | 3 |\n| records | 6 |\n| kept | 4 |\n| dropped | 2 |" in card
    assert "| qwen2.5-coder-1.5b | embedded | question-answering v2 | 4 |" in card
    assert "- round trip at K=1, base encoder" in card
    assert "| round-trip | 2 |" in card
    assert "CC BY 4.0" in card


def test_names_from_outside_cannot_write_markdown_or_front_matter(tmp_path: Path) -> None:
    evil = "x\n---\nlicense: mit\n# <script>alert(1)</script> [a](b) | `c` \x1b[31m"
    facts = CardFacts(title=evil, licence=evil, filters=(evil,), notes=evil)
    given = [replace(row, model=evil, prompt_name=evil) for row in rows()]
    card = (export("jsonl", tmp_path, given, card=facts) / "README.md").read_text(encoding="utf-8")
    assert card.count("\n---\n") == 1
    assert "<script" not in card.partition("\n---\n")[2].replace("\\<script", "")
    assert "\nlicense:" not in card
    assert "\x1b" not in card


def test_without_a_licence_the_card_says_so(tmp_path: Path) -> None:
    card = (export("jsonl", tmp_path, rows()) / "README.md").read_text(encoding="utf-8")
    assert "Nobody has said what may be done with these texts" in card


# --- loading


@pytest.mark.parametrize("name", ["jsonl", "parquet", "csv"])
def test_records_load_with_datasets(tmp_path: Path, name: str, load_dataset: Any) -> None:
    found = load_dataset(str(export(name, tmp_path, rows())), split="train")
    assert len(found) == 6
    assert found["record_id"] == [1, 2, 3, 4, 5, 6]
    assert found["generation_id"] == [None, 101, 102, 103, 104, 105]
    assert found[3]["text"] == "喝茶 0"
    if name != "csv":
        assert found[1]["scores"] == [
            {"filter": "round-trip", "score": 1.0},
            {"filter": "length", "score": None},
        ]
        assert found["shots"][:2] == [[], [3, 1]]
        assert found["kept"] == [True, True, False] * 2


def test_jsonl_loads_when_its_first_ten_megabytes_have_no_scores(
    tmp_path: Path, load_dataset: Any
) -> None:
    bare = replace(rows()[0], passage="x" * 2**20, scores={}, prompt_version=None, shots=())
    target = export("jsonl", tmp_path, [*[bare] * 12, rows()[1]])
    found = load_dataset(str(target), split="train")
    assert found[12]["generation_id"] == 101
    assert found[12]["scores"][0] == {"filter": "round-trip", "score": 1.0}


@pytest.mark.parametrize(
    ("name", "columns"),
    [("pairs", ["anchor", "positive"]), ("triplets", ["anchor", "positive", "negative"])],
)
def test_training_data_loads_with_exactly_its_columns(
    tmp_path: Path, name: str, columns: list[str], load_dataset: Any
) -> None:
    target = export(name, tmp_path, rows())
    assert load_dataset(str(target), split="train").column_names == columns
    file = str(target / f"{name}.jsonl")
    assert load_dataset("json", data_files=file, split="train").column_names == columns


def test_a_beir_folder_loads_with_datasets(tmp_path: Path, load_dataset: Any) -> None:
    gold = [RawGold("007", "tea?", "test", {"d1": 2})]
    target = str(export("beir", tmp_path, rows(), gold=gold))
    assert load_dataset(target, "corpus", split="corpus")["_id"] == ["d0", "d1"]
    assert load_dataset(target, "queries", split="queries")[0] == {"_id": "007", "text": "tea?"}
    card = (tmp_path / "README.md").read_text()
    code = card.partition("```python\n")[2].partition("```")[0].replace('"."', repr(target))
    _, _, folder, *_, features, call = code.strip().splitlines()
    from datasets import Features, Value

    names = {"load_dataset": load_dataset, "Features": Features, "Value": Value}
    exec(f"{folder}\n{features}\nqrels = {call}", names)
    assert set(names["qrels"]) == {"train", "test"}
    assert names["qrels"]["test"][0] == {"query-id": "007", "corpus-id": "d1", "score": 2}


# --- whole or not at all


@pytest.mark.parametrize("name", ["beir", "csv", "jsonl", "pairs", "parquet", "triplets"])
def test_an_export_that_breaks_off_leaves_nothing(tmp_path: Path, name: str) -> None:
    def breaking() -> Iterator[ExportRow]:
        yield from rows(2000)
        raise KeyboardInterrupt

    target = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        formats.exporters()[name].write(breaking(), target, ExportContext())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["jsonl", "parquet", "csv", "beir"])
def test_an_export_without_rows_is_an_empty_table(tmp_path: Path, name: str) -> None:
    exported = formats.exporters()[name].write(iter(()), tmp_path, ExportContext())
    assert exported.rows == 0
    assert all(file.is_file() for file in exported.files)


def test_pairs_without_a_kept_record_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="no kept record to export"):
        export("pairs", tmp_path, [replace(rows()[0], kept=False)])
    assert list(tmp_path.iterdir()) == []


def test_an_older_export_is_replaced_and_other_files_stay(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    export("jsonl", tmp_path, rows())
    export("jsonl", tmp_path, rows(2))
    assert len(lines(tmp_path / "records.jsonl")) == 2
    assert {path.name for path in tmp_path.iterdir()} == {"README.md", "notes.txt", "records.jsonl"}


def test_a_failing_export_keeps_the_older_one(tmp_path: Path) -> None:
    export("pairs", tmp_path, rows())
    with pytest.raises(StudioError):
        export("pairs", tmp_path, [])
    assert len(lines(tmp_path / "pairs.jsonl")) == 4


@pytest.mark.parametrize("name", ["../out.txt", "a/../../out.txt", "/etc/out.txt", "..", "link/a"])
def test_a_file_outside_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "link").symlink_to(tmp_path)
    with pytest.raises(StudioError, match="would lie outside"), staged(target) as staging:
        staging.open(name)
    assert [path.name for path in tmp_path.rglob("*")] == ["target", "link"]


def test_a_link_in_the_place_of_a_file_is_replaced_and_not_followed(tmp_path: Path) -> None:
    target, outside = tmp_path / "target", tmp_path / "precious.txt"
    target.mkdir()
    outside.write_text("precious")
    (target / "records.jsonl").symlink_to(outside)
    export("jsonl", target, rows())
    assert outside.read_text() == "precious"
    assert not (target / "records.jsonl").is_symlink()


def test_a_folder_in_the_place_of_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "records.jsonl").mkdir()
    with pytest.raises(StudioError, match="is a folder where a file shall be"):
        export("jsonl", tmp_path, rows())


def test_a_target_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StudioError, match="cannot be written: Not a directory"):
        export("jsonl", tmp_path / "file" / "out", rows())


@pytest.mark.parametrize("name", ["jsonl", "parquet"])
def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    code = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from studio import formats\n"
        "from studio.formats.rows import ExportContext, ExportRow\n"
        "from studio.records import StudioError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
        "rows = (ExportRow({'query': str(n) * 9}, 'd', '', 'x', n) for n in range(20_000))\n"
        "try:\n"
        "    formats.exporters()[sys.argv[2]].write(rows, Path(sys.argv[1]), ExportContext())\n"
        "except StudioError as error:\n"
        "    print(error)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "out"), name]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert "cannot be written: File too large. Nothing was left behind" in done.stdout, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_export_left_is_cleared_by_the_next(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from studio.formats.staging import staged\n"
        "with staged(Path(sys.argv[1])) as staging, staging.open('a.txt') as file:\n"
        "    file.write('half')\n"
        "    file.flush()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, check=False)
    assert [path.name.startswith(".studio-partial-") for path in tmp_path.iterdir()] == [True]
    with staged(tmp_path) as other:
        export("pairs", tmp_path, rows())
        assert other.path("b.txt").parent.is_dir(), "one that is still at work is left alone"
        other.open("b.txt").close()
    assert sorted(os.listdir(tmp_path)) == ["README.md", "b.txt", "pairs.jsonl"]
