"""Settings: the project's over the person's; a typo or a secret is refused, never ignored."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from studio import servers
from studio.llm.endpoints import api_key, at_address, stranger
from studio.records import StudioError
from studio.settings import (
    Endpoint,
    Settings,
    config_dir,
    config_files,
    data_dir,
    load,
    reviewer,
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "config"
    folder.mkdir()
    monkeypatch.setenv("STUDIO_CONFIG", str(folder))
    return folder


def write(folder: Path, text: str, name: str = "config.toml") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def test_without_files_the_defaults_are_in_force(tmp_path: Path) -> None:
    assert load() == load(tmp_path) == Settings()


def test_a_file_sets_values_and_endpoints(home: Path) -> None:
    write(
        home,
        """
        encoder = "m3e-small"
        threads = 3
        budget_usd = 5
        [endpoints.box]
        base_url = "http://box:8000/v1"
        model = "big"
        style = "completion"
        price_in = 0.5
        max_concurrency = 8
        extra_base_urls = ["http://box2:8000/v1"]
        api_key_env = "BOX_KEY"
        """,
    )
    found = load()
    assert (found.encoder, found.threads, found.budget_usd) == ("m3e-small", 3, 5.0)
    assert found.endpoints == {
        "box": Endpoint(
            name="box",
            base_url="http://box:8000/v1",
            model="big",
            style="completion",
            price_in=0.5,
            max_concurrency=8,
            extra_base_urls=("http://box2:8000/v1",),
            api_key_env="BOX_KEY",
        )
    }


def test_the_project_overrides_the_person(home: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    write(
        home,
        """
        encoder = "mine"
        theme = "mine"
        [endpoints.a]
        model = "mine"
        context_window = 8192
        [endpoints.b]
        model = "mine"
        """,
    )
    write(project, 'encoder = "its"\n[endpoints.a]\nmodel = "its"', "studio.toml")
    found = load(project)
    assert (found.encoder, found.theme) == ("its", "mine")
    assert {name: e.model for name, e in found.endpoints.items()} == {"a": "its", "b": "mine"}
    assert found.endpoints["a"].context_window == Endpoint("a").context_window
    assert config_files(project)[-1] == project / "studio.toml"


def test_what_an_endpoint_has_is_sent_to_its_table(home: Path) -> None:
    write(home, 'model = "x"')
    with pytest.raises(StudioError, match=r"unknown key model\. .*\[endpoints\.NAME\]"):
        load()


def test_a_byte_order_mark_is_no_fault(home: Path) -> None:
    (home / "config.toml").write_bytes(b"\xef\xbb\xbfencoder = 'x'\r\n")
    assert load().encoder == "x"


@pytest.mark.parametrize(
    ("text", "key", "nearest"),
    [
        ('encodr = "x"', "encodr", "encoder"),
        ('Encoder = "x"', "Encoder", "encoder"),
        ("thread = 2", "thread", "threads"),
        ("budget = 2", "budget", "budget_usd"),
        ('[endpoint_s.a]\nmodel = "x"', "endpoint_s", "endpoints"),
        ('[endpoints.a]\nbase-url = "x"', "endpoints.a.base-url", "endpoints.a.base_url"),
        ('[endpoints.a]\nurl = "x"', "endpoints.a.url", "endpoints.a."),
        ('[endpoints.a]\nmodle = "x"', "endpoints.a.modle", "endpoints.a.model"),
        ('[endpoints.a]\nname = "b"', "endpoints.a.name", "endpoints.a."),
        ('[endpoints.a]\nendpoints = "b"', "endpoints.a.endpoints", "endpoints.a."),
    ],
)
def test_a_typo_is_refused_with_file_key_and_nearest_key(
    home: Path, text: str, key: str, nearest: str
) -> None:
    path = write(home, text)
    with pytest.raises(StudioError) as caught:
        load()
    assert str(caught.value).startswith(f"{path}: unknown key {key}. Did you mean {nearest}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("encoder = 3", "encoder = 3 has the wrong type; it should be a text."),
        ('threads = "2"', "threads = '2' has the wrong type; it should be a whole number."),
        ("threads = 2.5", "it should be a whole number."),
        ("threads = true", "it should be a whole number."),
        ('budget_usd = "5"', "it should be a number."),
        ("budget_usd = true", "it should be a number."),
        ("budget_usd = nan", "budget_usd = nan must be 0 or more."),
        ("budget_usd = inf", "budget_usd = inf must be 0 or more."),
        ("budget_usd = -1", "budget_usd = -1.0 must be 0 or more."),
        ("threads = -1", "threads = -1 must be 0 or more."),
        ("endpoints = 3", "write endpoints as [endpoints.NAME] tables."),
        ("[endpoints]\na = 3", "endpoints.a must be a table, [endpoints.a]."),
        ('[endpoint.a]\nmodel = "x"', "endpoint is a table where a text is expected."),
        ("[endpoints.a]\nembedded = 1", "it should be true or false."),
        ('[endpoints.a]\nstyle = "poem"', 'it should be "chat" or "completion".'),
        ("[endpoints.a]\nstyle = []", 'it should be "chat" or "completion".'),
        ('[endpoints.a]\nextra_base_urls = "x"', "it should be a list of texts."),
        ("[endpoints.a]\nextra_base_urls = [1]", "it should be a list of texts."),
        ("[endpoints.a]\nmax_concurrency = 0", "max_concurrency = 0 must be 1 or more."),
        ("[endpoints.a]\ncontext_window = -4", "context_window = -4 must be 1 or more."),
        ("[endpoints.a]\ntimeout_s = 0", "timeout_s = 0.0 must be 0.001 or more."),
        ("[endpoints.a]\nprice_in = -0.1", "price_in = -0.1 must be 0 or more."),
        ("encoder = 1979-05-27", "it should be a text."),
    ],
)
def test_a_wrong_value_is_refused_with_file_and_key(home: Path, text: str, expected: str) -> None:
    path = write(home, text)
    with pytest.raises(StudioError) as caught:
        load()
    assert str(caught.value).startswith(f"{path}: ")
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        'api_key = "sk-secret"',
        'API_KEY = "sk-secret"',
        'token = "sk-secret"',
        'password = "sk-secret"',
        'api_key_env = "sk-secret"',
    ],
)
def test_a_key_in_a_file_is_refused_without_repeating_it(home: Path, line: str) -> None:
    write(home, f"[endpoints.a]\n{line}")
    with pytest.raises(StudioError, match="environment variable") as caught:
        load()
    assert "sk-secret" not in str(caught.value)


def test_a_key_in_a_misspelt_table_is_not_repeated_either(home: Path) -> None:
    write(home, '[endpoint.a]\napi_key = "sk-secret"')
    with pytest.raises(StudioError) as caught:
        load()
    assert "sk-secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"encoder = \n", "not valid TOML: Invalid value (at line 1"),
        (b"\xff\xfee\x00", "not valid TOML"),
        (b'a = "1"\na = "2"', "not valid TOML"),
        (b"\x00", "not valid TOML"),
    ],
)
def test_a_file_that_is_no_toml_is_refused(home: Path, content: bytes, expected: str) -> None:
    (home / "config.toml").write_bytes(content)
    with pytest.raises(StudioError) as caught:
        load()
    assert str(home / "config.toml") in str(caught.value)
    assert expected in str(caught.value)


def test_a_file_that_cannot_be_read_is_refused(home: Path) -> None:
    (home / "config.toml").mkdir()
    with pytest.raises(StudioError, match="cannot be read"):
        load()


VALUES = st.recursive(
    st.booleans() | st.integers(-9, 9) | st.text("ab'\"\\\n=[]{}", max_size=4).map(repr),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=4,
)


@given(
    key=st.sampled_from(
        ["encoder", "threads", "endpoints", "endpoints.a", "endpoints.a.style", "x"]
    ),
    value=VALUES,
)
@hypothesis_settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_file_is_read_or_refused_in_one_sentence(home: Path, key: str, value: object) -> None:
    text = f"{key} = {str(value).lower() if isinstance(value, bool) else value}"
    write(home, text)
    with contextlib.suppress(StudioError):
        load()


def test_folders_are_the_platforms_unless_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STUDIO_CONFIG")
    monkeypatch.delenv("STUDIO_DATA", raising=False)
    assert config_dir().name == data_dir().name == "studio"


STRANGER = '[endpoints.openai]\nbase_url = "http://evil.example/v1"\nmodel = "m"\n'


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-openai")
    monkeypatch.setenv("STUDIO_API_KEY", "sk-for-urls")
    monkeypatch.setenv("MY_KEY", "sk-of-mine")
    return "sk-"


def test_a_projects_own_endpoint_gets_no_key(tmp_path: Path, key: str) -> None:
    (tmp_path / "studio.toml").write_text(STRANGER)
    found = load(tmp_path).endpoints["openai"]
    assert api_key(found) is None
    assert found.name == "openai at evil.example"
    assert "evil.example" in stranger(found)
    (tmp_path / "studio.toml").write_text(STRANGER + 'api_key_env = "OPENAI_API_KEY"\n')
    with pytest.raises(StudioError, match="stranger") as refused:
        api_key(load(tmp_path).endpoints["openai"])
    assert key not in str(refused.value)


def test_a_project_cannot_choose_which_key_a_known_server_gets(
    home: Path, tmp_path: Path, key: str
) -> None:
    write(home, '[endpoints.mine]\nbase_url = "http://box/v1"\napi_key_env = "MY_KEY"\n')
    asked = '[endpoints.other]\nbase_url = "HTTP://Box/v1/"\napi_key_env = "OPENAI_API_KEY"\n'
    write(tmp_path, asked, "studio.toml")
    found = load(tmp_path).endpoints["other"]
    assert (found.name, api_key(found)) == ("mine", "sk-of-mine")
    write(tmp_path, asked + 'extra_base_urls = ["http://evil.example/v1"]\n', "studio.toml")
    with pytest.raises(StudioError, match="stranger"):
        api_key(load(tmp_path).endpoints["other"])


@pytest.mark.parametrize("name", ["endpoint", "encoder"])
def test_an_address_in_a_projects_file_gets_no_key(
    home: Path, tmp_path: Path, key: str, name: str
) -> None:
    url = "http://evil.example/v1"
    text = url if name == "endpoint" else f"openai:m@{url}"
    write(tmp_path, f'{name} = "{text}"\n', "studio.toml")
    load(tmp_path)
    assert api_key(at_address(url, "m")) is None
    write(home, f'{name} = "{text}"\n')
    assert api_key(at_address(url, "m")) == "sk-for-urls"


def test_what_the_person_types_has_the_key_for_typed_addresses(tmp_path: Path, key: str) -> None:
    servers.type_in("--encoder", "openai:m@http://typed.example/v1,bm25")
    assert api_key(at_address("http://typed.example/v1", "m")) == "sk-for-urls"
    assert api_key(at_address("http://typed.example/v2", "m")) is None
    assert api_key(at_address("https://api.openai.com/v1", "m")) == "sk-of-openai"


def test_a_project_may_lower_a_cap_and_raise_a_price_but_not_the_other_way(
    home: Path, tmp_path: Path
) -> None:
    own = (
        '[endpoints.mine]\nbase_url = "http://box/v1"\nmodel = "m"\nprice_in = 3\nprice_out = 15\n'
    )
    write(home, f"budget_usd = 0.5\n{own}")
    cheap = own.replace("= 3", "= 0").replace("= 15", "= 20")
    write(tmp_path, f"budget_usd = 100\n{cheap}", "studio.toml")
    found = load(tmp_path)
    assert (found.budget_usd, found.own_budget_usd) == (0.5, 0.5)
    assert (found.endpoints["mine"].price_in, found.endpoints["mine"].price_out) == (3, 20)
    write(tmp_path, f"budget_usd = 0.1\n{cheap}".replace('"m"', '"dearer"'), "studio.toml")
    found = load(tmp_path)
    assert (found.budget_usd, found.own_budget_usd) == (0.1, 0.5)
    assert found.endpoints["mine"].price_in is None, "the price of another model is not known"


@pytest.mark.parametrize("own", [True, False])
def test_a_key_inside_an_address_is_refused_and_not_repeated(
    home: Path, tmp_path: Path, own: bool
) -> None:
    one, other = "http://user:hunter22@box/v1", "http://box/v1?api_key=hunter22"
    for text in (
        f'[endpoints.a]\nbase_url = "{one}"\n',
        f'[endpoints.a]\nextra_base_urls = ["{other}"]\n',
        f'encoder = "openai:m@{one}"\n',
        f'endpoint = "{other}"\n',
    ):
        write(home if own else tmp_path, text, "config.toml" if own else "studio.toml")
        with pytest.raises(StudioError, match="inside an address") as refused:
            load(tmp_path)
        assert "hunter22" not in str(refused.value)


def test_a_pipe_in_place_of_a_file_is_refused_at_once(home: Path) -> None:
    os.mkfifo(home / "config.toml")
    with pytest.raises(StudioError, match="it is no file"):
        load()


def test_a_reviewer_is_named_by_the_shell_the_settings_or_the_login(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STUDIO_REVIEWER", raising=False)
    monkeypatch.setattr("getpass.getuser", lambda: "login")
    assert reviewer() == "login"
    (home / "config.toml").write_text('reviewer = "Ada"')
    assert reviewer() == "Ada"
    monkeypatch.setenv("STUDIO_REVIEWER", " Bob ")
    assert reviewer() == "Bob"


def test_a_project_names_its_own_reviewer(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STUDIO_REVIEWER", raising=False)
    (home / "config.toml").write_text('reviewer = "Ada"')
    (tmp_path / "studio.toml").write_text('reviewer = "Zoe"')
    assert reviewer(tmp_path) == "Zoe"


def test_a_reviewers_name_is_one_short_line_whatever_it_came_from(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUDIO_REVIEWER", "A\x1b[31mda\n\u202e B" + "x" * 500)
    name = reviewer()
    assert name.startswith("A[31mda B")
    assert len(name) == 64


def test_without_any_name_the_reviewer_is_somebody(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown() -> str:
        raise KeyError("getpwuid(): uid not found: 77")

    monkeypatch.delenv("STUDIO_REVIEWER", raising=False)
    monkeypatch.setattr("getpass.getuser", unknown)
    assert reviewer() == "somebody"
