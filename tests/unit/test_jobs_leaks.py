"""Gold is kept apart from examples, from training data, and one split from the other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from studio.filters.similarity import NearWords
from studio.jobs.gold_items import import_labelled
from studio.jobs.importing import Report, import_examples, import_gold
from studio.jobs.leaks import (
    GoldPlaces,
    GoldWords,
    LeakGuard,
    settled,
    shown_demonstrations,
    shown_examples,
    unfit,
)
from studio.jobs.plans import Beginning, planned, run_row
from studio.jobs.training_data import sharing, without_gold
from studio.project import Project
from studio.prompting.lint_all import Linter
from studio.prompting.staged import StagedTemplate
from studio.prompting.words import normal
from studio.records import INSTRUCTION, Example, Label, Record, StudioError
from studio.store import Store
from tests.support.data import gold_pair, gold_query, gold_text, labelled, pair, query_for
from tests.support.project import fill

SAME = [
    ("Where is the harbour?", "  where is THE\tharbour "),
    ("Straße nach Köln", "STRASSE NACH KÖLN!"),
    ("ΟΔΟΣ", "οδός".replace("ό", "ο")),
    ("押金　什么时候退？", "押金 什么时候退"),
    ("ﾊﾟｽﾎﾟｰﾄ１２", "パスポート12"),
    ("co\u00adoperate", "Cooperate"),
    ("كتـــاب", "كتاب"),
    ("cafe\u0301", "CAFÉ"),
    ("हिन्दी क्या है?", "हिन्दी क्या है।"),
    ("👍", " 👍 "),
    ("Sorting in C++", "sorting, in c++!"),
    ("a discount of 5 %", "A discount of 5%."),
    ("**Is** a well-known bridge #3 shut?", "is a well known bridge 3 shut"),
]
OTHERS = [
    ("👍", "👎"),
    ("ten rooms", "two rooms"),
    ("ß", "s"),
    ("押金", "押"),
    ("Sorting a list in C++", "sorting a list in C#"),
    ("Ｃ＃の書き方", "Ｃの書き方"),
    ("a discount of 5%", "a discount of 5€"),
    ("pipes for x < 3", "pipes for x > 3"),
    ("stored at -18 °C", "stored at 18 °C"),
]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    for place in ("CONFIG", "DATA", "CACHE"):
        monkeypatch.setenv(f"STUDIO_{place}", str(tmp_path / place))
    return Project.create(tmp_path / "project")


@pytest.fixture
def store(project: Project) -> Store:
    fill(project.store, ["the harbour lies south", "trains leave at noon", "tea is hot"])
    return project.store


def of_labels(tmp_path: Path, task: str = "classification") -> Project:
    project = Project.create(tmp_path / task, task=task)
    project.store.labels.set([Label("pos"), Label("neg")])
    return project


def lines(path: Path, *rows: dict[str, object]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


@pytest.mark.parametrize(("one", "other"), SAME)
def test_texts_that_a_reader_takes_for_the_same_are_the_same(one: str, other: str) -> None:
    assert normal(one) == normal(other) != ""


@pytest.mark.parametrize(("one", "other"), OTHERS)
def test_others_are_not(one: str, other: str) -> None:
    assert normal(one) != normal(other)


@pytest.mark.parametrize(("one", "other"), SAME)
def test_gold_in_other_dress_is_refused_as_an_example(
    store: Store, tmp_path: Path, one: str, other: str
) -> None:
    store.gold.add([gold_query("g", one, "test", {1: 1})])
    report = Report()
    rows = ({"query": other, "document_id": "d1"}, {"query": "anything else", "document_id": "d1"})
    assert len(import_examples(store, lines(tmp_path / "e.jsonl", *rows), report)) == 1
    [sample] = report.samples
    assert sample["where"] == "e.jsonl:1"
    assert sample["reason"].endswith("would leak: test has it (g)")


def test_an_example_that_gold_becomes_later_is_switched_off_and_named(
    project: Project, store: Store, tmp_path: Path
) -> None:
    import os

    from studio.jobs.context import JobContext
    from studio.jobs.importing import import_all
    from studio.jobs.params import ImportParams

    store.examples.add([Example("x", "where is the HARBOUR"), Example("y", "when do trains go")])
    file = lines(
        tmp_path / "g.jsonl", {"_id": "g", "text": "Where is the harbour?", "relevant": ["d1"]}
    )
    params = ImportParams(gold=str(file))
    number = store.jobs.submit("import", params.to_row())
    assert store.jobs.claim(number, os.getpid())
    job = store.jobs.get(number)
    assert job is not None
    context = JobContext(project, job)
    import_all(context, params)
    off = [{"id": 1, "query": "where is the HARBOUR"}]
    assert context.result["examples_switched_off"] == off
    assert [example.enabled for example in store.examples.all()] == [False, True]


def test_an_example_that_is_gold_is_shown_to_no_llm_however_it_came_there(store: Store) -> None:
    store.examples.add([Example("x", "where is the harbour"), Example("y", "when do trains go")])
    # A mark in Search, a text typed later, a project of an earlier version.
    store.gold.add([gold_query("g", "Where is the harbour?", "validation", {1: 1})])
    shown, gold = shown_examples(store)
    assert [example.query for example in shown] == ["when do trains go"]
    assert [example.id for example in gold] == [1]


def test_the_screen_says_so_of_an_example_that_is_typed(store: Store) -> None:
    store.gold.add([gold_query("g", "Where is the harbour?", "test", {1: 1})])
    linter = Linter((1, 60), "en", GoldPlaces(store.path))
    typed = Example("the harbour lies south", "where is the harbour", id=5)
    first, *_ = linter.remarks([typed, Example("x", "", id=6)])[5]
    assert (first.kind, str(first).partition(".")[0]) == ("gold", "This is gold: test has it (g)")


def test_held_out_examples_that_are_gold_validation_are_no_test(store: Store) -> None:
    from studio.jobs.datasets import gold_set

    store.examples.add(
        [
            Example("x", "where is the harbour", document_id=1, enabled=False),
            Example("y", "when do trains go", document_id=2, enabled=False),
        ]
    )
    store.gold.add([gold_query("g", "Where is the harbour?", "validation", {1: 1})])
    assert [query.text for query in gold_set(store, "test").queries] == ["when do trains go"]


def test_a_query_of_the_other_split_is_refused_with_its_row(store: Store, tmp_path: Path) -> None:
    store.gold.add([gold_query("t", "Where is the harbour?", "test", {1: 1})])
    rows = (
        {"_id": "v1", "text": "where is the harbour", "relevant": ["d1"], "split": "validation"},
        {"_id": "v2", "text": "When do trains go?", "relevant": ["d2"], "split": "validation"},
        {"_id": "v3", "text": "when do trains go", "relevant": ["d2"], "split": "test"},
    )
    report = Report()
    counts = import_gold(store, lines(tmp_path / "g.jsonl", *rows), False, report)
    assert counts == {"validation": 1}
    assert report.samples == [
        {"where": "g.jsonl:1", "reason": "a leak: test has it (t)"},
        {"where": "g.jsonl:3", "reason": "a leak: validation has it (v2)"},
    ]


def test_a_query_that_moves_to_the_other_split_is_no_leak(store: Store, tmp_path: Path) -> None:
    store.gold.add([gold_query("q", "Where is the harbour?", "test", {1: 1})])
    row = {"_id": "q", "text": "Where is the harbour?", "relevant": ["d1"], "split": "validation"}
    assert import_gold(store, lines(tmp_path / "g.jsonl", row), False, Report()) == {
        "validation": 1
    }
    assert store.gold.count("test") == 0


@pytest.mark.parametrize(("one", "other"), SAME)
def test_a_labelled_text_of_the_other_split_is_refused_with_its_row(
    project: Project, tmp_path: Path, one: str, other: str
) -> None:
    made = of_labels(tmp_path)
    import_labelled(made, lines(tmp_path / "t.jsonl", {"text": one, "label": "pos"}), "test")
    rows = ({"text": other, "label": "pos"}, {"text": "something else", "label": "neg"})
    done = import_labelled(made, lines(tmp_path / "v.jsonl", *rows), "validation")
    assert done.added == {"validation": 1}
    [skipped] = done.skipped
    assert (skipped.where, skipped.code) == ("v.jsonl:1", "leak")
    assert skipped.reason == "a leak: test has it (t.jsonl:1)"


def test_texts_that_differ_in_dress_go_to_one_split(project: Project, tmp_path: Path) -> None:
    made = of_labels(tmp_path)
    rows = [
        {"text": text, "label": label}
        for n in range(12)
        for label in ("pos", "neg")
        for text in (f"Stay {n} {label}", f"stay {n} {label}!")
    ]
    done = import_labelled(made, lines(tmp_path / "g.jsonl", *rows), "auto")
    assert sum(done.added.values()) == 48
    assert not done.skipped


def test_the_same_hypothesis_on_another_premise_is_no_leak(
    project: Project, tmp_path: Path
) -> None:
    known = GoldWords([gold_pair("It rains.", "pos", "The sky is grey.", "test", "t")])
    assert known.find(pair("it RAINS", "neg", "the sky is grey")) is not None
    assert known.find(pair("It rains.", "pos", "Streets are wet.")) is None


DEMONSTRATED = """+++
name = "reviews"
task = "classification"
language = "en"
texts = "a review of a hotel"

