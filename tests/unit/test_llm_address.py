"""Addresses as people write them."""

from __future__ import annotations

import pytest

from studio.llm.address import address, is_address
from studio.llm.endpoints import resolve
from studio.records import StudioError
from studio.settings import Endpoint, Settings


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (" http://box:8000/v1 \n", "http://box:8000/v1"),
        ("http://box:8000/v1///", "http://box:8000/v1"),
        ('"http://box:8000/v1"', "http://box:8000/v1"),
        ("127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1"),
        ("localhost:11434/v1/", "http://localhost:11434/v1"),
        ("gpu-box:8000/v1", "http://gpu-box:8000/v1"),
        ("api.example.com/v1", "https://api.example.com/v1"),
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1"),
        ("https://x.example/openai?api-version=1", "https://x.example/openai?api-version=1"),
    ],
)
def test_what_can_only_be_meant_one_way_is_put_right(typed: str, meant: str) -> None:
    assert address(typed) == meant
    assert address(meant) == meant


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("http://box:99999/v1", "port"),
        ("http://box:abc/v1", "port"),
        ("http://bo x/v1", "blank"),
        ("http://box/v1 http://box/v1", "blank"),
        ("file:///etc/passwd", "file://"),
        ("http:///v1", "no host"),
        ("http://[::1/v1", "HOST:PORT"),
        ("[box/v1", "HOST:PORT"),
        ("http://box/v1/chat/completions", "ends in /v1, here http://box/v1"),
        ("http://box/v1/models/", "ends in /v1, here http://box/v1"),
        ("http://me:hidden@box:abc/v1", "port"),
    ],
)
def test_what_cannot_be_an_address_is_said_with_its_reason(typed: str, why: str) -> None:
    with pytest.raises(StudioError, match=why.replace("/", r"\/")) as caught:
        address(typed)
    assert "hidden" not in str(caught.value)


def test_addresses_of_the_settings_are_put_right_too() -> None:
    mine = Endpoint("mine", " http://a:1/v1/ ", "m", extra_base_urls=("b:2/v1",))
    found = resolve(Settings(endpoints={"mine": mine}), "mine")
    assert (found.base_url, found.extra_base_urls) == ("http://a:1/v1", ("http://b:2/v1",))


@pytest.mark.parametrize("name", ["local", "embedded:smollm2-135m", "my.server", "openai"])
def test_names_are_no_addresses(name: str) -> None:
    assert not is_address(name)


def test_an_address_without_a_scheme_can_be_typed() -> None:
    found = resolve(Settings(), "localhost:8000/v1", model="m")
    assert (found.name, found.base_url) == ("localhost:8000", "http://localhost:8000/v1")
