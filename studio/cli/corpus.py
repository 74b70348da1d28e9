"""``studio new`` and ``studio import``: documents, gold and examples go in."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from studio.cli.fitting import opened_for
from studio.cli.following import run_job, show_result
from studio.cli.options import takes_params
from studio.cli.output import (
    DetachOption,
    JsonOption,
    ProjectOption,
    emit,
    out,
    table,
    visible,
)
from studio.cli.tables import show_switched_off
from studio.jobs import queue
from studio.jobs.params import ImportParams
from studio.project import DATABASE, Project, forget
from studio.records import Label, StudioError, WrongTask
from studio.runs import JobState
from studio.tasks import TASKS, Task
from studio.tasks import task as task_named

FieldOption = Annotated[
    str, typer.Option("--fields", help="Column names, such as id=doc_id,title=name,text=body.")
]
EncodingOption = Annotated[
    str, typer.Option("--encoding", help="Of the corpus, such as gb18030; default: found out.")
]


def _known_task(name: str) -> str:
    """The name, once there is such a task."""
    try:
        return task_named(name).name
    except StudioError as error:
        raise typer.BadParameter(str(error)) from None


TaskOption = Annotated[
    str,
    typer.Option(
        help="What is trained: a retriever, a small model for labels or questions, or an LLM.",
        metavar=f"[{'|'.join(TASKS)}]",
        callback=_known_task,
    ),
]
LabelsOption = Annotated[
    str,
    typer.Option(
        "--labels",
        help="With commas, each as name or name=how prompts say it: "
        '"pos=a satisfied guest,neg=a dissatisfied guest".',
    ),
]


@takes_params
def new(
    *,
    path: Annotated[Path, typer.Argument(readable=False, help="The new project's folder.")],
    corpus: Annotated[
        Path | None,
        typer.Option(
            readable=False,
            help="JSONL, BEIR folder, CSV/TSV, Parquet, PDF, DOCX, EPUB, or a folder of texts.",
        ),
    ] = None,
    title: Annotated[str, typer.Option(help="What to call it.")] = "",
    sample: Annotated[
        str, typer.Option(help="Begin with a bundled sample, whose task the project gets.")
    ] = "",
    language: Annotated[
        str, typer.Option(help="Of the corpus: a code such as en or bn, or a name.")
    ] = "en",
    template: Annotated[
        str, typer.Option(help="Built-in or a file. `studio prompt templates` lists them.")
    ] = "",
    task: TaskOption = "retrieval",
    labels: LabelsOption = "",
    seeds: Annotated[
        Path | None,
        typer.Option(
            readable=False, help="Examples to begin with, where the methods draw from some."
        ),
    ] = None,
    about: Annotated[
        str,
        typer.Option(help='What texts to write, such as "a guest\'s review of a hotel".'),
    ] = "",
    reading: ImportParams,
    fields: FieldOption = "",
    encoding: EncodingOption = "",
    as_json: JsonOption = False,
) -> None:
    """Make a project, and import its corpus."""
    from studio.jobs.setup import beginning, save_template
    from studio.prompting.languages import language_code

    if sample:
        own = (corpus, seeds, reading.records, reading.gold, reading.examples)
        if any((*own, labels, about, title, template, language != "en")):
            raise typer.BadParameter("a --sample brings all of its own; leave yours out")
        _of_sample(path, sample, task, as_json)
        return
    speaks_of_documents = bool(reading.gold or reading.examples)
    named = _checked_task(TASKS[task], labels, about, speaks_of_documents)
    if seeds is not None and not TASKS[task].has_examples:
        raise typer.BadParameter(f"--seeds are for tasks with examples, not for {task}")
    language = language_code(language)
    if corpus is not None and not TASKS[task].has_corpus:
        raise typer.BadParameter(
            "a corpus is for tasks about documents; labelled texts come in with "
            "`studio gold import FILE --split auto`"
        )
    _check_records(TASKS[task], reading)
    if corpus is None and speaks_of_documents:
        raise typer.BadParameter("--gold and --examples need the --corpus that they speak of")
    if seeds is not None and reading.examples:
        raise typer.BadParameter("--seeds and --examples are the same; name one of them")
    if seeds is not None:
        reading = replace(reading, examples=str(seeds))
    brought = corpus or reading.records or reading.examples
    params = _import_params(reading, corpus, fields, encoding) if brought else None
    was_there = path.expanduser().exists()
    template = template or beginning(
        TASKS[task], language, examples=bool(reading.examples), documents=corpus is not None
    )
    project = Project.create(path, title=title, task=task, language=language)
    result: dict[str, Any] = {"project": str(project.path), "task": task}
    try:
        save_template(project, template, about=about)
        if named:
            project.store.labels.set(named)
            result["labels"] = [asdict(label) for label in named]
        if params is not None:
            result |= run_job(project, "import", params.to_row(), detach=False, as_json=as_json)
    except StudioError:
        _take_back(project, was_there)
        raise
    emit(result, as_json, lambda: _show_new(result))


def _of_sample(path: Path, name: str, task: str, as_json: bool) -> None:
    """A project with all that a sample has. Raises StudioError for one that there is not."""
    from studio.jobs.setup import labelled_sample_project, labelled_samples, sample_project, samples

    known = {**samples(), **labelled_samples()}
    # The first task is what is named where none is.
    if name not in known or task not in ("retrieval", known[name].task):
        listed = ", ".join(f"{one.name} ({one.task})" for one in known.values())
        of_task = f" of the task {task}" if name in known else ""
        raise StudioError(f"There is no sample {name!r}{of_task}. The samples are: {listed}.")
    result: dict[str, Any] = {"sample": name, "task": known[name].task}
    if name in samples():
        project, params = sample_project(path, name)
        result |= run_job(project, "import", params, detach=False, as_json=as_json)
    else:
        project = labelled_sample_project(path, name)
        result["labels"] = [asdict(label) for label in known[name].labels]
    result["project"] = str(project.path)
    emit(result, as_json, lambda: _show_new(result))


def _checked_task(task: Task, labels: str, about: str, of_retrieval: bool) -> list[Label]:
    """The labels, once everything said fits the task."""
    from studio.formats.label_list import parsed, separated

    if labels and not task.has_labels:
        have = " and ".join(name for name, one in TASKS.items() if one.has_labels)
        raise typer.BadParameter(f"--labels are for {have}, not for {task.name}")
    if about and task.gold == "documents":
        others = ", ".join(name for name, one in TASKS.items() if one.gold != "documents")
        raise typer.BadParameter(f"--about is for {others}")
    if of_retrieval and task.gold != "documents":
        raise typer.BadParameter(
            f"--gold and --examples are for retrieval; gold of {task.name} comes in with "
            "`studio gold import FILE --split auto`"
        )
    return parsed(separated(labels)) if labels else []


def _take_back(project: Project, folder_was_there: bool) -> None:
    """Remove what this call made, so that the mended command meets no half-made project.

    A project whose import can go on stays, and so does one whose log is worth reading.
    """
    for job in queue.all_jobs(project):
        log = queue.log_path(project, job.id)
        said = log.read_text("utf-8", "replace") if log.is_file() else ""
        if job.state is not JobState.FAILED or "Traceback" in said:
            return
        log.unlink(missing_ok=True)
    project.close()
    forget(project.path)
    with suppress(OSError):
        for suffix in ("", "-wal", "-shm"):
            (project.path / f"{DATABASE}{suffix}").unlink(missing_ok=True)
        (project.path / "logs").rmdir()
    if not folder_was_there:
        with suppress(OSError):
            project.path.rmdir()


def _show_new(result: dict[str, Any]) -> None:
    if "documents" in result:
        show_import(result)
    if TASKS[result["task"]].has_labels and "labels" not in result:
        out.print('Next, name its labels: studio labels set "pos=a good opinion" "neg=a bad one"')
    out.print(f"Open it with: studio {visible(result['project'])}", highlight=False, soft_wrap=True)


@takes_params
def import_(
    *,
    corpus: Annotated[
        Path | None,
        typer.Argument(
            readable=False,
            help="JSONL, BEIR folder, CSV/TSV, Parquet, PDF, DOCX, EPUB, or a folder of texts.",
        ),
    ] = None,
    project: ProjectOption = Path(),
    reading: ImportParams,
    fields: FieldOption = "",
    encoding: EncodingOption = "",
    detach: DetachOption = False,
    as_json: JsonOption = False,
) -> None:
    """Add documents, gold queries, examples, or records that others have made, to a project."""
    if not (corpus or reading.gold or reading.examples or reading.records):
        raise typer.BadParameter("name a corpus, --gold, --examples or --records")
    opened = opened_for("import", project)
    if opened.task.gold != "documents" and (reading.gold or reading.examples):
        raise WrongTask(
            f"This project's task is {opened.task.name}: its gold comes in with "
            "`studio gold import FILE --split auto`."
        )
    if corpus is not None and not opened.task.has_corpus:
        raise WrongTask(
            f"This project's task is {opened.task.name}: it has no use for documents alone. "
            f"--records FILE brings {opened.task.record.nouns}."
        )
    _check_records(opened.task, reading)
    params = _import_params(reading, corpus, fields, encoding)
    result = run_job(opened, "import", params.to_row(), detach=detach, as_json=as_json)
    emit(result, as_json, lambda: show_result(result, lambda: show_import(result)))


def _check_records(task: Task, reading: ImportParams) -> None:
    if reading.records and not task.takes_records:
        raise WrongTask(
            f"This project's task is {task.name}: --records are for instruction data and triplets. "
            f"What its LLM writes comes with `{task.verb}`."
        )


def _import_params(
    reading: ImportParams, corpus: Path | None, fields: str, encoding: str
) -> ImportParams:
    """How an import job reads its files; their paths are absolute, since the worker runs elsewhere.

    Raises StudioError for a file that is not there.
    """
    from studio.formats.encodings import checked_encoding

    if reading.passage_tokens and reading.overlap >= reading.passage_tokens:
        raise typer.BadParameter("--overlap must be smaller than --passage-tokens")
    named = _fields(fields)
    if encoding:
        named["encoding"] = checked_encoding(encoding)
    return replace(
        reading,
        corpus=_existing(corpus, "a file or folder with documents"),
        gold=_existing(reading.gold, "a BEIR folder or a JSONL file of queries"),
        examples=_existing(reading.examples, "a JSONL or CSV file of examples"),
        records=_existing(reading.records, "a file of instruction data"),
        fields=named or None,
    )


def _existing(path: Path | str | None, wanted: str) -> str | None:
    if path is None:
        return None
    found = Path(path).expanduser().absolute()
    if not found.exists():
        raise StudioError(f"{found} does not exist. Give {wanted}.")
    return str(found)


def _fields(text: str) -> dict[str, str]:
    """``id=a,title=b,text=c`` as a table; any of the three may be left out."""
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    found = {name.strip(): column.strip() for name, _, column in pairs}
    if not set(found) <= {"id", "title", "text"} or not all(found.values()):
        raise typer.BadParameter("write --fields as id=COLUMN,title=COLUMN,text=COLUMN")
    return found


def show_import(result: dict[str, Any]) -> None:
    """The import's counts, and the first rows that were skipped."""
    counts = {
        "passages added": result["documents"],
        "left out: content is there already": result["duplicates"],
        "got a suffix: outside id was taken": result["renamed"],
    }
    rows: list[list[object]] = [
        *[[what, count] for what, count in counts.items() if count],
        *[[f"skipped: {reason}", count] for reason, count in result["skipped"].items()],
        *[[f"gold queries: {split}", count] for split, count in result.get("gold", {}).items()],
    ]
    if "records" in result:
        rows.append(["records", result["records"]])
    if "examples" in result:
        rows.append(["examples", result["examples"]])
    out.print(table("Import", ("what", "rows"), rows))
    for sample in result["skipped_samples"][:5]:
        out.print(f"  {visible(sample['where'])}: {visible(sample['reason'])}", style="dim")
    show_switched_off(result)
