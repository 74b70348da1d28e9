"""Options out of the fields of params, and every flag that people have used so far."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import click
import pytest
import typer
import typer.main
import typer.testing

from studio.cli.app import app
from studio.cli.options import refuse_other_options, takes_params
from studio.params import Params, option

FLAGS = {
    "": "--install-completion --show-completion --version",
    "new":
        "--about --corpus --encoding --examples --fields --gold --json --labels "
        "--language --overlap --passage-tokens --task --template --title "
        "--train-as-validation",
    "import":
        "--detach --encoding --examples --fields --gold --json --overlap --passage-tokens "
        "--project --train-as-validation -p",
    "generate":
        "--budget-tokens --budget-usd --concurrency --detach --documents --endpoint "
        "--estimate --json --model --project --prompt --queries --search --seed --shots "
        "--style --temperature -p",
    "filter": "--detach --encoder --json --move --project --round-trip --seed -k -p",
    "train":
        "--batch-size --detach --distillation --document-prompt --encoder --epochs "
        "--evaluate --hard-negatives --interpolate --job --json --kept-by --learning-rate "
        "--max-length --max-score --min-score --name --no-interpolate --no-stage-one "
        "--project --prompt-version --query-prompt --recipe --score-of --seed --side "
        "--stage-one --steps --teacher -p",
    "evaluate": "--detach --encoder --json --model --project --seed --split -p",
    "search": "--json --project --system -k -p",
    "export": "--dropped --json --licence --project -p",
    "lineage": "--json --project -p",
    "doctor": "--endpoint --json --model --project -p",
    "demo":
        "--base --documents --endpoint --headless --json --kind --model --queries "
        "--rounds --sample --seed-records --task",
    "serve": "--host --json --port --project -p",
    "keys": "--json --write",
    "examples list": "--json --project -p",
    "examples add": "--document --input --json --output --project --tags --text -p",
    "examples remove": "--json --project -p",
    "examples on": "--json --project -p",
    "examples off": "--json --project -p",
    "examples tag": "--json --project -p",
    "examples import": "--json --project -p",
    "examples export": "--json --project -p",
    "prompt templates": "--json",
    "prompt list": "--json --project -p",
    "prompt show": "--json --project --version -p",
    "prompt set": "--json --note --project -p",
    "prompt diff": "--json --project -p",
    "prompt render": "--draw --json --project --version -p",
    "gold import": "--encoding --fields --json --project --seed --split --test-share -p",
    "gold list": "--json --origin --project --split -p",
    "gold add": "--clear --json --project --right --split --wrong -p",
    "jobs": "--json --project -p",
    "jobs list": "--json --project -p",
    "jobs show": "--json --project -p",
    "jobs watch": "--json --project -p",
    "jobs pause": "--json --project -p",
    "jobs concurrency": "--json --project -p",
    "jobs cancel": "--json --project -p",
    "jobs resume": "--detach --json --project -p",
    "models list": "--json",
    "models path": "--json",
    "models pull": "--accept-licence --json",
    "models trained": "--json --project -p",
    "models compare": "--json --project -p",
    "labels list": "--json --project -p",
    "labels set": "--json --project -p",
    "s3":
        "--add-records --approve --base --budget-tokens --budget-usd --concurrency "
        "--confusers --detach --endpoint --epochs --hard-negatives --json --kind "
        "--learning-rate --method --model --patience --project --prompt --rationales "
        "--records --rounds --seed --seed-records --seeds --temperature --top-k "
        "--train-file --without-extrapolation --without-rationales -p",
    "s3 approve": "--detach --json --project -p",
    "s3 show": "--json --project -p",
    "s3 compare":
        "--base --budget-usd --detach --endpoint --epochs --json --kind --methods --model "
        "--project --records --rounds --seed --seed-records --seeds --train-file -p",
}  # fmt: skip
"""Verb → its flags as they were when options were still written by hand."""


@dataclass(frozen=True, slots=True)
class BakeParams(Params):
    """Bake a cake."""

    minutes: int = option(40, "Minutes", "in the oven", least=1, most=90)
    sugar: float | None = option(None, "Sugar", "in grams", least=0.5, empty="the recipe's")
    shape: Literal["round", "square"] = option(
        "round", "Shape", "of the tin", choices=("round", "square"), notes=("quick", "neat")
    )
    layers: Literal["one", "two"] | None = option(
        None, "Layers", "of dough", choices=("one", "two")
    )
    icing: bool = option(True, "Icing", "on top", older=("glaze",))
    covered: bool = option(True, "Covered", "while it cools", flag="lid/open")
    fan: bool | None = option(None, "Fan", "moves the air", empty="as the oven likes")
    k: int = option(1, "Cakes", "at once", flag="k")
    baker: str = option("", "Baker", "who does it", flag="by")
    oven_id: int = 7
    """Only programs set it."""


@dataclass(frozen=True, slots=True)
class ServeParams(Params):
    """Serve a cake."""

    plates: int = option(4, "Plates", "on the table")
    k: int = option(1, "Cakes", "at once", flag="k")


def run(verb: Any, *arguments: str) -> click.testing.Result:
    made = typer.Typer()
    made.command()(verb)
    return typer.testing.CliRunner().invoke(made, arguments, catch_exceptions=False)


def baked(*arguments: str) -> BakeParams:
    """What a verb receives."""
    received = []

    @takes_params
    def bake(
        *,
        oven: Annotated[str, typer.Argument(help="Which one.")] = "old",
        params: BakeParams,
        dry: bool = False,
    ) -> None:
        received.append((oven, params, dry))

    done = run(bake, *arguments)
    assert done.exit_code == 0, done.output
    ((oven, params, dry),) = received
    assert (oven, dry) == ("old", False)
    assert isinstance(params, BakeParams)
    return params


def test_without_options_the_params_have_their_defaults() -> None:
    assert baked() == BakeParams()


def test_each_field_has_an_option_of_its_type() -> None:
    told = (
        "--minutes",
        "5",
        "--sugar",
        "7.5",
        "--shape",
        "square",
        "--layers",
        "two",
        "--by",
        "花",
    )
    assert baked(*told) == BakeParams(
        minutes=5, sugar=7.5, shape="square", layers="two", baker="花"
    )


@pytest.mark.parametrize(
    ("flag", "expected"),
    [
        ("--no-icing", BakeParams(icing=False)),
        ("--no-glaze", BakeParams(icing=False)),
        ("--open", BakeParams(covered=False)),
        ("--lid", BakeParams(covered=True)),
        ("--fan", BakeParams(fan=True)),
        ("--no-fan", BakeParams(fan=False)),
    ],
)
def test_switches_have_two_flags_and_go_by_their_older_names(
    flag: str, expected: BakeParams
) -> None:
    assert baked(flag) == expected


def test_a_flag_of_one_letter_has_one_dash() -> None:
    assert baked("-k", "3").k == 3


def test_an_option_of_another_task_is_refused_with_those_that_do() -> None:
    refuse_other_options((ServeParams(),), (BakeParams(k=3),), "plates")
    with pytest.raises(typer.BadParameter) as told:
        refuse_other_options((ServeParams(),), (BakeParams(covered=False),), "plates")
    assert str(told.value) == "--lid means nothing for plates; what does: --plates, -k"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--minutes", "0"), "greater than or equal to 1"),
        (("--sugar", "0.1"), "greater than or equal to 0.5"),
        (("--shape", "oval"), "--shape"),
        (("--minutes", "many"), "valid integer"),
        (("--oven-id", "3"), "No such option"),
    ],
)
def test_what_the_field_does_not_allow_is_wrong_use(arguments: tuple[str, ...], words: str) -> None:
    @takes_params
    def bake(*, params: BakeParams) -> None:
        raise AssertionError

    done = run(bake, *arguments)
    assert done.exit_code == 2
    assert words in " ".join(re.sub("[│╭╮╰╯─]", " ", done.output).split())


def test_help_says_in_the_order_of_the_fields_what_each_is_and_what_none_means() -> None:
    @takes_params
    def bake(*, params: BakeParams) -> None:
        """Bake."""

    made = typer.Typer()
    made.command()(bake)
    found = typer.main.get_command(made)
    shown = [p for p in found.params if p.name in BakeParams.options()]
    assert [p.name for p in shown] == [*BakeParams.options()]
    by_name: dict[str, Any] = {p.name or "": p for p in shown}
    assert by_name["minutes"].help == "Minutes: in the oven."
    assert by_name["shape"].help == "Shape: of the tin. round: quick; square: neat."
    assert by_name["sugar"].show_default == "the recipe's"


def test_several_params_share_the_fields_that_both_have() -> None:
    received = []

    @takes_params
    def party(*, bake: BakeParams, serve: ServeParams) -> None:
        received.append((bake, serve))

    assert run(party, "-k", "2", "--plates", "9", "--minutes", "8").exit_code == 0
    assert received == [(BakeParams(k=2, minutes=8), ServeParams(k=2, plates=9))]


def verbs(command: Any, path: str = "") -> Iterator[tuple[str, set[str]]]:
    """Every verb with its flags."""
    found = (p for p in command.params if p.param_type_name == "option")
    yield path, {flag for p in found for flag in (*p.opts, *p.secondary_opts)}
    for name, inner in getattr(command, "commands", {}).items():
        yield from verbs(inner, f"{path} {name}".strip())


@pytest.mark.parametrize("verb", FLAGS)
def test_the_flags_that_people_use_go_on(verb: str) -> None:
    found = dict(verbs(typer.main.get_command(app)))
    assert set(FLAGS[verb].split()) <= found[verb]


def test_what_a_path_leads_to_is_the_verbs_own_to_tell() -> None:
    """A folder that may not be read is no wrong use: the program says what to do about it."""
    asked = {
        f"{called.callback.__name__} {name}": info
        for group in (app, *(one.typer_instance for one in app.registered_groups))
        for called in group.registered_commands
        for name, one in inspect.signature(called.callback, eval_str=True).parameters.items()
        if get_origin(one.annotation) is Annotated
        for wanted, info in [get_args(one.annotation)[:2]]
        if Path in (wanted, *get_args(wanted))
    }
    assert "export project" in asked
    assert [name for name, info in asked.items() if info.readable or info.exists] == []
