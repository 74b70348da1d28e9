"""Labelled projects from the command line: made, named, filled with gold, listed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from studio.methods.s3 import FORM
from studio.project import Project
from tests.support.data import labelled, note
from tests.support.verbs import Verbs, assert_one_sentence

REVIEWS = [
    ("warm rooms", "pos"),
    ("cold soup", "neg"),
    ("kind host", "pos"),
    ("loud street", "neg"),
]


@pytest.fixture
def studio(tmp_path: Path) -> Verbs:
    return Verbs(tmp_path)


@pytest.fixture
def path(studio: Verbs, tmp_path: Path) -> Path:
    made = studio(
        "new", tmp_path / "stays", "--task", "classification",
        "--labels", "pos=a glad guest,neg=a sad guest", "--about", "a guest's note", "--json",
    )  # fmt: skip
    assert [label["name"] for label in made.json["labels"]] == ["pos", "neg"]
    return tmp_path / "stays"


def write(path: Path, rows: list[tuple[str, str]]) -> Path:
    path.write_text("".join(json.dumps({"text": t, "label": name}) + "\n" for t, name in rows))
    return path


def test_a_new_project_has_its_labels_and_says_what_is_written(path: Path) -> None:
    project = Project.open(path)
    assert project.task.name == "classification"
    assert [label.words for label in project.store.labels.all()] == ["a glad guest", "a sad guest"]
    prompt = project.store.prompts.latest()
    assert prompt is not None
    assert FORM.parse(prompt.template).texts == "a guest's note"


@pytest.mark.parametrize(("task", "language"), [("nli", "zh"), ("qa", "en"), ("qa", "de")])
def test_a_template_of_the_task_and_language_is_the_first_prompt(
    studio: Verbs, tmp_path: Path, task: str, language: str
) -> None:
    done = studio("new", tmp_path / "p", "--task", task, "--language", language, "--about", "一")
    assert done.code == 0, done.err
    prompt = Project.open(tmp_path / "p").store.prompts.latest()
    assert prompt is not None
    template = FORM.parse(prompt.template)
    assert (template.task, template.language, template.texts) == (task, language, "一")


def test_a_project_without_labels_says_how_to_name_them(studio: Verbs, tmp_path: Path) -> None:
    assert "studio labels set" in studio("new", tmp_path / "p", "--task", "nli").out
    done = studio("labels", "set", "yes=true", "no=not said", "-p", tmp_path / "p", "--json")
    assert [label["wording"] for label in done.json] == ["true", "not said"]


def test_a_wording_may_have_commas(studio: Verbs, tmp_path: Path) -> None:
    labels = "pos=warm, kind words,neg=cold, bitter words"
    done = studio("new", tmp_path / "p", "--task", "nli", "--labels", labels, "--json")
    assert [label["wording"] for label in done.json["labels"]] == [
        "warm, kind words",
        "cold, bitter words",
    ]


@pytest.mark.parametrize(
    ("typed", "code", "words"),
    [
        (["--task", "qa", "--labels", "a,b"], 2, ["--labels", "not for qa"]),
        (["--labels", "a,b"], 2, ["--labels"]),
        (["--about", "a note"], 2, ["--about"]),
        (["--task", "nli", "--labels", "a"], 1, ["two"]),
        (["--task", "nli", "--labels", "a=x,b=y,a=z"], 1, ["'a'", "twice"]),
        (["--task", "nli", "--template", "qa"], 1, ["neither a file", "nli-zh"]),
        (["--task", "nli", "--corpus", ".", "--gold", "."], 2, ["studio gold import"]),
        (["--task", "classification", "--corpus", "."], 2, ["about documents", "gold import"]),
        (["--task", "sorting"], 2, ["sorting"]),
    ],
    ids=lambda item: " ".join(map(str, item)) if isinstance(item, list) else str(item),
)
def test_what_does_not_fit_the_task_makes_no_project(
    studio: Verbs, tmp_path: Path, typed: list[str], code: int, words: list[str]
) -> None:
    assert_one_sentence(studio("new", tmp_path / "x", *typed), code, *words)
    assert not (tmp_path / "x").exists()


def test_gold_is_imported_and_listed(studio: Verbs, path: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "gold.jsonl", REVIEWS)
    done = studio("gold", "import", file, "--split", "auto", "-p", path, "--json")
    assert done.json["added"] == {"validation": 2, "test": 2}
    listed = studio("gold", "list", "-p", path, "--json").json
    assert sorted((row["text"], row["label"]) for row in listed) == sorted(REVIEWS)
    assert {row["origin"] for row in listed} == {f"gold.jsonl:{n}" for n in range(1, 5)}
    tests = studio("gold", "list", "-p", path, "--split", "test", "--json").json
    assert {row["label"] for row in tests} == {"pos", "neg"}
    assert "cold soup" in studio("gold", "list", "-p", path).out
    counts = studio("labels", "list", "-p", path, "--json").json
    assert [(row["validation"], row["test"]) for row in counts] == [(1, 1), (1, 1)]


def test_columns_can_be_named(studio: Verbs, path: Path, tmp_path: Path) -> None:
    (tmp_path / "g.csv").write_text("stars,note\npos,warm rooms\nneg,cold soup\n")
    done = studio(
        "gold", "import", tmp_path / "g.csv", "--split", "test",
        "--fields", "text=note,label=stars", "-p", path, "--json",
    )  # fmt: skip
    assert done.json["added"] == {"test": 2}


def test_a_leak_is_named_by_file_and_line(studio: Verbs, path: Path, tmp_path: Path) -> None:
    first = write(tmp_path / "one.jsonl", REVIEWS[:2])
    second = write(tmp_path / "two.jsonl", [REVIEWS[2], REVIEWS[0], ("a", "pso")])
    assert studio("gold", "import", first, "--split", "validation", "-p", path).code == 0
    done = studio("gold", "import", second, "--split", "test", "-p", path, "--json").json
    assert done["skipped"] == {"label": 1, "leak": 1}
    said = {row["where"]: row["reason"] for row in done["skipped_samples"]}
    assert "validation has it (one.jsonl:1)" in said["two.jsonl:2"]
    assert "did you mean 'pos'?" in said["two.jsonl:3"]
    shown = studio("gold", "import", second, "--split", "test", "-p", path)
    assert_one_sentence(shown, 1, "Nothing of")


def test_wrong_use_of_gold_import_is_one_sentence(
    studio: Verbs, path: Path, tmp_path: Path
) -> None:
    file = write(tmp_path / "gold.jsonl", REVIEWS)
    run = ("gold", "import", file, "-p", path)
    assert_one_sentence(studio(*run), 2, "--split")
    assert_one_sentence(studio(*run, "--split", "auto", "--test-share", 1.5), 2, "--test-share")
    assert_one_sentence(studio(*run, "--split", "test", "--fields", "lable=x"), 2, "label=COLUMN")
    assert_one_sentence(studio(*run, "--split", "test", "--fields", "text=x"), 1, "'x'")
    assert_one_sentence(studio(*run, "--split", "test", "--encoding", "latin-99"), 1, "latin-99")
    missing = ("gold", "import", tmp_path / "no.jsonl", "-p", path, "--split", "test")
    assert_one_sentence(studio(*missing), 1, "There is no file")
    assert_one_sentence(studio("gold", "list", "-p", path, "--origin", "import"), 2, "--origin")


def test_each_kind_of_project_says_where_its_gold_comes_in(
    studio: Verbs, path: Path, tmp_path: Path
) -> None:
    file = write(tmp_path / "gold.jsonl", REVIEWS)
    studio("new", tmp_path / "docs")
    refused = studio("gold", "import", file, "--split", "test", "-p", tmp_path / "docs")
    assert_one_sentence(refused, 2, "studio import --gold")
    assert_one_sentence(studio("import", "--gold", file, "-p", path), 2, "studio gold import")
    add = studio("gold", "add", "words", "--split", "test", "--right", "d", "-p", path)
    assert_one_sentence(add, 2, "studio gold import")


def test_a_prompt_of_the_task_can_be_set(studio: Verbs, path: Path, tmp_path: Path) -> None:
    assert studio("prompt", "set", "classification-zh", "-p", path, "--json").json["version"] == 2
    shown = studio("prompt", "show", "-p", path, "--json").json["template"]
    (tmp_path / "mine.md").write_text(shown.replace("text_words = [12, 90]", "text_words = [1, 9]"))
    assert studio("prompt", "set", tmp_path / "mine.md", "-p", path).code == 0
    assert_one_sentence(studio("prompt", "set", "qa", "-p", path), 1, "classification-zh")
    (tmp_path / "qa.md").write_text(synthesis_of("qa"))
    assert_one_sentence(studio("prompt", "set", tmp_path / "qa.md", "-p", path), 1, "task qa")


def test_a_prompt_whose_demonstration_is_gold_says_so(
    studio: Verbs, path: Path, tmp_path: Path
) -> None:
    gold = write(tmp_path / "gold.jsonl", [("The stay was quiet.", "pos"), ("Noise!", "neg")])
    assert studio("gold", "import", gold, "--split", "test", "-p", path).code == 0
    row = '[[demonstrations]]\nlabel = "a glad guest"\ntext = "the stay was QUIET"\n\n'
    text = synthesis_of("classification").replace(
        "[[demonstrations]]", f"{row}[[demonstrations]]", 1
    )
    (tmp_path / "mine.md").write_text(text)
    done = studio("prompt", "set", tmp_path / "mine.md", "-p", path)
    assert "demonstration of the template is gold: test has it (gold.jsonl:1)" in done.out
    again = studio("prompt", "set", tmp_path / "mine.md", "-p", path, "--json").json
    assert len(again["remarks"]) == 1


def synthesis_of(name: str) -> str:
    from studio.prompting.builtin import builtin

    return builtin(name, "s3")


def test_notes_are_exported_when_they_are_asked_for(studio: Verbs, path: Path) -> None:
    store = Project.open(path).store
    run = store.runs.add("s3", {})
    store.records.add([labelled("warm rooms", "pos", run_id=run, stage="seed")])
    store.records.add([note("kind hosts 感动", "pos", run_id=run, stage="rationales")])
    for more, text in (([], "warm rooms"), (["--type", "note"], "kind hosts 感动")):
        written = studio("export", "jsonl", "-p", path, *more, "--json").json
        [row] = [json.loads(line) for line in Path(written["files"][0]).read_text().splitlines()]
        assert (row["text"], row["label"], written["rows"]) == (text, "pos", 1)
    refused = studio("export", "jsonl", "-p", path, "--type", "query")
    assert_one_sentence(refused, 1, "query", "note, text")
    shown = studio("lineage", "record", 2, "-p", path, "--json").json
    assert (shown["text"], shown["label"], shown["stage"]) == (
        "kind hosts 感动",
        "pos",
        "rationales",
    )
