"""Imports: corpus, gold and examples in one stroke; each left-out row is counted."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from studio.jobs.context import Cancelled, JobContext
from studio.jobs.exporting import ExportParams, rows_of, write
from studio.jobs.importing import import_all
from studio.jobs.params import ImportParams
from studio.project import Project
from studio.records import StudioError


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("STUDIO_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("STUDIO_DATA", str(tmp_path / "data"))
    return Project.create(tmp_path / "project")


def lines(path: Path, rows: Iterable[dict[str, Any] | str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    texts = (row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows)
    path.write_text("\n".join(texts), "utf-8")
    return path


def started(project: Project, **params: Any) -> JobContext:
    """The context of a job that this process has claimed."""
    number = project.store.jobs.submit("import", params)
    assert project.store.jobs.claim(number, os.getpid())
    job = project.store.jobs.get(number)
    assert job is not None
    return JobContext(project, job)


def bring_in(project: Project, **params: Any) -> dict[str, Any]:
    context = started(
        project, **{n: str(item) if isinstance(item, Path) else item for n, item in params.items()}
    )
    import_all(context, ImportParams.from_row(context.job.params))
    stored = project.store.jobs.get(context.job.id)
    assert stored is not None
    assert stored.result == context.result
    return context.result


def corpus(folder: Path, texts: dict[str, str]) -> Path:
    return lines(folder / "corpus.jsonl", ({"_id": k, "text": v} for k, v in texts.items()))


def gold(folder: Path, queries: dict[str, str], qrels: dict[str, dict[str, int]]) -> Path:
    """A BEIR folder's queries and test judgements."""
    lines(folder / "queries.jsonl", ({"_id": k, "text": v} for k, v in queries.items()))
    rows = [f"{q}\t{d}\t{grade}" for q, found in qrels.items() for d, grade in found.items()]
    lines(folder / "qrels" / "test.tsv", ["query-id\tcorpus-id\tscore", *rows])
    return folder