[[demonstrations]]
label = "pos"
text = "{text}"
similar = "{similar}"

[[demonstrations]]
label = "neg"
text = "The lift was broken and the stairs were dark."
similar = "Nobody came when the heating failed."
+++
You write reviews.

# Seed
{{{{ texts }}}} for {{{{ label }}}}

# Extrapolation
One like {{{{ text }}}} for {{{{ label }}}}
"""


@pytest.mark.parametrize(
    ("text", "similar"),
    [
        ("a GREAT stay, really", "We would come again."),
        ("We would come again.", "A great stay -- really"),
    ],
)
def test_a_demonstration_that_is_gold_is_shown_to_no_llm(
    project: Project, tmp_path: Path, text: str, similar: str
) -> None:
    made = of_labels(tmp_path)
    made.store.gold.add([gold_text("A great stay, really.", "pos", "test", "t7")])
    (made.path / "studio.toml").write_text(
        'endpoint = "e"\n[endpoints.e]\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "m"\n'
    )
    made = Project.open(made.path)
    made.store.prompts.save("reviews", DEMONSTRATED.format(text=text, similar=similar))
    method, plan, _ = planned(made, run_row(made))
    seed = next(stage for stage in method.stages if stage.name == "seed")
    said = " ".join(m.content for m in next(seed.ask(plan, 0, Beginning())).request.messages)
    assert "stairs were dark" in said
    assert text not in said
    assert similar not in said
    assert [remark.partition(". ")[0] for remark in plan.remarks] == [
        "A demonstration of the template is gold: test has it (t7)"
    ]


def test_a_hypothesis_of_another_premise_is_no_gold_and_may_be_demonstrated(
    project: Project, tmp_path: Path
) -> None:
    made = of_labels(tmp_path, "nli")
    made.store.gold.add([gold_pair("It rains.", "pos", "Streets are wet.", "test", "t")])
    rows = [
        {"label": "pos", "context": context, "text": "it rains"}
        for context in ("Umbrellas are out.", "Streets are wet")
    ]
    template = StagedTemplate("n", "nli", "en", "a statement", demonstrations=tuple(rows))
    shown, remarks = shown_demonstrations(made.store, template, made.task.record)
    assert shown.demonstrations == (rows[0],)
    assert len(remarks) == 1


def test_nothing_that_gold_says_is_trained_on(store: Store) -> None:
    store.gold.add([gold_query("g", "Where is the harbour?", "test", {1: 1})])
    store.records.add([query_for(1, "where is the HARBOUR"), query_for(1, "where are ships")])
    records = list(store.records.all())
    assert [r.text for r in without_gold(store, records)[0]] == ["where are ships"]
    assert sharing(store) == [records[0].id]


def test_labelled_data_that_says_what_gold_says_is_not_trained_on(
    project: Project, tmp_path: Path
) -> None:
    made = of_labels(tmp_path)
    made.store.gold.add(
        [
            gold_text("A great stay", "pos", "test", "t"),
            gold_text("Never again", "neg", "validation", "v"),
        ]
    )
    data = [labelled("a GREAT stay!", "pos"), labelled("never again", "neg"), labelled("ok", "pos")]
    assert without_gold(made.store, data) == ([data[2]], 2)


def test_a_text_without_words_leaks_too() -> None:
    test = [gold_text("👍👍", "pos", "test", "t")]
    guard = LeakGuard.of(test)
    assert guard.leaks(labelled("👍👍 ", "pos"))
    assert not guard.leaks(labelled("👎", "neg"))
    assert unfit(labelled("👍👍", "pos"), [], test) == "test-leak"
    assert unfit(labelled("👎", "neg"), [], test) == ""


def test_when_all_of_a_file_leaks_it_says_so(project: Project, tmp_path: Path) -> None:
    made = of_labels(tmp_path)
    import_labelled(made, lines(tmp_path / "t.jsonl", {"text": "Fine", "label": "pos"}), "test")
    again = lines(tmp_path / "v.jsonl", {"text": "FINE!", "label": "pos"})
    with pytest.raises(StudioError, match=r"v.jsonl:1: a leak: test has it \(t.jsonl:1\)"):
        import_labelled(made, again, "validation")


def test_near_texts_of_a_batch_are_settled_by_their_place() -> None:
    known = NearWords(0.7, ["name three rivers of europe"])
    texts = (
        "Name three rivers of Europe.",
        "explain how a bicycle keeps its balance",
        "explain how a bicycle keeps balance",
        "write a poem about rain",
    )
    batch = [
        Record(INSTRUCTION, {"instruction": text}, id=place, place=place)
        for place, text in enumerate(texts, 1)
    ]
    seen: set[tuple[str, ...]] = set()
    guard = LeakGuard.of(())
    found = settled(seen, batch, guard, known)
    assert [(one.record_id, one.reason, one.kept) for one in found] == [
        (1, "near-duplicate", False),
        (3, "near-duplicate", False),
    ]
    assert found[0].score == 1.0
    assert found[1].score == pytest.approx(2 * 6 / 13)
    # What a batch kept is known to the next one.
    late = [Record(INSTRUCTION, {"instruction": "explain how bicycles keep balance"}, id=9),
            Record(INSTRUCTION, {"instruction": "write one poem about rain"}, id=10)]  # fmt: skip
    assert [one.record_id for one in settled(seen, late, guard, known)] == [10]


def test_what_is_near_to_a_dropped_text_alone_is_kept() -> None:
    known = NearWords(0.7, ["a b c d e f g h i j"])
    texts = "a b c d e f g h x y", "a b c d e f w v x y"
    batch = [Record(INSTRUCTION, {"instruction": text}, id=n) for n, text in enumerate(texts)]
    assert [one.record_id for one in settled(set(), batch, LeakGuard.of(()), known)] == [0]
