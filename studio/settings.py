"""Settings in TOML: the person's own (XDG) and, over them, the project's. A typo is refused, never ignored."""

from __future__ import annotations

import difflib
import os
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints

from studio.records import Style, StudioError


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


@dataclass(frozen=True, slots=True)
class Settings:
    """All that a person can set outside a run."""

    endpoint: str = "embedded:smollm2-135m"
    """The endpoint used when none is named."""
    encoder: str = "minilm-l6"
    """The base encoder: a catalogue name, a hub name or a folder."""
    theme: str = "studio-dark"
    """The screens' theme."""
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
    """The folder for models and the list of recent projects (``$STUDIO_DATA``, else the platform's)."""
    if override := os.environ.get("STUDIO_DATA"):
        return Path(override)
    import platformdirs

    return Path(platformdirs.user_data_dir("studio"))


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
        if not path.exists():
            continue
        table = _read_toml(path)
        endpoints.update(_endpoints(path, table.pop("endpoints", {})))
        values.update(_checked(path, "", table, Settings))
    return Settings(**values, endpoints=endpoints)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
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
        _refuse_keys_in_files(path, name, entry)
        checked = _checked(path, f"endpoints.{name}.", entry, Endpoint)
        found[name] = Endpoint(**{"name": name, **checked})
    return found


def _refuse_keys_in_files(path: Path, name: str, entry: dict[str, Any]) -> None:
    if "api_key" in entry:
        raise StudioError(
            f"{path}: endpoints.{name}.api_key would store a key in a file. "
            f"Put it in an environment variable and name that in api_key_env, "
            f"or in the keyring with `keyring set studio {name}`."
        )


def _checked(path: Path, prefix: str, table: dict[str, Any], kind: type) -> dict[str, Any]:
    """The table with every key known and every value of its field's type."""
    hints = get_type_hints(kind)
    known = [f.name for f in fields(kind) if f.name != "endpoints"]
    checked = {}
    for key, value in table.items():
        if key not in known:
            near = difflib.get_close_matches(key, [*known, "endpoints"], n=1, cutoff=0)
            raise StudioError(f"{path}: unknown key {prefix}{key}. Did you mean {prefix}{near[0]}?")
        checked[key] = _typed(path, prefix + key, value, str(hints[key]))
    return checked


def _typed(path: Path, key: str, value: Any, hint: str) -> Any:
    if hint.startswith("tuple") and isinstance(value, list):
        return tuple(str(item) for item in value)
    if "float" in hint and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if "Literal" in hint and value in ("chat", "completion"):
        return value
    for name, python_type in (("str", str), ("bool", bool), ("int", int)):
        if f"'{name}'" in hint and type(value) is python_type:
            return value
    raise StudioError(f"{path}: {key} = {value!r} has the wrong type; it should be {_plain(hint)}.")


def _plain(hint: str) -> str:
    if "Literal" in hint:
        return '"chat" or "completion"'
    for needle, words in (
        ("tuple", "a list of texts"),
        ("float", "a number"),
        ("str", "a text"),
        ("bool", "true or false"),
    ):
        if needle in hint:
            return words
    return "a whole number"