def test_a_folder_comes_in_with_gold_and_examples(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    corpus(folder, {"a": "text one", "b": "text two"})
    gold(folder, {"q1": "which one?"}, {"q1": {"a": 2}})
    examples = lines(
        folder / "examples.jsonl",
        [{"query": "asked", "document_id": "b", "tags": "odd", "enabled": False}],
    )
    found = bring_in(project, corpus=folder, gold=folder, examples=examples)
    assert (found["documents"], found["gold"], found["examples"]) == (2, {"test": 1}, 1)
    assert found["skipped"] == {}
    [query] = project.store.gold.all("test")
    assert query.relevant == {1: 2}
    [example] = project.store.examples.all()
    assert (example.document_id, example.document_text) == (2, "text two")
    assert (example.tags, example.enabled) == ("odd", False)


def test_left_out_rows_are_counted_by_kind_and_shown_with_file_and_line(
    project: Project, tmp_path: Path
) -> None:
    rows = ['{"_id": "a", "text": "fine"}', "{broken", '{"_id": "c"}', '{"_id": "d", "text": ""}']
    path = lines(tmp_path / "corpus.jsonl", rows)
    found = bring_in(project, corpus=path)
    assert found["documents"] == 1
    assert sum(found["skipped"].values()) == 3
    assert [Path(s["where"]).name for s in found["skipped_samples"]] == [
        "corpus.jsonl:2",
        "corpus.jsonl:3",
        "corpus.jsonl:4",
    ]


def test_how_files_were_read_is_told_and_counts_as_no_lost_row(
    project: Project, tmp_path: Path
) -> None:
    (tmp_path / "corpus.tsv").write_text("d1\ta text of some length\nd2\tand another one of it\n")
    judged = gold(tmp_path / "gold", {"q": "what is it"}, {})
    (judged / "qrels").mkdir(exist_ok=True)
    (judged / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq\td1\t0.5\n")
    found = bring_in(project, corpus=tmp_path / "corpus.tsv", gold=judged)
    assert found["skipped"] == {}
    assert found["gold"] == {"test": 1}
    assert found["notes"] == [
        "corpus.tsv: it has no header line: its columns were taken as id, text.",
        "test.tsv: 1 grade is no whole number and counted up, such as 0.5 as 1.",
    ]


def test_a_million_bad_rows_do_not_fill_the_report(project: Project, tmp_path: Path) -> None:
    rows = ['{"_id": "a", "text": "fine"}', *(f'{{"_id": "{n}"}}' for n in range(3_000))]
    found = bring_in(project, corpus=lines(tmp_path / "corpus.jsonl", rows))
    assert list(found["skipped"].values()) == [3_000]
    assert len(found["skipped_samples"]) == 20


def test_gold_of_a_repeated_document_counts_for_the_one_that_came_in(
    project: Project, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    corpus(folder, {"a": "the same", "b": "the same", "c": "other"})
    gold(folder, {"q": "what?"}, {"q": {"b": 2, "a": 1}})
    found = bring_in(project, corpus=folder, gold=folder)
    assert (found["documents"], found["duplicates"]) == (2, 1)
    assert project.store.gold.all("test")[0].relevant == {1: 2}


def test_gold_means_the_documents_of_its_own_import(project: Project, tmp_path: Path) -> None:
    bring_in(project, corpus=corpus(tmp_path / "first", {"a": "first text"}))
    second = tmp_path / "second"
    corpus(second, {"a": "second text"})
    gold(second, {"q": "what?"}, {"q": {"a": 1}})
    found = bring_in(project, corpus=second, gold=second)
    assert found["renamed"] == 1
    assert project.store.gold.all("test")[0].relevant == {2: 1}


def test_gold_that_names_unknown_documents_is_counted(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    corpus(folder, {"a": "text"})
    gold(folder, {"q1": "one", "q2": "two"}, {"q1": {"a": 1, "x": 1}, "q2": {"y": 1}})
    found = bring_in(project, corpus=folder, gold=folder)
    assert found["gold"] == {"test": 1}
    assert found["skipped"] == {"unknown-document": 2}
    assert "unknown document x" in [sample["reason"] for sample in found["skipped_samples"]]


def test_an_example_that_asks_a_gold_query_is_refused(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    corpus(folder, {"a": "text"})
    gold(folder, {"q1": "the gold query"}, {"q1": {"a": 1}})
    examples = lines(
        folder / "examples.jsonl",
        [
            {"query": "the gold query", "document_id": "a"},
            {"query": "about nothing", "document_id": "x"},
            {"query": "mine", "document_text": "shown"},
            {"query": "mine", "document_text": "shown"},
        ],
    )
    found = bring_in(project, corpus=folder, gold=folder, examples=examples)
    assert found["examples"] == 1
    assert found["skipped"] == {"gold-query": 1, "unknown-document": 1, "duplicate": 1}


def test_the_same_corpus_again_adds_nothing(project: Project, tmp_path: Path) -> None:
    path = corpus(tmp_path, {"a": "one", "b": "two"})
    bring_in(project, corpus=path)
    again = bring_in(project, corpus=path)
    assert (again["documents"], again["duplicates"], again["renamed"]) == (0, 2, 0)
    assert project.store.documents.count() == 2


def test_gold_that_cannot_be_read_keeps_the_corpus_out_too(
    project: Project, tmp_path: Path
) -> None:
    path = corpus(tmp_path, {"a": "one"})
    with pytest.raises(StudioError):
        bring_in(project, corpus=path, gold=tmp_path / "nowhere")
    assert project.store.documents.count() == 0
    assert project.store.gold.judged_counts() == {}


@pytest.mark.parametrize(
    "content",
    [b"", b"\n\n", b"{}", b"\x00\x01\x02" * 100, b"[1, 2", gzip.compress(b"", mtime=0)],
    ids=["empty", "blank", "no-text", "binary", "broken", "empty-gzip"],
)
def test_a_corpus_without_documents_is_refused_in_one_sentence(
    project: Project, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / ("corpus.jsonl.gz" if content[:2] == b"\x1f\x8b" else "corpus.jsonl")
    path.write_bytes(content)
    with pytest.raises(StudioError) as caught:
        bring_in(project, corpus=path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_breaks_off_leaves_nothing(project: Project, tmp_path: Path) -> None:
    rows = "\n".join(
        json.dumps({"_id": f"d{n}", "text": os.urandom(40).hex()}) for n in range(9_000)
    )
    (tmp_path / "corpus.jsonl.gz").write_bytes(gzip.compress(rows.encode())[:-2_000])
    with pytest.raises(StudioError, match=r"corpus\.jsonl\.gz"):
        bring_in(project, corpus=tmp_path / "corpus.jsonl.gz")
    assert project.store.documents.count() == 0


def test_one_document_is_a_corpus(project: Project, tmp_path: Path) -> None:
    assert bring_in(project, corpus=corpus(tmp_path, {"a": "alone"}))["documents"] == 1


def test_a_cancel_before_the_commit_leaves_nothing(project: Project, tmp_path: Path) -> None:
    context = started(project, corpus=str(corpus(tmp_path, {"a": "one"})))
    context.stop.set()
    with pytest.raises(Cancelled):
        import_all(context, ImportParams.from_row(context.job.params))
    assert project.store.documents.count() == 0


def test_a_job_that_had_committed_only_finishes_the_index(project: Project, tmp_path: Path) -> None:
    path = corpus(tmp_path, {f"d{n}": f"text number {n}" for n in range(5_000)})
    context = started(project, corpus=str(path))

    class StopAtIndex(JobContext):
        """Asked to stop as soon as the documents are in."""

        def keep(self, **found: Any) -> None:
            JobContext.keep(self, **found)
            self.stop.set()

    with pytest.raises(Cancelled):
        import_all(StopAtIndex(project, context.job), ImportParams.from_row(context.job.params))
    assert project.store.documents.count() == 5_000
    path.unlink()
    row = project.store.jobs.get(context.job.id)
    assert row is not None
    resumed = JobContext(project, row, result=dict(row.result))
    import_all(resumed, ImportParams.from_row(row.params))
    assert resumed.result["documents"] == 5_000
    assert project.store.documents.index_next() == 0
    assert len(project.store.documents.search("text number 4999")) == 1


def test_a_text_that_looks_like_markup_or_sql_comes_in_unchanged(
    project: Project, tmp_path: Path
) -> None:
    nasty = {"a'; DROP TABLE documents;--": "[bold]x[/]", "b": "\x1b[31m red \u202e", "消": "退货"}
    bring_in(project, corpus=corpus(tmp_path, nasty))
    assert {d.outside_id: d.text for d in project.store.documents.all()} == nasty


@pytest.mark.parametrize("form", ["p3", "coig-pc", "self-instruct", "messages", "parquet"])
def test_what_a_file_says_of_a_record_is_there_after_export_and_import(
    tmp_path: Path, form: str
) -> None:
    first = Project.create(tmp_path / "first", task="instructions")
    told = {
        "is_classification": True,
        "answer_choices": ["warm", "cold"],
        "task_type": {"major": ["sorting"], "minor": []},
        "system": "Be brief.",
    }
    row = {"id": "t7", "instruction": "Warm or cold?", "input": "ice", "output": "cold", **told}
    dropped = {"instruction": "Sing.", "output": "La", "kept": False, "reason": "too-short"}
    bring_in(first, records=lines(tmp_path / "theirs.jsonl", [row, dropped]))
    [one, other] = first.store.records.all()
    assert one.details == {"origin": "theirs.jsonl:1", "id": "t7", **told}
    assert (one["instruction"], other.reason) == ("Be brief.\n\nWarm or cold?", "too-short")

    params = ExportParams(format=form, folder=str(tmp_path / "out"), dropped=form == "parquet")
    write(first, params, rows_of(first, params))
    second = Project.create(tmp_path / "second", task="instructions")
    [file] = [f for f in (tmp_path / "out").iterdir() if f.suffix in (".jsonl", ".parquet")]
    bring_in(second, records=file)
    [again, *others] = second.store.records.all()
    kinds = [two.store.records.get(r.parent_id) for two, r in ((first, one), (second, again))]
    assert again.fields == one.fields
    assert again.details.items() >= one.details.items()
    assert [kind.text for kind in kinds if kind] == ["sorting", "sorting"]
    assert [record.reason for record in others] == ["too-short"] * (form == "parquet")
