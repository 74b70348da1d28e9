"""Gold items in the project: nothing leaks between splits, nothing stands there twice."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.jobs.gold_items import import_labelled, split_gold
from studio.project import Project
from studio.records import INSTRUCTION, Gold, Label, StudioError
from tests.support.data import as_gold, datum

LABELS = [Label("pos", "a glad guest"), Label("neg", "a sad guest")]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project.create(tmp_path / "stays", task="classification")
    made.store.labels.set(LABELS)
    return made


def write(path: Path, *rows: tuple[str, str]) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps({"text": t, "label": name}) + "\n" for t, name in rows))
    return path


def told(project: Project, path: Path, into: str) -> dict[str, tuple[str, str]]:
    """Place → code and reason of what was left out."""
    done = import_labelled(project, path, into)  # type: ignore[arg-type]
    return {row.where: (row.code, row.reason) for row in done.skipped}


def test_items_come_in_with_where_they_are_from(project: Project, tmp_path: Path) -> None:
    path = write(tmp_path / "gold.jsonl", ("warm", "pos"), ("cold", "neg"))
    done = import_labelled(project, path, "validation")
    assert done.added == {"validation": 2}
    assert [(g.outside_id, g.origin) for g in project.store.gold.all()] == [
        ("gold:1", "gold.jsonl:1"),
        ("gold:2", "gold.jsonl:2"),
    ]


def test_a_row_of_the_other_split_is_a_leak_with_both_lines(
    project: Project, tmp_path: Path
) -> None:
    import_labelled(project, write(tmp_path / "a.jsonl", ("x", "pos"), ("warm", "pos")), "test")
    second = write(tmp_path / "b.jsonl", ("new", "neg"), ("  warm ", "pos"), ("Warm", "pos"))
    assert told(project, second, "validation") == {
        "b.jsonl:2": ("leak", "a leak: test has it (a.jsonl:2)"),
        "b.jsonl:3": ("leak", "a leak: test has it (a.jsonl:2)"),
    }
    assert project.store.gold.count("validation") == 1


def test_a_row_that_is_there_already_is_a_duplicate(project: Project, tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", ("warm", "pos"), ("warm", "pos"), ("cold", "neg"))
    assert told(project, path, "test") == {"a.jsonl:2": ("duplicate", "test has it (a.jsonl:1)")}
    with pytest.raises(StudioError, match=r"Nothing of .*a\.jsonl.* a\.jsonl:1: test has it"):
        import_labelled(project, path, "test")


def test_a_row_with_another_label_is_a_conflict(project: Project, tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", ("warm", "pos"), ("warm", "neg"))
    ((where, (code, reason)),) = told(project, path, "test").items()
    assert (where, code) == ("a.jsonl:2", "conflict")
    assert "with the label pos, and here it is neg" in reason


def test_a_conflict_with_the_other_split_is_a_leak_first(project: Project, tmp_path: Path) -> None:
    import_labelled(project, write(tmp_path / "a.jsonl", ("warm", "pos")), "test")
    path = write(tmp_path / "b.jsonl", ("warm", "neg"), ("cold", "neg"))
    assert told(project, path, "validation")["b.jsonl:1"][0] == "leak"


def test_files_of_the_same_name_do_not_push_each_other_out(
    project: Project, tmp_path: Path
) -> None:
    rows = [f"text {n}" for n in range(6)]
    for n, split in enumerate(("validation", "test")):
        path = write(
            tmp_path / split / "data.jsonl", *((t, "pos") for t in rows[3 * n : 3 * n + 3])
        )
        assert told(project, path, split) == {}
    names = [gold.outside_id for gold in project.store.gold.all("test")]
    assert names == ["data:1~2", "data:2~2", "data:3~2"]


def test_equal_ids_of_one_file_are_told_apart(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(
        "".join(json.dumps({"id": "same", "text": t, "label": "pos"}) + "\n" for t in "abc")
    )
    assert import_labelled(project, path, "test").added == {"test": 3}
    names = {gold.outside_id for gold in project.store.gold.all()}
    assert names == {"a:same", "a:same~2", "a:same~3"}


def test_labels_come_first(project: Project, tmp_path: Path) -> None:
    project.store.labels.set([])
    with pytest.raises(StudioError, match="studio labels set"):
        import_labelled(project, write(tmp_path / "a.jsonl", ("warm", "pos")), "test")


def test_questions_need_no_labels(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "museum", task="qa")
    path = tmp_path / "q.jsonl"
    row = {"question": "Who?", "context": "Anna did it.", "answer": "Anna"}
    path.write_text(json.dumps(row))
    assert import_labelled(project, path, "test").added == {"test": 1}


def test_a_retrieval_project_has_no_gold_items(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "docs")
    with pytest.raises(StudioError, match="task is retrieval"):
        import_labelled(project, write(tmp_path / "a.jsonl", ("warm", "pos")), "test")


def test_a_file_of_leaks_alone_changes_nothing(project: Project, tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", ("warm", "pos"), ("cold", "neg"))
    import_labelled(project, path, "validation")
    with pytest.raises(StudioError, match="a leak: validation has it"):
        import_labelled(project, path, "test")
    assert project.store.gold.count("test") == 0


# -- one file for both splits


def golds(*items: Gold) -> list[Gold]:
    return [as_gold(item, "validation", f"g{n}", f"g:{n}") for n, item in enumerate(items)]


def test_each_label_is_shared_out_alike() -> None:
    found = split_gold(
        golds(*(datum(f"text {n}", "pos" if n % 4 else "neg") for n in range(80))), 0.5, seed=1
    )
    counts = Counter((gold.split, gold.label) for gold in found)
    assert counts == {
        ("test", "pos"): 30, ("validation", "pos"): 30,
        ("test", "neg"): 10, ("validation", "neg"): 10,
    }  # fmt: skip


def test_the_share_is_heeded_and_the_order_stays() -> None:
    items = golds(*(datum(f"text {n}", "pos") for n in range(100)))
    found = split_gold(items, 0.2, seed=1)
    assert Counter(gold.split for gold in found)["test"] == 20
    assert [gold.fields for gold in found] == [gold.fields for gold in items]


def test_the_seed_decides_the_draw() -> None:
    items = golds(*(datum(f"text {n}", "pos") for n in range(40)))
    assert split_gold(items, 0.5, seed=1) == split_gold(items, 0.5, seed=1)
    assert split_gold(items, 0.5, seed=1) != split_gold(items, 0.5, seed=2)


def test_one_label_more_changes_no_other_label_s_draw() -> None:
    items = golds(*(datum(f"text {n}", "pos") for n in range(40)))
    more = [*items, *golds(*(datum(f"more {n}", "neg") for n in range(10)))]
    assert split_gold(more, 0.5, seed=1)[:40] == split_gold(items, 0.5, seed=1)


@given(
    st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["pos", "neg"])), min_size=1),
    st.floats(0.1, 0.9),
    st.integers(0, 99),
)
def test_items_of_one_passage_stay_together(
    rows: list[tuple[int, str]], share: float, seed: int
) -> None:
    items = golds(*(datum(f"text {n}", label, f"passage {p}") for n, (p, label) in enumerate(rows)))
    places: dict[str, set[str]] = {}
    for gold in split_gold(items, share, seed):
        places.setdefault(gold.context, set()).add(gold.split)
    assert all(len(splits) == 1 for splits in places.values())


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1), st.integers(0, 9))
def test_items_of_one_instruction_stay_together(rows: list[tuple[int, int]], seed: int) -> None:
    """A task with several inputs, or with several outputs: what is known of it helps in test."""
    texts = [
        {"instruction": f"Do {task}.", "input": f"on {given}" if given else "", "output": f"{n}"}
        for n, (task, given) in enumerate(rows)
    ]
    places: dict[str, set[str]] = {}
    for gold in split_gold(golds(*(Gold(INSTRUCTION, fields) for fields in texts)), 0.5, seed):
        for shared in (gold.text, gold.context):
            places.setdefault(shared, set()).add(gold.split)
    places.pop("", None)
    assert all(len(splits) == 1 for splits in places.values())


def test_a_doubled_row_is_told_as_such_and_not_as_a_leak(project: Project, tmp_path: Path) -> None:
    rows = [(f"text {n % 10}", "pos") for n in range(20)]
    done = import_labelled(project, write(tmp_path / "a.jsonl", *rows), "auto")
    assert Counter(row.code for row in done.skipped) == {"duplicate": 10}
    assert sum(done.added.values()) == 10


@pytest.mark.parametrize("share", [0, 1, -0.5, 2, float("nan")])
def test_a_share_outside_its_bounds_is_refused(share: float) -> None:
    with pytest.raises(StudioError, match="between 0 and 1"):
        split_gold(golds(datum("a", "pos")), share, seed=1)


def test_prompt_collections_are_texts_with_labels(tmp_path: Path) -> None:
    made = Project.create(tmp_path / "mood", task="classification")
    path = tmp_path / "p3.jsonl"
    choices = ["glad", "sad"]
    rows: list[dict[str, object]] = [
        {"inputs_pretokenized": f"How is it? {text}", "targets_pretokenized": f"\n{label}",
         "answer_choices": choices, "is_correct": right}
        for text, label, right in (("Warm.", "glad", True), ("Cold.", "glad", False),
                                   ("Cold.", "sad", True))
    ]  # fmt: skip
    rows.append({"instruction": "Name the mood.", "input": "Rain again.", "output": "sad"})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = import_labelled(made, path, "validation")
    assert [(one.text, one.label) for one in made.store.gold.all()] == [
        ("How is it? Warm.", "glad"),
        ("How is it? Cold.", "sad"),
        ("Rain again.", "sad"),
    ]
    assert [one.name for one in made.store.labels.all()] == choices
    assert done.notes == ("The labels are the answer choices of the file: glad, sad.",)
    assert [row.code for row in done.skipped] == ["wrong"]


def test_a_file_without_choices_names_no_labels(tmp_path: Path) -> None:
    made = Project.create(tmp_path / "mood", task="classification")
    with pytest.raises(StudioError, match="no labels yet"):
        import_labelled(made, write(tmp_path / "gold.jsonl", ("warm", "pos")), "validation")
    assert not made.store.labels.all()
