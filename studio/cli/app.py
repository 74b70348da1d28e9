"""The verbs, gathered. Exit codes: 0 done, 1 failed (one sentence on stderr), 2 wrong use."""

from __future__ import annotations

import difflib
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from studio import __version__, servers
from studio.api_keys import BlottingFormatter, blotted
from studio.cli import (
    VERBS,
    corpus,
    doctor,
    examples,
    exports,
    filtering,
    gold,
    jobs,
    judging,
    keys,
    labels,
    models,
    prompts,
    provenance,
    reranking,
    s3,
    serve,
    tuning,
    work,
)
from studio.cli import categories as categories_verb
from studio.cli import demo as demo_verb
from studio.cli.output import err, visible
from studio.crash import last_words
from studio.llm.address import address, is_address
from studio.records import CapReached, StudioError, WrongTask

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
app.command("generate")(work.generate)
app.command("filter")(filtering.filter_)
app.command("judge")(judging.judge)
app.command("categories")(categories_verb.categories)
app.command("train")(work.train)
app.command("rerank")(reranking.rerank)
app.command("tune")(tuning.tune)
app.command("evaluate")(work.evaluate)
app.command("passkey")(work.passkey)
app.command("search")(work.search)
app.command("export")(exports.export)
app.command("lineage")(provenance.lineage)
app.command("doctor")(doctor.doctor)
app.command("demo")(demo_verb.demo)
app.command("serve")(serve.serve)
app.command("keys")(keys.keys)
app.add_typer(examples.app, name="examples")
app.add_typer(prompts.app, name="prompt")
app.add_typer(gold.app, name="gold")
app.add_typer(jobs.app, name="jobs")
app.add_typer(models.app, name="models")
app.add_typer(labels.app, name="labels")
app.add_typer(s3.app, name="s3")


def run(arguments: list[str]) -> int:
    """Run one verb; returns the exit code."""
    _prepare()
    # Of --endpoint=embedded:PATH too, what stands behind the sign.
    values = (text.partition("=")[2] for text in arguments if text.startswith("--"))
    servers.type_in(*arguments, *values, *_addresses(arguments))
    try:
        _refuse_unknown(arguments)
        code = app(args=arguments, prog_name="studio", standalone_mode=False)
        sys.stdout.flush()
    except typer.TyperException as error:
        return _wrong_use(error)
    except StudioError as error:
        code = fail(str(error))
        return 2 if isinstance(error, WrongTask) else 3 if isinstance(error, CapReached) else code
    except (KeyboardInterrupt, typer.Abort):
        return fail("Stopped.")
    except BrokenPipeError:
        return _nobody_reads()
    except OSError as error:
        return fail(f"{error.strerror or error}: {error.filename or 'no file named'}.")
    except Exception as error:
        return fail(last_words(error))
    return int(code or 0) if code != 130 else fail("Stopped.")


def _addresses(arguments: list[str]) -> Iterator[str]:
    """Those that are typed without their scheme, such as ``localhost:8000``."""
    for argument in filter(is_address, arguments):
        with suppress(StudioError):
            yield address(argument)


def _prepare() -> None:
    """Terminals and pipes of any encoding; libraries that keep quiet."""
    quiet = logging.StreamHandler()
    # On the handler: some libraries set the level of their own loggers.
    quiet.setLevel(logging.ERROR)
    quiet.setFormatter(BlottingFormatter())
    own = logging.StreamHandler()
    own.setFormatter(BlottingFormatter("studio: %(message)s"))
    own.addFilter(logging.Filter("studio"))
    logging.basicConfig(handlers=[quiet, own])
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _refuse_unknown(arguments: list[str]) -> None:
    """A first word that is no verb: the nearest one, or how a project is named."""
    word = arguments[0] if arguments else "-"
    if word.startswith("-") or word in VERBS:
        return
    if (Path(word).expanduser() / "studio.db").is_file():
        raise typer.BadParameter(f"the verb comes first: studio VERB -p {word}")
    near = difflib.get_close_matches(word, VERBS, n=1)
    hint = f" Did you mean `studio {near[0]}`?" if near else ""
    raise typer.BadParameter(f"{word!r} is neither a verb nor a project's folder.{hint}")


def _wrong_use(error: typer.TyperException) -> int:
    """What was typed is at fault. Help that was asked for by giving nothing has been printed."""
    said = " ".join(error.format_message().split()).removeprefix("Invalid value: ")
    # What a converter raised is announced by its kind.
    said = said.replace(": Value error, ", ": ", 1)
    if not said:
        return 2
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "studio"
    end = "" if said.endswith((".", "?", "!")) else "."
    fail(f"{said[:1].upper()}{said[1:]}{end} See `{command} --help`.")
    return 2


def fail(sentence: str) -> int:
    """Say on stderr why it could not be done; the exit code."""
    said = visible(blotted(sentence))
    err.print(f"[bold red]studio:[/] {said}", soft_wrap=True, highlight=False)
    return 1


def _nobody_reads() -> int:
    """The reader of the pipe has gone; what is left in the buffer must not complain at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1
