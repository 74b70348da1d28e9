"""The verbs, gathered. Exit codes: 0 done, 1 failed (one sentence on stderr), 2 wrong use."""

from __future__ import annotations

import logging
import os
from typing import Annotated

import typer

from studio import __version__
from studio.cli import corpus, doctor, examples, exports, jobs, models, prompts, provenance, work
from studio.cli import demo as demo_verb
from studio.cli.output import err, visible
from studio.records import StudioError

app = typer.Typer(
    name="studio",
    help=(
        "From documents and a handful of examples to a trained local model "
        "with a measured gain.\n\n"
        "`studio` opens the screens, `studio PROJECT` opens a project; the verbs below do the same "
        "without a terminal."
    ),
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"studio {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Before every verb."""


app.command("new")(corpus.new)
app.command("import")(corpus.import_)
app.add_typer(examples.app, name="examples")
app.add_typer(prompts.app, name="prompt")
app.command("generate")(work.generate)
app.command("filter")(work.filter_)
app.command("train")(work.train)
app.command("evaluate")(work.evaluate)
app.command("search")(work.search)
app.add_typer(jobs.app, name="jobs")
app.command("export")(exports.export)
app.command("lineage")(provenance.lineage)
app.add_typer(models.app, name="models")
app.command("doctor")(doctor.doctor)
app.command("demo")(demo_verb.demo)


def run(arguments: list[str]) -> int:
    """Run one verb; returns the exit code."""
    logging.basicConfig(level=logging.WARNING)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        app(args=arguments, prog_name="studio")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(bool(ended.code))
    except StudioError as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return _fail("stopped")
    except BrokenPipeError:
        return 1
    except OSError as error:
        return _fail(f"{error.strerror or error}: {error.filename or 'no file named'}")
    return 0


def _fail(sentence: str) -> int:
    err.print(f"[bold red]studio:[/] {visible(sentence)}", soft_wrap=True, highlight=False)
    return 1
