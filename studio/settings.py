"""Settings in TOML: the person's own (XDG) and, over them, the project's. A typo is refused."""

from __future__ import annotations

import difflib
import math
import os
import tomllib
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, get_args, get_type_hints

from studio.records import StudioError, Style


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An OpenAI-compatible server, or an embedded model. Its key is never here."""

    name: str
    """How the person calls it."""
    base_url: str = ""
    """Such as ``http://localhost:8000/v1``; empty for an embedded model."""
    model: str = ""
    """The model's name at the server; for an embedded model its name in the catalogue."""
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
    context_window: int = 4096
    """Tokens that one request may hold, answer included."""
    extra_base_urls: tuple[str, ...] = ()
    """Further servers with the same model, each with its own concurrency."""
    timeout_s: float = 120.0
    """Seconds after which a call counts as lost and is tried again."""
    keyless: bool = False
    """Set for servers that only a project's file names: a project may come from a stranger, so no
    key goes there. Not a setting."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All that a person can set outside a run."""

    endpoint: str = "embedded:smollm2-135m"
    """The endpoint used when none is named."""
    encoder: str = "minilm-l6"
    """The base encoder: a catalogue name, a hub name or a folder."""
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


def config_dir() -> Path:
    """The folder of the person's own settings (``$STUDIO_CONFIG``, else the platform's)."""
    if override := os.environ.get("STUDIO_CONFIG"):
        return Path(override)
    import platformdirs

    return Path(platformdirs.user_config_dir("studio"))


def data_dir() -> Path:
    """The folder for models and recent projects (``$STUDIO_DATA``, else the platform's)."""
    if override := os.environ.get("STUDIO_DATA"):
        return Path(override)
    import platformdirs

    return Path(platformdirs.user_data_dir("studio"))


def state_dir() -> Path:
    """The folder for what is remembered (``$STUDIO_STATE``, else the platform's for state)."""
    if override := os.environ.get("STUDIO_STATE"):
        return Path(override)
    import platformdirs

    return Path(platformdirs.user_state_dir("studio"))


def config_files(project: Path | None = None) -> list[Path]:
    """The files that count, the weaker first."""
    files = [config_dir() / "config.toml"]
    return [*files, project / "studio.toml"] if project else files


def load(project: Path | None = None) -> Settings:
    """The settings in force: defaults, then the person's file, then the project's.

    Raises StudioError for a file that is not TOML, an unknown key, or a value of the wrong type.
    """
    values: dict[str, Any] = {}
    endpoints: dict[str, Endpoint] = {}
    for path in config_files(project):
        table = _read_toml(path)
        found = _endpoints(path, table.pop("endpoints", {}))
        if project is not None and path.parent == project:
            found = {name: _kept_from_keys(one, endpoints) for name, one in found.items()}
        endpoints.update(found)
        values.update(_checked(path, "", table, Settings))
    return Settings(**values, endpoints=endpoints)


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


def _kept_from_keys(endpoint: Endpoint, own: dict[str, Endpoint]) -> Endpoint:
    """The endpoint of a project's file; keys stay away unless the person's file has its servers."""
    known = {url for one in own.values() for url in (one.base_url, *one.extra_base_urls)}
    wanted = {endpoint.base_url, *endpoint.extra_base_urls}
    return endpoint if wanted <= known else replace(endpoint, keyless=True)


def _read_toml(path: Path) -> dict[str, Any]:
    """The file's table; empty when there is no file."""
    try:
        # Windows editors put a byte-order mark in front.
        return tomllib.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
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


def _checked(path: Path, prefix: str, table: dict[str, Any], kind: type) -> dict[str, Any]:
    """The table with every key known and every value of its field's type and range."""
    hints = get_type_hints(kind)
    # An endpoint's name is that of its table.
    known = [f.name for f in fields(kind) if f.name not in ("endpoints", "name", "keyless")]
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
    near = difflib.get_close_matches(key.lower(), names, n=1, cutoff=0)
    return f"Did you mean {prefix}{near[0]}?"


LOWEST = {
    "max_concurrency": 1,
    "context_window": 1,
    "timeout_s": 0.001,
    "threads": 0,
    "price_in": 0,
    "price_out": 0,
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
