"""Lines of a form out of params, and params out of the texts of the lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pytest

from studio.jobs.params import (
    FilterParams,
    ImportParams,
)
from studio.jobs.train_params import (
    EvaluateParams,
    TrainParams,
)
from studio.params import Option, Params, option
from studio.settings import Endpoint, Settings
from studio.tui.pane.params_form import (
    Unfit,
    endpoint_of,
    endpoint_problem,
    form_fields,
    read_form,
    texts_of,
)
from studio.tui.widgets.form_field import FormChoice, FormField


@dataclass(frozen=True, slots=True)
class BrewParams(Params):
    """Brew tea."""

    grams: float | None = option(None, "Grams", "of leaves", least=0.5, most=9, empty="the tin's")
    seconds: int = option(180, "Seconds", "in the pot", least=1)
    kind: Literal["green", "black"] = option(
        "green", "Kind", "of tea", choices=("green", "black"), notes=("from here", "from there")
    )
    pot: Literal["glass", "clay"] | None = option(
        None, "Pot", "it brews in", choices=("glass", "clay"), empty="any clean one"
    )
    milk: bool = option(False, "Milk", "after it")
    lid: bool | None = option(None, "Lid", "on it", empty="as the pot has")
    said: str = option("", "Said", "put before it", empty="nothing")
    kettle_id: int = 3
    """Only programs set it."""


@dataclass(frozen=True, slots=True)
class PourParams(Params):
    """Pour it."""

    cups: int = option(2, "Cups", "on the tray", least=1, most=8)
    seconds: int = option(180, "Seconds", "in the pot", least=1)


FIELDS = form_fields(BrewParams, PourParams)
BY_NAME = {one.name: one for one in FIELDS}


def test_each_field_that_people_meet_has_one_line_in_order() -> None:
    names = ["grams", "seconds", "kind", "pot", "milk", "lid", "said", "cups"]
    assert [one.name for one in FIELDS] == names


def test_known_values_are_choices_and_no_value_is_one_where_it_means_something() -> None:
    assert [one.value for one in BY_NAME["kind"].choices] == ["green", "black"]
    assert [one.note for one in BY_NAME["kind"].choices] == ["from here", "from there"]
    assert [one.value for one in BY_NAME["pot"].choices] == ["", "glass", "clay"]
    assert [one.value for one in BY_NAME["milk"].choices] == ["yes", "no"]
    assert [one.value for one in BY_NAME["lid"].choices] == ["", "yes", "no"]
    assert (BY_NAME["kind"].default, BY_NAME["milk"].default, BY_NAME["pot"].default) == (
        "green",
        "no",
        "",
    )


def test_an_empty_line_says_what_it_means() -> None:
    assert (BY_NAME["grams"].empty, BY_NAME["seconds"].empty) == ("the tin's", "180")


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("grams", "", ""),
        ("grams", "0.5", ""),
        ("grams", "0.4", "type a number from 0.5 to 9, or leave it empty"),
        ("grams", "nan", "type a number from 0.5 to 9, or leave it empty"),
        ("seconds", "1,200", ""),
        ("seconds", "1.5", "type a whole number from 1, or leave it empty"),
        ("seconds", "9" * 40, "type a whole number from 1, or leave it empty"),
        ("kind", "white", "choose green or black"),
        ("pot", "", ""),
        ("said", "anything 🍵", ""),
    ],
)
def test_a_line_knows_what_it_cannot_be(name: str, text: str, problem: str) -> None:
    assert BY_NAME[name].problem(text) == problem


def test_a_line_that_must_say_something_and_a_check_of_its_own() -> None:
    cups = FormField("cups", Option("Cups", "on the tray", least=1), "whole")
    assert cups.problem(" ") == "type a whole number from 1"
    leaf = FormField(
        "leaf",
        Option("Leaf", "to brew"),
        choices=(FormChoice("assam"),),
        check=lambda text: "" if text == "assam" else f"no {text} here",
    )
    assert (leaf.problem("assam"), leaf.problem("ceylon")) == ("", "no ceylon here")


def test_params_come_out_of_the_texts_and_go_back_into_them() -> None:
    texts = {
        "grams": "2.5",
        "seconds": "1,200",
        "kind": "black",
        "pot": "clay",
        "milk": "yes",
        "lid": "no",
        "said": "query: ",
    }
    brewed = BrewParams(2.5, 1200, "black", "clay", milk=True, lid=False, said="query: ")
    assert read_form(BrewParams, FIELDS, texts) == brewed
    assert texts_of(brewed, FIELDS) == {**texts, "seconds": "1200"}
    assert read_form(PourParams, FIELDS, texts) == PourParams(seconds=1200)


def test_lines_that_say_nothing_leave_the_defaults() -> None:
    assert read_form(BrewParams, FIELDS, {}) == BrewParams()
    assert read_form(BrewParams, FIELDS, texts_of(BrewParams(), FIELDS)) == BrewParams()


def test_the_first_line_to_mend_is_named() -> None:
    with pytest.raises(Unfit) as raised:
        read_form(BrewParams, FIELDS, {"seconds": "soon", "grams": "1"})
    assert raised.value.name == "seconds"
    assert str(raised.value).startswith("Seconds is 'soon'; type a whole number from 1")


def test_what_a_project_knows_of_a_line_is_added() -> None:
    (said, *_) = form_fields(
        PourParams, more={"cups": {"choices": (FormChoice("2", "two"),), "typed": False}}
    )
    assert (said.choices, said.typed, said.kind) == ((FormChoice("2", "two"),), False, "whole")
    assert read_form(PourParams, [said], {"cups": "2"}) == PourParams(2)


@pytest.mark.parametrize("params", [ImportParams, FilterParams, TrainParams, EvaluateParams])
def test_labels_and_help_fit_beside_their_line(params: type[Params]) -> None:
    for name, found in params.options().items():
        assert len(found.label) <= 17, name
        assert not found.help.endswith("."), name
        assert len(found.notes) in (0, len(found.choices)), name


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("local", ("local", "", "")),
        (" embedded:smol ", ("embedded:smol", "", "")),
        ("http://x/v1 qwen", ("", "http://x/v1", "qwen")),
        ("localhost:8000 My Model.gguf", ("", "localhost:8000", "My Model.gguf")),
        ("openai small", ("openai", "", "small")),
    ],
)
def test_an_endpoint_is_a_name_or_a_url_and_a_model(text: str, found: tuple[str, ...]) -> None:
    assert endpoint_of(Settings(), text) == found
    assert endpoint_problem(Settings(), text) == ""


@pytest.mark.parametrize("text", ["http://x", "localhost:8000", "openai"])
def test_a_server_without_a_model_is_refused(text: str) -> None:
    assert "choose its model" in endpoint_problem(Settings(), text)


def test_an_endpoint_of_the_settings_that_is_called_like_a_server_has_its_model() -> None:
    known = Settings(endpoints={"box:8000": Endpoint("box:8000", "http://box:8000/v1", "lark")})
    assert endpoint_of(known, "box:8000") == ("box:8000", "", "")
