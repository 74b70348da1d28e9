"""Prices that were noted once: the person's own win, and an estimate says whose they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from studio.calls import Message, Request
from studio.llm.endpoints import resolve
from studio.llm.estimate import estimate
from studio.llm.prices import in_batches
from studio.records import StudioError
from studio.settings import Endpoint, Settings, config_dir

HOSTED = Endpoint("hosted", "https://api.openai.com/v1", "gpt-4o-mini")


def found(endpoint: Endpoint) -> Endpoint:
    return resolve(Settings(endpoints={"hosted": endpoint}), "hosted")


@pytest.mark.parametrize("model", ["gpt-4o-mini", "gpt-4o-mini-2024-07-18"])
def test_a_hosted_model_has_the_price_that_was_noted(model: str) -> None:
    priced = found(replace(HOSTED, model=model))
    assert (priced.price_in, priced.price_out) == (0.15, 0.6)
    request = Request((Message("user", "one two"),), model)
    assert "prices noted 2026-03" in estimate([request], 9, priced, len).basis


@pytest.mark.parametrize(
    ("endpoint", "share", "said"),
    [
        (HOSTED, 0.5, "prices noted 2026-03, halved for a batch"),
        (replace(HOSTED, base_url="http://here/v1"), 1.0, "in full for a batch too"),
        (replace(HOSTED, base_url="http://here/v1", batch_share=0.5), 0.5, "halved for a batch"),
        (replace(HOSTED, batch_share=0.75), 0.75, "times 0.75 for a batch"),
        (replace(HOSTED, base_url="http://there/v1"), 0.5, "halved for a batch"),
    ],
)
def test_a_batch_is_cheaper_only_where_that_is_known(
    endpoint: Endpoint, share: float, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STUDIO_CONFIG", str(tmp_path))
    (tmp_path / "prices.toml").write_text("[there]\nbatch = 0.5\n")
    if "here" in endpoint.base_url:
        endpoint = replace(endpoint, price_in=1.0, price_out=2.0)
    priced = found(endpoint)
    request = Request((Message("user", "one two"),), endpoint.model)
    part = estimate([request], 9, in_batches(priced), len)
    whole = estimate([request], 9, priced, len)
    assert part.cost
    assert whole.cost
    assert part.cost.high == pytest.approx(share * whole.cost.high)
    assert said in part.basis


@pytest.mark.parametrize(
    "endpoint",
    [
        replace(HOSTED, model="gpt-4o-mini-large"),
        replace(HOSTED, model="noted"),
        replace(HOSTED, base_url="https://elsewhere.example/v1"),
        replace(HOSTED, price_in=3.0, price_out=4.0),
        replace(HOSTED, price_in=3.0),
    ],
)
def test_settings_win_and_what_is_unknown_stays_so(endpoint: Endpoint) -> None:
    priced = found(endpoint)
    assert (priced.price_in, priced.price_out) == (endpoint.price_in, endpoint.price_out)


def test_a_table_of_ones_own_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STUDIO_CONFIG", str(tmp_path))
    assert config_dir() == tmp_path
    file = config_dir() / "prices.toml"
    file.write_text('["api.openai.com"]\n"gpt-4o-mini" = [1, 2]\n')
    priced = found(HOSTED)
    assert (priced.price_in, priced.price_out, priced.priced) == (1, 2, "prices of yours")
    assert found(replace(HOSTED, model="gpt-4o")).price_in == 2.5
    file.write_text('["api.openai.com"]\n"gpt-4o-mini" = "cheap now"\n')
    with pytest.raises(StudioError, match=r"prices.toml is no table of prices: gpt-4o-mini needs"):
        found(HOSTED)
