"""Settings in TOML: the person's own (XDG) and, over them, the project's. A typo is refused."""

from __future__ import annotations

import difflib
import math
import os
import stat
import tomllib
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, get_args, get_type_hints

from studio import api_keys, servers
from studio.calls import Style
from studio.folders import config_dir, data_dir, state_dir
from studio.records import StudioError

__all__ = ["Endpoint", "Settings", "config_dir", "config_files", "data_dir", "load", "state_dir"]

URL_KEY_ENV = "STUDIO_API_KEY"
"""The variable with the key for a server that the person has named by its address alone."""
OPENAI_KEY_ENV = "OPENAI_API_KEY"
"""For OpenAI's own address, and for no other."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An OpenAI-compatible server, or an embedded model. Its key is never here."""

    name: str
    """How the person calls it."""
    base_url: str = ""
    """Such as ``http://localhost:8000/v1``; empty for an embedded model."""
    model: str = ""
    """The model's name at the server; for an embedded model its name in the catalogue, or where its
    GGUF lies, also from the project's folder."""
    api_key_env: str = ""
    """The environment variable that holds the key; without it the keyring is asked."""
    embedded: bool = False
    """True: the studio starts the server itself, on loopback."""
    max_concurrency: int = 64
    """The most calls in flight; the engine finds its own level below it."""
    style: Style | None = None
    """``chat`` or ``completion``; None leaves it to the template."""
    price_in: float | None = None
    """US dollars per million prompt tokens; None means unknown, never free."""
    price_out: float | None = None
    """US dollars per million completion tokens."""
    batch_share: float | None = None
    """What a request costs in a batch, as a share of its price; None leaves it to the table."""
    context_window: int = 4096
    """Tokens that one request may hold, answer included."""
    extra_base_urls: tuple[str, ...] = ()
    """Further servers with the same model, each with its own concurrency."""
    timeout_s: float = 120.0
    """Seconds after which a call counts as lost and is tried again."""
    requests_per_minute: float | None = None
    """The most calls a minute, all addresses together; None leaves it to what the server says."""
    tokens_per_minute: float | None = None
    """The most tokens a minute, in and out."""
    keyless: bool = False
    """Set for servers that only a project names: it may come from a stranger, so no key goes there.
    Not a setting."""

    priced: str = ""
    """Where its prices are from when no setting says them. Not a setting."""
    gguf: str = ""
    """The file of an embedded model that is not the catalogue's. Not a setting."""

    @property
    def urls(self) -> tuple[str, ...]:
        """All its addresses."""
        return (self.base_url, *self.extra_base_urls)


@dataclass(frozen=True, slots=True)
class Settings:
    """All that a person can set outside a run."""

    endpoint: str = "embedded:smollm2-135m"
    """The endpoint used when none is named."""
    encoder: str = ""
    """The base encoder: a catalogue name, a hub name or a folder; empty: the one of the catalogue
    for the language of the project."""
    theme: str = "studio-dark"
    """The screens' theme, until another is chosen by key."""
    mouse: bool = True
    """Whether the screens take the mouse; false leaves it to the terminal's own selection."""
    threads: int = 0
    """CPU threads for the embedded LLM; 0 is one less than the cores."""
    budget_usd: float | None = None
    """The cap for one run in US dollars; None is no cap."""
    reviewer: str = ""
    """Whose verdicts these are, when several people judge."""
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    """By name."""
    own: dict[str, Endpoint] = field(default_factory=dict)
    """Those of the person's own file, whatever a project says. Not a setting."""
    own_budget_usd: float | None = None
    """The cap of the person's own file. Not a setting."""
    folder: Path | None = field(default=None, compare=False)
    """The project's, whose own models can be endpoints. Not a setting."""


def config_files(project: Path | None = None) -> list[Path]:
    """The files that count, the weaker first."""
    files = [config_dir() / "config.toml"]
    return [*files, project / "studio.toml"] if project else files


def load(project: Path | None = None) -> Settings:
    """The settings in force: defaults, then the person's file, then the project's.

    A project may come from a stranger: it lowers a cap and never lifts it, and says nothing of the
    keys and prices of the person's own servers. Raises StudioError for a file that is not TOML, an
    unknown key, or a value of the wrong type.
    """
    values, own = _read(config_dir() / "config.toml")
    servers.name(servers.urls_in(values.get("endpoint", ""), values.get("encoder", "")))
    servers.name(url for one in own.values() for url in one.urls if url)
    servers.name_files(values.get("endpoint", ""))
    servers.name_files(*(f"embedded:{one.model}" for one in own.values() if one.embedded))
    budget = values.get("budget_usd")
    endpoints = dict(own)
    if project is not None:
        its, found = _read(project / "studio.toml")
        endpoints |= {name: guarded(one, own) for name, one in found.items()}
        values |= its
    caps = [cap for cap in (budget, values.get("budget_usd")) if cap is not None]
    values["budget_usd"] = min(caps, default=None)
    return Settings(**values, endpoints=endpoints, own=own, own_budget_usd=budget, folder=project)


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Endpoint]]:
    """The plain values of a file, and its endpoints."""
    table = _read_toml(path)
    for name in ("endpoint", "encoder"):
        if any(map(api_keys.in_url, servers.urls_in(table.get(name, "")))):
            raise StudioError(
                f"{path}: {name} has a key or a password inside an address, which would be shown "
                f"and stored with it. Take it out and set {URL_KEY_ENV} instead."
            )
    endpoints = _endpoints(path, table.pop("endpoints", {}))
    return _checked(path, "", table, Settings), endpoints


def guarded(endpoint: Endpoint, own: dict[str, Endpoint]) -> Endpoint:
    """An endpoint that did not come from the person's own file, with the key it may have, or none.

    A server of the person's own file keeps the person's name, key and prices for it. One that the
    person has typed has the key for typed addresses. Any other gets no key.
    """
    if endpoint.embedded:
        return replace(endpoint, base_url="", extra_base_urls=(), api_key_env="")
    wanted = {servers.plain(url) for url in endpoint.urls}
    mine = [one for one in own.values() if wanted <= set(map(servers.plain, one.urls))]
    mine.sort(key=lambda one: one.model != endpoint.model)
    if mine:
        priced = mine[0] if endpoint.model in ("", mine[0].model) else replace(mine[0], **_UNPRICED)
        return replace(
            endpoint,
            name=priced.name,
            api_key_env=priced.api_key_env,
            price_in=_higher(priced.price_in, endpoint.price_in),
            price_out=_higher(priced.price_out, endpoint.price_out),
            batch_share=priced.batch_share,
        )
    if not servers.are_named(endpoint.urls):
        away = [url for url in endpoint.urls if not servers.is_loopback(url)]
        hosts = ", ".join(map(servers.host_of, away))
        # Whoever reads the name of what is asked shall read where it is.
        named = not away or endpoint.name == hosts
        name = endpoint.name if named else f"{endpoint.name} at {hosts}"
        return replace(endpoint, name=name, keyless=True)
    openai = wanted == {servers.OPENAI_URL}
    return replace(
        endpoint,
        name=servers.host_of(endpoint.base_url),
        api_key_env=OPENAI_KEY_ENV if openai else URL_KEY_ENV,
        **_UNPRICED,
    )


_UNPRICED: dict[str, Any] = {"price_in": None, "price_out": None, "batch_share": None}


def _higher(mine: float | None, told: float | None) -> float | None:
    """The person's price, or a higher one; unknown stays unknown, whatever a project says."""
    return mine if mine is None or told is None else max(mine, told)


LONGEST_NAME = 64
"""Characters of a reviewer's name."""


def reviewer(project: Path | None = None) -> str:
    """Whose decisions these are: ``$STUDIO_REVIEWER``, the setting, else the login name."""
    named = os.environ.get("STUDIO_REVIEWER", "").strip() or load(project).reviewer.strip()
    # A name comes from outside and is shown: one line, no controls.
    plain = "".join(c for c in named or _login() if c.isprintable())
    return " ".join(plain.split())[:LONGEST_NAME] or "somebody"


def _login() -> str:
    """The login name; empty where the system knows none, as in some containers."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return ""


def _read_toml(path: Path) -> dict[str, Any]:
    """The file's table; empty when there is no file."""
    try:
        # Of a pipe or a device, the end may never come.
        if path.exists() and not stat.S_ISREG(path.stat().st_mode):
            raise StudioError(f"{path} cannot be read: it is no file. Remove it, or put one there.")
        # Windows editors put a byte-order mark in front.
        return tomllib.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise StudioError(f"{path} is not valid TOML: {error}. Mend that line.") from error
    except OSError as error:
        raise StudioError(f"{path} cannot be read: {error.strerror}.") from error


def _endpoints(path: Path, table: Any) -> dict[str, Endpoint]:
    if not isinstance(table, dict):
        raise StudioError(f"{path}: write endpoints as [endpoints.NAME] tables.")
    found = {}
    for name, entry in table.items():
        if not isinstance(entry, dict):
            raise StudioError(f"{path}: endpoints.{name} must be a table, [endpoints.{name}].")
        _refuse_secrets(path, name, entry)
        checked = _checked(path, f"endpoints.{name}.", entry, Endpoint)
        found[name] = Endpoint(**{"name": name, **checked})
    return found


SECRETS = ("api_key", "apikey", "api-key", "key", "token", "secret", "password")
"""What people call a key that must not be in a file."""


def _refuse_secrets(path: Path, name: str, entry: dict[str, Any]) -> None:
    """The messages never repeat the value."""
    for key in entry:
        if key.lower() in SECRETS:
            raise StudioError(
                f"{path}: endpoints.{name}.{key} would store a key in a file. "
                f"Put it in an environment variable and name that in api_key_env, "
                f"or in the keyring with `keyring set studio {name}`."
            )
    variable = entry.get("api_key_env", "")
    if isinstance(variable, str) and variable and not variable.isidentifier():
        raise StudioError(
            f"{path}: endpoints.{name}.api_key_env is not the name of an environment variable. "
            f"Write its name there, such as OPENAI_API_KEY, not the key itself."
        )
    urls = entry.get("extra_base_urls", [])
    for url in [entry.get("base_url"), *(urls if isinstance(urls, list) else [])]:
        if isinstance(url, str) and api_keys.in_url(url):
            raise StudioError(
                f"{path}: endpoints.{name} has a key or a password inside an address, which would "
                "be shown and stored with it. Take it out and name its environment variable in "
                "api_key_env."
            )


NOT_SET = ("endpoints", "name", "keyless", "priced", "own", "own_budget_usd", "gguf", "folder")
"""Fields that no key of a file sets; endpoints are tables, and named by them."""


def _checked(path: Path, prefix: str, table: dict[str, Any], kind: type) -> dict[str, Any]:
    """The table with every key known and every value of its field's type and range."""
    hints = get_type_hints(kind)
    known = [f.name for f in fields(kind) if f.name not in NOT_SET]
    checked = {}
    for key, value in table.items():
        if key not in known:
            raise StudioError(f"{path}: unknown key {prefix}{key}. {_nearest(prefix, key, known)}")
        if isinstance(value, dict):
            raise StudioError(
                f"{path}: {prefix}{key} is a table where {_plain(str(hints[key]))} is expected. "
                "Endpoints are tables of the form [endpoints.NAME]."
            )
        checked[key] = _in_range(path, prefix, key, _typed(path, prefix + key, value, hints[key]))
    return checked


def _nearest(prefix: str, key: str, known: list[str]) -> str:
    names = known if prefix else [*known, "endpoints"]
    if not prefix and key in {one.name for one in fields(Endpoint)} - {*NOT_SET}:
        return "An endpoint has it, in its table [endpoints.NAME]."
    near = difflib.get_close_matches(key.lower(), names, n=1, cutoff=0)
    return f"Did you mean {prefix}{near[0]}?"


LOWEST = {
    "max_concurrency": 1,
    "context_window": 1,
    "timeout_s": 0.001,
    "requests_per_minute": 1,
    "tokens_per_minute": 1,
    "threads": 0,
    "price_in": 0,
    "price_out": 0,
    "batch_share": 0,
    "budget_usd": 0,
}
"""The smallest value that makes sense; none may be infinite or no number at all."""


def _in_range(path: Path, prefix: str, key: str, value: Any) -> Any:
    if key in LOWEST and not LOWEST[key] <= value < math.inf:
        raise StudioError(f"{path}: {prefix}{key} = {value} must be {LOWEST[key]} or more.")
    return value


def _typed(path: Path, key: str, value: Any, hint: Any) -> Any:
    """The value as its field's type; whole numbers count as numbers too."""
    plain = type(value)
    if hint == tuple[str, ...] and plain is list and all(type(item) is str for item in value):
        return tuple(value)
    if hint == float | None or hint is float:
        if plain in (int, float):
            return float(value)
    elif hint == Style | None:
        if value in get_args(Style):
            return value
    elif plain is hint:
        return value
    raise StudioError(
        f"{path}: {key} = {value!r} has the wrong type; it should be {_plain(str(hint))}."
    )


def _plain(hint: str) -> str:
    for needle, words in (
        ("Literal", '"chat" or "completion"'),
        ("tuple", "a list of texts"),
        ("float", "a number"),
        ("str", "a text"),
        ("bool", "true or false"),
    ):
        if needle in hint:
            return words
    return "a whole number"
